"""Layout: the tokens of a statement as a document, with the places where its lines may end.

In: a tree and a run of its tokens. Out: a document for `pretty`. There is one blank between two
tokens, and none where the language has none. What does not fit on a line is broken at one kind of
place at a time: before `->`, behind commas, before `for`, `if`, `else`, `or`, `and`, `+`; a
bracket that does not fit gets a line for each of its items. So does a brace behind which a line
ended: whether what it holds reads better on one line is for the author to say. A comment ends its
line, wherever it stands.

The only token made or taken away is the comma behind the last item of a bracket: it stands there
where the bracket has a line for each item. A text stays as it is; a block moves with its
statement.
"""

from collections.abc import Iterator, Mapping
from functools import partial

from taskc.dsl.text.columns import Cell, columns
from taskc.dsl.text.pretty import (
    Comment,
    Doc,
    Group,
    IfBroken,
    Indent,
    Line,
    Lines,
    OwnLine,
    Pad,
    flat,
    has_lines,
    must_break,
)
from taskc.dsl.text.tree import Tree

__all__ = ["Layout", "comments_before", "trailing_comment"]

_BRACKETS = {"(": ")", "[": "]", "{": "}"}
# The kinds of places to break at; of those that a run has, the first is taken.
_BREAKS = (("->",), (",",), ("if", "else"), ("or",), ("and",), ("+",))
_NO_BLANK_BEFORE = frozenset((")", "]", ",", ":", "?", ".", "..", "middle", "tail"))
_NO_BLANK_AFTER = frozenset(("(", "[", ".", "..", "head", "middle"))
_SPACED = frozenset(("fields", "row", "options", "turns"))
_WITHOUT_COMMAS = frozenset(("fields", "options", "turns"))


def comments_before(tree: Tree, number: int) -> list[str]:
    """The comments on their own lines before a token; "" for blank lines among and behind them."""
    found: list[str] = []
    place = tree.after_ends(number)
    num_line_ends = 0 if place else 1
    is_own_line = not place
    for token in tree.gap(place):
        if token.kind == "newline":
            is_own_line = True
            num_line_ends += 1
        elif token.kind == "comment" and is_own_line:
            if num_line_ends > 1:
                found.append("")
            found.append(_comment(tree, token.start, token.end))
            num_line_ends = 0
    if num_line_ends > 1:
        found.append("")
    return found


def trailing_comment(tree: Tree, number: int) -> str:
    """The comment behind a token on its line, or ""."""
    if number + 1 >= len(tree):
        return ""
    for token in tree.gap(number + 1):
        if token.kind == "newline":
            break
        if token.kind == "comment":
            return _comment(tree, token.start, token.end)
    return ""


def _comment(tree: Tree, start: int, end: int) -> str:
    return tree.source.text[start:end].rstrip()


