"""The FLAN 2021 recipe: the paper's clusters, ten prompts a source, and what is held out with what.

specs/flan is read as a user reads it: checked from the disk, without a row of data. The tables here
are the paper's figure 3 and section 2.2; specs/flan/README.md says where paper and release differ.
"""

import re
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

from taskc.compiler.lower import lower
from taskc.dsl.checker import check
from taskc.dsl.model.expressions import Piece
from taskc.dsl.report import render
from taskc.dsl.text.format import format_text
from taskc.dsl.text.source_text import SourceText

FOLDER = Path(__file__).parents[2] / "specs" / "flan"

# Figure 3: cluster -> its data sets, by the names of their sources.
FIGURE_3 = {
    "nli": "anli_r1 anli_r2 anli_r3 cb mnli qnli rte snli wnli",
    "commonsense": "copa hellaswag piqa story_cloze",
    "sentiment": "imdb sentiment140 sst2 yelp",
    "paraphrase": "mrpc qqp paws stsb",
    "closed_book_qa": "arc_easy arc_challenge natural_questions trivia_qa",
    "struct_to_text": "common_gen dart e2e_nlg web_nlg",
    "reading": "boolq drop multirc openbookqa squad_v1 squad_v2",
    "reading_commonsense": "cosmos_qa record",
    "coreference": "dpr winogrande wsc273",
    "misc": "coqa quac wic trec cola math fix_punctuation",
    "summarization": "aeslc ag_news cnn_dailymail gigaword multi_news newsroom opinion_idebate "
    "opinion_movie samsum wiki_lingua_en xsum",
    "translation": "para_crawl_ende para_crawl_enes para_crawl_enfr wmt14_enfr wmt16_encs "
    "wmt16_ende wmt16_enfi wmt16_enro wmt16_enru wmt16_entr",
}
# Section 2.2: cluster -> what is left out of training as well when it is evaluated.
HELD_OUT_WITH = {
    "nli": {"paraphrase"},
    "paraphrase": {"nli"},
    "reading": {"reading_commonsense"},
    "commonsense": {"reading_commonsense"},
    "reading_commonsense": {"reading", "commonsense"},
}
MIXTURES_FILE = "flan2021.task"
CLUSTERS = sorted(path.stem for path in FOLDER.glob("*.task") if path.name != MIXTURES_FILE)

MOST_TURNED_ROUND = 3
MOST_ALIKE = 0.6  # Jaccard similarity of the words of two prompts
FEWEST_FRAMINGS = 3


@cache
def checked(held_out="none"):
    """The recipe, checked, with a cluster held out or none."""
    return check([str(FOLDER)], params={"held_out": held_out})


def package():
    """The recipe's own package."""
    return checked().program.packages[0]


def sources_of(cluster):
    """The sources of a cluster, by name."""
    return {source.name: source for source in package().clusters[cluster].sources}


def prompts_of(source):
    """Every prompt that serves a source: its label, the template that it is of, the prompt."""
    return [
        (f"{template.name}.{prompt.label}", template, prompt)
        for template in package().templates.values()
        if any(each is source for each in template.serves)
        for prompt in template.prompts
    ]


def written(part):
    """A placeholder as the spec has it, or the text itself."""
    if isinstance(part, Piece):
        return part.text
    source = checked().program.texts[part.span.path]
    return source.text[part.span.start : part.span.end]


def words_of(prompt):
    """The words of a prompt and of its target; a placeholder is one word."""
    found = set()
    for turn in prompt.turns:
        for part in turn.text.parts:
            text = written(part)
            found |= set(re.findall(r"\w+", text.lower())) if isinstance(part, Piece) else {text}
    return found


def shown_by(prompt):
    """What a prompt shows, in its order: the placeholders of its input."""
    return tuple(written(p) for p in prompt.turns[0].text.parts if not isinstance(p, Piece))


# ---- the text ----------------------------------------------------------------------------------


