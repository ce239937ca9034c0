"""Files to rows: every format, every compression, and every way in which a file can be wrong."""

import bz2
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.rows.connect import files
from taskc.compiler.rows.connect.files import InputFile, line_blocks
from taskc.compiler.rows.connect.reading import open_split
from taskc.compiler.rows.findings import MAX_ALIKE, Findings

ROWS = [{"q": "one", "n": 1}, {"q": "zwei\nü", "n": 2}]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def read(bench, kind, pattern, wanted=None, **options):
    """Reads the one split of a source; returns ({file:number: row}, findings)."""
    source = bench.source(kind, pattern, options=options)
    findings = Findings(source.name, source.at)
    reader = open_split(source.connector, "train", wanted, findings)
    rows = {
        f"{reader.files[chunk.file].name}:{number}": row
        for chunk in reader.chunks()
        for number, row in zip(chunk.numbers, chunk.rows, strict=True)
    }
    return rows, findings


def complaints(findings) -> list[tuple]:
    """Code, row and shown value of each finding."""
    return [
        (found.code, found.row.row if found.row else 0, found.row.value if found.row else "")
        for found in findings.diagnostics()
    ]


# ---- JSON Lines ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("a.jsonl", LINES.rstrip("\n")),
        ("a.jsonl", LINES.replace("\n", "\r\n")),
        ("a.jsonl", "\ufeff" + LINES),
        ("a.jsonl.gz", LINES),
        ("a.jsonl.bz2", bz2.compress(LINES.encode())),
        ("a.jsonl.zst", zstandard.compress(LINES.encode())),
        ("a.jsonl.zst", b"".join(zstandard.compress(f"{x}\n".encode()) for x in LINES.split("\n"))),
    ],
)
def test_json_lines(bench, name, content):
    """The same rows, whatever the line ends, the byte order mark and the compression."""
    bench.write(name, content)
    rows, findings = read(bench, "jsonl", name)

    assert {f"{name}:1": ROWS[0], f"{name}:2": ROWS[1]} == rows
    assert findings.diagnostics() == []


def test_blank_lines_are_no_rows(bench):
    """They are counted as lines, so that a row's number is where an editor finds it."""
    bench.write("a.jsonl", '\n{"a": 1}\n  \t\r\n{"a": 2}\n\n')
    rows, findings = read(bench, "jsonl", "a.jsonl")

    assert {"a.jsonl:2": {"a": 1}, "a.jsonl:4": {"a": 2}} == rows
    assert findings.diagnostics() == []


def test_empty_files_have_no_rows(bench):
    """A file without a byte is a file without a row."""
    bench.write("a.jsonl", "")
    bench.write("b.jsonl.gz", "")
    rows, findings = read(bench, "jsonl", "*.jsonl*")

    assert ({}, []) == (rows, findings.diagnostics())


def test_bad_lines_are_reported_and_the_others_read(bench):
    """Each bad line is found with its number and what stands there."""
    lines = [
        '{"a": 1}',
        '{"a": tru}',
        "[1]",
        '"text"',
        '{"a": 1} x',
        '{"a": NaN}',
        '{"a": 2}',
        '{"a"',
    ]
    bench.write("a.jsonl", "\n".join(lines))
    rows, findings = read(bench, "jsonl", "a.jsonl")

    assert ["a.jsonl:1", "a.jsonl:7"] == list(rows)
    assert [
        ("T0516", 2, '{"a": tru}'),
        ("T0517", 3, "[1]"),
        ("T0517", 4, '"text"'),
        ("T0516", 5, '{"a": 1} x'),
        ("T0516", 6, '{"a": NaN}'),
        ("T0516", 8, '{"a"'),
    ] == complaints(findings)
    assert findings.diagnostics()[0].message == (
        "row 2 is not JSON: invalid literal, expected 'true' at column 7"
    )


def test_an_excerpt_is_cut_around_the_place(bench):
    """A line may be megabytes long."""
    bench.write("a.jsonl", '{"a": "' + "x" * 5000 + '", y' + " " * 5000 + "}")
    _, findings = read(bench, "jsonl", "a.jsonl")
    (found,) = findings.diagnostics()

    assert found.row.value == "..." + "x" * 27 + '", y' + " " * 29 + "..."
    assert len(found.message) <= 100


