"""Inputs of a split: their digest, and the ranges that they are cut into."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taskc.compiler.rows import inputs
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.inputs import split_inputs


def inputs_of(bench, kind: str, pattern: str):
    """The inputs of a source over files."""
    source = bench.source(kind, pattern)
    return split_inputs(source.connector, "train", Findings("s", source.at), bench.store)


def test_the_digest_is_that_of_the_listing(bench):
    """SHA-256 of what `sha256sum` prints in the data root: names count, places do not."""
    for name, text in (("b/2.txt", "two"), ("a.txt", "one")):
        bench.write(name, text)
    listing = "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n"
        for name, text in (("a.txt", "one"), ("b/2.txt", "two"))
    )

    assert (
        hashlib.sha256(listing.encode()).hexdigest() == inputs_of(bench, "text", "**/*.t*").digest
    )


def test_a_file_that_cannot_be_read(bench, monkeypatch):
    """The digest leaves it out, and its one range is there for the survey to say why."""
    path = bench.write("a.txt", "one")
    found = bench.source("text", "a.txt")
    files = list(inputs_of(bench, "text", "a.txt").files)
    monkeypatch.setattr(inputs, "split_files", lambda *_: files)
    path.unlink()
    gone = split_inputs(found.connector, "train", Findings("s", found.at), bench.store)

    assert hashlib.sha256().hexdigest() == gone.digest
    assert [(0, 0, "")] == [(place.start, place.stop, place.digest) for place in gone.ranges]


def test_a_file_without_rows_is_read_all_the_same(bench):
    """It may lack a header, or have columns of no type."""
    bench.write("a.jsonl", "")
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), bench.folder / "a.parquet")

    assert [1, 1] == [
        len(inputs_of(bench, kind, f"a.{kind}").ranges) for kind in ("jsonl", "parquet")
    ]


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_groups_of_rows_are_joined_to_ranges(bench, monkeypatch, kind):
    """Ranges follow each other without a gap, and hold about as many bytes as a range of lines."""
    monkeypatch.setattr(inputs, "_MIN_RANGE_BYTES", 2_000)
    table = pa.table({"t": ["x" * 100] * 1_000})
    path = bench.folder / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=7, use_dictionary=False)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=7)
    ranges = inputs_of(bench, kind, path.name).ranges
    numbers = [place.first_number for place in ranges]

    assert 10 < len(ranges) < 100
    assert 1_000 == sum(place.num_lines for place in ranges)
    assert numbers == [
        1 + sum(place.num_lines for place in ranges[:at]) for at in range(len(ranges))
    ]
    assert [place.stop for place in ranges[:-1]] == [place.start for place in ranges[1:]]
    assert len(ranges) == len({place.digest for place in ranges})


def test_the_same_bytes_are_the_same_range(bench):
    """Whatever the file is called, unless its name says that they are to be read otherwise."""
    for name in ("a.jsonl", "b.jsonl", "c.csv", "d.csv.bz2", "e.csv"):
        bench.write(name, '{"a": 1}\n')
    digests = {
        name: inputs_of(bench, kind, name).ranges[0].digest
        for kind, names in (
            ("jsonl", ("a.jsonl", "b.jsonl")),
            ("csv", ("c.csv", "d.csv.bz2", "e.csv")),
        )
        for name in names
    }

    assert digests["a.jsonl"] == digests["b.jsonl"]
    assert digests["c.csv"] == digests["e.csv"] != digests["d.csv.bz2"]
