"""Packed batches of examples: every example once, rows that fit, the same for whoever asks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.runtime.layout import Row
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.schedule import examples
from taskc.runtime.training.packs import join, pack, share

ROOM = 20
lengths = st.lists(st.integers(1, ROOM), max_size=30)


@given(lengths, st.integers(1, 4))
def test_each_example_once_and_no_row_too_long(lengths_, world_size):
    """Over all ranks; ranks with as many rows as another, but for one at most."""
    ranks = share(lengths_, room=ROOM, world_size=world_size)
    rows = [row for rank in ranks for row in rank]

    assert len(ranks) == world_size
    assert sorted(i for row in rows for i in row) == list(range(len(lengths_)))
    assert all(0 < sum(lengths_[i] for i in row) <= ROOM for row in rows)
    assert max(map(len, ranks)) - min(map(len, ranks)) <= 1


@given(lengths, st.integers(1, 4))
def test_no_rank_takes_more_rows_than_first_fit_would_give_it(lengths_, world_size):
    """To level the rows, or to make them as many for each rank, costs no pass."""
    alone = share(lengths_, room=ROOM, world_size=1)[0]
    most = max(map(len, share(lengths_, room=ROOM, world_size=world_size)))

    assert most <= -(-len(alone) // world_size)
    assert len(alone) <= 2 * sum(lengths_) / ROOM + 1


def test_rows_are_about_equally_long():
    """What first fit would leave for the last row is spread, so that little is padded."""
    (rows,) = share([12, 9, 2, 2, 2], room=ROOM, world_size=1)

    assert rows == [[0, 4], [1, 2, 3]]
    assert share([5] * 6, room=ROOM, world_size=3) == [[[0, 3]], [[1, 4]], [[2, 5]]]


def test_what_can_t_be_levelled_is_fitted():
    """Emptiest first would strand the last 3 here; first fit has room for it."""
    assert share([5, 3, 4, 3, 4], room=10, world_size=1) == [[[4, 1, 3], [0, 2]]]


def test_a_joined_row_is_laid_out_as_its_examples_are(folder):
    """Ids, trained spans, ids and sources of examples, one after another."""
    batches = open_artifact(folder)["train"].batches(examples(9))
    apart = batches.all_examples_at(1)
    whole = join(apart)
    begins = np.cumsum([0, *whole.lengths])

    assert len(apart) == len(whole.lengths) == 9
    for number, each in enumerate(apart):
        begin, end = begins[number : number + 2]
        inside = (whole.spans >= begin) & (whole.spans <= end)

        assert whole.ids[begin:end].tolist() == each.ids.tolist()
        assert set((each.spans + begin).tolist()) <= set(whole.spans[inside].tolist())
        assert whole.examples[number] == each.examples[0]
        assert whole.sources[number] == each.sources[0]
    assert len(whole.spans) == sum(len(each.spans) for each in apart)


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_share_the_examples_of_the_step(folder, world_size):
    """Whatever their number, and few rows hold them."""
    split = open_artifact(folder)["train"]
    expected = set(map(int, split.batches(examples(10)).schedule.rows(epoch=0, step=1, rank=0)))
    rows = [
        row
        for rank in range(world_size)
        for row in pack(
            split.batches(examples(10), rank=rank, world_size=world_size).all_examples_at(1),
            room=16,
            rank=rank,
            world_size=world_size,
        )
    ]
    found = [int(each) for row in rows for each in row.examples]

    assert sorted(found) == sorted(expected)
    assert len(rows) < 10
    assert all(isinstance(row, Row) and len(row.ids) <= 16 for row in rows)
