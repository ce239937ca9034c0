"""Assembly: slices of a pool become columns."""

from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.turns.formats import pieces
from taskc.compiler.turns.formats.pieces import Pieces, assembled

POOL = np.arange(100, 140, dtype=np.uint32)
PIECE = st.tuples(st.integers(0, 30), st.integers(0, 9), st.booleans())


def pieces_of(examples):
    """Pieces from lists of (start, length, trained) an example."""
    rows = [(index, *piece) for index, example in enumerate(examples) for piece in example]
    example, start, length, trained = np.array(rows, np.int64).reshape(-1, 4).T
    return Pieces(example, start, length, trained.astype(np.bool_))


def spans_of(laid, index):
    """The spans of one example."""
    first, last = laid.span_offsets[index : index + 2]
    return laid.spans.reshape(-1, 2)[first:last].tolist()


@given(
    st.lists(st.lists(PIECE, max_size=6), max_size=6),
    st.booleans(),
    st.integers(1, 20),
    st.sampled_from([np.uint16, np.uint32]),
)
def test_it_is_what_a_loop_would_write(examples, train_first, block_tokens, id_type):
    """Token by token in Python, as an oracle; however many are gathered at a time."""
    with mock.patch.object(pieces, "_BLOCK_TOKENS", block_tokens):
        laid = assembled(
            POOL.astype(id_type), pieces_of(examples), len(examples), train_first=train_first
        )

    assert laid.ids.dtype == id_type

    for index, example in enumerate(examples):
        ids, mask = [], []
        for start, length, trained in example:
            ids += POOL[start : start + length].tolist()
            mask += [trained] * length
        if mask and not train_first:
            mask[0] = False
        edges = np.flatnonzero(np.diff([False, *mask, False], prepend=False)[1:])
        assert laid.ids[laid.offsets[index] : laid.offsets[index + 1]].tolist() == ids
        assert spans_of(laid, index) == edges.reshape(-1, 2).tolist()


def test_examples_can_be_left_out():
    """The rest is numbered anew, in order."""
    every = pieces_of([[(0, 2, True)], [(5, 1, False)], [(7, 3, True)]])
    kept = every.of_examples(np.array([True, False, True]))
    laid = assembled(POOL, kept, 2, train_first=True)

    assert laid.ids.tolist() == [100, 101, 107, 108, 109]
    assert laid.offsets.tolist() == [0, 2, 5]
    assert spans_of(laid, 1) == [[0, 3]]
