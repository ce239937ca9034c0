"""Layout: the tokens of a statement as lines of at most 100 columns.

In: a tree and a run of its tokens. Out: rows. There is one blank between two tokens, and none where
the language has none. What does not fit on a line is broken at one kind of place at a time, from
the outside in: before `->`, behind commas, before `for`, `if`, `else`, `or`, `and`, `+`; a bracket
that does not fit gets a line for each of its items. So does a brace behind which a line ended:
whether what it holds reads better on one line is for the author to say. A comment ends its line,
wherever it stands.

The only token made or taken away is the comma behind the last item of a bracket: it stands there
where the bracket has a line for each item. A text stays as it is; a block moves with its
statement. O(tokens): that something does not fit is seen without writing it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from taskc.dsl.text.flat import Flat
from taskc.dsl.text.page import MAX_COLUMNS, STEP, Cell, Page, Row, line_up
from taskc.dsl.text.tree import Node, Tree

__all__ = ["Layout"]

# The kinds of places to break at; of those that a run has, the first is taken.
_BREAKS = (("for",), ("->",), (",",), ("if", "else"), ("or",), ("and",), ("+",))
_BREAKING = frozenset(mark for marks in _BREAKS for mark in marks)
_QUOTES = '"""'


class Layout:
    """Rows for runs of tokens of one tree.

    Args:
        tree: The tokens.
        nodes: The declarations in which runs will be asked for; nothing is wrong in them.
        labels: For the number of a token, what to write behind it.
    """

    def __init__(self, tree: Tree, nodes: Iterable[Node], labels: Mapping[int, str]) -> None:
        self._tree = tree
        self._flat = Flat(tree, nodes, labels)
        self._commented = tree.commented
        self._page = Page(0)

    # ---- what is asked for -----------------------------------------------------------------------

    def rows(
        self, first: int, last: int, indent: int, cells: Sequence[Cell | None] = ()
    ) -> list[Row]:
        """The lines of tokens `first` to before `last`, with the blanks of some cells in them.

        A comment where no line ends stands on its own line before the part that it is in.
        """
        page = self._page = Page(indent)
        page.put_comments(self.misplaced_comments(first, last), indent)
        self._run(self._put_cells(first, cells), last, indent, 0)
        page.end_line(0)
        return page.rows

    def head(self, first: int, body: int) -> list[Row]:
        """The lines of the head of a block and its brace; every comment in it stands before it."""
        tree = self._tree
        page = self._page = Page(0)
        for number in range(first + 1, body + 1):
            page.put_comments(tree.comments(number), 0)
        commented, self._commented = self._commented, []
        try:
            self._run(first, body, 0, len(" {"))
        finally:
            self._commented = commented
        page.put(" {")
        page.comment = tree.trailing_comment(body)
        page.end_line(0)
        return page.rows

    def width(self, first: int, last: int) -> int:
        """The columns of a run on one line; 0 where it needs more, or has a comment in it."""
        width = self._flat.width(first, last)
        return width if width <= MAX_COLUMNS and self._is_plain(first, last) else 0

    def text(self, first: int, last: int) -> str:
        """A run on one line, whatever is in it."""
        return self._flat.text(first, last)

    def is_deep(self, first: int) -> bool:
        """Whether the declaration that starts at a token is nested too deep to be laid out."""
        return first in self._flat.deep

    def misplaced_comments(self, first: int, last: int) -> list[str]:
        """The comments of a run that stand neither behind a part of it nor in its brackets."""
        if not self._has_comments(first + 1, last):
            return []
        cuts, _ = self._cuts(first, last)
        if cuts:
            return self.misplaced_comments(first, cuts[0])
        tokens = (number for number in self._top_level(first, last) if number > first)
        return [comment for number in tokens for comment in self._tree.comments(number)]

    # ---- runs ------------------------------------------------------------------------------------

    def _run(self, first: int, last: int, indent: int, num_behind: int) -> None:
        """Writes a run, nothing before its first token.

        Args:
            first: Its first token.
            last: The token after its last one.
            indent: Of the line on which it starts.
            num_behind: Characters of what must stand on the line on which it ends.
        """
        fits = self._fits(first, last, num_behind)
        if fits and self._is_plain(first, last):
            self._page.put(self._flat.text(first, last))
            self._put_trailing_comment(last)
            return
        if first in self._flat.items and self._flat.ends[first] == last - 1:
            self._put_open_bracket(first, indent)
            self._put_trailing_comment(last)
            return
        cuts, mark = self._cuts(first, last)
        if not cuts or (fits and not self._must_break(first, last)):
            self._put_tokens(first, last, indent, num_behind)
            return
        # An `and` before the first `or` stands deeper than the `or`.
        self._run(first, cuts[0], indent + STEP * (mark == "or"), 0)
        self._put_parts([*cuts, last], indent + STEP, num_behind, is_list=mark == ",")

    def _put_parts(
        self, cuts: Sequence[int], indent: int, num_behind: int, *, is_list: bool
    ) -> None:
        """Writes the parts of a run behind the first; a list fills its lines with them."""
        page = self._page
        breaks = not is_list
        for start, end in pairwise(cuts):
            num_after = num_behind if end == cuts[-1] else 0
            comments = [*self._comments_before(start), *self.misplaced_comments(start, end)]
            breaks = breaks or bool(comments) or self._has_comments(start, start + 1)
            if breaks or not self._fits(start, end, num_after + 1) or self._must_break(start, end):
                page.end_line(indent)
                page.put_comments(comments, indent)
            else:
                page.put(" ")
            self._run(start, end, indent, num_after)

    def _put_tokens(self, first: int, last: int, indent: int, num_behind: int) -> None:
        """Writes a run that is not broken outside of its brackets, and the comment behind it."""
        flat, page, kinds = self._flat, self._page, self._tree.kinds
        written = number = first
        while number < last:
            end = flat.ends.get(number, number) + 1
            if number in flat.items:
                self._put_flat(first, written, number)
                stop = flat.next_break(end, last)
                num_after = flat.sums[stop] - flat.sums[end] + num_behind * (stop == last)
                self._put_bracket(number, indent, num_after)
                written = end
            elif kinds[number] in ("head", "block") and flat.next_tall(number, end) == number:
                self._put_flat(first, written, number)
                page.put_block(self._block(number, end - 1))
                written = end
            number = end
        if written < last:
            text = "".join(flat.parts[written:last])
            page.put(text.lstrip(" ") if written == first else text)
        self._put_trailing_comment(last)

    def _put_flat(self, first: int, start: int, end: int) -> None:
        """Writes tokens of a run, with the blanks before `end`; there are none before `first`."""
        flat = self._flat
        text = "".join(flat.parts[start:end]) + flat.gap(end)
        self._page.put(text.lstrip(" ") if start == first else text)

    def _put_cells(self, first: int, cells: Iterable[Cell | None]) -> int:
        """Writes a run up to the end of its last cell; returns the token there."""
        flat = self._flat
        for cell in cells:
            if cell and cell.num_blanks:
                blanks = flat.gap(cell.token) + " " * cell.num_blanks
                self._page.put(flat.text(first, cell.token) + blanks)
                first = cell.token
        return first

    def _put_trailing_comment(self, last: int) -> None:
        """Writes the comment behind the token before `last`, if there is one on its line."""
        if self._has_comments(last, last + 1):
            self._page.comment = self._tree.trailing_comment(last - 1)

    # ---- brackets --------------------------------------------------------------------------------

    def _put_bracket(self, opening: int, indent: int, num_behind: int) -> None:
        """Writes a bracket: on one line, or with a line for each item."""
        end = self._flat.ends[opening] + 1
        if self._fits(opening, end, num_behind) and self._is_plain(opening, end):
            self._page.put(self._flat.text(opening, end))
        else:
            self._put_open_bracket(opening, indent)

    def _put_open_bracket(self, opening: int, indent: int) -> None:
        """Writes a bracket with a line or more for each of its items."""
        page, kinds, closing = self._page, self._tree.kinds, self._flat.ends[opening]
        inner = indent + STEP
        page.put(kinds[opening])
        self._put_trailing_comment(opening + 1)
        cells = self._key_cells(opening) if kinds[opening] == "{" else {}
        for first, last, has_comma in self._items(opening):
            page.end_line(inner)
            page.put_comments(self._comments_above(first, last), inner)
            start = self._put_cells(first, (cells[first],)) if first in cells else first
            self._run(start, last, inner, int(has_comma))
            if has_comma:
                page.put(",")
            page.comment = page.comment or self._comments_at_comma(last)[0]
        page.put_comments(self._comments_above(closing, closing), inner)
        page.end_line(indent)
        page.put(kinds[closing])

    def _items(self, opening: int) -> Iterator[tuple[int, int, bool]]:
        """For each item of a bracket its first token, the one behind it, and if a comma follows."""
        kinds, closing = self._tree.kinds, self._flat.ends[opening]
        takes_comma = self._takes_comma(opening)
        for first, end in pairwise((*self._flat.items[opening], closing)):
            if kinds[end - 1] == ",":
                yield first, end - 1, True
            else:
                yield first, end, takes_comma and end == closing

    def _takes_comma(self, opening: int) -> bool:
        """Whether a comma may stand behind the last item of a bracket."""
        tree = self._tree
        mark = tree.kinds[opening]
        if mark == "{":
            return tree.braces.get(opening) in ("dict", "row")
        # A call's or an index's; a minus stands close to its operand too.
        is_behind = opening in tree.tight and tree.kinds[opening - 1] != "-"
        if mark == "(":
            return is_behind
        return not is_behind and opening not in self._flat.comprehensions

    def _key_cells(self, opening: int) -> dict[int, Cell]:
        """By item the cells of the keys of a brace, or of the roles; comments part columns."""
        cells: dict[int, Cell] = {}
        parted: list[Cell | None] = []
        for first, last, _ in self._items(opening):
            if self._comments_above(first, last):
                parted.append(None)
            cell = self._key_cell(first, last)
            if cell:
                cells[first] = cell
            parted.append(cell)
        line_up(parted)
        return cells

    def _key_cell(self, first: int, last: int) -> Cell | None:
        kinds, width = self._tree.kinds, len(self._tree.token_text(first))
        if last > first + 2 and kinds[first + 1] == ":":
            return Cell(first + 2, width + 1)
        return Cell(first + 1, width) if kinds[first] == "name" else None

    # ---- comments --------------------------------------------------------------------------------

    def _has_comments(self, first: int, last: int) -> bool:
        """Whether a comment stands before one of some tokens."""
        commented = self._commented
        if not commented:
            return False
        position = bisect_left(commented, first)
        return position < len(commented) and commented[position] < last

    def _comments_before(self, number: int) -> list[str]:
        """The comments on their own lines before a token."""
        if not self._has_comments(number, number + 1):
            return []
        return [comment for comment in self._tree.comments_before(number) if comment]

    def _comments_above(self, first: int, last: int) -> list[str]:
        """The comments on their own lines above an item of a bracket."""
        if not self._has_comments(first - 1, last + 1):
            return []
        at_comma = self._comments_at_comma(first - 1)[1]
        before = self._comments_before(first)
        return [*at_comma, *before, *self.misplaced_comments(first, last)]

    def _comments_at_comma(self, comma: int) -> tuple[str, list[str]]:
        """The comments around a comma: the one behind the item, if it has none, and the others."""
        tree = self._tree
        if tree.kinds[comma] != "," or not self._has_comments(comma, comma + 2):
            return "", []
        around = [*self._comments_before(comma), tree.trailing_comment(comma)]
        comments = [comment for comment in around if comment]
        if comments and not tree.trailing_comment(comma - 1):
            return comments[0], comments[1:]
        return "", comments

    # ---- texts -----------------------------------------------------------------------------------

    def _block(self, first: int, last: int) -> str:
        """A text block from head to tail, moved; its placeholders stay on their lines."""
        tree, flat = self._tree, self._flat
        old = tree.token_text(last).rpartition("\n")[2].removesuffix(_QUOTES)
        new = " " * (self._page.indent + STEP)
        written: list[str] = []
        start = first
        for number in range(first, last + 1):
            if tree.kinds[number] in ("head", "middle", "tail", "block"):
                written.extend(flat.parts[start:number])
                written.append(_moved(tree.token_text(number), old, new, is_first=number == first))
                start = number + 1
        return "".join(written)

    # ---- places to break -------------------------------------------------------------------------

    def _fits(self, first: int, last: int, num_behind: int) -> bool:
        """Whether a run fits on the line, up to the first line of its first text block."""
        flat = self._flat
        tall = flat.next_tall(first, last)
        if tall < last:
            last, num_behind = tall + 1, 0
        return self._page.column + flat.width(first, last) + num_behind <= MAX_COLUMNS

    def _is_plain(self, first: int, last: int) -> bool:
        """Whether nothing in a run needs lines of its own."""
        is_low = self._flat.next_tall(first, last) == last
        return is_low and not self._has_comments(first + 1, last)

    def _must_break(self, first: int, last: int) -> bool:
        """Whether a run must be broken, at its cuts or in a bracket, if it fits or not."""
        if self._is_plain(first, last):
            return False
        cuts, _ = self._cuts(first, last)
        start = cuts[0] if cuts else first
        flat, tokens = self._flat, self._top_level(start, last)
        if cuts and (self._has_comments(start, last) or self._must_break(first, start)):
            return True
        brackets = (number for number in tokens if number in flat.items)
        return not all(self._is_plain(number, flat.ends[number] + 1) for number in brackets)

    def _cuts(self, first: int, last: int) -> tuple[list[int], str]:
        """The tokens that may start a line of a run, and the mark or word that parts it."""
        tree = self._tree
        found: dict[str, list[int]] = {}
        for number in self._top_level(first, last):
            mark = tree.kinds[number]
            mark = tree.token_text(number) if mark == "word" else mark
            start = number + (mark == ",")
            if mark in _BREAKING and first < start < last:
                found.setdefault(mark, []).append(start)
        for marks in _BREAKS if found else ():
            cuts = [start for mark in marks for start in found.get(mark, ())]
            if cuts and marks == ("for",):
                cuts += [start for start in found.get("if", ()) if start > cuts[0]]
            if cuts:
                return sorted(cuts), marks[0]
        return [], ""

    def _top_level(self, first: int, last: int) -> Iterator[int]:
        """The tokens of a run outside of every bracket and placeholder."""
        ends = self._flat.ends
        number = first
        while number < last:
            yield number
            number = ends.get(number, number) + 1


def _moved(piece: str, old: str, new: str, *, is_first: bool) -> str:
    """A piece of a text block with the indentation of its lines replaced."""
    first, *lines = piece.replace("\r\n", "\n").split("\n")
    written = [first.rstrip(" \t") if is_first else first]
    for number, line in enumerate(lines, start=1):
        rest = line.removeprefix(old) if line.startswith(old) else ""
        # A line of nothing but its indentation becomes empty; the piece's last one goes on.
        written.append(new + rest if rest or number == len(lines) else "")
    return "\n".join(written)
