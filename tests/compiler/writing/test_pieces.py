"""Pieces put together against lists: ids one after another, BOS once, only the last one trained."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.writing.pieces import put_together

BOS = [1, 2]
# A piece behind its BOS: its ids, and where its trained range begins and ends.
pieces = st.tuples(
    st.lists(st.integers(3, 9), min_size=1, max_size=5), st.integers(0, 5), st.integers(0, 5)
)
examples_of_pieces = st.lists(st.lists(pieces, min_size=1, max_size=4), max_size=6)


def as_bytes(lists, type_):
    """Lists of integers as the scatter hands them on."""
    return pa.array([np.array(each, type_).tobytes() for each in lists], pa.binary())


@given(examples_of_pieces, st.integers(0, 2))
def test_examples_are_their_pieces(examples, num_bos):
    """A batch that holds all pieces of some examples."""
    bos = BOS[:num_bos]
    stored, spans, expected = [], [], []
    for own in examples:
        ids, trained = [*bos], []
        for ids_of, first, last in own:
            begin, end = sorted((min(first, len(ids_of)), min(last, len(ids_of))))
            stored.append([*bos, *ids_of])
            spans.append([num_bos + begin, num_bos + end] if begin < end else [])
            trained = [len(ids) + begin, len(ids) + end] if begin < end else []
            ids += ids_of
        expected.append((ids, trained))
    batch = pa.RecordBatch.from_pydict(
        {"ids": as_bytes(stored, np.uint16), "spans": as_bytes(spans, np.int32)}
    )
    starts = np.cumsum([0, *map(len, examples)])
    whole = put_together(batch, starts, num_bos, np.uint16)
    found = [
        (
            whole.ids[whole.offsets[i] : whole.offsets[i + 1]].tolist(),
            whole.spans[whole.span_offsets[i] : whole.span_offsets[i + 1]].tolist(),
        )
        for i in range(len(examples))
    ]

    assert found == expected
    assert whole.last.tolist() == (starts[1:] - 1).tolist()


def test_one_piece_an_example_is_left_as_it_is():
    """Spans and BOS included."""
    batch = pa.RecordBatch.from_pydict(
        {"ids": as_bytes([[1, 5], [1, 6, 7]], np.uint16), "spans": as_bytes([[1, 2], []], np.int32)}
    )
    whole = put_together(batch, None, 1, np.uint16)

    assert whole.ids.tolist() == [1, 5, 1, 6, 7]
    assert whole.offsets.tolist() == [0, 2, 5]
    assert (whole.spans.tolist(), whole.span_offsets.tolist()) == ([1, 2], [0, 2, 2])
    assert whole.last is None
