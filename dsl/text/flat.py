"""Flat: what each token is where all stand on one line, and where lines may end.

In: a tree and the declarations to read. Out: for each of their tokens its characters behind a blank
or none, the column it has if all stand on one line, the brackets with their items, and the places
where a line may end. So whether tokens fit on a line is a difference of two numbers, and their line
is a slice. Nothing is laid out here. One pass, O(tokens).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from taskc.dsl.text.page import MAX_COLUMNS, STEP
from taskc.dsl.text.tree import Node, Tree

__all__ = ["Flat"]

_CLOSING = frozenset((")", "]", "}"))
_NO_BLANK_BEFORE = frozenset((")", "]", ",", ":", "?", ".", "..", "middle", "tail"))
_NO_BLANK_AFTER = frozenset(("(", "[", ".", "..", "head", "middle"))
_BREAK_BEFORE = frozenset(("for", "if", "else", "or", "and", "+", "->"))
_SPACED = frozenset(("fields", "row", "options", "turns"))
_WITHOUT_COMMAS = frozenset(("fields", "options", "turns"))
_QUOTES = '"""'
_MAX_DEPTH = MAX_COLUMNS // STEP

_Special = Callable[[int, str, str], tuple[str, str]]


class _Around(NamedTuple):
    """What stands around a bracket or a text, and how much was found before it."""

    opening: int
    items: list[int]
    without_commas: str
    num_breaks: int
    num_tall: int