@pytest.mark.parametrize("held_out", ["none", *CLUSTERS])
def test_nothing_is_wrong(held_out):
    """No error, no warning and no lint, whichever cluster is held out; so all data are pinned."""
    found = checked(held_out)

    assert render(found.diagnostics, found.program.texts) == ""


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.task")), ids=lambda path: path.stem)
def test_it_is_laid_out(path):
    """`taskc fmt` has nothing to change."""
    text = path.read_text(encoding="utf-8")

    assert format_text(SourceText(path.name, text)).text == text


# ---- clusters ----------------------------------------------------------------------------------


def test_files_are_clusters():
    """A cluster a file, of the same name, and none that the paper does not have."""
    assert CLUSTERS == sorted(package().clusters)
    assert set(CLUSTERS) <= set(FIGURE_3)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_cluster_has_the_papers_data_sets(cluster):
    """All of figure 3's and no other."""
    assert sorted(FIGURE_3[cluster].split()) == sorted(sources_of(cluster))


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_source_is_capped_and_split_as_in_the_paper(cluster):
    """30,000 rows at most, at most 200 for dev, a test; what is a test alone is not trained on."""
    for name, source in sources_of(cluster).items():
        splits = {split.name: split for split in source.splits}
        if set(splits) == {"test"}:
            assert source.limit is None, name
            continue

        assert source.limit == 30_000, name
        assert {"train", "dev", "test"} <= set(splits), name
        assert splits["dev"].carve is not None, name
        assert splits["dev"].carve.count <= 200, name


@pytest.mark.parametrize("held_out", CLUSTERS)
def test_holding_out_a_cluster_leaves_the_papers_sources(held_out):
    """Gone are the cluster and what the paper drops with it; everything else is trained on."""
    gone = {held_out} | HELD_OUT_WITH.get(held_out, set())
    plan = lower(checked(held_out).program, only="flan2021")
    mixture = plan.builds[0].mixture
    left = {name for cluster in set(CLUSTERS) - gone for name in FIGURE_3[cluster].split()}

    assert left == set(mixture.sources)
    assert sorted(FIGURE_3[held_out].split()) == sorted(mixture.held_out_sources)


def test_the_mixture_is_the_papers():
    """Every source, by size, none counting more than 3,000; 30,000 steps of 8,192 tokens."""
    mixture = lower(checked().program, only="flan2021").builds[0].mixture

    assert {name for cluster in CLUSTERS for name in FIGURE_3[cluster].split()} == set(
        mixture.sources
    )
    assert (mixture.rate.kind, mixture.rate.cap) == ("proportional", 3_000)
    assert (mixture.total.count, mixture.total.unit) == (30_000 * 8_192, "tokens")


# ---- prompts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_ten_prompts_serve_each_source(cluster):
    """Ten that apply to every row, at most three of them turned round."""
    for name, source in sources_of(cluster).items():
        found = prompts_of(source)
        turned = [label for label, _, prompt in found if prompt.kind == "inverse"]

        assert len(found) == 10, name
        assert [label for label, _, prompt in found if prompt.when is not None] == [], name
        assert [t.name for _, t, _ in found if t.wheres] == [], name
        assert len(turned) <= MOST_TURNED_ROUND, (name, turned)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_prompts_of_a_source_are_not_alike(cluster):
    """No two of a source share most of their words."""
    alike = {}
    for source in sources_of(cluster).values():
        for (first, _, one), (second, _, other) in combinations(prompts_of(source), 2):
            mine, yours = words_of(one), words_of(other)
            likeness = len(mine & yours) / len(mine | yours)
            if likeness >= MOST_ALIKE:
                alike[first, second] = round(likeness, 2)

    assert alike == {}


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_prompts_of_a_source_differ_in_what_they_show(cluster):
    """At least three orders of what is given, for each source."""
    for name, source in sources_of(cluster).items():
        framings = {shown_by(prompt) for _, _, prompt in prompts_of(source)}

        assert len(framings) >= FEWEST_FRAMINGS, (name, framings)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_question_with_options_shows_them(cluster):
    """Where an answer is one of several, the prompt lists them as FLAN does."""
    for source in sources_of(cluster).values():
        for label, template, prompt in prompts_of(source):
            if template.options is not None and prompt.kind != "inverse":
                assert template.options.style == "dashes", label
                assert shown_by(prompt).count("{options}") == 1, label
