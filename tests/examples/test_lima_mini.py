"""examples/lima_mini: it is clean, it builds, and what its README says of it is so."""

import json
import re
import shutil
from collections import Counter
from itertools import pairwise

import pytest

import taskc
from taskc.dsl.checker import check
from taskc.dsl.report import render
from taskc.dsl.text.format import format_text
from taskc.dsl.text.source_text import SourceText

SITES = {"kitchen": 12, "garden": 8, "bicycle": 5, "desk": 3}  # answers that the filters leave
CATEGORIES = {"paper": 3, "water": 2, "fire": 2, "wood": 3, "wool": 2}


@pytest.fixture(scope="module")
def examples(repository, tmp_path_factory):
    """A copy of the example and of the quickstart, whose rows and tokenizer it shares."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("lima_mini", "quickstart"):
        ignored = shutil.ignore_patterns(".taskc", "artifacts", "runs")
        shutil.copytree(repository / "examples" / name, folder / name, ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def artifact(examples):
    """The artefact."""
    return taskc.build(examples / "lima_mini", out=examples / "artifacts")


def rows_of(artifact, examples, source, name):
    """The rows that a source delivers, in the order of the stream."""
    text = (examples / "lima_mini" / "data" / name).read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return [
        rows[each["row"] - 1] for each in artifact.examples.to_pylist() if each["source"] == source
    ]


def test_it_is_clean(repository, monkeypatch):
    """No error, no warning, no lint, and nothing for `taskc fmt` to change."""
    monkeypatch.chdir(repository)
    found = check(["examples/lima_mini"])
    path = repository / "examples/lima_mini/lima_mini.task"
    text = path.read_text(encoding="utf-8")

    assert render(found.diagnostics, found.program.texts) == ""
    assert format_text(SourceText("lima_mini.task", text)).text == text


def test_quotas_are_met(artifact):
    """Every source delivers what it is asked for, each row once, and 8 prompts wait for answers."""
    provenance = artifact.examples.to_pylist()

    assert Counter(row["source"] for row in provenance) == {
        "answers": 16, "howto": 10, "dialogues": 6,
    }  # fmt: skip
    assert len({(row["file"], row["row"]) for row in provenance}) == 32
    assert len(artifact["dev"]) == 8


def test_sites_weigh_the_roots_of_their_answers(artifact, examples):
    """At tau = 3 twelve kitchens are not four desks; of each site the best answers come first."""
    rows = rows_of(artifact, examples, "answers", "answers.jsonl")
    given = Counter(row["site"] for row in rows)
    roots = {site: count ** (1 / 3) for site, count in SITES.items()}

    assert given["desk"] == SITES["desk"]  # all that it has, a row less than its part
    for site in SITES.keys() - {"desk"}:
        assert abs(given[site] / 13 - roots[site] / (sum(roots.values()) - roots["desk"])) < 1 / 13
    for site in SITES:
        scores = [row["score"] for row in rows if row["site"] == site]
        assert all(first >= then for first, then in pairwise(scores))


def test_categories_have_two_each(artifact, examples):
    """Ten how-tos of five categories, whatever each holds."""
    rows = rows_of(artifact, examples, "howto", "howto.jsonl")

    assert Counter(row["category"] for row in rows) == dict.fromkeys(CATEGORIES, 2)


def test_sequences_name_the_sources_that_the_manifest_lists(artifact):
    """A source that only waits to be evaluated stands before them, and is none of them."""
    names = [source.name for source in artifact.manifest.mixture.sources]
    provenance = artifact.examples.to_pylist()
    told = {
        example: names[source]
        for batch in artifact["train"].record_batches()
        for examples_, sources in zip(
            batch["example_ids"].to_pylist(), batch["source"].to_pylist(), strict=True
        )
        for example, source in zip(examples_, sources, strict=True)
    }

    assert names == ["answers", "howto", "dialogues"]
    assert told == {number: row["source"] for number, row in enumerate(provenance)}


def test_the_readme_says_what_comes_out(repository, artifact):
    """Its figures are those of the manifest and of the ledger."""
    text = (repository / "examples/lima_mini/README.md").read_text(encoding="utf-8")
    figures = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)}
    train = artifact.manifest.splits["train"]

    assert {train.tokens, train.trained_tokens, train.sequences} <= figures
    assert artifact.ledger.imbalances() == []