def test_bytes_that_are_not_utf8(bench):
    """The line and the byte are named; the other lines are read."""
    bench.write("a.jsonl", b'{"a": 1}\n{"a": "caf\xe9"}\n{"a": 2}\n')
    rows, findings = read(bench, "jsonl", "a.jsonl")

    assert ["a.jsonl:1", "a.jsonl:3"] == list(rows)
    assert [("T0514", 2, '{"a": "caf\ufffd"}')] == complaints(findings)
    assert findings.diagnostics()[0].notes == ("byte 11 of the line is 0xe9",)


@pytest.mark.parametrize(
    "number", ["9223372036854775808", "-9223372036854775809", "18446744073709551616", "1" * 5000]
)
def test_integers_beyond_64_bits(bench, number):
    """They are not rounded to floats behind the user's back."""
    bench.write("a.jsonl", f'{{"a": {number}}}\n{{"a": [{number}]}}')
    rows, findings = read(bench, "jsonl", "a.jsonl")

    assert {} == rows
    assert ["T0516" if len(number) > 400 else "T0524"] * 2 == [
        code for code, _, _ in complaints(findings)
    ]


@pytest.mark.parametrize("around", ["x" * 3000, "x1234567890" * 300], ids=["text", "digits"])
@pytest.mark.parametrize("before", range(20))
def test_integers_beyond_64_bits_are_found_anywhere(bench, around, before):
    """Wherever in a block they stand, and whatever else stands there."""
    lines = [f'{{"a": "{around}{"x" * before}"}}', '{"a": 9223372036854775808}']
    bench.write("a.jsonl", "\n".join([*lines, lines[0]]))
    rows, findings = read(bench, "jsonl", "a.jsonl")

    assert ["a.jsonl:1", "a.jsonl:3"] == list(rows)
    assert ["T0524"] == [code for code, _, _ in complaints(findings)]


def test_long_digits_that_are_no_big_integers(bench):
    """The largest ints, long decimals and digits in texts are read as they are."""
    row = {"a": 2**63 - 1, "b": -(2**63), "c": "1" * 40, "d": 0.1234567890123456789012, "e": 1e300}
    bench.write("a.jsonl", json.dumps(row))
    rows, findings = read(bench, "jsonl", "a.jsonl")

    assert ({"a.jsonl:1": row}, []) == (rows, findings.diagnostics())


# ---- text, CSV, TSV ------------------------------------------------------------------------------


def test_text_is_one_row_a_line(bench):
    """An empty line is an empty text; the last line end starts no row; U+2028 ends no line."""
    bench.write("a.txt", "one\r\n\n t\u2028wo \n")
    rows, _ = read(bench, "text", "a.txt")

    assert ["one", "", " t\u2028wo "] == [row["text"] for row in rows.values()]


def test_csv(bench):
    """RFC 4180: quotes, doubled quotes, newlines in cells, a byte order mark, blank lines."""
    bench.write("a.csv", '\ufeffa,"b b"\r\n1,"x, ""y""\r\nz"\r\n\r\n2,\r\n')
    rows, findings = read(bench, "csv", "a.csv")

    assert {
        "a.csv:2": {"a": "1", "b b": 'x, "y"\r\nz'},
        "a.csv:5": {"a": "2", "b b": ""},
    } == rows
    assert findings.diagnostics() == []


def test_csv_without_header_and_with_another_delimiter(bench):
    """`columns:` names the columns, and then the first line is a row."""
    bench.write("a.csv", "1;2\n3;4\n")
    rows, _ = read(bench, "csv", "a.csv", delimiter=";")
    named, _ = read(bench, "csv", "a.csv", delimiter=";", columns=["x", "y"])

    assert {"a.csv:2": {"1": "3", "2": "4"}} == rows
    assert {"a.csv:1": {"x": "1", "y": "2"}, "a.csv:2": {"x": "3", "y": "4"}} == named


def test_tsv_has_no_quotes(bench):
    """A quote in a TSV is a quote."""
    bench.write("a.tsv", 'a\tb\n"x\ty" z\r\n\n')
    rows, _ = read(bench, "tsv", "a.tsv")

    assert {"a.tsv:2": {"a": '"x', "b": 'y" z'}} == rows


