"""Values again: of the wanted rows alone, and only while the file is the one that was surveyed."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taskc.compiler.rows.reread import MAX_ROWS, RereadError, read_rows

NUM_ROWS = 5_000


def written(bench, kind: str):
    """A file of 5,000 rows in a format, and its source."""
    rows = [{"n": number, "t": f"text {number}"} for number in range(NUM_ROWS)]
    match kind:
        case "csv" | "tsv":
            mark = {"csv": ",", "tsv": "\t"}[kind]
            cells = [f"{row['n']}{mark}{row['t']}\n" for row in rows]
            bench.write(f"train.{kind}", f"n{mark}t\n" + "".join(cells))
        case "parquet":
            pq.write_table(pa.Table.from_pylist(rows), bench.folder / "train.parquet")
        case "arrow":
            table = pa.Table.from_pylist(rows)
            with pa.ipc.new_stream(bench.folder / "train.arrow", table.schema) as writer:
                writer.write_table(table, max_chunksize=700)
        case "text" | "text.gz":
            bench.write(f"train.{kind}", "".join(f"{row['n']}\n" for row in rows))
        case _:
            bench.rows(f"train.{kind}", rows)
    columns = {"text": "text"} if kind.startswith("text") else {"n": "int", "t": "text"}
    return bench.source(kind.removesuffix(".gz"), f"train.{kind}", columns=columns)


def reread(source, keys, wanted):
    """The rows at `wanted`, chunk by chunk."""
    picked = keys.pick(np.array(wanted, np.int64))
    place = keys.inputs.ranges[0]
    ordinals = picked.ordinals_of(np.arange(len(picked)))
    return list(
        read_rows(source, keys.inputs.files[0], place, picked.lines, (picked.ids, ordinals))
    )


@pytest.mark.parametrize(
    "kind", ["jsonl", "jsonl.gz", "csv", "tsv", "parquet", "arrow", "text", "text.gz"]
)
def test_wanted_rows_come_back(bench, kind):
    """In their order, few at a time, with the number and the id they have in the whole file."""
    source = written(bench, kind)
    _, loaded = bench.load_keys(source)
    keys = loaded.rows["train"]
    whole = bench.load(source).rows["train"]
    wanted = [0, *range(1_000, 4_321), NUM_ROWS - 1]
    found = reread(source, keys, wanted)

    assert [2_000, 1_323] == [len(rows) for rows in found]
    assert MAX_ROWS == len(found[0])
    assert [whole.values[row] for row in wanted] == [v for rows in found for v in rows.values]
    assert [whole.ids[row] for row in wanted] == [i for rows in found for i in rows.ids]
    assert [whole.numbers[row] for row in wanted] == [n for rows in found for n in rows.numbers]
    assert [] == reread(source, keys, [])


def test_only_wanted_lines_are_parsed(bench):
    """What stands in the other lines costs nothing and stops nothing."""
    path = bench.rows("train.jsonl", [{"n": number} for number in range(4)])
    source, loaded = bench.load_keys()
    stat = path.stat()
    path.write_text('{"n": 0}\n{"n": 1}\n{"n":   \n{"n": 3}\n')
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert [[{"n": 1}, {"n": 3}]] == [
        rows.values for rows in reread(source, loaded.rows["train"], [1, 3])
    ]


CHANGES = [
    '{"n": 0}\n{"n": 1}\n{"n": 9}\n{"n": 3}\n',  # another row
    '{"n": 0}\n{"n": 1}\n{"n": 2,}{"n": 3}\n\n',  # no row
    '{"n": 0}\n{"n": 1}\n[2]     \n{"n": 3}\n',
    '{"n": 0}\n{"n": 1}\n        \n{"n": 3}\n',
    '{"n": 0}\n{"n": 1}\n{"n": null\n{"n": 3}',
    '{"n": 0}\n{"n": 1}                      ',  # fewer rows
]


@pytest.mark.parametrize("content", CHANGES)
@pytest.mark.parametrize("keeps_its_time", [True, False])
def test_a_file_that_changed_is_named(bench, content, keeps_its_time):
    """Whether the system says so or not: ids are made again."""
    path = bench.rows("train.jsonl", [{"n": number} for number in range(4)])
    source, loaded = bench.load_keys(columns={"n": "int"})
    stat = path.stat()
    path.write_text(content)
    if keeps_its_time:
        os.truncate(path, stat.st_size)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    else:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    with pytest.raises(RereadError) as caught:
        reread(source, loaded.rows["train"], [1, 2, 3])

    assert "T1010" == caught.value.diagnostic.code
    assert ("file `train.jsonl`",) == caught.value.diagnostic.notes


def test_a_file_that_changed_before_it_was_surveyed(bench):
    """The digest would be another file's."""
    path = bench.rows("train.jsonl", [{"n": 1}])
    source, loaded = bench.load_keys()
    inputs = loaded.rows["train"].inputs
    path.write_text('{"n": 1}\n{"n": 2}\n')
    gone = path.with_suffix(".gone")
    with pytest.raises(RereadError):
        reread(source, loaded.rows["train"], [0])
    path.rename(gone)
    with pytest.raises(RereadError) as caught:
        reread(source, loaded.rows["train"], [0])

    assert "T1010" == caught.value.diagnostic.code
    assert 64 == len(inputs.digest)


def test_a_row_has_its_fields_and_what_references_read(bench, parse):
    """A column that no field keeps stays in the row for the evaluation alone."""
    bench.rows("train.jsonl", [{"body": "A", "also": ["B"], "rest": 1}])
    source, loaded = bench.load_keys(
        columns={"body": "text", "also": "list[text]", "rest": "int"},
        row={"answer": "text"},
        lets={"answer": "body"},
        references=parse("[answer] + also"),
    )
    (rows,) = reread(source, loaded.rows["train"], [0])

    assert rows.values == [{"answer": "A", "also": ["B"]}]
