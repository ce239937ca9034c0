"""Layout: masks, positions and segments against a slow, plain version of the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.runtime.layout import IGNORED, Lists, Row, borders, derive, lay_out, lay_out_ids


@st.composite
def rows(draw):
    """A row of up to four examples with sorted, disjoint spans."""
    lengths = draw(st.lists(st.integers(1, 5), max_size=4))
    total = sum(lengths)
    borders = draw(st.lists(st.integers(0, total), unique=True, max_size=6).map(sorted))
    borders = borders[: len(borders) // 2 * 2]
    return Row(
        np.array(draw(st.lists(st.integers(0, 9), min_size=total, max_size=total)), np.uint16),
        np.array(lengths, np.int32),
        np.array(borders, np.int32),
        np.arange(len(lengths), dtype=np.uint32),
        np.zeros(len(lengths), np.uint16),
    )


def slowly(row, length, pad_id):
    """(id, label, position, segment) of each place, one at a time."""
    spans = list(zip(row.spans[::2].tolist(), row.spans[1::2].tolist(), strict=True))
    places = []
    for segment, tokens in enumerate(row.lengths.tolist(), start=1):
        for position in range(tokens):
            place = len(places)
            id_ = int(row.ids[place])
            trained = any(start <= place < end for start, end in spans) and position > 0
            places.append((id_, id_ if trained else IGNORED, position, segment))
    padding = length - len(places)
    return places + [(pad_id, IGNORED, position, 0) for position in range(padding)]


@given(st.lists(rows(), max_size=4), st.integers(20, 24), st.integers(0, 9))
def test_batches_are_what_the_slow_version_says(given_rows, length, pad_id):
    """Every place of every row, padding included; full rows and empty ones as well."""
    batch = lay_out(given_rows, length, pad_id)
    arrays = (batch.input_ids, batch.labels, batch.position_ids, batch.segment_ids)
    found = [
        list(zip(*(array[b].tolist() for array in arrays), strict=True))
        for b in range(len(given_rows))
    ]

    assert [slowly(row, length, pad_id) for row in given_rows] == found
    assert {array.shape for array in arrays} == {(len(given_rows), length)}


@given(st.lists(rows(), min_size=1, max_size=5), st.data())
def test_rows_among_others_are_what_they_are_alone(given_rows, data):
    """Borders of many rows are derived together, and some of the rows laid out by them."""
    length = 20
    begin = data.draw(st.integers(0, len(given_rows)))
    some = given_rows[begin : data.draw(st.integers(begin, len(given_rows)))]
    together = borders(
        np.array([len(row.ids) for row in given_rows]),
        Lists.of([row.lengths for row in given_rows]),
        Lists.of([row.spans for row in given_rows]),
        length,
    )
    found = derive(lay_out_ids([row.ids for row in some], length, 7), together, begin)
    alone = lay_out(some, length, 7)

    for name in ("input_ids", "labels", "position_ids", "cu_seq_lens"):
        assert getattr(alone, name).tolist() == getattr(found, name).tolist()
    assert alone.num_tokens == found.num_tokens


@pytest.mark.parametrize("length", [1 << 16, (1 << 16) + 1])
def test_positions_of_long_rows(length):
    """Up to 65,536 tokens they are counted in two bytes, beyond that in four."""
    row = Row(
        np.zeros(length, np.uint16),
        np.array([length], np.int32),
        np.zeros(0, np.int32),
        np.zeros(1, np.uint32),
        np.zeros(1, np.uint16),
    )
    batch = lay_out([row, row], length, 0)

    assert np.array_equal(batch.position_ids, [np.arange(length)] * 2)


def test_the_first_token_of_an_example_is_never_a_label():
    """The token before it belongs to another example, or there is none."""
    row = Row(
        np.array([5, 6, 7, 8], np.uint16),
        np.array([2, 2], np.int32),
        np.array([0, 4], np.int32),
        np.array([0, 1], np.uint32),
        np.array([0, 0], np.uint16),
    )

    assert lay_out([row], 4, 0).labels.tolist() == [[IGNORED, 6, IGNORED, 8]]
