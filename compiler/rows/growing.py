"""A column that grows at its end without ever standing in memory twice.

In: arrays, one after another. Out: one array of them all. Memory is asked for in steps of an eighth
and moved by the system's tables, not copied, where it is large.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["GrowingColumn"]

_MIN_ROWS = 1 << 10


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
