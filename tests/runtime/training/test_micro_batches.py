"""Micro-batches: every row once, no piece too large, and what is trained is found again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.layout import Row
from taskc.runtime.training.micro_batches import cut


def row(example, length, start):
    """A row of one example, trained from `start`."""
    return Row(
        (np.arange(length) + 10 * example).astype(np.uint16),
        np.array([length], np.int32),
        np.array([start, length], np.int32),
        np.array([example], np.uint32),
        np.array([example % 3], np.uint16),
    )


rows = st.lists(st.integers(1, 12), max_size=9).map(
    lambda lengths: [row(i, length, length // 2) for i, length in enumerate(lengths)]
)


@given(rows, st.integers(12, 40), st.booleans())
def test_nothing_is_lost_and_everything_fits(rows_, max_tokens, padded):
    """Every trained token once, with its example and source; no piece over the limit."""
    pieces = cut(rows_, length=12 if padded else 0, max_tokens=max_tokens, pad_id=0)
    found = sorted(
        (example, source, target)
        for piece in pieces
        for example, source, target in zip(
            piece.example_N.tolist(), piece.source_N.tolist(), piece.targets_N.tolist(), strict=True
        )
    )
    expected = sorted(
        (i, i % 3, int(id_))
        for i, each in enumerate(rows_)
        for id_ in each.ids[max(1, len(each.ids) // 2) :]
    )

    assert expected == found
    assert all(piece.batch.input_ids.size <= max_tokens for piece in pieces)
    assert sum(piece.num_tokens for piece in pieces) == sum(len(each.ids) for each in rows_)
    for piece in pieces:
        before = piece.batch.input_ids.reshape(-1)[piece.places_N]
        assert (before + 1 == piece.targets_N).all()


def test_examples_are_sorted_so_that_little_is_padded():
    """Twice four of equal length are eight rows without padding, in whatever order they come."""
    mixed = [row(i, length, 1) for i, length in enumerate([10, 2] * 4)]
    pieces = cut(mixed, length=0, max_tokens=40, pad_id=0)

    assert [piece.batch.input_ids.shape for piece in pieces] == [(4, 10), (4, 2)]


def test_a_row_that_does_not_fit_is_refused():
    """With what it would take."""
    with pytest.raises(ArtifactError, match="at least 12, one row, found 11"):
        cut([row(0, 12, 1)], length=0, max_tokens=11, pad_id=0)