def test_cells_longer_than_the_library_likes(bench):
    """Documents stand in cells."""
    bench.write("a.csv", "a\n" + "x" * 200_000)
    rows, findings = read(bench, "csv", "a.csv")

    assert ([200_000], []) == ([len(row["a"]) for row in rows.values()], findings.diagnostics())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1\n1,2\n1,2,3\n", [("T0518", 2, "1"), ("T0518", 4, "1,2,3")]),
        ('a\n1\n"x\n', [("T0519", 3, "")]),
        ('a\n"x"y\n', [("T0519", 2, "")]),
        ("a,b,a\n", [("T0520", 1, "")]),
        ("", [("T0520", 0, "")]),
        (b"a\nx\n\xff\n", [("T0514", 3, "")]),
    ],
)
def test_csv_that_is_wrong(bench, content, expected):
    """Rows of another width are left out; a file that makes no sense is left at that place."""
    bench.write("a.csv", content)
    _, findings = read(bench, "csv", "a.csv")

    assert expected == complaints(findings)


def test_a_delimiter_is_one_character(bench):
    """The library's own error would name its internals."""
    bench.write("a.csv", "a")
    _, findings = read(bench, "csv", "a.csv", delimiter="||")

    assert [("T0523", 0, "")] == complaints(findings)


# ---- columnar ------------------------------------------------------------------------------------

TABLE = pa.table(
    {
        "t": pa.array(["a", None, "c"]),
        "n": pa.array([1, 2, 3], pa.int16()),
        "x": pa.array([0.5, None, 1.0], pa.float32()),
        "l": pa.array([["a"], [], None], pa.large_list(pa.string())),
        "s": pa.array([{"k": 1}, {"k": None}, None]),
        "d": pa.array(["u", "v", "u"]).dictionary_encode(),
        "b": pa.array([True, False, None]),
        "z": pa.nulls(3),
    }
)


def columnar(bench, kind):
    """Writes the table in a columnar format and returns the connector and the file's name."""
    path = str(bench.folder / f"a.{kind}")
    match kind:
        case "parquet":
            pq.write_table(TABLE, path, row_group_size=2)
        case "arrow":
            with pa.ipc.new_file(path, TABLE.schema) as writer:
                writer.write_table(TABLE, max_chunksize=2)
        case "stream":
            with pa.ipc.new_stream(path, TABLE.schema) as writer:
                writer.write_table(TABLE, max_chunksize=2)
    return ("parquet" if kind == "parquet" else "arrow"), f"a.{kind}"


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
def test_columnar(bench, kind):
    """Every type that the language has comes out as its plain value."""
    connector, name = columnar(bench, kind)
    rows, findings = read(bench, connector, name)

    assert TABLE.to_pylist() == list(rows.values())
    assert [f"{name}:1", f"{name}:2", f"{name}:3"] == list(rows)
    assert findings.diagnostics() == []


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
def test_columnar_reads_what_is_asked_for(bench, kind):
    """Other columns are not decoded; one that is not there is no affair of the format."""
    connector, name = columnar(bench, kind)
    rows, _ = read(bench, connector, name, wanted=["n", "gone"])
    none, _ = read(bench, connector, name, wanted=["gone"])

    assert [{"n": 1}, {"n": 2}, {"n": 3}] == list(rows.values())
    assert [{}, {}, {}] == list(none.values())


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_columnar_files_that_are_wrong(bench, kind):
    """Damage and types without a word in the language are said once a file."""
    bench.write(f"a.{kind}", b"PAR1 no table ARROW1")
    _, damaged = read(bench, kind, f"a.{kind}")
    table = pa.table({"when": pa.array([[0]], pa.list_(pa.timestamp("s"))), "n": [1]})
    path = str(bench.folder / f"b.{kind}")
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    _, foreign = read(bench, kind, f"b.{kind}")
    unread, unread_findings = read(bench, kind, f"b.{kind}", wanted=["n"])

    assert [("T0521", 0, "")] == complaints(damaged)
    assert [("T0522", 0, "")] == complaints(foreign)
    assert "`when`" in foreign.diagnostics()[0].message
    assert ([{"n": 1}], []) == (list(unread.values()), unread_findings.diagnostics())


# ---- files ---------------------------------------------------------------------------------------


def test_globs_are_sorted_by_name(bench):
    """File order is the names' order, wherever the files lie and whatever the folder says."""
    for name in ("b/1.jsonl", "a/2.jsonl", "a/10.jsonl", "c.txt"):
        bench.write(name, json.dumps({"file": name}))
    (bench.folder / "d.jsonl").mkdir()
    rows, _ = read(bench, "jsonl", "**/*.jsonl")

    assert ["a/10.jsonl:1", "a/2.jsonl:1", "b/1.jsonl:1"] == list(rows)


