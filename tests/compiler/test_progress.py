"""Steps: every row is told once, with its tokens and what the store had; totals beforehand."""

import gzip
from dataclasses import fields

import pytest

from taskc.compiler.engines import local
from taskc.compiler.progress import Step
from taskc.runtime.reader import open as open_artifact


def told(one, **how):
    """What a build told, added up by stage, and what came of it."""
    sums: dict[str, dict[str, int]] = {}
    stages = []

    def listen(step: Step) -> None:
        stages.append(step.stage)
        own = sums.setdefault(step.stage, {})
        for each in fields(Step)[2:]:
            own[each.name] = own.get(each.name, 0) + getattr(step, each.name)

    built = one.build(progress=listen, **how)
    assert built.path is not None
    return sums, stages, built


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_what_is_told_adds_up(project, monkeypatch, jobs):
    """Rows read, examples made, tokens, and how many of each there would be."""
    monkeypatch.setattr(local, "MIN_ROWS_FOR_WORKERS", 0)
    sums, stages, built = told(project(), jobs=jobs)
    artifact = open_artifact(built.path)
    train, dev = artifact.manifest.splits["train"], artifact.manifest.splits["dev"]
    read = sum(entry.read for entry in artifact.ledger.entries if not entry.carved_from)

    assert sums["shape"] == {
        "rows": read, "expected": read, "tokens": 0, "made": read, "reused": 0,
    }  # fmt: skip
    assert sums["encode"]["rows"] == sums["encode"]["expected"] == 50 + 15
    assert sums["encode"]["tokens"] == train.tokens + dev.tokens
    assert sums["encode"]["made"] == built.work.num_encoded
    assert sums["write"]["rows"] == sums["write"]["expected"] == train.examples
    assert list(dict.fromkeys(stages)) == ["shape", "encode", "write"]


def test_what_the_store_had_is_told(project):
    """Of rows that are known, and of examples that were made before."""
    one = project()
    first, _, _ = told(one)
    one.spec = one.spec.replace("length: 64", "length: 80")
    sums, _, built = told(one, out="again")

    assert sums["shape"]["reused"] == first["shape"]["made"]
    assert sums["shape"]["made"] == 0
    assert sums["encode"]["reused"] == first["encode"]["made"] == built.work.num_reused
    assert sums["encode"]["made"] == 0


def test_of_a_sample_no_total_is_known(project):
    """How far into its files it goes is seen when it is there."""
    sums, _, _ = told(project(), sample=10)

    assert sums["shape"]["expected"] == 0
    assert sums["shape"]["rows"] == sums["shape"]["made"] > 0


def test_of_rows_that_must_be_read_to_be_counted_no_total_is_known(project):
    """What is compressed can't be cut, nor counted beforehand."""
    one = project()
    one.spec = one.spec.replace('"large.jsonl"', '"large.jsonl.gz"')
    lines = (one.write() / "large.jsonl").read_bytes()
    (one.folder / "arithmetic" / "large.jsonl.gz").write_bytes(gzip.compress(lines))
    sums, _, _ = told(one)

    assert sums["shape"]["expected"] == 0
    assert sums["shape"]["rows"] == 125


def test_nothing_is_told_where_nothing_is_done(project):
    """An artefact that stands as it is has no stages."""
    one = project()
    one.build()
    sums, _, built = told(one)

    assert built.is_unchanged
    assert sums == {}
