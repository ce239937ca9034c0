"""Columns that grow and shrink without ever standing in memory twice.

In: arrays, one after another, or which rows to keep. Out: one array. Memory is asked for in steps
of an eighth and moved by the system's tables, not copied, where it is large.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["GrowingColumn", "shrunk"]

_MIN_ROWS = 1 << 10
_CHUNK_ROWS = 1 << 18


class GrowingColumn:
    """Rows of one type and width.

    Args:
        dtype: Of each value.
        shape: Of each row; () for one value.
    """

    def __init__(self, dtype: npt.DTypeLike, shape: tuple[int, ...] = ()) -> None:
        self._rows: npt.NDArray[Any] = np.empty((0, *shape), dtype)
        self._num_rows = 0

    def __len__(self) -> int:
        """The number of rows so far."""
        return self._num_rows

    def extend(self, rows: npt.NDArray[Any]) -> None:
        """Adds rows at the end."""
        end = self._num_rows + len(rows)
        if end > len(self._rows):
            self._resize(max(end, _MIN_ROWS, len(self._rows) * 9 // 8))
        self._rows[self._num_rows : end] = rows
        self._num_rows = end

    def finished(self) -> npt.NDArray[Any]:
        """The whole column; it grows no more."""
        self._resize(self._num_rows)
        return self._rows

    def _resize(self, num_rows: int) -> None:
        # Nobody else holds the array before it is finished.
        self._rows.resize((num_rows, *self._rows.shape[1:]), refcheck=False)


def shrunk(column: npt.NDArray[Any], kept: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """The rows of a column that are kept, in its own memory: the column is used up."""
    if not (column.flags.owndata and column.flags.writeable):
        return column[kept]
    end = 0
    for start in range(0, len(column), _CHUNK_ROWS):
        rows = column[start : start + _CHUNK_ROWS][kept[start : start + _CHUNK_ROWS]]
        column[end : end + len(rows)] = rows
        end += len(rows)
    column.resize((end, *column.shape[1:]), refcheck=False)
    return column
