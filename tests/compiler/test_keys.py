"""docs/keys.md, recomputed; and what keys promise whatever the values are."""

import json
import pickle
import re
import struct
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.keys import (
    NotCanonicalError,
    RowKey,
    Scope,
    canonical,
    columns_hasher,
    permutation,
    rendezvous,
    row_hasher,
    value_hash,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8"))
SCALARS = (
    st.none() | st.booleans() | INT64 | TEXT | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=8
)
ROWS = st.dictionaries(TEXT, VALUES, max_size=4)
ROW = RowKey(bytes(range(16)), 0)


# ---- the page ----------------------------------------------------------------------------------


def page_bytes(value) -> bytes:
    """Canonical bytes as the page says them, written without a look at the compiler."""
    if value is None or value is True or value is False:
        return {None: b"n", True: b"t", False: b"f"}[value]
    if isinstance(value, float):
        return b"d" + struct.pack(">d", 0.0 if value == 0 else value)
    if isinstance(value, list):
        return f"l{len(value)}:".encode() + b"".join(map(page_bytes, value))
    if isinstance(value, dict):
        fields = sorted((name.encode(), item) for name, item in value.items())
        pieces = [b"%d:%b%b" % (len(name), name, page_bytes(item)) for name, item in fields]
        return f"r{len(value)}:".encode() + b"".join(pieces)
    raw = str(value).encode()
    return ("s" if isinstance(value, str) else "i").encode() + b"%d:%b" % (len(raw), raw)


def page_hash(data: bytes, size: int, key: bytes = b"") -> bytes:
    """BLAKE2b of `size` bytes."""
    return blake2b(data, digest_size=size, key=key).digest()


def tables(repository) -> dict[str, list[list[str]]]:
    """The tables of the page by the first cell of their header, each row as its cells."""
    found: dict[str, list[list[str]]] = {}
    text = (repository / "docs/keys.md").read_text(encoding="utf-8")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [
            [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]
            for line in table.replace("|\n", "\n").splitlines()
        ]
        found["/".join(cell.partition(" (")[0] for cell in lines[0])] = lines[2:]
    return found


def test_canonical_bytes_of_the_page(repository):
    """Another program gets the same bytes from the page alone, and the compiler gets them too."""
    rows = tables(repository)["Value/Canonical bytes"]

    assert len(rows) > 15
    for shown, expected in rows:
        value = json.loads(shown)

        assert (expected, expected) == (page_bytes(value).hex(), canonical(value).hex())


def test_row_ids_of_the_page(repository):
    """A row id is the hash of the columns that are not none."""
    rows = tables(repository)["Record/Row id"]

    assert len(rows) == 4
    for shown, expected in rows:
        row = json.loads(shown)
        kept = {name: value for name, value in row.items() if value is not None}

        assert expected == page_hash(page_bytes(kept), 16).hex()
        assert expected == row_hasher(None)(row).hex() == row_hasher(tuple(row))(row).hex()


def test_draws_of_the_page(repository):
    """Scope keys and draws follow from the page alone, and the compiler makes the same."""
    page = tables(repository)
    keys = dict(page["Scope/Key"])
    row_id = bytes.fromhex(page["Record/Row id"][0][1])
    rows = page["Scope/Source/Ordinal/Repetition/Name/Draw"]

    assert len(rows) == 7
    for scope_text, source, ordinal, repetition, name, expected in rows:
        scope_value = json.loads(scope_text)
        key = page_hash(page_bytes(scope_value), 32)
        message = page_bytes(source) + page_bytes(name) + page_bytes(int(repetition))
        message += row_id + page_bytes(int(ordinal))
        scope = Scope.source() if scope_value[0] == "source" else Scope.mixture(scope_value[2])
        row = RowKey(row_id, int(ordinal))

        assert keys[scope_text] == key.hex() == scope.key.hex()
        assert int(expected) == int.from_bytes(page_hash(message, 8, key), "big")
        assert int(expected) == scope.draw(source, row, int(repetition), name)


# ---- canonical bytes ---------------------------------------------------------------------------


def decoded(data: bytes):
    """The value that canonical bytes stand for, and what follows it: what makes them injective."""
    tag, rest = data[:1], data[1:]
    if tag in b"ntf":
        return {b"n": None, b"t": True, b"f": False}[tag], rest
    if tag == b"d":
        return struct.unpack(">d", rest[:8])[0], rest[8:]
    size, _, rest = rest.partition(b":")
    if tag in b"si":
        raw, rest = rest[: int(size)].decode(), rest[int(size) :]
        return (raw if tag == b"s" else int(raw)), rest
    items = []
    for _ in range(int(size)):
        name = ""
        if tag == b"r":
            length, _, rest = rest.partition(b":")
            name, rest = rest[: int(length)].decode(), rest[int(length) :]
        item, rest = decoded(rest)
        items.append((name, item))
    return (dict(items) if tag == b"r" else [item for _, item in items]), rest


@given(VALUES)
def test_canonical_bytes_are_injective(value):
    """Bytes can be read back, so no two values share theirs; kinds are kept apart."""
    back, rest = decoded(canonical(value))

    assert rest == b""
    assert value == back
    assert canonical(value) == canonical(back) == page_bytes(value)


@given(VALUES, VALUES)
def test_different_values_have_different_bytes(left, right):
    """1, 1.0, true and "1" are four values."""
    assert (repr(left) == repr(right)) <= (canonical(left) == canonical(right))
    if canonical(left) == canonical(right):
        assert left == right


@given(st.dictionaries(TEXT, SCALARS), st.randoms())
def test_order_of_fields_does_not_count(record, random):
    """A record is its fields, however a file writes them."""
    items = list(record.items())
    random.shuffle(items)

    assert canonical(record) == canonical(dict(items))


@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), 2**63, -(2**63) - 1, "\ud800", b"x", {"\ud800": 1}, [{1}]]
)
def test_what_is_no_value_has_no_bytes(value):
    """What no row may hold is refused, not encoded somehow."""
    with pytest.raises(NotCanonicalError):
        canonical(value)