def test_a_name_with_brackets_is_a_name(bench):
    """A file that is there is read, even where its name could be a pattern."""
    bench.write("a[1].jsonl", LINES)
    rows, _ = read(bench, "jsonl", "a[1].jsonl")

    assert 2 == len(rows)


@pytest.mark.parametrize(
    ("pattern", "code", "message", "help_"),
    [
        ("flan/trian.jsonl", "T0510", "there is no file `flan/trian.jsonl`",
         "did you mean `train.jsonl` in `flan`?"),
        ("fln/train.jsonl", "T0510", "there is no file `fln/train.jsonl`",
         "did you mean `flan` in the data root?"),
        ("flan/x*.jsonl", "T0511", "no file matches `flan/x*.jsonl`",
         "`flan` holds `train.jsonl`"),
        ("flan", "T0510", "a folder, not a file: `flan`",
         "write `flan/*` to read every file in it"),
        ("empty/a.jsonl", "T0510", "there is no file `empty/a.jsonl`",
         "`empty` is empty"),
    ],
)  # fmt: skip
def test_files_that_are_not_there(bench, pattern, code, message, help_):
    """The nearest name that is there is offered; paths are shown relative to the data root."""
    bench.write("flan/train.jsonl", LINES)
    (bench.folder / "empty").mkdir()
    _, findings = read(bench, "jsonl", pattern)
    (found,) = findings.diagnostics()

    assert (code, message, (help_,)) == (found.code, found.message, found.helps)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.jsonl.zst", zstandard.compress(LINES.encode() * 50)[:-5], "T0513"),
        ("a.jsonl.zst", LINES.encode(), "T0513"),
        ("a.jsonl.bz2", bz2.compress(LINES.encode())[:-5], "T0513"),
        ("a.jsonl.bz2", LINES.encode(), "T0513"),
    ],
)
def test_damaged_compression(bench, name, content, code):
    """A file that ends early is not taken for a whole one."""
    bench.write(name, content)
    _, findings = read(bench, "jsonl", name)

    assert [(code, 0, "")] == complaints(findings)


@pytest.mark.parametrize("cut", [1, 9, 20])
def test_truncated_gzip(bench, cut):
    """Neither is a gzip file, wherever it was cut."""
    path = bench.write("a.jsonl.gz", LINES * 50)
    path.write_bytes(path.read_bytes()[:-cut])
    _, findings = read(bench, "jsonl", "a.jsonl.gz")

    assert [("T0513", 0, "")] == complaints(findings)


def test_a_gzip_name_for_plain_text(bench):
    """The name says how a file is compressed; a wrong name is said, not guessed around."""
    bench.write("a.jsonl", LINES).rename(bench.folder / "a.jsonl.gz")
    _, findings = read(bench, "jsonl", "a.jsonl.gz")

    assert [("T0513", 0, "")] == complaints(findings)


def test_a_file_that_may_not_be_read(bench, monkeypatch):
    """The system's reason is given."""
    bench.write("a.jsonl", LINES)

    def refuse(*_arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.Path, "open", refuse)
    _, findings = read(bench, "jsonl", "a.jsonl")

    assert ["the file cannot be read: permission denied"] == [
        found.message for found in findings.diagnostics()
    ]


def test_many_mistakes_cost_a_counter(bench):
    """The first few of a kind are shown, then how many more there are."""
    bench.write("a.jsonl", "x\n" * 1000)
    _, findings = read(bench, "jsonl", "a.jsonl")
    shown = findings.diagnostics()

    assert (1000, MAX_ALIKE + 1) == (findings.num_errors, len(shown))
    assert ("T0809", "994 more errors in the rows of `s`") == (shown[-1].code, shown[-1].message)
    assert ("994 more T0516",) == shown[-1].notes


@given(
    st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line), max_size=12),
    st.integers(1, 7),
)
def test_blocks_are_the_lines_of_the_file(tmp_path_factory, lines, block_bytes):
    """However reads fall, the blocks are the file, each of whole lines."""
    content = b"\n".join(lines)
    path = tmp_path_factory.mktemp("blocks") / "a.txt"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_BLOCK_BYTES", block_bytes)
        blocks = list(line_blocks(InputFile(str(path), "a.txt")))

    assert content.removeprefix(b"\xef\xbb\xbf") == b"".join(blocks)
    assert all(block.endswith(b"\n") for block in blocks[:-1])
