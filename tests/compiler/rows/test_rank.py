"""Rank: an order of rows that no other row, no file and no mixture's neighbour can disturb."""

from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.examples import Rows
from taskc.compiler.keys import Scope
from taskc.compiler.rows.rank import rank

IDS = st.lists(st.binary(min_size=16, max_size=16), unique=True, max_size=20)


def ranked(ids: list[bytes], seed: int = 0, repetition: int = 0) -> list[bytes]:
    """Ids in ranked order."""
    rows = Rows("s", "train", [{}] * len(ids), ids, [0] * len(ids))
    return [ids[index] for index in rank(rows, Scope.mixture(seed), "s", repetition)]


@given(IDS, st.randoms())
def test_rank_does_not_see_the_order(ids, random):
    """Shuffled rows are asked for in the same order."""
    assert ranked(ids) == ranked(random.sample(ids, len(ids)))


@given(IDS, st.binary(min_size=16, max_size=16))
def test_a_new_row_moves_no_other(ids, new):
    """It pushes in somewhere; the others keep their order."""
    others = [row for row in ids if row != new]

    assert ranked(others) == [row for row in ranked([*others, new]) if row != new]


def test_seeds_and_repetitions_are_orders_of_their_own():
    """Each repetition asks anew, and so does another seed."""
    ids = [bytes([number]) * 16 for number in range(50)]
    orders = [ranked(ids), ranked(ids, seed=1), ranked(ids, repetition=1)]

    assert 3 == len({tuple(order) for order in orders})
    assert all(sorted(ids) == sorted(order) for order in orders)


def test_equal_rows_are_told_apart_by_their_ordinal():
    """Rows with one id have draws of their own."""
    rows = Rows("s", "train", [{}] * 30, [bytes(16)] * 30, list(range(30)))
    order = rank(rows, Scope.mixture(0), "s", 0)

    assert list(range(30)) == sorted(order)
    assert list(range(30)) != order
