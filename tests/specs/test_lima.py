"""The recipes of LIMA and Alpaca: the papers' tables, their filters on invented rows, their runs.

specs/lima and specs/alpaca are read as a user reads them: checked from the disk, without a row of
data. No row of a data set stands here.
"""

from functools import cache
from pathlib import Path

import pytest

from taskc.compiler.lower import lower
from taskc.compiler.rows.shaping import Shaping
from taskc.compiler.writing.write import run_document
from taskc.dsl.checker import check
from taskc.dsl.report import render
from taskc.dsl.text.format import format_text
from taskc.dsl.text.source_text import SourceText
from taskc.runtime.settings import train_settings

SPECS = Path(__file__).parents[2] / "specs"
NAMES = ("lima", "lima_ablations", "alpaca")
FILES = sorted(path for name in NAMES for path in (SPECS / name).glob("*.task"))

# Table 1: training source -> examples. The last 30 are section 6's.
TABLE_1 = {
    "stack_stem": 200,
    "stack_other": 200,
    "wikihow": 200,
    "writing": 150,
    "natural_instructions": 50,
    "authors": 200,
}

LONG = "Use a wooden spoon. " * 70  # 1,400 characters
ADVICE = {
    "site": "cooking",
    "title": "How do you stir?",
    "body": "<p>It sticks &amp; burns.</p>",
    "question_score": 12,
    "answer": LONG,
    "answer_score": 10,
}


@cache
def checked(name):
    """A recipe, checked."""
    return check([str(SPECS / name)])


@cache
def build(name, of="lima"):
    """A build of a recipe, lowered."""
    return lower(checked(of).program, only=name).builds[0]


def shaped(name, raw, of="lima", *, build_name="lima_multi_turn"):
    """What a source makes of a row, choosing as its key says; None where `where` leaves it out."""
    [source] = [each for each in build(build_name, of).sources if each.name == name]
    shaping = Shaping(source)
    values, row_id = shaping.conform(dict(raw), is_text=False)
    env = shaping.env(values, row_id)
    shaping.evaluate_lets(env)
    if shaping.refusing(env) is not None:
        return None
    shaping.check_fields(values)
    return shaping.finished([values])[0]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong(name):
    """No error, no warning and no lint; so all data are pinned."""
    found = checked(name)

    assert render(found.diagnostics, found.program.texts) == ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_laid_out(path):
    """`taskc fmt` has nothing to change."""
    text = path.read_text(encoding="utf-8")

    assert format_text(SourceText(path.name, text)).text == text


# ---- LIMA ----------------------------------------------------------------------------------------


def test_quotas_are_those_of_table_1():
    """1,000 examples of six sources; the dialogues make them 1,030."""
    quotas = build("lima").mixture.blend.quotas()
    more = build("lima_multi_turn").mixture.blend.quotas()

    assert {name: take.count for name, take in quotas.items()} == TABLE_1
    assert {name: take.count for name, take in more.items()} == TABLE_1 | {"chains": 30}
    assert not any(take.at_most for take in more.values())


def test_diversity_is_the_papers():
    """Sites at tau = 3, a category and then an article, a task and then an example."""
    quotas = build("lima").mixture.blend.quotas()

    assert {name: (take.by, take.by_tau) for name, take in quotas.items()} == {
        "stack_stem": ("temperature", 3.0),
        "stack_other": ("temperature", 3.0),
        "wikihow": ("balance", None),
        "natural_instructions": ("balance", None),
        "writing": ("", None),
        "authors": ("", None),
    }


@pytest.mark.parametrize("source", ["stack_stem", "stack_other"])
def test_good_answers_stay(source):
    """Ten points, long enough, nobody's own: the question is its title or its description."""
    made = shaped(source, ADVICE)

    assert made["answer"] == LONG.strip()
    assert made["question"] in {"How do you stir?", "It sticks & burns."}
    assert {shaped(source, ADVICE | {"site": f"site {n}"})["question"] for n in range(20)} == {
        "How do you stir?",
        "It sticks & burns.",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"answer_score": 9},
        {"answer": LONG[:1_199]},
        {"answer": LONG * 3},
        {"answer": LONG + "I like it."},
        {"answer": LONG + "In my kitchen."},
        {"answer": LONG + "As mentioned, stir."},
        {"answer": LONG + "Ask on Stack Exchange."},
        {"answer": LONG + "The other answer is wrong."},
    ],
    ids=["score", "short", "long", "I", "my", "as mentioned", "stack exchange", "other"],
)
def test_filters_are_those_of_section_2(change):
    """Each one leaves a row out."""
    assert shaped("stack_other", ADVICE | change) is None


