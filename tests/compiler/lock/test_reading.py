"""Entries of the lock: what each format gives, and that only what the files hold counts."""

import datetime as dt
import gzip
import hashlib
import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from taskc.compiler import plan
from taskc.compiler.lock.digests import digests_of
from taskc.compiler.lock.reading import read_source, read_tokenizer
from taskc.compiler.store.objects import Store

AT = plan.Place(path="s.task", start=0, end=1, line=1, column=1)
ROWS = [{"a": 1, "b": "x"}, {"a": 2.5, "b": None}, {"a": 3, "b": "z", "c": [{"d": True}]}]


def lines(rows):
    """Returns rows as JSON Lines."""
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def read(folder, pattern, kind="jsonl", store=None, used=None, **options):
    """Reads a source of one split in a folder."""
    connector = plan.Connector(
        kind=kind,
        patterns={"train": str(folder / pattern)},
        roots={"train": str(folder)},
        options=options,
        at=AT,
    )
    return read_source("s", connector, {"train": pattern}, store=store, used=used)


def test_an_entry_holds_files_rows_and_types(tmp_path):
    """Digests are those of `sha256sum`; names are below the data root."""
    (tmp_path / "in").mkdir()
    content = lines(ROWS)
    (tmp_path / "in/a.jsonl").write_bytes(content)
    found = read(tmp_path, "in/*.jsonl")

    assert found.diagnostics == []
    assert found.entry.columns == {"a": "float", "b": "text?", "c": "list[{ d: bool }]?"}
    (split,) = found.entry.splits.values()
    assert (split.pattern, split.rows) == ("in/*.jsonl", 3)
    assert split.files == {"in/a.jsonl": hashlib.sha256(content).hexdigest()}


