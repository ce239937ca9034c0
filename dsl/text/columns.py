"""Columns: what stands on lines that follow one another, brought to one column.

In: the cells of lines that follow one another, and printed rows. Out: blanks before what follows a
cell, and lines with their comments. What stands in one column depends on what was written, not on
how it was printed: so formatting once more moves nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from taskc.dsl.text.pretty import MAX_COLUMNS, Pad, Row

__all__ = ["Cell", "columns", "joined", "line_up"]


class Cell(NamedTuple):
    """The characters of a line before a column, and the blanks between the two."""

    pad: Pad
    width: int


def columns(cells: Iterable[Cell | None]) -> Iterator[tuple[Pad, int]]:
    """Yields the blanks of each cell; a None stands between what shares no column."""
    for is_run, members in groupby(cells, key=lambda cell: cell is not None):
        if is_run:
            run = [cell for cell in members if cell is not None]
            widest = max(cell.width for cell in run)
            yield from ((cell.pad, widest - cell.width) for cell in run)


def line_up(cells: Iterable[Cell | None]) -> None:
    """Sets the blanks of each cell."""
    for pad, blanks in columns(cells):
        pad.blanks = blanks


def joined(rows: Iterable[Row]) -> list[str]:
    """Lines, with the comments of neighbours in one column where all of them end by column 100."""
    lines: list[str] = []
    run: list[Row] = []
    widest = longest = 0
    for row in rows:
        widest, longest = max(widest, len(row.code)), max(longest, len(row.comment))
        if run and not (row.comment and widest + 2 + longest <= MAX_COLUMNS):
            lines.extend(_commented(run))
            run = []
        if not run:
            widest, longest = len(row.code), len(row.comment)
        if row.comment:
            run.append(row)
        else:
            lines.append(row.code)
    return [*lines, *_commented(run)]


def _commented(run: Sequence[Row]) -> list[str]:
    """Rows with their comments in one column."""
    width = max((len(row.code) for row in run), default=0)
    return [f"{row.code:<{width}}  {row.comment}" for row in run]
