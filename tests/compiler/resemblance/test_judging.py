"""Who goes for whom, of rows in any order: what is later has no part in what is before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.resemblance.greedy import STAYS
from taskc.compiler.resemblance.judging import judged, of_equal_keys
from taskc.compiler.resemblance.minhash import bands, bands_for
from taskc.compiler.resemblance.shingles import shingles
from taskc.compiler.resemblance.words import WordHashes, words_key

ROWS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6), min_size=1, max_size=20)


def keys_of(rows):
    """A hash of each row's words, uint8 [n, 16]."""
    return np.frombuffer(b"".join(map(words_key, rows)), np.uint8).reshape(-1, 16)


def judge(rows, order, near):
    """What `judged` says of rows in an order."""
    sets = shingles(rows, WordHashes()).as_sets()
    return judged(keys_of(rows), bands(sets, bands_for(near)), order, near, sets.pick)


@given(ROWS, st.randoms(), st.sampled_from([0.3, 0.6]))
def test_what_is_later_changes_nothing_before_it(rows, drawn, near):
    """A row goes for the same one, as alike, whatever comes after it."""
    order = list(range(len(rows)))
    drawn.shuffle(order)
    half = order[: (len(order) + 1) // 2]
    few = sorted(half)
    whole = judge(rows, np.array(order), near)
    part = judge([rows[row] for row in few], np.array([few.index(row) for row in half]), near)

    assert [STAYS if row == STAYS else few[row] for row in part.goes_for.tolist()] == [
        int(whole.goes_for[row]) for row in few
    ]
    assert part.likeness.tolist() == whole.likeness[few].tolist()


@given(ROWS, st.randoms())
def test_of_equal_keys_the_first_in_the_order_stays(rows, drawn):
    """All others go for it."""
    order = list(range(len(rows)))
    drawn.shuffle(order)
    found = of_equal_keys(keys_of(rows), np.array(order))
    firsts = {}
    for row in order:
        firsts.setdefault(tuple(rows[row]), row)

    assert found.tolist() == [
        STAYS if firsts[tuple(own)] == row else firsts[tuple(own)] for row, own in enumerate(rows)
    ]