def test_the_folder_of_the_data_does_not_count(tmp_path):
    """Moved as a whole, the input is the same; nothing of the machine stands in the entry."""
    entries = []
    for place in ("here", "there/below"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        (folder / "1.jsonl").write_bytes(lines(ROWS[:1]))
        (folder / "2.jsonl").write_bytes(lines(ROWS[1:]))
        entries.append(read(folder, "*.jsonl").entry)

    assert entries[0] == entries[1]
    assert str(tmp_path) not in repr(entries)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_types_do_not_depend_on_the_order_of_files(tmp_path, order):
    """Another row may come first in any of them."""
    for number, index in enumerate(order):
        (tmp_path / f"{number}.jsonl").write_bytes(lines([ROWS[index]]))
    found = read(tmp_path, "*.jsonl").entry

    assert found.columns == {"a": "float", "b": "text?", "c": "list[{ d: bool }]?"}


def test_compressed_files_are_hashed_as_they_lie(tmp_path):
    """The digest is of what a download gives; rows are those inside."""
    packed = gzip.compress(lines(ROWS), mtime=0)
    (tmp_path / "a.jsonl.gz").write_bytes(packed)
    (split,) = read(tmp_path, "a.jsonl.gz").entry.splits.values()

    assert split.files["a.jsonl.gz"] == hashlib.sha256(packed).hexdigest()
    assert split.rows == 3


def test_cells_are_texts(tmp_path):
    """What a cell is read as is said by `fields`; the lock says which columns there are."""
    (tmp_path / "a.csv").write_text("n;flag\n1;true\n;false\n")
    found = read(tmp_path, "a.csv", "csv", delimiter=";", columns=None).entry

    assert found.columns == {"n": "text", "flag": "text"}
    assert found.options == {"delimiter": ";"}


def test_columnar_files_have_the_types_of_their_values(tmp_path):
    """A column that another file lacks is optional."""
    for name, columns in (
        ("1", {"a": [1, 2], "b": [[1.5], []]}),
        ("2", {"a": [3, None], "c": [{"x": "y"}, {"x": None}]}),
    ):
        pyarrow.parquet.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    found = read(tmp_path, "*.parquet", "parquet").entry

    assert found.columns == {"a": "int?", "b": "list[float]?", "c": "{ x: text? }?"}


def write_dated(path, kind):
    """Writes two rows with a column, and a field, of kinds that the language lacks."""
    days = [dt.date(2020, 1, 1), None]
    table = pa.table({"a": [1, 2], "day": days, "log": [[{"at": day}] for day in days]})
    if kind == "parquet":
        pyarrow.parquet.write_table(table, path)
        return
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_column_without_a_type_is_open_where_nothing_uses_it(tmp_path, kind):
    """A build doesn't read it; the lock says that it is there, and a note of which kind."""
    write_dated(tmp_path / "1.data", kind)
    found = read(tmp_path, "1.data", kind, used=("a",))

    assert found.diagnostics == []
    assert found.entry.columns == {"a": "int", "day": "any", "log": "any"}
    assert [note.split(",")[0] for note in found.notes] == [
        "`day` has the type date32[day]",
        "`log` has the type date32[day]",
    ]


@pytest.mark.parametrize("used", [None, ("a", "day"), ("log",)])
def test_a_column_without_a_type_is_an_error_where_a_build_reads_it(tmp_path, used):
    """It is named, or every column is read."""
    write_dated(tmp_path / "1.parquet", "parquet")
    found = read(tmp_path, "1.parquet", "parquet", used=used)

    assert found.entry is None
    assert [each.code for each in found.diagnostics] == ["T0522"]


def test_without_rows_nothing_is_known_of_columns(tmp_path):
    """An empty file is no proof that there are no columns."""
    (tmp_path / "a.jsonl").write_bytes(b"\n")
    found = read(tmp_path, "a.jsonl").entry

    assert found.columns is None
    assert found.splits["train"].rows == 0


def test_what_cannot_be_read_is_not_locked(tmp_path):
    """The findings are those of a build, and there is no entry."""
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n{"a": \n')
    for pattern, code in (("a.jsonl", "T0516"), ("b.jsonl", "T0510"), ("b*.jsonl", "T0511")):
        found = read(tmp_path, pattern)

        assert found.entry is None
        assert [each.code for each in found.diagnostics] == [code]


def test_the_store_serves_digests(tmp_path):
    """With and without a store a file has the same digest, and a missing one the same error."""
    store = Store.open(tmp_path / "store")
    (tmp_path / "a").write_bytes(b"abc")
    paths = [str(tmp_path / "a"), str(tmp_path / "gone")]

    for found in (digests_of(paths, None), digests_of(paths, store), digests_of(paths, store)):
        assert found[0] == hashlib.sha256(b"abc").hexdigest()
        assert isinstance(found[1], FileNotFoundError)


def tokenizer(path, kind="file"):
    """Returns a tokenizer of a plan."""
    return plan.Tokenizer(
        name="t",
        kind=kind,
        path=str(path),
        options={},
        eos="",
        bos="",
        pad="",
        added={},
        places={},
        at=AT,
    )


def test_a_tokenizer_is_its_files(tmp_path):
    """The configuration beside it is part of it where a build reads it."""
    (tmp_path / "tokenizer.json").write_bytes(b"{}")
    (tmp_path / "tokenizer_config.json").write_bytes(b"{ }")
    (tmp_path / "other.json").write_bytes(b"{}")

    for spec, names in (
        (tokenizer(tmp_path, "folder"), ["tokenizer.json", "tokenizer_config.json"]),
        (tokenizer(tmp_path / "tokenizer.json"), ["tokenizer.json", "tokenizer_config.json"]),
        (tokenizer(tmp_path / "other.json"), ["other.json"]),
    ):
        entry, found = read_tokenizer(spec, store=None)

        assert found == []
        assert list(entry.files) == names


@pytest.mark.parametrize(("kind", "code"), [("file", "T0640"), ("hf", "T0642")])
def test_a_tokenizer_that_is_not_there_is_not_locked(tmp_path, kind, code):
    """The findings are those of a build."""
    entry, found = read_tokenizer(tokenizer(tmp_path / "none.json", kind), store=None)

    assert entry is None
    assert [each.code for each in found] == [code]
