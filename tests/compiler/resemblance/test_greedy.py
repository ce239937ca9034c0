"""Greedy: which of near rows stay, and that no more are compared than is bounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.resemblance import greedy as stage
from taskc.compiler.resemblance.greedy import STAYS, greedy, sharing, similarity
from taskc.compiler.resemblance.shingles import Shingles, offsets_of

SETS = st.lists(st.frozensets(st.integers(0, 12), min_size=1, max_size=8), max_size=12)


def as_shingles(sets) -> Shingles:
    """Sets of numbers as sets of shingles."""
    flat = [each for own in sets for each in sorted(own)]
    return Shingles(np.array(flat, np.uint64), offsets_of(np.array([len(s) for s in sets], int)))


def likeness(one: frozenset, other: frozenset) -> float:
    """Jaccard's."""
    return len(one & other) / len(one | other)


@given(SETS, st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_a_row_goes_where_it_is_near_a_row_that_stays(sets, near):
    """Where every two rows share a band it is the greedy choice of brute force, exactly."""
    bands = np.zeros((len(sets), 2), np.uint32)
    found = greedy(bands, as_shingles(sets), near).tolist()
    stay: list[int] = []
    for row, own in enumerate(sets):
        winners = [other for other in stay if likeness(own, sets[other]) >= near]
        assert (found[row] in winners) if winners else (found[row] == STAYS)
        stay += [] if winners else [row]

    assert stay == [row for row, other in enumerate(found) if other == STAYS]


@given(SETS, st.data())
def test_what_goes_is_near_whatever_the_bands_say(sets, data):
    """Bands only suggest: no row goes for one that is not near."""
    row = st.lists(st.integers(0, 2), min_size=3, max_size=3)
    bands = np.array([data.draw(row) for _ in sets], np.uint32).reshape(len(sets), 3)
    found = greedy(bands, as_shingles(sets), 0.5).tolist()

    for own, other in enumerate(found):
        if other != STAYS:
            assert likeness(sets[own], sets[other]) >= 0.5
            assert found[other] == STAYS
            assert (bands[own] == bands[other]).any()


@given(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), max_size=9))
def test_who_shares_a_band(bands):
    """A row does where another one has the same number in the same band."""
    expected = [
        any(
            own[at] == other[at] for at in (0, 1) for i, other in enumerate(bands) if i != row
        )
        for row, own in enumerate(bands)
    ]  # fmt: skip

    assert expected == sharing(np.array(bands, np.uint32).reshape(-1, 2)).tolist()


def test_the_most_alike_is_compared_first(monkeypatch):
    """Where only one may be compared, it is the one that shares most bands."""
    monkeypatch.setattr(stage, "MAX_COMPARED", 1)
    sets = [{1, 2, 3, 4}, {5, 6, 7, 8}, {5, 6, 7, 9}]
    bands = np.array([[1, 1, 1], [2, 2, 1], [2, 2, 1]], np.uint32)

    assert [STAYS, STAYS, 1] == greedy(bands, as_shingles(sets), 0.5).tolist()


@pytest.mark.parametrize("num_rows", [200, 400])
def test_many_rows_that_are_a_little_alike_are_not_all_compared(num_rows, monkeypatch):
    """Work grows with rows, not with pairs."""
    compared = []
    is_near = stage._is_near
    monkeypatch.setattr(stage, "_is_near", lambda *a: compared.append(1) or is_near(*a))
    sets = [{0, 1, 2, 10 + row, 1_000 + row, 2_000 + row} for row in range(num_rows)]
    found = greedy(np.zeros((num_rows, 4), np.uint32), as_shingles(sets), 0.9)

    assert set(found.tolist()) == {STAYS}
    assert len(compared) <= stage.MAX_COMPARED * num_rows


def test_likeness_of_two_sets():
    """Common ones over all."""
    one, other = np.array([1, 2, 3], np.uint64), np.array([2, 3, 4, 5], np.uint64)

    assert similarity(one, other) == 2 / 5