class Layout:
    """Documents for runs of tokens of one tree.

    Args:
        tree: A tree without mistakes in the runs that are asked for.
        labels: For the number of a token, what to write before it.
    """

    def __init__(self, tree: Tree, labels: Mapping[int, str]) -> None:
        self._tree = tree
        self._labels = labels
        self.pads: dict[int, Pad] = {}  # before these tokens
        self._closing = _match_brackets(tree)
        self._has_comments = True

    def run(self, first: int, last: int) -> tuple[Doc, ...]:
        """The document of tokens `first` to before `last`; nothing stands before its first one.

        A comment where no line ends stands on its own line before the part that it is in.
        """
        comments, docs = self._part(first, last)
        return (*map(OwnLine, comments), *docs)

    def head(self, first: int, last: int) -> tuple[Doc, ...]:
        """As `run`, for the head of a block: every comment in it stands before it."""
        tree = self._tree
        comments: list[str] = []
        for number in range(first, last):
            comments.append(trailing_comment(tree, number))
            comments.extend(comments_before(tree, number + 1))
        self._has_comments = False
        docs = self.run(first, last)
        self._has_comments = True
        return (*map(OwnLine, filter(None, comments)), *docs)

    def _part(self, first: int, last: int) -> tuple[list[str], list[Doc]]:
        """The comments to stand before a run, and the run."""
        cuts, mark = self._cuts(first, last)
        if not cuts:
            return self._awkward_comments(first, last), list(self._docs(first, last))
        behind: list[Doc] = []
        breaks = False
        for start, end in zip(cuts, [*cuts[1:], last], strict=True):
            inner, docs = self._part(start, end)
            comments = [*self._before(start), *inner]
            part = (Line(), *map(OwnLine, comments), *docs)
            breaks = breaks or bool(comments or self._behind(start - 1))
            # The items of a list fill their lines; other parts get a line each.
            is_list = mark == ","
            behind.extend([Group(part, breaks or must_break(docs))] if is_list else part)
        before, start_docs = self._part(first, cuts[0])
        if mark == "or":
            start_docs = [Indent(tuple(start_docs))]  # an `and` in it stands deeper than the `or`
        content = (*start_docs, Indent(tuple(behind)))
        return before, [Group(content, breaks or must_break(content))]

    def _awkward_comments(self, first: int, last: int) -> list[str]:
        """The comments of a run that stand neither behind it nor in its brackets."""
        found: list[str] = []
        for number in self._top_level(first, last):
            if number > first:
                found.extend(self._before(number))
            end = self._end(number)
            if end < last - 1:
                found.append(self._behind(end))
        return [comment for comment in found if comment]

    def _before(self, number: int) -> list[str]:
        """The comments on their own lines before a token."""
        if not self._has_comments:
            return []
        return [comment for comment in comments_before(self._tree, number) if comment]

    def _behind(self, number: int) -> str:
        """The comment behind a token on its line."""
        return trailing_comment(self._tree, number) if self._has_comments else ""

    # ---- tokens ----------------------------------------------------------------------------------

    def _docs(self, first: int, last: int) -> Iterator[Doc]:
        """The documents of tokens one after the other, and the comment behind them."""
        kinds = self._tree.kinds
        for number in self._top_level(first, last):
            gap = self._gap(number) if number > first else ""
            if gap:
                yield gap
            if number in self._labels:
                yield self._labels[number] + " "
            if number in self.pads:
                yield self.pads[number]
            if number in self._closing:
                yield self._bracket(number)
            elif kinds[number] in ("head", "block"):
                yield self._text(number, self._end(number))
            else:
                yield self._tree.token_text(number)
        comment = self._behind(last - 1)
        if comment:
            yield Comment(comment)

    def _gap(self, number: int) -> str:
        """The blank between a token and the one before it on its line."""
        tree = self._tree
        kind, before = tree.kinds[number], tree.kinds[number - 1]
        if before in ("head", "middle"):
            return " " if kind == "{" else ""  # `{{` is a brace of the text
        if number in tree.tight or kind in _NO_BLANK_BEFORE or before in _NO_BLANK_AFTER:
            return ""
        return " "

    def _end(self, number: int) -> int:
        """The last token of what starts at a token: a bracket, a text, or the token."""
        if number in self._closing:
            return self._closing[number]
        if self._tree.kinds[number] == "head":
            while self._tree.kinds[number] != "tail":
                number += 1
        return number

    # ---- texts -----------------------------------------------------------------------------------

    def _text(self, first: int, last: int) -> Doc:
        """A text from head to tail: its placeholders on one line, its pieces as they are."""
        tree = self._tree
        pieces: list[tuple[str, bool]] = []  # characters, and whether they are a piece of the text
        start = first
        for number in range(first, last + 1):
            if tree.kinds[number] in ("head", "middle", "tail", "block"):
                if number > start:
                    expression = flat(tuple(self._docs(start, number)))
                    pieces.append((" " * (tree.kinds[start] == "{") + expression, False))
                pieces.append((tree.token_text(number), True))
                start = number + 1
        written = "".join(characters for characters, _ in pieces)
        if not written.startswith('"""'):
            return written
        closing_line = tree.token_text(last).rpartition("\n")[2]
        return Lines('"""', partial(_move, pieces, closing_line.removesuffix('"""')))

    # ---- brackets --------------------------------------------------------------------------------

    def _bracket(self, opening: int) -> Doc:
        """A bracket: on one line, or with a line for each item."""
        tree = self._tree
        closing = self._closing[opening]
        braces = tree.braces.get(opening, "")
        items = self._items(opening)
        edge = " " if braces in _SPACED and items else ""
        between = "  " if braces in _WITHOUT_COMMAS else " "
        content: list[Doc] = []
        cells: list[Cell | None] = []
        item_end = 0
        for position, (first, last) in enumerate(items):
            content.append(Line(between if position else edge))
            content.extend(map(OwnLine, self._before(first)))
            cell = self._key_cell(first, last) if tree.kinds[opening] == "{" else None
            content.extend(self.run(first, last))
            if any(isinstance(doc, OwnLine) for doc in content[item_end:]):
                cells.append(None)
            cells.append(cell)
            item_end = len(content)
            is_last = position == len(items) - 1
            if tree.kinds[last] == ",":
                content.append(IfBroken(",") if is_last else ",")
                content.extend(self._comments_at_comma(last))
            elif is_last and self._takes_comma(opening, items):
                content.append(IfBroken(","))
        content.extend(map(OwnLine, self._before(closing)))
        opened: list[Doc] = [tree.kinds[opening]]
        comment = self._behind(opening)
        opened.extend([Comment(comment)] if comment else [])
        breaks = (self.is_open(opening) and bool(items)) or has_lines((*opened, *content))
        docs = (*opened, Indent(tuple(content)), Line(edge), tree.kinds[closing])
        return Group(docs, breaks, tuple(columns(cells)))

    def is_open(self, opening: int) -> bool:
        """Whether a line ended behind a brace in the old layout."""
        tree = self._tree
        gap = slice(tree.ends[opening], tree.starts[opening + 1])
        return tree.kinds[opening] == "{" and "\n" in tree.source.text[gap]

    def _key_cell(self, first: int, last: int) -> Cell | None:
        """The cell of an item's key, or of a turn's role."""
        tree = self._tree
        width = len(tree.token_text(first))
        if last > first + 2 and tree.kinds[first + 1] == ":":
            return self.cell(first + 2, width + 1)
        return self.cell(first + 1, width) if tree.kinds[first] == "name" else None

    def cell(self, number: int, width: int) -> Cell:
        """A cell of so many characters that ends before a token."""
        pad = self.pads[number] = Pad()
        return Cell(pad, width)

    def _comments_at_comma(self, comma: int) -> list[Doc]:
        """The comments around a comma: the first behind the item, the others on own lines."""
        around = [*self._before(comma), self._behind(comma)]
        comments: list[Doc] = [OwnLine(comment) for comment in around if comment]
        if comments and not self._behind(comma - 1):
            comments[0] = Comment(next(filter(None, around)))
        return comments

    def _items(self, opening: int) -> list[tuple[int, int]]:
        """The items of a bracket, without their commas: first token, token after the last."""
        tree = self._tree
        braces = tree.braces.get(opening, "")
        items: list[tuple[int, int]] = []
        first = opening + 1
        for number in self._top_level(first, self._closing[opening]):
            if tree.kinds[number] == ",":
                items.append((first, number))
                first = number + 1
            elif number > first and self._starts_item(number, braces):
                items.append((first, number))
                first = number
        if first < self._closing[opening]:
            items.append((first, self._closing[opening]))
        return items

    def _starts_item(self, number: int, braces: str) -> bool:
        """Whether a token starts an item of a bracket without commas."""
        kinds = self._tree.kinds
        if braces == "turns":
            return kinds[number] == "name"
        is_key = kinds[number] in ("name", "word", "string") and kinds[number + 1] == ":"
        return braces in _WITHOUT_COMMAS and is_key

    def _takes_comma(self, opening: int, items: list[tuple[int, int]]) -> bool:
        """Whether a bracket may have a comma behind its last item."""
        tree = self._tree
        mark = tree.kinds[opening]
        if mark == "{":
            return tree.braces.get(opening) in ("dict", "row")
        # A call's or an index's; a minus stands close to its operand too.
        is_behind = opening in tree.tight and tree.kinds[opening - 1] != "-"
        if mark == "(":
            return is_behind
        return not is_behind and not self._words(*items[0], ("for",))

    # ---- places to break -------------------------------------------------------------------------

    def _cuts(self, first: int, last: int) -> tuple[list[int], str]:
        """The tokens that may start a line, and the mark or word that separates the parts."""
        kinds = self._tree.kinds
        fors = self._words(first, last, ("for",))
        if fors:
            ifs = [number for number in self._words(first, last, ("if",)) if number > fors[0]]
            return [number for number in (*fors, *ifs) if number > first], "for"
        for places in _BREAKS:
            marks = [number for number in self._top_level(first, last) if kinds[number] in places]
            if places == (",",):
                marks = [number + 1 for number in marks]
            marks += self._words(first, last, places)
            found = sorted(number for number in marks if first < number < last)
            if found:
                return found, places[0]
        return [], ""

    def _words(self, first: int, last: int, words: tuple[str, ...]) -> list[int]:
        """The words of expressions among some, outside every bracket of a run."""
        tree = self._tree
        return [
            number
            for number in self._top_level(first, last)
            if tree.kinds[number] == "word" and tree.token_text(number) in words
        ]

    def _top_level(self, first: int, last: int) -> Iterator[int]:
        """The tokens of a run outside every bracket and placeholder."""
        number = first
        while number < last:
            yield number
            number = self._end(number) + 1


def _match_brackets(tree: Tree) -> dict[int, int]:
    """For each opening bracket inside a declaration its closing one, by number."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for number, kind in enumerate(tree.kinds):
        if kind in _BRACKETS:
            opened.append(number)
        elif kind in (")", "]", "}"):
            if opened and _BRACKETS[tree.kinds[opened[-1]]] == kind:
                closing[opened.pop()] = number
        elif kind == "end":
            opened.clear()
    return closing


def _move(pieces: list[tuple[str, bool]], old: str, new: str) -> str:
    """A text block with the indentation of its lines replaced."""
    written: list[str] = []
    for position, (characters, is_piece) in enumerate(pieces):
        if not is_piece:
            written.append(characters)
            continue
        first, *rows = characters.replace("\r\n", "\n").split("\n")
        written.append(first if position else first.rstrip(" \t"))
        for number, row in enumerate(rows, start=1):
            written.append("\n" + _move_row(row, old, new, is_whole=number < len(rows)))
    return "".join(written)


def _move_row(row: str, old: str, new: str, *, is_whole: bool) -> str:
    """One line of a block; a line of nothing but its indentation becomes empty."""
    rest = row.removeprefix(old) if row.startswith(old) else ""
    return new + rest if rest or not is_whole else ""
