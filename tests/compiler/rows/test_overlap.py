"""Overlap: what is trained on and evaluated is said; options that no row picks are said too."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.load import Loaded, load
from taskc.compiler.rows.overlap import overlaps, unseen_options, watched
from taskc.compiler.rows.ranges import Range, SplitInputs
from taskc.compiler.rows.row_keys import RowKeys, first_halves, rows_among
from taskc.compiler.store.objects import Store

AT = plan.Place(path="s.task", start=0, end=1, line=1, column=1)


def findings(made, *, sample=None):
    """What is said of a project."""
    build = made.plan(sample)
    store = Store.open(made.folder / "store")
    loaded = {
        source.name: load(
            source,
            build.splits,
            engine=LocalEngine(jobs=1),
            store=store,
            watched=watched(build, source.name),
            sample=sample,
        )
        for source in build.sources
    }
    return [*overlaps(build, loaded), *unseen_options(build, loaded)]


# ---- rows ----------------------------------------------------------------------------------------


def test_a_row_of_another_source_is_found(project):
    """Ids tell rows, not files: the same question in two sources is one row."""
    whole = project()
    whole.files["small.dev.jsonl"].append(whole.files["large.jsonl"][5])
    (finding,) = findings(project(files=whole.files))

    assert "T0854" == finding.code
    assert ("small.dev.jsonl", 6) == (finding.row.file, finding.row.row)
    assert "`train` of `large`" in finding.notes[0]


def test_a_carved_split_never_overlaps(project):
    """Equal rows are carved out together."""
    whole = project()
    whole.files["large.jsonl"] *= 2

    assert [] == findings(project(files=whole.files))


# Few different ids, some of which share their first eight bytes.
IDS = st.lists(
    st.integers(0, 9).map(lambda number: bytes([number // 3]) * 8 + bytes([number]) * 8),
    max_size=8,
)


def keys(source: str, split: str, ids: list[bytes]) -> RowKeys:
    """Rows with these ids."""
    count = len(ids)
    inputs = SplitInputs((InputFile("", f"{source}.jsonl"),), (Range(0, 0, 0, 1, ""),), "")
    return RowKeys(
        source,
        split,
        inputs,
        np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 16),
        np.zeros(count, np.uint32),
        np.arange(count, dtype=np.uint32),
    )


@given(trained=st.lists(IDS, min_size=1, max_size=3), evaluated=st.lists(IDS, max_size=3))
def test_overlaps_are_those_of_sets(trained, evaluated):
    """How many rows of a split are trained on, the first of them, and the first that trains."""
    trainers = [f"t{index}" for index in range(len(trained))]
    names = [f"e{index}" for index in range(len(evaluated))]
    loaded = {
        name: Loaded(rows={"train": keys(name, "train", ids)})
        for name, ids in zip(trainers, trained, strict=True)
    }
    loaded |= {
        name: Loaded(rows={"dev": keys(name, "dev", ids)})
        for name, ids in zip(names, evaluated, strict=True)
    }
    build = SimpleNamespace(
        evaluated=names,
        mixture=SimpleNamespace(sources=trainers, takes=()),
        sources=[SimpleNamespace(name=name, at=AT) for name in [*trainers, *names]],
    )
    expected = []
    for name, ids in zip(names, evaluated, strict=True):
        shared = [row for row, row_id in enumerate(ids) if any(row_id in t for t in trained)]
        if shared:
            by = next(t for t, own in zip(trainers, trained, strict=True) if ids[shared[0]] in own)
            expected.append((name, len(shared), shared[0] + 1, by))

    assert expected == [
        (
            found.message.split("`")[3],
            int(found.message.split()[0]),
            found.row.row,
            found.notes[0].split("`")[3],
        )
        for found in overlaps(build, loaded)
    ]


@given(IDS, IDS)
def test_rows_among(ids, others):
    """Found are the rows whose first eight bytes some other id begins with."""
    column = keys("s", "train", ids).ids
    wanted = np.unique(first_halves(keys("s", "train", others).ids))
    heads = {row_id[:8] for row_id in others}

    assert [row for row, row_id in enumerate(ids) if row_id[:8] in heads] == (
        rows_among(column, wanted).tolist()
    )


# ---- options -------------------------------------------------------------------------------------


def with_kinds(project, *lines: str):
    """A project whose rows are all of the kind "sum", and whose template has these lines more."""
    spec = project().spec.replace("question: text", "question: text\n  kind: choice(sum, product)")
    spec = spec.replace(
        "template calculate for sum {", "\n  ".join(["template calculate for sum {", *lines])
    )
    files = {
        name: [{**row, "kind": "sum"} for row in rows] for name, rows in project().files.items()
    }
    return project(spec=spec, files=files)


@pytest.mark.parametrize(("sample", "expected"), [(None, ["T0853"]), (3, [])])
def test_an_option_without_rows_is_said(project, sample, expected):
    """Every value of the choice should occur; a sample proves nothing."""
    made = with_kinds(project, 'options kind { sum: "S"  product: "P" }')

    assert expected == [finding.code for finding in findings(made, sample=sample)]


def test_what_a_template_makes_is_not_looked_for_in_the_rows(project):
    """No source holds it, so that nothing can be said."""
    made = with_kinds(project, "let sort = kind", 'options sort { sum: "S"  product: "P" }').plan()
    loaded = {source.name: Loaded() for source in made.sources}

    assert () == watched(made, "small")
    assert [] == unseen_options(made, loaded)
