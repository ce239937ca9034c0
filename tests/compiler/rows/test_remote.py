"""Input files at URLs: read as files on this machine are, and said of when they can't be."""

import json
from io import BytesIO

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taskc.compiler.rows.connect.remote import is_url, opened, root_of
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.inputs import split_inputs
from taskc.compiler.rows.reread import RereadError

ROWS = [{"n": number, "t": f"text {number}"} for number in range(3_000)]
COLUMNS = {"n": "int", "t": "text"}


@pytest.fixture
def memory():
    """A file system in memory, empty again afterwards."""
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def content(kind: str) -> bytes:
    """The rows as a file of a format."""
    table = pa.Table.from_pylist(ROWS)
    out = BytesIO()
    match kind:
        case "parquet":
            pq.write_table(table, out, row_group_size=1_000)
        case "arrow":
            with pa.ipc.new_stream(out, table.schema) as writer:
                writer.write_table(table, max_chunksize=1_000)
        case "csv":
            out.write(b"n,t\n")
            out.write("".join(f"{row['n']},{row['t']}\n" for row in ROWS).encode())
        case _:
            out.write("".join(json.dumps(row) + "\n" for row in ROWS).encode())
    return out.getvalue()


def source(bench, kind: str, pattern: str, root: str):
    """A source at a URL."""
    made = bench.source(kind, columns=COLUMNS)
    connector = made.connector.model_copy(
        update={"patterns": {"train": pattern}, "roots": {"train": root}}
    )
    return made.model_copy(update={"connector": connector})


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "csv", "parquet", "arrow"])
def test_rows_are_those_of_a_file_here(bench, memory, suffix):
    """Keys, numbers, values and digest; names are below the URL before the first wildcard."""
    kind = suffix.partition(".")[0]
    bench.write(f"set/a.{suffix}", content(kind))
    memory.pipe_file(f"/set/a.{suffix}", (bench.folder / f"set/a.{suffix}").read_bytes())
    here = bench.load(bench.source(kind, f"set/a.{suffix}", columns=COLUMNS))
    there = bench.load(source(bench, kind, f"memory://set/*.{suffix}", "memory://"))

    assert ROWS == there.rows["train"].values
    assert here.rows["train"] == there.rows["train"]
    assert here.digests == there.digests
    assert (0, len(there.keys["train"].inputs.ranges)) == (
        there.num_surveyed if kind != "arrow" else 0,
        there.num_reused if kind != "arrow" else 1,
    )


def test_of_a_large_file_little_more_is_fetched_than_the_range_that_is_read(bucket, monkeypatch):
    """A file of n ranges would else be fetched nearly n times."""
    s3fs = pytest.importorskip("s3fs.core")
    fetched: list[int] = []
    fetch = s3fs.S3File._fetch_range  # what asks the server

    def counted(file, start, end):
        fetched.append(end - start)
        return fetch(file, start, end)

    monkeypatch.setattr(s3fs.S3File, "_fetch_range", counted)
    lines = b"a line of a file that has very many\n" * 600_000
    fsspec.filesystem("s3").pipe_file(f"{bucket}/large.jsonl", lines)
    with opened(f"{bucket}/large.jsonl") as file:
        file.seek(1 << 20)
        part = file.read(4 << 20)

    assert part == lines[1 << 20 : 5 << 20]
    assert 4 << 20 <= sum(fetched) <= 10 << 20


def test_an_unchanged_file_is_not_read_again(bench, memory, monkeypatch):
    """Its digest and its survey are in the store."""
    memory.pipe_file("/a.jsonl", content("jsonl"))
    made = source(bench, "jsonl", "memory://a.jsonl", "memory://")
    memory.store["/a.jsonl"].modified = memory.store["/a.jsonl"].created = _long_ago()
    bench.load_keys(made)
    monkeypatch.setattr(memory, "open", lambda *_, **__: pytest.fail("it was opened"))
    _, loaded = bench.load_keys(made)

    assert (0, 1) == (loaded.num_surveyed, loaded.num_reused)


