"""A line of a file with marks under it, as a report prints it.

In: a line's text and columns of it. Out: printable characters, and the marks aligned to them: tabs
are widened, wide characters take two cells and combining ones none, control characters are
replaced (a file must not drive the reader's terminal), and a long line is cut around the marks.
"""

import unicodedata
from typing import NamedTuple

__all__ = ["MAX_CELLS", "Marked", "mark_line"]

MAX_CELLS = 100
_TAB = "    "
_REPLACEMENT = "\ufffd"
# Format characters join or turn what stands around them; these two only join.
_JOINERS = "\u200c\u200d"


class Marked(NamedTuple):
    """A printable line, and the cells before each mark with the cells under it."""

    text: str
    marks: tuple[tuple[int, int], ...]


class _Cell(NamedTuple):
    """What is printed for one character, and how many cells it takes."""

    text: str
    width: int


def mark_line(line: str, columns: tuple[tuple[int, int], ...]) -> Marked:
    """Prepares a line and its marks.

    Args:
        line: The line without its end. columns: For each mark, the column of its first character
        and after its last one, from 0. Both may
            lie behind the line's end.
    """
    # Only what can be printed is looked at: a line may be the whole file.
    base = max(0, min([len(line), *(start for start, _ in columns)]) - 2 * MAX_CELLS)
    cells = [_cell(character) for character in line[base : base + 4 * MAX_CELLS]]
    widths = [0]
    for cell in cells:
        widths.append(widths[-1] + cell.width)
    near = [(start - base, min(end - base, len(cells) + 1)) for start, end in columns]

    def cells_before(column: int) -> int:
        behind = max(0, column - len(cells))
        return widths[min(column, len(cells))] + behind

    marks = [
        (cells_before(start), max(1, cells_before(end) - cells_before(start)))
        for start, end in near
    ]
    first, last = _window(widths, near)
    text = "".join(cell.text for cell in cells[first:last])
    shift = 0
    if first or base:
        text, shift = "…" + text, widths[first] - 1
    if base + last < len(line):
        text += "…"
    limit = widths[last] - shift + 2
    moved = [(start - shift, width) for start, width in marks]
    clipped = tuple((start, max(1, min(width, limit - start))) for start, width in moved)
    return Marked(text.rstrip(), clipped)


def _window(widths: list[int], columns: list[tuple[int, int]]) -> tuple[int, int]:
    """The first and after the last character to print, so that every mark's start is among them."""
    length = len(widths) - 1
    if widths[-1] <= MAX_CELLS:
        return 0, length
    start = min([length, *(start for start, _ in columns)])
    end = min(length, max([start, *(end for _, end in columns)]))
    room = max(0, MAX_CELLS - (widths[end] - widths[start]))
    first = start
    while first > 0 and widths[start] - widths[first - 1] <= room // 2:
        first -= 1
    last = first
    while last < length and widths[last + 1] - widths[first] <= MAX_CELLS:
        last += 1
    while first > 0 and widths[last] - widths[first - 1] <= MAX_CELLS:
        first -= 1
    return first, last


def _cell(character: str) -> _Cell:
    if " " <= character <= "~":
        return _Cell(character, 1)
    if character == "\t":
        return _Cell(_TAB, len(_TAB))
    category = unicodedata.category(character)
    if category in ("Mn", "Me") or character in _JOINERS:
        return _Cell(character, 0)
    if category in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return _Cell(_REPLACEMENT, 1)
    return _Cell(character, 2 if unicodedata.east_asian_width(character) in "WF" else 1)
