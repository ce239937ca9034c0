"""Shingles: runs of three words, as numbers."""

from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.resemblance.shingles import MULTIPLIER, Shingles, run_hashes, shingles
from taskc.compiler.resemblance.words import WordHashes

ROWS = st.lists(st.lists(st.sampled_from("abcde"), max_size=9), max_size=8)


def expected(row: list[str]) -> list[int]:
    """The shingles of a row, one after another."""
    known = WordHashes()
    size = min(3, len(row))
    runs = [row[at : at + size] for at in range(len(row) - size + 1)] if row else []
    return [number([known[word] for word in run]) for run in runs]


def number(run: list[int]) -> int:
    """The number of one run."""
    found = 0
    for word in run:
        found = (found * MULTIPLIER + word) % 2**64
    return found


@given(ROWS)
def test_each_row_has_the_runs_of_its_own_words(rows):
    """Of three words; a shorter row has one of all its words, and an empty one none."""
    found = shingles(rows, WordHashes())

    assert [expected(row) for row in rows] == [found.set_of(at).tolist() for at in range(len(rows))]


@given(ROWS)
def test_as_sets_each_shingle_stands_once(rows):
    """Of each row, rising; rows keep their places."""
    found = shingles(rows, WordHashes()).as_sets()

    assert [sorted(set(expected(row))) for row in rows] == [
        found.set_of(at).tolist() for at in range(len(found))
    ]


@given(ROWS, st.data())
def test_rows_can_be_picked_and_joined(rows, data):
    """In any order, as often as asked."""
    found = shingles(rows, WordHashes())
    picks = data.draw(st.lists(st.sampled_from(range(len(rows))))) if rows else []
    cut = data.draw(st.integers(0, len(rows)))
    pieces = [shingles(part, WordHashes()) for part in (rows[:cut], rows[cut:])]

    assert [expected(rows[pick]) for pick in picks] == [
        found.pick(_array(picks)).set_of(at).tolist() for at in range(len(picks))
    ]
    assert found.hashes.tolist() == Shingles.joined(pieces).hashes.tolist()
    assert found.offsets.tolist() == Shingles.joined(pieces).offsets.tolist()


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20), st.integers(1, 8))
def test_a_run_has_a_number(hashes, size):
    """The number of a run is that of its words in order."""
    found = run_hashes(_array(hashes, "uint64"), size)

    assert [
        number(hashes[at : at + size]) for at in range(len(hashes) - size + 1)
    ] == found.tolist()


def _array(values, dtype="int64"):
    import numpy as np

    return np.array(values, dtype)
