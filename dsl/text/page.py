"""The page: lines while they are written, the comments behind them, and what stands in columns.

In: characters, line ends, comments, cells. Out: rows, and the lines of a file. What stands in one
column depends on what was written, not on where its line was broken: so formatting once more moves
nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

__all__ = ["MAX_COLUMNS", "STEP", "Cell", "Page", "Row", "joined", "line_up"]

MAX_COLUMNS: Final = 100
STEP: Final = 2

Row = tuple[str, str]  # a line, and the comment behind it


@dataclass(slots=True)
class Cell:
    """What a line has before a column: up to which token, how wide, and the blanks behind it."""

    token: int
    width: int
    num_blanks: int = 0


class Page:
    """Rows while they are written.

    Attributes:
        rows: Those that have ended.
        column: Where the line at hand ends.
        indent: The blanks before it.
        comment: What stands behind it.
    """

    __slots__ = ("_parts", "column", "comment", "indent", "rows")

    def __init__(self, indent: int) -> None:
        self.rows: list[Row] = []
        self._parts: list[str] = []
        self._start_line(indent)

    def put(self, characters: str) -> None:
        """Writes on."""
        self._parts.append(characters)
        self.column += len(characters)

    def put_block(self, text: str) -> None:
        """Writes a text of several lines; what follows stands behind its last one."""
        first, *others, last = text.split("\n")
        self.rows.append(("".join((*self._parts, first)), ""))
        self.rows.extend((line, "") for line in others)
        self._parts = ["", last]
        self.column = len(last)

    def end_line(self, indent: int) -> None:
        """Ends the line, if anything is on it; the next one starts with so many blanks."""
        if len(self._parts) > 1:
            self.rows.append(("".join(self._parts), self.comment))
        self._start_line(indent)

    def put_comments(self, comments: Iterable[str], indent: int) -> None:
        """Writes comments on lines of their own."""
        for comment in comments:
            self.end_line(indent)
            self.rows.append((" " * indent + comment, ""))

    def _start_line(self, indent: int) -> None:
        self._parts = [" " * indent]
        self.column = self.indent = indent
        self.comment = ""


def line_up(cells: Iterable[Cell | None]) -> None:
    """Brings what is behind each cell to one column; a None parts those around it."""
    for is_run, members in groupby(cells, key=lambda cell: cell is not None):
        if is_run:
            run = [cell for cell in members if cell is not None]
            widest = max(cell.width for cell in run)
            for cell in run:
                cell.num_blanks = widest - cell.width


def joined(rows: Iterable[Row]) -> list[str]:
    """Lines, with the comments of neighbours in one column where all of them end by column 100."""
    lines: list[str] = []
    run: list[Row] = []
    widest = longest = 0
    for row in rows:
        code, comment = row
        if not comment:
            if run:
                lines.extend(_commented(run))
                run = []
            lines.append(code)
            continue
        widest, longest = max(widest, len(code)), max(longest, len(comment))
        if not run or widest + 2 + longest > MAX_COLUMNS:
            lines.extend(_commented(run))
            run = []
            widest, longest = len(code), len(comment)
        run.append(row)
    return [*lines, *_commented(run)]


def _commented(run: Sequence[Row]) -> list[str]:
    """Rows with their comments in one column."""
    width = max((len(code) for code, _ in run), default=0)
    return [f"{code:<{width}}  {comment}" for code, comment in run]
