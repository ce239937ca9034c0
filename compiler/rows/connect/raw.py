"""What every connector yields: rows as they stand in the file.

In: nothing. Out: one dataclass.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["RawChunk", "Value"]

Value = object  # str | int | float | bool | None | list[Value] | dict[str, Value]


@dataclass(frozen=True, slots=True)
class RawChunk:
    """Rows that stand one after another in a file.

    Attributes:
        file: Index into the split's files.
        numbers: Row number of each row in its file, from 1; the line it starts on, for line formats.
        rows: One dictionary a row; the connector's caller may change it.
        columns: The file's columns where the format fixes them for all rows; None: each row has its own.
        is_text: Whether every value is a text that is still to be read as its declared type.
    """

    file: int
    numbers: Sequence[int]
    rows: list[dict[str, Value]]
    columns: tuple[str, ...] | None = None
    is_text: bool = False
