"""What every connector yields: rows as they stand in the file.

In: nothing. Out: two dataclasses, and the lines that are wanted of a range.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["BadRow", "RawChunk", "ReportRow", "Value", "Wanted", "wanted_among"]

Value = object  # str | int | float | bool | None | list[Value] | dict[str, Value]

# Places within a range, from 0, rising; None: every row is wanted.
Wanted: TypeAlias = npt.NDArray[np.uint32] | None


@dataclass(frozen=True, slots=True)
class RawChunk:
    """Rows that stand one after another in a file.

    Attributes:
        file: Index into the split's files.
        numbers: Row number of each row in its file, from 1; the line it starts on, for line
            formats.
        rows: One dictionary a row; the connector's caller may change it.
        columns: The file's columns where the format fixes them for all rows; None: each row has its
            own.
        is_text: Whether every value is a text that is still to be read as its declared type.
        is_proved: Whether the bytes that were read are those that the range's digest was made of.
        untyped: Columns that are left out of the rows, since the language has no type for their
            values, with the type that the file gives them.
    """

    file: int
    numbers: Sequence[int]
    rows: list[dict[str, Value]]
    columns: tuple[str, ...] | None = None
    is_text: bool = False
    is_proved: bool = False
    untyped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that its format can't read.

    Attributes:
        code: A code of the table.
        message: What is wrong, at most 100 characters.
        number: Row number in its file, from 1.
        excerpt: What stands there, shortened.
        notes: Facts.
        helps: Actions.
        field: The field concerned, or "".
    """

    code: str
    message: str
    number: int
    excerpt: str
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    field: str = ""


ReportRow = Callable[[BadRow], None]


def wanted_among(wanted: npt.NDArray[np.uint32], first: int, count: int) -> list[int]:
    """Those of the places `first`, `first + 1`, ... that are wanted, as distances to `first`.

    Args:
        wanted: Rising places.
        first: A place.
        count: How many places are looked at.
    """
    low, high = np.searchsorted(wanted, (first, first + count))
    found: list[int] = (wanted[low:high].astype(np.int64) - first).tolist()
    return found