class Flat:
    """The tokens of some declarations, flat.

    Args:
        tree: The tokens.
        nodes: Declarations without mistakes, so their brackets match.
        labels: For the number of a token, what to write behind it.

    Attributes:
        parts: Each token behind its blanks. A comma behind the last item of a bracket has no
            characters; of a text block there are the first three.
        columns: Where each token starts.
        sums: Where the blanks before each token start.
        ends: The last token of a bracket or of a text with placeholders, by its first one.
        items: The first tokens of the items of a bracket, by its opening token.
        comprehensions: The opening tokens of the brackets that hold a `for`.
        breaks: The tokens before which a line may end, in order, the one behind a text block too.
        tall: The tokens that need more than a line, in order: text blocks, and braces that stay
            open because a line ended behind them.
        deep: The first tokens of the declarations in which brackets are nested so deep that there
            is no column left for the innermost.
    """

    def __init__(self, tree: Tree, nodes: Iterable[Node], labels: Mapping[int, str]) -> None:
        self._tree = tree
        self._labels = labels
        self._tight = set(tree.tight)
        self.parts = [""] * len(tree)
        self.columns = [0] * len(tree)
        self.sums = [0] * (len(tree) + 1)
        self.ends: dict[int, int] = {}
        self.items: dict[int, list[int]] = {}
        self.comprehensions: set[int] = set()
        self.breaks: list[int] = []
        self.tall: list[int] = []
        self.deep: set[int] = set()
        self._opened: list[_Around] = []
        self._declaration = 0
        self._items: list[int] = []  # of the bracket around
        self._without_commas = ""  # what the brace around holds, if that has no commas
        special: dict[str, _Special] = {
            **dict.fromkeys(("word", "+", "->"), self._break),
            **dict.fromkeys(("(", "["), self._open),
            **dict.fromkeys((")", "]", "}"), self._close),
            ",": self._comma,
            "{": self._open_brace,
            "head": self._open_text,
            "tail": self._close_text,
            "block": self._block,
        }
        for node in nodes:
            self._read(node.first, node.last, special)

    def text(self, first: int, last: int) -> str:
        """Tokens `first` to before `last`, nothing before the first one."""
        return "".join(self.parts[first:last]).lstrip(" ")

    def width(self, first: int, last: int) -> int:
        """The characters of `text`."""
        return self.sums[last] - self.columns[first]

    def gap(self, number: int) -> str:
        """The blanks before a token."""
        return " " * (self.columns[number] - self.sums[number])

    def next_tall(self, first: int, last: int) -> int:
        """The first of some tokens that needs more than a line; `last` if none does."""
        return _next(self.tall, first, last)

    def next_break(self, first: int, last: int) -> int:
        """The first of some tokens before which a line may end; `last` if there is none."""
        return _next(self.breaks, first, last)

    # ---- reading ---------------------------------------------------------------------------------

    def _read(self, first: int, last: int, special: Mapping[str, _Special]) -> None:
        tree, parts, columns, sums = self._tree, self.parts, self.columns, self.sums
        text, kinds, starts, ends = tree.source.text, tree.kinds, tree.starts, tree.ends
        tight, labels = self._tight, self._labels
        column = sums[first]
        before = ""
        self._declaration = first
        for number in range(first, last):
            kind = kinds[number]
            part = text[starts[number] : ends[number]]
            gap = " "
            if kind in _NO_BLANK_BEFORE or before in _NO_BLANK_AFTER or number in tight:
                gap = ""
            if self._without_commas and self._starts_item(number):
                gap = "  "
                self._add_item(number)
            if kind in special:
                gap, part = special[kind](number, gap, part)
            elif number in labels:
                part += labels[number]
            before = kind
            sums[number] = column
            columns[number] = column = column + len(gap)
            column += len(part)
            parts[number] = gap + part
        sums[last] = column

    def _starts_item(self, number: int) -> bool:
        """Whether a token starts an item of a brace without commas, but not its first one."""
        kinds = self._tree.kinds
        if number == self._items[0]:
            return False
        if self._without_commas == "turns":
            return kinds[number] == "name"
        return kinds[number] in ("name", "word", "string") and kinds[number + 1] == ":"

    def _add_item(self, number: int) -> None:
        self._items.append(number)
        self.breaks.append(number)

    # ---- tokens that end lines, open or close: the blanks before them, and their characters ------

    def _break(self, number: int, gap: str, part: str) -> tuple[str, str]:
        if part in _BREAK_BEFORE:
            self.breaks.append(number)
        if part == "for" and self._opened:
            self.comprehensions.add(self._opened[-1].opening)
        return gap, part

    def _comma(self, number: int, gap: str, part: str) -> tuple[str, str]:
        if self._tree.kinds[number + 1] in _CLOSING:
            return "", ""
        self._add_item(number + 1)
        return gap, part

    def _open(self, number: int, gap: str, part: str) -> tuple[str, str]:
        self._enter(number)
        if self._tree.kinds[number + 1] not in _CLOSING:
            self._add_item(number + 1)
        return gap, part

    def _open_brace(self, number: int, gap: str, part: str) -> tuple[str, str]:
        tree = self._tree
        self._open(number, gap, part)
        holds = tree.braces.get(number, "")
        self._without_commas = holds if self._items and holds in _WITHOUT_COMMAS else ""
        if holds not in _SPACED:
            self._tight.add(number + 1)
        if self._items and tree.ends_line(number):
            self.tall.append(number)
        # `{{` is a brace of the text.
        return " " if tree.kinds[number - 1] in ("head", "middle") else gap, part

    def _close(self, number: int, gap: str, part: str) -> tuple[str, str]:
        self.breaks.append(number)
        items = self._items
        opening = self._leave(number).opening
        self.items[opening] = items
        if part == "}":
            is_spaced = self._tree.braces.get(opening, "") in _SPACED
            gap = " " if items and is_spaced else ""
        return gap, part

    def _open_text(self, number: int, gap: str, part: str) -> tuple[str, str]:
        self._enter(number)
        return gap, _QUOTES if part.startswith(_QUOTES) else part

    def _close_text(self, number: int, gap: str, part: str) -> tuple[str, str]:
        """What stands in a text stays on one line."""
        opening, _, _, num_breaks, num_tall = self._leave(number)
        del self.breaks[num_breaks:], self.tall[num_tall:]
        if self.parts[opening].endswith(_QUOTES):
            self._block(opening, "", "")
        return gap, part

    def _block(self, number: int, gap: str, _part: str) -> tuple[str, str]:
        self.tall.append(number)
        self.breaks.append(number + 1)
        return gap, _QUOTES

    def _enter(self, opening: int) -> None:
        around = (self._items, self._without_commas, len(self.breaks), len(self.tall))
        self._opened.append(_Around(opening, *around))
        if len(self._opened) > _MAX_DEPTH:
            self.deep.add(self._declaration)
        self._items, self._without_commas = [], ""

    def _leave(self, closing: int) -> _Around:
        around = self._opened.pop()
        self.ends[around.opening] = closing
        self._items, self._without_commas = around.items, around.without_commas
        return around


def _next(places: list[int], first: int, last: int) -> int:
    """The first of some ordered places that is not before `first`, if it is before `last`."""
    position = bisect_left(places, first)
    return min(places[position], last) if position < len(places) else last
