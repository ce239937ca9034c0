"""The formatter: one way to write a file.

In: a file's text. Out: its text in the house's layout, and the diagnostics of its syntax. No
options: two blanks a level, 100 columns, one blank line between declarations, statements that
follow one another in columns, comments kept where they were, text blocks moved but not changed.
All that is kept of the old layout is which lines are blank (one of them) and whether a line ended
behind a `{`. Prompts without a label get one where their template has several. A declaration with
a mistake is written as it was, and one in which brackets are nested more than fifty deep.

What has changed is read again: if its meaning or its comments differ, or if its declarations would
be put together otherwise the next time, the file is left alone and T0901 says so. O(characters),
about 0.15 s for 100 KB, of which reading twice is half.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import dropwhile, groupby
from typing import NamedTuple

from taskc.dsl.diagnostics import Diagnostic, Reporter
from taskc.dsl.text.layout import Layout
from taskc.dsl.text.meaning import comments, labelled, meaning
from taskc.dsl.text.page import MAX_COLUMNS, STEP, Cell, Row, joined, line_up
from taskc.dsl.text.parser import ParsedFile, collector_off, parse
from taskc.dsl.text.source_text import SourceText, Span
from taskc.dsl.text.tokens import is_line_start, is_trivia
from taskc.dsl.text.tree import Node, Tree

__all__ = ["Formatted", "format_text"]

# What formatting mends; everything else leaves a declaration as it was.
_MENDED = frozenset(("T0012", "T0013"))
_ONE_LINE = frozenset(("import", "param"))
_PROMPTS = frozenset(("prompt", "inverse", "dialogue"))
_LONGEST_WORD = 10  # `decontaminate` is longer: it neither moves its neighbours nor is moved


@dataclass(frozen=True, slots=True)
class Formatted:
    """A formatted file.

    Attributes:
        text: The new text; the old one where nothing could be done. diagnostics: What is wrong
        with the syntax of the old one, and T0901 where the formatter failed.
    """

    text: str
    diagnostics: tuple[Diagnostic, ...]


def format_text(source: SourceText) -> Formatted:
    """Formats one file."""
    with collector_off():  # as in `parse`
        return _format(parse(source))


def _format(parsed: ParsedFile) -> Formatted:
    source = parsed.source
    if _has_stray_characters(parsed):
        return Formatted(source.text, parsed.diagnostics)
    file = _File(parsed)
    laid_out = _lay_out(file, [])
    text = file.write(laid_out)
    if text == source.text:
        return Formatted(text, parsed.diagnostics)
    # A declaration is not laid out twice: that it would stay is for the tests to say.
    known = [_without_comments_above(rows) for rows in laid_out]
    again = _File(parse(SourceText(source.path, text)))
    if (
        meaning(parsed) == meaning(again.parsed)
        and comments(parsed) == comments(again.parsed)
        and again.write(_lay_out(again, known)) == text
    ):
        return Formatted(text, parsed.diagnostics)
    if any(diagnostic.code not in _MENDED for diagnostic in parsed.diagnostics):
        return Formatted(source.text, parsed.diagnostics)
    reporter = Reporter()
    reporter.report(
        "T0901",
        Span(source.path, 0, 0),
        "the formatter would change what this file says, so it left the file alone",
        label="not formatted",
        helps=("this is a mistake in taskc, not in the file: please report it with the file",),
    )
    return Formatted(source.text, (*parsed.diagnostics, *reporter.diagnostics))


def _has_stray_characters(parsed: ParsedFile) -> bool:
    """Whether the edition is unknown, or something stands outside every declaration."""
    tree = parsed.tree
    places = (*(node.first for node in tree.declarations), len(tree) - 1)
    return any(diagnostic.code == "T0009" for diagnostic in parsed.diagnostics) or not all(
        is_trivia(parsed.source.text, *tree.gap_span(tree.after_ends(number))) for number in places
    )


def _without_comments_above(rows: list[Row]) -> list[Row]:
    """What the rows of a declaration are once its comments have moved above it."""
    return list(dropwhile(lambda row: row[0].startswith("#"), rows))


class _Statement(NamedTuple):
    """A statement, and what may be aligned with its neighbours.

    Attributes:
        column: What its neighbours must be to stand in a column with it.
        first: Its first token.
        last: The token behind it.
        before: The comments on their own lines before it, and "" for blank lines.
        cell: What stands before its column.
        equals: In a `let`, what stands before the `=`.
    """

    column: str
    first: int
    last: int
    before: list[str]
    cell: Cell | None
    equals: Cell | None


class _File:
    """One file while it is being written."""

    def __init__(self, parsed: ParsedFile) -> None:
        self.parsed = parsed
        self.tree = parsed.tree
        spans = [
            diagnostic.primary.span
            for diagnostic in parsed.diagnostics
            if diagnostic.primary and diagnostic.code not in _MENDED
        ]
        self.mistakes = sorted(span.start for span in spans)
        self.are_clean = [self._is_clean(node) for node in self.tree.declarations]

    def write(self, laid_out: list[list[Row]]) -> str:
        """Every declaration, then the comments behind the last one."""
        written: list[Row] = []
        before: Node | None = None
        was_short = False
        for node, laid in zip(self.tree.declarations, laid_out, strict=True):
            rows = laid or self._raw(node)
            is_short = node.kind in _ONE_LINE or len(laid) == 1
            is_pair = before and before.kind == node.kind and was_short and is_short
            has_blank, comments = self._comments(node.first)
            if before and (has_blank or not is_pair):
                written.append(("", ""))
            written.extend(_own_lines(comments, 0))
            written.extend(rows)
            before, was_short = node, is_short
        _, behind = self._comments(len(self.tree) - 1)
        if before and behind:
            written.append(("", ""))
        written.extend(_own_lines(behind, 0))
        return "\n".join(joined(written)).rstrip("\n") + "\n" if written else ""

    # ---- between declarations --------------------------------------------------------------------

    def _comments(self, number: int) -> tuple[bool, list[str]]:
        """Whether a blank line stands first before a token, and the comments behind that."""
        found = self.tree.comments_before(number)
        has_blank = found[:1] == [""]
        return has_blank, found[has_blank:]

    # ---- declarations ----------------------------------------------------------------------------

    def _is_clean(self, node: Node) -> bool:
        """Whether a declaration has no mistake that formatting does not mend."""
        start, end = self.tree.starts[node.first], self.tree.ends[node.last - 1]
        first = bisect_left(self.mistakes, start)
        return not node.is_broken and first == bisect_left(self.mistakes, max(start + 1, end))

    def _raw(self, node: Node) -> list[Row]:
        """A declaration as it was, with the comment behind it."""
        text = self.parsed.source.text
        start, end = self.tree.starts[node.first], self.tree.ends[node.last - 1]
        if is_line_start(text, start):
            start = text.rfind("\n", 0, start) + 1
        comment = self.tree.trailing_comment(node.last - 1)
        if comment:
            end = text.index(comment, end) + len(comment)
        lines = text[start:end].replace("\r\n", "\n").lstrip("\ufeff").split("\n")
        return [(line, "") for line in lines]


def _lay_out(file: _File, known: Sequence[list[Row]]) -> list[list[Row]]:
    """The rows of each declaration, as far as they are not known; none where it stays as it was."""
    if len(known) != len(file.are_clean):
        known = [[]] * len(file.are_clean)
    nodes = list(zip(file.tree.declarations, file.are_clean, known, strict=True))
    declarations = _Declarations(file.tree, [node for node, *rest in nodes if rest == [True, []]])
    return [(rows or declarations.rows(node)) if is_clean else [] for node, is_clean, rows in nodes]


class _Declarations:
    """Declarations without mistakes, in the house's layout."""

    def __init__(self, tree: Tree, nodes: Sequence[Node]) -> None:
        self.tree = tree
        self.labels = self._labels(nodes)
        self.layout = Layout(tree, nodes, self.labels)

    def rows(self, node: Node) -> list[Row]:
        """The rows of one; none where it nests too deep to be laid out."""
        if self.layout.is_deep(node.first):
            return []
        try:
            is_flat = node.body < 0 or self._is_empty(node)
            return self.layout.rows(node.first, node.last, 0) if is_flat else self._block(node)
        except RecursionError:
            return []  # the caller's own stack was nearly full

    def _is_empty(self, node: Node) -> bool:
        """Whether nothing stands between the braces, no comment either."""
        return node.body + 2 == node.last and not self.tree.comments(node.last - 1)

    def _block(self, node: Node) -> list[Row]:
        """A head, a line or more for each statement, and the closing brace."""
        tree, layout = self.tree, self.layout
        comment = tree.trailing_comment(node.last - 1)
        line = "" if tree.ends_line(node.body) else self._one_line(node)
        if line:
            return [(line, comment)]
        statements = [self._statement(node, child) for child in node.children]
        self._line_up(statements)
        rows = layout.head(node.first, node.body)
        for statement in statements:
            before = statement.before
            # No blank line stands behind the opening brace, and none before the closing one.
            starts_blank = statement is statements[0] and before[:1] == [""]
            rows.extend(_own_lines(before[starts_blank:], STEP))
            cells = (statement.cell, statement.equals)
            rows.extend(layout.rows(statement.first, statement.last, STEP, cells))
        behind = tree.comments_before(node.last - 1)
        starts_blank = not statements and behind[:1] == [""]
        ends_blank = behind[-1:] == [""]
        rows.extend(_own_lines(behind[starts_blank : len(behind) - ends_blank], STEP))
        return [*rows, ("}", comment)]

    def _one_line(self, node: Node) -> str:
        """A block on one line; "" where it does not fit or something in it has lines."""
        layout = self.layout
        if not layout.width(node.first, node.last):
            return ""
        parts = [layout.text(child.first, child.last) for child in node.children]
        line = f"{layout.text(node.first, node.body)} {{ {'  '.join(parts)} }}"
        return line if len(line) <= MAX_COLUMNS else ""

    def _statement(self, block: Node, node: Node) -> _Statement:
        """A statement with the cells by which it may be aligned."""
        tree = self.tree
        first, width = node.first, len(tree.token_text(node.first))
        column = node.kind
        cell: Cell | None = None
        equals: Cell | None = None
        if block.kind == "template" and node.kind in ("prompt", "inverse"):
            column, cell = "prompt", self._prompt_cell(first, width)
        elif node.kind == "field":
            cell = Cell(first + 2, width + 1)
        elif node.kind not in ("options", "dialogue"):
            column = "word"
            if width <= _LONGEST_WORD:
                cell = Cell(first + 1, width)
            if node.kind == "let":
                equals = Cell(first + 2, len(tree.token_text(first + 1)))
        return _Statement(column, first, node.last, tree.comments_before(first), cell, equals)

    def _prompt_cell(self, first: int, width: int) -> Cell | None:
        """The cell of a prompt's label; None where there is none, or a condition behind it."""
        label = self.labels.get(first, "")
        if label:
            return Cell(first + 1, width + len(label))
        if self.tree.kinds[first + 2] != ":":
            return None
        return Cell(first + 3, width + 2 + len(self.tree.token_text(first + 1)))

    # ---- columns ---------------------------------------------------------------------------------

    def _line_up(self, statements: list[_Statement]) -> None:
        """Aligns statements with nothing between them: first words, `=`, keys, or prompts."""
        run: list[_Statement] = []
        for statement in statements:
            _, first, last, before, *_ = statement
            starts_run = before or self.layout.misplaced_comments(first, last)
            if run and (starts_run or run[-1].column != statement.column):
                self._line_up_run(run)
                run = []
            run.append(statement)
        self._line_up_run(run)

    def _line_up_run(self, run: list[_Statement]) -> None:
        if run and run[0].column == "prompt":
            self._line_up_prompts(run)
            return
        line_up([statement.cell for statement in run if statement.cell])
        line_up(statement.equals for statement in run)

    def _line_up_prompts(self, run: list[_Statement]) -> None:
        """Aligns the texts of neighbours that stand on one line and stay within 100 columns."""
        for has_place, group in groupby(run, key=self._has_place):
            prompts = list(group) if has_place else []
            cells = [prompt.cell for prompt in prompts if prompt.cell]
            line_up(cells)
            widths = [self.layout.width(prompt.first, prompt.last) for prompt in prompts]
            blanks = [cell.num_blanks for cell in cells]
            if any(sum(each) > MAX_COLUMNS - STEP for each in zip(widths, blanks, strict=True)):
                for cell in cells:
                    cell.num_blanks = 0

    def _has_place(self, prompt: _Statement) -> bool:
        """Whether a prompt has a label, no condition, and fits on a line."""
        width = self.layout.width(prompt.first, prompt.last)
        return prompt.cell is not None and 0 < width <= MAX_COLUMNS - STEP

    # ---- labels ----------------------------------------------------------------------------------

    def _labels(self, nodes: Iterable[Node]) -> dict[int, str]:
        """For the keyword of a prompt without a label, the one that it gets, as written."""
        labels: dict[int, str] = {}
        for node in nodes:
            if node.kind == "template":
                prompts = [child for child in node.children if child.kind in _PROMPTS]
                written = [(child.kind, self._label(child)) for child in prompts]
                for child, label in zip(prompts, labelled(written), strict=True):
                    if label and not self._label(child):
                        labels[child.first] = f" {label}" + ":" * (child.kind != "dialogue")
        return labels

    def _label(self, prompt: Node) -> str:
        """The label of a prompt, or ""."""
        number = prompt.first + 1
        written = self.tree.token_text(number)
        is_label = self.tree.kinds[number] == "name"
        if prompt.kind == "dialogue":
            is_label = is_label and written != "from"
        return written if is_label else ""


def _own_lines(comments: list[str], indent: int) -> list[Row]:
    """Comments on lines of their own, and blank lines."""
    return [(" " * indent + comment if comment else "", "") for comment in comments]
