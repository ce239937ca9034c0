"""Rows as keys and pointers: picked together, drawn for and placed as rows with values are."""

import pickle
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.keys import Scope
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.ranges import Range, SplitInputs
from taskc.compiler.rows.row_keys import RowKeys, drawn_order

INPUTS = SplitInputs(
    (InputFile("/x/a.jsonl", "a.jsonl"), InputFile("/x/b.jsonl", "b.jsonl")),
    (Range(0, 0, 90, 1, "0a"), Range(0, 90, 99, 11, "0b"), Range(1, 0, 10, 1, "0c")),
    "",
)
# Few different ids, so that equal rows are common; ordinals count them.
GROUPS = st.lists(st.integers(0, 6).map(lambda number: bytes([number]) * 16), max_size=24)


def keys(ids: list[bytes], *, with_ordinals: bool = True) -> RowKeys:
    """Rows with these ids, at places that go round the ranges."""
    seen: Counter[bytes] = Counter()
    ordinals = []
    for row_id in ids:
        ordinals.append(seen[row_id])
        seen[row_id] += 1
    places = np.arange(len(ids), dtype=np.uint32)
    return RowKeys(
        "s",
        "train",
        INPUTS,
        np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 16),
        places % 3,
        places // 3,
        np.array(ordinals, np.uint32) if with_ordinals else None,
    )


def test_a_row_is_found_again():
    """File and number of a row are those of its range and its line in there."""
    rows = keys([bytes([n]) * 16 for n in range(6)])

    assert ("a.jsonl", 1) == rows.place(0)
    assert ("a.jsonl", 12) == rows.place(4)
    assert ("b.jsonl", 2) == rows.place(5)
    assert [1, 11, 1, 2, 12, 2] == rows.numbers(np.arange(6)).tolist()
    assert [0, 0, 1, 0, 0, 1] == rows.file_indices(np.arange(6)).tolist()


@given(GROUPS, st.booleans(), st.randoms())
def test_columns_are_picked_together(ids, with_ordinals, random):
    """What is picked keeps its id, its ordinal and its place; rows travel to other processes."""
    rows = keys(ids, with_ordinals=with_ordinals)
    chosen = np.array(random.sample(range(len(ids)), len(ids) // 2), np.int64)
    picked = pickle.loads(pickle.dumps(rows.pick(chosen)))
    mask = np.zeros(len(ids), bool)
    mask[chosen] = True

    assert [ids[row] for row in chosen] == [bytes(row_id) for row_id in picked.ids]
    assert [rows.place(row) for row in chosen] == [picked.place(at) for at in range(len(picked))]
    assert rows.ordinals_of(chosen).tolist() == picked.ordinals_of(np.arange(len(picked))).tolist()
    assert [ids[row] for row in sorted(chosen)] == [bytes(i) for i in rows.pick(mask).ids]


@given(GROUPS, st.booleans(), st.booleans(), st.data())
def test_rows_are_left_in_place(ids, with_ordinals, owns, data):
    """What is kept is what would be picked, whoever the memory belongs to."""
    kept = data.draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids)))
    mask = np.array(kept, bool)
    rows = keys(ids, with_ordinals=with_ordinals)
    if owns:
        rows = rows.pick(np.arange(len(ids)))
    expected = rows.pick(mask)
    rows.keep(mask)

    for name in ("ids", "ranges", "lines", "ordinals"):
        assert np.array_equal(getattr(expected, name), getattr(rows, name))


@given(GROUPS, st.booleans(), st.integers(0, 2))
def test_draws_are_those_of_the_scope(ids, with_ordinals, repetition):
    """A column of draws holds what one draw at a time gives."""
    rows = keys(ids, with_ordinals=with_ordinals)
    ordinals = rows.ordinals_of(np.arange(len(ids))).tolist()
    scope = Scope.mixture(7)
    draws = rows.draws(scope, repetition, "rank")

    assert scope.draws("s", ids, ordinals, repetition, "rank") == draws.tolist()
    assert (
        draws[1::2].tolist()
        == rows.draws(scope, repetition, "rank", np.arange(1, len(ids), 2)).tolist()
    )


def test_many_draws_are_those_of_the_scope():
    """Also where they are made chunk by chunk."""
    ids = [number.to_bytes(16, "big") for number in range(20_000)]
    rows = keys(ids)

    assert Scope.source().draws("s", ids, [0] * len(ids), 0, "limit") == (
        rows.draws(Scope.source(), 0, "limit").tolist()
    )


@given(GROUPS)
def test_drawn_order(ids):
    """Rows are sorted by draw, id and ordinal."""
    rows = keys(ids)
    draws = rows.draws(Scope.source(), 0, "limit")
    expected = sorted(range(len(ids)), key=lambda row: (draws[row], ids[row], rows.ordinals[row]))

    assert expected == drawn_order(draws, rows.ids, rows.ordinals).tolist()


@given(GROUPS, st.data())
def test_ties_of_draws(ids, data):
    """Rows with one draw are sorted by id, bytes as bytes, then by ordinal."""
    rows = keys(ids)
    draws = data.draw(st.lists(st.integers(0, 2), min_size=len(ids), max_size=len(ids)))
    expected = sorted(range(len(ids)), key=lambda row: (draws[row], ids[row], rows.ordinals[row]))

    assert expected == drawn_order(np.array(draws, np.uint64), rows.ids, rows.ordinals).tolist()