def test_answers_keep_code_and_lists_alone():
    """Links, images and other tags go, and their addresses with them."""
    html = (
        f"<p>{LONG}</p><ul><li>one</li></ul><pre><code>x &lt; 1</code></pre>"
        '<p>See <a href="https://example.com/q">this</a>.<img src="x.png"></p>'
    )
    answer = shaped("stack_stem", ADVICE | {"answer": html})["answer"]

    assert "<ul><li>one</li></ul>" in answer
    assert "<pre><code>x &lt; 1</code></pre>" in answer
    assert "example.com" not in answer
    assert not {"<p>", "<a", "<img"} & set(answer.split())


def test_articles_open_as_answers():
    """What begins with "This article" does not."""
    row = {"title": "How to Stir", "category": "Food", "text": "This article is on\nspoons."}

    assert shaped("wikihow", row)["text"] == "The following answer is on\nspoons."
    assert shaped("wikihow", row | {"text": "Stir."})["text"] == "Stir."


def test_prompts_lose_their_flair():
    """`[WP]` is Reddit's, not the writer's."""
    row = {"prompt": "[WP] A spoon speaks.", "body": "Once.", "post_score": 3}

    assert shaped("writing", row)["prompt"] == "A spoon speaks."
    assert shaped("writing", row | {"prompt": "A spoon."})["prompt"] == "A spoon."


def test_chains_and_authors_are_told_apart():
    """Two turns by the authors are theirs; what has more is a dialogue."""
    turns = ["Hello?", "Hello."]
    authors = {"conversations": turns, "source": "paper_authors"}
    spoken = [{"role": role, "content": "x"} for role in ("user", "assistant") * 2]

    assert shaped("authors", authors) is not None
    assert shaped("authors", authors | {"source": "wikihow"}) is None
    assert shaped("authors", authors | {"conversations": turns * 2}) is None
    assert shaped("chains", {"conversation": spoken}) is not None
    assert shaped("chains", {"conversation": spoken[:2]}) is None


def test_ablations_are_of_equal_size():
    """Figure 5: 2,000 examples by filters, without them, and of how-tos, a category first."""
    quotas = {
        name: build(name, "lima_ablations").mixture.blend.quotas()
        for name in ("filtered", "unfiltered", "howto")
    }

    assert {name: {s: take.count for s, take in each.items()} for name, each in quotas.items()} == {
        "filtered": {"stack_stem": 1_000, "stack_other": 1_000},
        "unfiltered": {"raw_stem": 1_000, "raw_other": 1_000},
        "howto": {"wikihow": 2_000},
    }
    assert all(take.best is None for take in quotas["unfiltered"].values())


def test_unfiltered_answers_are_all_that_there_are():
    """Short ones, long ones, anybody's, and those that lean on others; cleaned all the same."""
    answers = [LONG[:100], LONG * 3, "I agree, as mentioned.", "<p>x</p>"]
    made = [
        shaped("raw_other", ADVICE | {"answer": answer}, "lima_ablations", build_name="unfiltered")
        for answer in answers
    ]

    assert [each["answer"] for each in made] == [
        LONG[:100].strip(),
        (LONG * 3).strip(),
        "I agree, as mentioned.",
        "x",
    ]


# ---- runs ----------------------------------------------------------------------------------------


def recipes(name, of):
    """The recipes of a build's train blocks, as the runtime reads them."""
    runs = run_document(build(name, of)).runs
    return {run.name: train_settings(run).recipe for run in runs if run.kind == "train"}


def test_lima_is_trained_as_in_section_3():
    """15 epochs of 32 examples, 64 for the smaller models; dropout to 0.3, and to 0.2."""
    found = recipes("lima", "lima")

    assert {name: (r.epochs, r.batch.count, r.dropout) for name, r in found.items()} == {
        "lima": (15, 32, (0.0, 0.3)),
        "lima_7b": (15, 64, (0.0, 0.2)),
    }


def test_alpaca_is_trained_as_its_authors_say():
    """3 epochs of 128 examples at 2e-5."""
    [recipe] = recipes("alpaca", "alpaca").values()

    assert (recipe.epochs, recipe.batch.count, recipe.lr) == (3, 128, 2e-5)


def test_alpacas_prompts_divide_its_rows():
    """Every row has one of the two prompts, by whether it has an input."""
    [template] = build("alpaca", "alpaca").templates

    assert [prompt.label for prompt in template.prompts] == ["with_input", "bare"]
    assert {prompt.when.operator for prompt in template.prompts} == {"!=", "=="}
