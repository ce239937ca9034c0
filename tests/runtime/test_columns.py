"""The content digest: as docs/artifact.md lays it down, and blind to how a file stores it."""

import hashlib
import struct

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.runtime.columns import ContentDigest, evaluation_schema, shard_schema

COLUMNS = (
    "source", "cluster", "template", "label", "references", "metric", "row_id",
    "example", "input_ids", "target_ids", "option_ids", "shots", "correct", "ordinal",
    "exemplars",
)  # fmt: skip


def sha(content):
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def streams(values, number):
    """What is hashed of a column, from docs/artifact.md and Python values alone."""
    if any(isinstance(value, list) for value in values):
        yield "#lengths", b"".join(struct.pack("<I", len(value)) for value in values)
        items = [item for value in values for item in value]
        for name, content in streams(items, number):
            yield f"#items{name}", content
    elif any(isinstance(value, (str, bytes)) for value in values):
        contents = [value.encode() if isinstance(value, str) else value for value in values]
        yield "#lengths", b"".join(struct.pack("<I", len(content)) for content in contents)
        yield "#items", b"".join(contents)
    else:
        yield "", b"".join(struct.pack(number, value) for value in values)


def column_digest(values, number):
    """A column's digest, in the same way."""
    lines = sorted((name, sha(content)) for name, content in streams(values, number))
    return sha("".join(f"{name} {digest}\n" for name, digest in lines).encode())


def test_columns_are_hashed_as_the_page_says(made):
    """A second implementation, from the page, finds the same digests."""
    columns = made.evaluation_of("dev", 4).columns
    columns["exemplars"] = [[], [b"a" * 16, b"b" * 16], [], [b"c" * 16]]
    digest = ContentDigest()
    digest.add_evaluation("dev", pa.table(columns, schema=evaluation_schema()))
    unsigned = {"example", "input_ids", "target_ids", "option_ids"}
    expected = {
        f"eval/dev/{name}": column_digest(columns[name], "<I" if name in unsigned else "<i")
        for name in sorted(COLUMNS)
    }
    lines = "".join(f"{name} {value}\n" for name, value in expected.items())

    assert expected == digest.columns()
    assert sha(f"taskc content 1\n{lines}".encode()) == digest.digest()


@given(st.lists(st.lists(st.integers(0, 65_535), max_size=5), max_size=12), st.data())
def test_pieces_and_widths_change_nothing(rows, data):
    """Fed in one piece or many, two bytes an id or four: one digest."""
    cut = data.draw(st.integers(0, len(rows)))
    digests = []
    for vocab_size, parts in ((65_536, [rows]), (70_000, [rows[:cut], rows[cut:]])):
        schema = shard_schema(vocab_size)
        digest = ContentDigest()
        for part in parts:
            table = pa.table(dict.fromkeys(schema.names, part), schema=schema)
            digest.add_sequences(table)
        digests.append((digest.columns(), digest.digest()))

    assert digests[0] == digests[1]


def test_slices_count_as_what_they_show(made):
    """A view into a larger table is hashed as if it stood alone."""
    whole = pa.table(made.evaluation_of("dev", 6).columns, schema=evaluation_schema())
    rows = whole.slice(2, 3)
    alone = pa.table(rows.to_pydict(), schema=whole.schema)
    digests = []
    for table in (rows, alone):
        digest = ContentDigest()
        digest.add_evaluation("dev", table)
        digests.append(digest.columns())

    assert digests[0] == digests[1]


@pytest.mark.parametrize("column", ["file", "row", "at"])
def test_where_a_row_lies_is_not_content(made, column):
    """Shuffled files and a moved clause keep the digest."""
    evaluation = made.evaluation_of("dev", 3)
    digests = []
    for change in (False, True):
        columns = dict(evaluation.columns)
        if change:
            columns[column] = [77 if column == "row" else "elsewhere"] * 3
        digest = ContentDigest()
        digest.add_evaluation("dev", pa.table(columns, schema=evaluation_schema()))
        digests.append(digest.digest())

    assert digests[0] == digests[1]


@pytest.mark.parametrize("column", COLUMNS)
def test_everything_else_is_content(made, column):
    """A change in any other column shows in its digest, and in no other's."""
    columns = made.evaluation_of("dev", 3).columns
    columns["exemplars"][0] = [bytes(16)]
    digests = []
    for values in (columns[column], other(columns[column])):
        changed = {**columns, column: values}
        digest = ContentDigest()
        digest.add_evaluation("dev", pa.table(changed, schema=evaluation_schema()))
        digests.append(digest.columns())
    differing = {name for name in digests[0] if digests[0][name] != digests[1][name]}

    assert differing == {f"eval/dev/{column}"}


def other(values):
    """The column with another first value."""
    match values[0]:
        case bytes():
            return [bytes(16 * [7]), *values[1:]]
        case str():
            return ["other", *values[1:]]
        case int():
            return [values[0] + 1, *values[1:]]
        case [bytes(), *_]:
            return [[], *values[1:]]
        case [str(), *_]:
            return [["other"], *values[1:]]
        case [int(), *_]:
            return [[77], *values[1:]]
        case _:
            return [[[77]], *values[1:]]
