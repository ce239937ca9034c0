"""examples/flan_mini: it is clean, it builds with every cluster held out, its README is right."""

import json
import re
import shutil
import textwrap
from collections import Counter, defaultdict
from fractions import Fraction

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

import taskc
from taskc.dsl.checker import check
from taskc.dsl.report import render
from taskc.dsl.text.format import format_text
from taskc.dsl.text.source_text import SourceText

CAP = 60
# Rows of each source after `limit` and `carve`; the cap is what they count at most.
ROWS = {
    "scenes": 150, "notices": 36, "rewordings": 48, "reviews": 84, "facts": 150, "phrases_de": 78,
    "reports": 34,
}  # fmt: skip
CLUSTERS = {
    "nli": {"scenes", "notices"},
    "paraphrase": {"rewordings"},
    "sentiment": {"reviews"},
    "closed_book_qa": {"facts"},
    "translation": {"phrases_de"},
    "summarization": {"reports"},
}
HELD_OUT_WITH = {"nli": {"paraphrase"}, "paraphrase": {"nli"}}  # the paper's section 2.2
FILES = ("flan_mini.task", "sources.task", "templates.task")


@pytest.fixture(scope="module")
def examples(repository, tmp_path_factory):
    """A copy of the example and of the quickstart, whose tokenizer and rows it shares."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("flan_mini", "quickstart"):
        ignored = shutil.ignore_patterns(".taskc", "artifacts", "runs")
        shutil.copytree(repository / "examples" / name, folder / name, ignore=ignored)
    return folder


def built(examples, name):
    """One of its artefacts."""
    return taskc.build(
        examples / "flan_mini",
        build=name,
        out=examples / "artifacts",
        jobs=1,
        store=examples / "store",
    )


@pytest.fixture(scope="module")
def artifact(examples):
    """The artefact of all clusters."""
    return built(examples, "flan_mini")


@pytest.fixture(scope="module")
def fewshot(examples):
    """The artefact with exemplars."""
    return built(examples, "flan_mini_fewshot")


def evaluated(artifact):
    """The rows of an evaluation set, as a build writes them."""
    return pq.read_table(artifact.path / "eval" / "dev.parquet").to_pylist()


def test_it_is_clean(repository, monkeypatch):
    """No error, no warning, no lint whatever is held out, and nothing for `taskc fmt` to change."""
    monkeypatch.chdir(repository)
    for held_out in ("none", *CLUSTERS):
        found = check(["examples/flan_mini"], params={"held_out": held_out})

        assert render(found.diagnostics, found.program.texts) == "", held_out
    for name in FILES:
        text = (repository / "examples/flan_mini" / name).read_text(encoding="utf-8")

        assert format_text(SourceText(name, text)).text == text


def test_ten_prompts_serve_each_source(repository, monkeypatch):
    """Ten that apply to every row, three of them turned around, no two with one label."""
    monkeypatch.chdir(repository)
    package = check(["examples/flan_mini"]).program.packages[0]
    for name, source in package.sources.items():
        prompts = [
            prompt
            for template in package.templates.values()
            if any(each is source for each in template.serves)
            for prompt in template.prompts
        ]

        assert len(prompts) == 10, name
        assert sum(prompt.kind == "inverse" for prompt in prompts) == 3, name
        assert all(prompt.when is None for prompt in prompts), name


def test_every_prefix_holds_the_capped_shares(artifact):
    """Examples-proportional with the cap: each source within one example, wherever one stops."""
    order = [row["source"] for row in artifact.examples.to_pylist()]
    weights = {name: min(count, CAP) for name, count in ROWS.items()}
    given = Counter()
    for place, source in enumerate(order, start=1):
        given[source] += 1
        for name, weight in weights.items():
            share = Fraction(place * weight, sum(weights.values()))

            assert abs(given[name] - share) < 1, (place, name)

    assert set(order) == set(ROWS)


def test_every_prompt_is_drawn(artifact):
    """Seventy prompts, and a row that comes again draws again."""
    rows = artifact.examples.to_pylist()
    drawn = defaultdict(set)
    for row in rows:
        drawn[row["source"]].add((row["template"], row["label"]))
    by_row = defaultdict(list)
    for row in rows:
        by_row[row["row_id"]].append((row["template"], row["label"]))
    again = [prompts[:2] for prompts in by_row.values() if len(prompts) > 1]

    assert {source: len(prompts) for source, prompts in drawn.items()} == dict.fromkeys(ROWS, 10)
    assert 0.02 < sum(first == then for first, then in again) / len(again) < 0.2  # a tenth


def test_each_cluster_can_be_held_out(examples):
    """Six artefacts; nothing of the cluster or of what is related is trained on, and it waits."""
    swept = taskc.sweep(
        examples / "flan_mini",
        "held_out",
        build="flan_mini",
        out=examples / "artifacts",
        jobs=1,
        store=examples / "store",
    )

    assert set(swept) == set(CLUSTERS)
    for held_out, artifact in swept.items():
        gone = {held_out, *HELD_OUT_WITH.get(held_out, ())}
        left = {name for cluster in CLUSTERS.keys() - gone for name in CLUSTERS[cluster]}
        trained = {row["source"] for row in artifact.examples.to_pylist()}

        assert artifact.path.name == f"flan_mini@held_out={held_out}"
        assert trained == left
        assert CLUSTERS[held_out] <= {row["source"] for row in evaluated(artifact)}


def test_exemplars_are_others_and_of_training(fewshot, artifact):
    """None equals its query, at most four, none is a row of dev; nothing of them is trained."""
    rows = fewshot.examples.to_pylist()
    dev = {row["row_id"] for row in evaluated(artifact)}
    exemplars = [each for row in rows for each in row["exemplars"]]

    assert {len(row["exemplars"]) for row in rows} == {0, 1, 2, 3, 4}
    assert not dev & set(exemplars)
    assert all(row["row_id"] not in row["exemplars"] for row in rows)
    assert all(len(set(row["exemplars"])) == len(row["exemplars"]) for row in rows)
    assert Counter(row["shots"] for row in evaluated(fewshot))[0] == len(evaluated(artifact))


def test_the_ablations_show_no_instructions(examples, artifact):
    """`none` shows values alone, `name` the names before them; both answer in words."""
    decode = Tokenizer.from_file(str(artifact.tokenizer / "tokenizer.json")).decode
    texts = {}
    for name in ("flan_mini_none", "flan_mini_name"):
        found = built(examples, name)
        rows = [row for row in evaluated(found) if row["source"] == "notices"]
        texts[name] = {decode(row["input_ids"]) for row in rows}
        answers = {decode(option) for row in rows for option in row["option_ids"]}

        assert {"Yes", "No", "the sign says so"} <= answers
        assert not answers & {"1", "2"}
    lines = (examples / "flan_mini/data/notices.dev.jsonl").read_text(encoding="utf-8")
    values = [json.loads(line) for line in lines.splitlines()]
    shown = {"\n".join((row["notice"], row["claim"])) for row in values}

    assert shown <= texts["flan_mini_none"]
    assert all(
        text.startswith("[Natural language inference: Notices] ")
        for text in texts["flan_mini_name"]
    )


def test_a_leak_is_reported_as_the_readme_shows(repository, examples, tmp_path, monkeypatch):
    """A source that is named and held out through its cluster's relation, with its path."""
    shutil.copytree(examples, tmp_path / "examples")
    spec = tmp_path / "examples/flan_mini/flan_mini.task"
    text = spec.read_text(encoding="utf-8")
    leaking = text.replace("from    all clusters", "from    scenes, reviews, facts", 1)
    spec.write_text(leaking, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = check(["examples/flan_mini"], params={"held_out": "paraphrase"})
    report = render(found.diagnostics, found.program.texts).rpartition("\n1 error")[0]
    readme = (repository / "examples/flan_mini/README.md").read_text(encoding="utf-8")

    assert [each.code for each in found.diagnostics] == ["T0401"]
    assert textwrap.indent(report, "  ", lambda line: bool(line.strip())) in readme


def test_the_readme_says_what_comes_out(repository, artifact, fewshot):
    """Its figures are those of the manifests and of the ledger."""
    text = (repository / "examples/flan_mini/README.md").read_text(encoding="utf-8")
    figures = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d|\d", text)}
    placed = [
        (row["file"], str(row["row"]), row["template"], row["label"], row["at"].rpartition(":")[2])
        for row in artifact.examples.to_pylist()
    ]
    train, dev = artifact.manifest.splits["train"], artifact.manifest.splits["dev"]

    assert {train.tokens, train.trained_tokens, train.examples, train.sequences} <= figures
    assert {dev.examples, fewshot.manifest.splits["dev"].examples} <= figures
    assert {source.examples for source in artifact.manifest.mixture.sources} <= figures
    assert artifact.ledger.imbalances() == []
    for place in re.findall(r"([\w./]+\.jsonl):(\d+)  (\w+)\.(\w+) templates\.task:(\d+)", text):
        assert place in placed
