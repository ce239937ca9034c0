"""Columns that grow and shrink in place hold what copies would."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.rows.growing import GrowingColumn, shrunk

SIZES = st.lists(st.integers(0, 3_000), max_size=6)


@pytest.mark.parametrize("shape", [(), (16,), (0,)])
@given(sizes=SIZES)
def test_a_column_grows_by_its_pieces(sizes, shape):
    """However large each is."""
    column = GrowingColumn(np.uint32, shape)
    pieces = [np.full((size, *shape), at, np.uint32) for at, size in enumerate(sizes)]
    for piece in pieces:
        column.extend(piece)
    expected = np.concatenate([np.empty((0, *shape), np.uint32), *pieces])

    assert len(column) == len(expected)
    assert np.array_equal(expected, column.finished())


@pytest.mark.parametrize("num_rows", [0, 1, 700_000])
@pytest.mark.parametrize("step", [1, 2, 700_001])
def test_a_column_shrinks_to_what_is_kept(num_rows, step):
    """Also where it is longer than a chunk, or only a view of another one."""
    column = np.arange(num_rows * 2, dtype=np.uint32).reshape(-1, 2)
    kept = np.zeros(num_rows, bool)
    kept[::step] = True
    expected = column[kept]
    view = column.copy()[:]

    assert np.array_equal(expected, shrunk(column.copy(), kept))
    assert np.array_equal(expected, shrunk(view, kept))
