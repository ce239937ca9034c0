"""Places of turns: the stream of a mixture, in which what is used up is passed over."""

from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.quotas.turns import FAR, places
from taskc.compiler.sequences.order import stream

groups = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 12)), min_size=1, max_size=8)


def filled(weights, num_rows):
    """The groups in the order in which they give their rows, one place after another."""
    left = list(num_rows)
    given = []
    for group in stream(weights):
        if not any(left):
            return given
        if left[group]:
            left[group] -= 1
            given.append(group)
    return given


@given(groups, st.integers(0, 60))
def test_rows_come_in_the_order_of_the_stream(table, most):
    """A group without a row is passed over; of what was asked for, every place is known."""
    weights, num_rows = [list(column) for column in zip(*table, strict=True)]
    found = places(weights, np.array(num_rows), most)
    group = np.repeat(np.arange(len(weights)), np.array(num_rows) + 1)
    ends = np.cumsum(np.array(num_rows) + 1) - 1
    is_row = ~np.isin(np.arange(len(group)), ends)
    order = np.argsort(found[is_row], kind="stable")
    wanted = min(most, sum(num_rows))

    assert group[is_row][order][:wanted].tolist() == filled(weights, num_rows)[:wanted]
    assert (found[is_row][order][:wanted] < FAR).all()


@given(st.integers(1, 30), st.integers(1, 4))
def test_equal_weights_take_turns(num_groups, num_rows):
    """The stream of equal weights is one after another, which is worked out without it."""
    found = places([7] * num_groups, np.full(num_groups, num_rows), num_groups * num_rows)
    of_stream = list(islice(stream([7] * num_groups), num_groups * (num_rows + 1)))
    group = np.repeat(np.arange(num_groups), num_rows + 1)

    assert group[np.argsort(found)].tolist() == of_stream


def test_more_groups_than_two_bytes_can_number():
    """Each of 70,000 groups has its turn, whatever it weighs."""
    weights = [1 + index % 2 for index in range(70_000)]
    found = places(weights, np.ones(70_000, np.int64), 100)
    rows = found[::2]

    assert np.count_nonzero(rows < FAR) >= 100
    assert rows[1] < rows[0]


@given(groups, st.integers(1, 50))
def test_no_group_is_a_row_from_its_share(table, most):
    """After any number of places: all that it has, or its weight's part within one."""
    weights, num_rows = [list(column) for column in zip(*table, strict=True)]
    found = places(weights, np.array(num_rows), 10**6)
    firsts = np.cumsum(np.array(num_rows) + 1) - np.array(num_rows) - 1
    for place in range(most if len(set(weights)) > 1 else 0):
        for index, weight in enumerate(weights):
            own = found[firsts[index] : firsts[index] + num_rows[index]]
            had = int(np.count_nonzero(own < place))
            share = min(num_rows[index], place * weight / sum(weights))

            assert abs(had - share) <= 1 or FAR in own