# ---- row ids -----------------------------------------------------------------------------------


@given(ROWS)
def test_missing_and_none_are_the_same_row(row):
    """JSON Lines leaves keys out where Parquet writes nulls."""
    columns = [*row, "a column that is nowhere"]
    filled = {**row, "a column that is nowhere": None}
    present = {name: value for name, value in row.items() if value is not None}

    assert row_hasher(columns)(row) == row_hasher(None)(filled) == value_hash(present)


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES), max_size=6), st.booleans())
def test_ids_of_many_rows(rows, with_texts_only):
    """Column by column every row gets the id that it gets by itself."""
    if with_texts_only:
        rows = [{name: repr(value) for name, value in row.items()} for row in rows]
    names = ["c", "a", "b"]
    columns = [[row.get(name) for row in rows] for name in sorted(names)]

    assert list(map(row_hasher(names), rows)) == columns_hasher(names)(columns, len(rows))
    assert [row_hasher([])({})] * 3 == columns_hasher([])([], 3)


@pytest.mark.parametrize("value", [float("nan"), 2**63, "\ud800", object()])
def test_no_id_for_what_no_row_may_hold(value):
    """Also where it stands in one row of many."""
    with pytest.raises(NotCanonicalError):
        columns_hasher(["a"])([[value, value]], 2)


def test_only_what_is_read_counts():
    """A column that nothing reads may change."""
    read = row_hasher(["b", "a"])

    assert read({"a": 1, "b": 2, "c": 3}) == read({"b": 2, "a": 1})
    assert read({"a": 1, "b": 2}) != read({"a": 2, "b": 1})


# ---- draws -------------------------------------------------------------------------------------


def test_columns_of_draws_are_single_draws():
    """`draws` is `draw` for many rows."""
    scope = Scope.mixture(7)
    ids = [bytes([number]) * 16 for number in range(20)]
    ordinals = [number % 12 for number in range(20)]
    single = [
        scope.draw("s", RowKey(row_id, ordinal), 3, "rank")
        for row_id, ordinal in zip(ids, ordinals, strict=True)
    ]

    assert single == scope.draws("s", ids, ordinals, 3, "rank")


def test_every_part_of_a_draw_counts():
    """Another seed, source, row, ordinal, repetition or name is another draw."""
    drawn = {
        Scope.mixture(0).draw("s", ROW, 0, "rank"),
        Scope.mixture(1).draw("s", ROW, 0, "rank"),
        Scope.source().draw("s", ROW, 0, "rank"),
        Scope.mixture(0).draw("t", ROW, 0, "rank"),
        Scope.mixture(0).draw("s", RowKey(bytes(16), 0), 0, "rank"),
        Scope.mixture(0).draw("s", RowKey(ROW.id, 1), 0, "rank"),
        Scope.mixture(0).draw("s", ROW, 1, "rank"),
        Scope.mixture(0).draw("s", ROW, 0, "ran"),
    }

    assert len(drawn) == 8


def test_the_alias_of_a_package_is_no_part_of_a_draw():
    """A source keeps its rows when another package of the same source name is added."""
    scope = Scope.mixture(0)

    assert scope.draw("rte", ROW, 0, "rank") == scope.draw("glue.rte", ROW, 0, "rank")


def test_a_scope_travels_to_other_processes():
    """Engines send scopes along with tasks."""
    scope = Scope.mixture(3)
    expected = scope.draw("s", ROW, 0, "rank")

    assert expected == pickle.loads(pickle.dumps(scope)).draw("s", ROW, 0, "rank")


@given(st.lists(TEXT, min_size=1, max_size=6, unique=True), TEXT, st.randoms())
def test_a_new_prompt_moves_only_the_rows_that_choose_it(labels, new, random):
    """The choice depends neither on the order of labels nor on those that are not chosen."""
    scope = Scope.mixture(0)
    before = labels[rendezvous(scope, "s", ROW, 0, labels)]
    more = list({*labels, new})
    random.shuffle(more)
    after = more[rendezvous(scope, "s", ROW, 0, more)]

    assert after in {before, new}


def test_prompts_are_chosen_evenly():
    """Over many rows each of four prompts is chosen about a quarter of the time."""
    scope = Scope.mixture(0)
    chosen = [0, 0, 0, 0]
    for number in range(4000):
        row = RowKey(number.to_bytes(16, "big"), 0)
        chosen[rendezvous(scope, "s", row, 0, ["t.a", "t.b", "t.c", "t.d"])] += 1

    assert all(900 < count < 1100 for count in chosen)


@given(st.integers(0, 8), st.integers(0, 5))
def test_a_permutation_holds_each_item_once(num_items, repetition):
    """Options are shuffled, none is lost, and the same row shuffles them the same way."""
    scope = Scope.mixture(1)
    order = permutation(scope, "s", ROW, repetition, "options/t", num_items)

    assert list(range(num_items)) == sorted(order)
    assert order == permutation(scope, "s", ROW, repetition, "options/t", num_items)
