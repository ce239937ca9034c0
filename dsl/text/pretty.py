"""The printer: a document of pieces and possible line ends, to lines of at most 100 columns.

In: a document. Out: lines. A group whose content fits stands on one line; otherwise each of its
possible line ends is one, and the groups in it are asked again, from the outside in. After Wadler,
"A prettier printer" (1998), with one step of looking ahead over what follows a group.
O(characters).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = [
    "HARD_LINE",
    "MAX_COLUMNS",
    "Comment",
    "Doc",
    "Group",
    "HardLine",
    "IfBroken",
    "Indent",
    "Line",
    "Lines",
    "OwnLine",
    "Pad",
    "Row",
    "flat",
    "has_lines",
    "must_break",
    "print_doc",
]

MAX_COLUMNS: Final = 100
_STEP: Final = 2


@dataclass(frozen=True, slots=True)
class Line:
    """A line end in a broken group, else these blanks."""

    blanks: str = " "


@dataclass(frozen=True, slots=True)
class HardLine:
    """A line end."""


HARD_LINE: Final = HardLine()


@dataclass(frozen=True, slots=True)
class IfBroken:
    """Characters that stand only in a broken group."""

    text: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment behind what is written; it ends its line."""

    text: str


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A comment on a line of its own."""

    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """A text block: its first line, and the others for an indentation."""

    first: str
    text: Callable[[str], str]


@dataclass(slots=True, eq=False)
class Pad:
    """Blanks that bring what follows to a column; their number is set before printing."""

    blanks: int = 0


@dataclass(frozen=True, slots=True)
class Indent:
    """Two more blanks at the start of each line."""

    content: "tuple[Doc, ...]"


@dataclass(frozen=True, slots=True)
class Group:
    """On one line if it fits and need not be broken.

    Attributes:
        content: What is in it.
        must_break: Whether its line ends are line ends, however short it is.
        columns: Blanks for the pads in it where it is broken.
    """

    content: "tuple[Doc, ...]"
    must_break: bool = False
    columns: tuple[tuple[Pad, int], ...] = ()


class Row(NamedTuple):
    """A line and the comment behind it."""

    code: str
    comment: str = ""


Doc = str | Line | HardLine | IfBroken | Comment | OwnLine | Lines | Pad | Indent | Group
_Command = tuple[int, bool, Doc]  # indentation, whether the group around is broken, what to print


def flat(content: Sequence[Doc]) -> str:
    """A document on one line, whatever its length; it holds no comment and no text block."""
    written: list[str] = []
    for doc in content:
        match doc:
            case str():
                written.append(doc)
            case Line():
                written.append(doc.blanks)
            case Group() | Indent():
                written.append(flat(doc.content))
            case _:
                assert isinstance(doc, IfBroken | Pad), "stands on lines"
    return "".join(written)


def has_lines(content: Sequence[Doc]) -> bool:
    """Whether a document cannot stand on one line."""
    for doc in content:
        match doc:
            case Comment() | OwnLine() | Lines():
                return True
            case Group():
                if doc.must_break or has_lines(doc.content):
                    return True
            case Indent():
                if has_lines(doc.content):
                    return True
            case _:
                pass
    return False


def must_break(content: Sequence[Doc]) -> bool:
    """Whether a group in a document must be broken; what is around it is broken with it."""
    return any(
        doc.must_break if isinstance(doc, Group) else must_break(doc.content)
        for doc in content
        if isinstance(doc, Group | Indent)
    )


def print_doc(content: Sequence[Doc], indent: int) -> list[Row]:
    """The lines of a document; the first one starts with `indent` blanks too."""
    printer = _Printer(indent)
    printer.run([(indent, True, doc) for doc in reversed(content)])
    return printer.finish()


class _Printer:
    """Lines while they are written."""

    def __init__(self, indent: int) -> None:
        self.rows: list[Row] = []
        self.line = " " * indent
        self.line_indent = indent  # of the line on which the statement or item at hand starts
        self.comment = ""

    def finish(self) -> list[Row]:
        self.end_line(0)
        return self.rows

    def end_line(self, indent: int) -> None:
        """Ends the line, its comment behind it."""
        if self.line.strip(" "):
            *before, last = self.line.split("\n")
            self.rows.extend(map(Row, before))
            self.rows.append(Row(last, self.comment))
        elif self.comment:
            self.rows.append(Row(self.line + self.comment))
        self.line, self.line_indent, self.comment = " " * indent, indent, ""

    def run(self, commands: list[_Command]) -> None:
        """Prints commands, the last one first."""
        while commands:
            indent, is_broken, doc = commands.pop()
            match doc:
                case str():
                    self.line += doc
                case Line():
                    if is_broken:
                        self.end_line(indent)
                    else:
                        self.line += doc.blanks
                case HardLine():
                    self.end_line(indent)
                case IfBroken():
                    self.line += doc.text if is_broken else ""
                case Comment():
                    self.comment = doc.text
                case OwnLine():
                    if self.line.strip(" ") or self.comment:
                        self.end_line(indent)
                    self.line += doc.text
                    self.end_line(indent)
                case Lines():
                    self.line += doc.text(" " * (self.line_indent + _STEP))
                case Indent():
                    inner = indent + _STEP
                    commands.extend((inner, is_broken, part) for part in reversed(doc.content))
                case Pad():
                    self.line += " " * doc.blanks
                case Group():
                    breaks = doc.must_break or not self.fits(doc, commands)
                    for pad, blanks in doc.columns:
                        pad.blanks = blanks if breaks else 0
                    commands.extend((indent, breaks, part) for part in reversed(doc.content))

    def fits(self, group: Group, following: list[_Command]) -> bool:
        """Whether a group fits, with what follows it up to the next possible line end."""
        last_line = self.line.rpartition("\n")[2]
        room = MAX_COLUMNS - len(last_line)
        commands: list[tuple[bool, Doc]] = [(False, group)]
        rest = len(following)
        while room >= 0:
            if not commands:
                if rest == 0:
                    return True
                rest -= 1
                commands.append(following[rest][1:])
                continue
            is_broken, doc = commands.pop()
            match doc:
                case str():
                    room -= len(doc)
                case Line() if is_broken:
                    return True
                case Line():
                    room -= len(doc.blanks)
                case HardLine() | OwnLine() | Comment():
                    return True
                case Lines():
                    return room >= len(doc.first)
                case Pad():
                    room -= doc.blanks
                case IfBroken():
                    room -= len(doc.text) if is_broken else 0
                case Indent():
                    commands.extend((is_broken, part) for part in reversed(doc.content))
                case Group():
                    # What follows belongs to groups that are broken: its line ends count.
                    breaks = doc.must_break or is_broken
                    commands.extend((breaks, part) for part in reversed(doc.content))
        return False