def _long_ago():
    """A time at which no clock is in doubt."""
    from datetime import UTC, datetime

    return datetime(2020, 1, 1, tzinfo=UTC)


def test_a_file_that_changes_under_a_build_is_named(bench, memory):
    """After the survey its digest is asked for again; a row that is read again is checked."""
    memory.pipe_file("/a.jsonl", content("jsonl"))
    made = source(bench, "jsonl", "memory://a.jsonl", "memory://")

    def change(_split, _rows):
        memory.pipe_file("/a.jsonl", content("jsonl").replace(b"text 2", b"TEXT 2"))

    _, loaded = bench.load_keys(made, progress=change)

    assert ["T1010"] == [found.code for found in loaded.diagnostics]
    with pytest.raises(RereadError):
        bench.reread(made, loaded.rows["train"].pick(np.array([2])))


class Refusing(fsspec.AbstractFileSystem):
    """A place that answers nothing."""

    protocol = "refusing"

    def info(self, path, **_keywords):
        """Fails as a library of its own does."""
        raise RuntimeError(f"no access to {path}")

    def glob(self, path, **_keywords):
        """Fails with words and no number."""
        raise OSError(f"no listing of {path}")


WRONG = [
    ("memory://nowhere.jsonl", "T0510", "there is no file `memory://nowhere.jsonl`"),
    ("memory://nowhere-*.jsonl", "T0511", "no file matches `memory://nowhere-*.jsonl`"),
    ("nosuch://a.jsonl", "T0512", "`nosuch://` is no kind of URL that can be read"),
    ("refusing://a.jsonl", "T0512", "`refusing://a.jsonl` cannot be read"),
    ("refusing://*.jsonl", "T0512", "`refusing://*.jsonl` cannot be read"),
    ("missing://a.jsonl", "T1030", "`missing://` needs a library that is not installed"),
]


@pytest.mark.parametrize(("url", "code", "message"), WRONG)
def test_what_is_said_of_a_wrong_url(bench, memory, url, code, message):
    """Never a traceback, whatever the library behind the URL raises."""
    fsspec.register_implementation("refusing", Refusing, clobber=True)
    fsspec.register_implementation("missing", "taskc_nowhere.System", clobber=True, errtxt="get it")
    made = source(bench, "jsonl", url, root_of(url))
    findings = Findings("s", made.at)
    found = split_inputs(made.connector, "train", findings, bench.store)

    assert () == found.files == found.ranges
    assert [(code, message)] == [(each.code, each.message) for each in findings.diagnostics()]


def test_a_read_that_breaks_off_is_said(bench, memory, monkeypatch):
    """At the place where the file is read, with the words of the library."""
    memory.pipe_file("/a.jsonl", content("jsonl"))
    made = source(bench, "jsonl", "memory://a.jsonl", "memory://")

    def broken(*_arguments, **_keywords):
        raise RuntimeError("connection reset")

    monkeypatch.setattr(memory, "open", broken)
    _, loaded = bench.load_keys(made)

    assert [("T0512", "the file cannot be read: runtimeerror: connection reset")] == [
        (found.code, found.message) for found in loaded.diagnostics
    ]


URLS = [
    ("s3://bucket/a/b-*.jsonl", "s3://bucket/a"),
    ("s3://bucket/a/b.jsonl", "s3://bucket/a"),
    ("s3://bucket/*/b.jsonl", "s3://bucket"),
    ("memory://b.jsonl", "memory:/"),
]


@pytest.mark.parametrize(("pattern", "root"), URLS)
def test_names_are_below_the_root(pattern, root):
    """The longest part without a wildcard."""
    assert root == root_of(pattern)


def test_what_is_a_url():
    """A path of this machine has no scheme."""
    assert is_url("s3://a")
    assert not is_url("/a/b")


def test_a_url_is_read_from_any_place(memory):
    """As a binary file that can be sought."""
    memory.pipe_file("/a", b"0123456789" * 1_000_000)
    with opened("memory://a") as found:
        found.seek(9_999_995)

        assert b"56789" == found.read()
        assert 10_000_000 == found.tell()
