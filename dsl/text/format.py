"""The formatter: one way to write a file.

In: a file's text. Out: its text in the house's layout, and the diagnostics of its syntax. No
options: two blanks a level, 100 columns, one blank line between declarations, statements that
follow one another in columns, comments kept where they were, text blocks moved but not changed.
All that is kept of the old layout is which lines are blank (one of them) and whether a line ended
behind a `{`. Prompts without a label get one where their template has several. A declaration with
a mistake is written as it was.

On every run the result is read again: if its meaning or its comments differ, or if formatting it
once more changes it, the file is left alone and T0901 says so.
"""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import groupby

from taskc.dsl.diagnostics import Diagnostic, Reporter
from taskc.dsl.text.columns import Cell, columns, joined, line_up
from taskc.dsl.text.layout import Layout, comments_before, trailing_comment
from taskc.dsl.text.meaning import comments, labelled, meaning
from taskc.dsl.text.parser import ParsedFile, parse
from taskc.dsl.text.pretty import (
    MAX_COLUMNS,
    Comment,
    Doc,
    OwnLine,
    Row,
    flat,
    has_lines,
    print_doc,
)
from taskc.dsl.text.source_text import SourceText, Span
from taskc.dsl.text.tokens import is_line_start
from taskc.dsl.text.tree import Node

__all__ = ["Formatted", "format_text"]

# What formatting mends; everything else leaves a declaration as it was.
_MENDED = frozenset(("T0012", "T0013"))
_STEP = 2
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
    parsed = parse(source)
    if _has_stray_characters(parsed):
        return Formatted(source.text, parsed.diagnostics)
    text = _File(parsed).write()
    again = parse(SourceText(source.path, text))
    is_same = meaning(parsed) == meaning(again) and comments(parsed) == comments(again)
    if is_same and _File(again).write() == text:
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
    firsts = [node.first for node in tree.declarations]
    gaps = (tree.gap(tree.after_ends(number)) for number in (*firsts, len(tree) - 1))
    return any(diagnostic.code == "T0009" for diagnostic in parsed.diagnostics) or any(
        token.kind == "bad" for gap in gaps for token in gap
    )


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement as a document, and what may be aligned with its neighbours.

    Attributes:
        column: What its neighbours must be to stand in a column with it.
        before: The comments on their own lines before it, and "" for blank lines.
        docs: The document.
        cell: What stands before its column.
        equals: In a `let`, what stands before the `=`.
    """

    column: str
    before: list[str]
    docs: tuple[Doc, ...]
    cell: Cell | None
    equals: Cell | None


class _File:
    """One file while it is being written."""

    def __init__(self, parsed: ParsedFile) -> None:
        self.tree = parsed.tree
        self.source = parsed.source
        spans = [
            diagnostic.primary.span
            for diagnostic in parsed.diagnostics
            if diagnostic.primary and diagnostic.code not in _MENDED
        ]
        self.mistakes = sorted(span.start for span in spans)
        self.labels = self._labels()
        self.layout = Layout(self.tree, self.labels)
        self.rows: list[Row] = []

    def write(self) -> str:
        """Every declaration, then the comments behind the last one."""
        before: Node | None = None
        was_short = False
        for node in self.tree.declarations:
            is_clean = self._is_clean(node)
            rows = self._declaration(node) if is_clean else self._raw(node)
            is_short = node.kind in _ONE_LINE or (is_clean and len(rows) == 1)
            is_pair = before and before.kind == node.kind and was_short and is_short
            has_blank = comments_before(self.tree, node.first)[:1] == [""]
            if before and (has_blank or not is_pair):
                self.rows.append(Row(""))
            self.rows.extend(map(Row, self._comments(node.first)))
            self.rows.extend(rows)
            before, was_short = node, is_short
        behind = self._comments(len(self.tree) - 1)
        self.rows.extend(map(Row, ["", *behind] if before and behind else behind))
        return "\n".join(joined(self.rows)).rstrip("\n") + "\n" if self.rows else ""

    # ---- between declarations --------------------------------------------------------------------

    def _comments(self, number: int) -> list[str]:
        """The comments before a token at the top of the file, without a blank line before them."""
        found = comments_before(self.tree, number)
        return found[1:] if found[:1] == [""] else found

    # ---- declarations ----------------------------------------------------------------------------

    def _is_clean(self, node: Node) -> bool:
        """Whether a declaration has no mistake that formatting does not mend."""
        start, end = self.tree.starts[node.first], self.tree.ends[node.last - 1]
        first = bisect_left(self.mistakes, start)
        return not node.is_broken and first == bisect_left(self.mistakes, max(start + 1, end))

    def _raw(self, node: Node) -> list[Row]:
        """A declaration as it was, with the comment behind it."""
        text = self.source.text
        start, end = self.tree.starts[node.first], self.tree.ends[node.last - 1]
        if is_line_start(text, start):
            start = text.rfind("\n", 0, start) + 1
        comment = trailing_comment(self.tree, node.last - 1)
        if comment:
            end = text.index(comment, end) + len(comment)
        lines = text[start:end].replace("\r\n", "\n").lstrip("\ufeff").split("\n")
        return [Row(line) for line in lines]

    def _declaration(self, node: Node) -> list[Row]:
        """A declaration in the house's layout."""
        try:
            if node.body < 0 or self._is_empty(node):
                return print_doc(self.layout.run(node.first, node.last), 0)
            return self._block(node)
        except RecursionError:
            return self._raw(node)  # nobody reads 200 brackets in one another anyway

    def _is_empty(self, node: Node) -> bool:
        """Whether nothing stands between the braces, no comment either."""
        has_comment = trailing_comment(self.tree, node.body)
        return node.body + 2 == node.last and not has_comment and not self._inner_comments(node)

    def _inner_comments(self, node: Node) -> list[str]:
        """The comments before the closing brace, without a blank line behind them."""
        found = comments_before(self.tree, node.last - 1)
        return found[:-1] if found[-1:] == [""] else found

    def _block(self, node: Node) -> list[Row]:
        """A head, a line or more for each statement, and the closing brace."""
        head = self.layout.head(node.first, node.body)
        statements = [self._statement(node, child) for child in node.children]
        end = self._trailing(node.last - 1)
        inner = self._inner_comments(node)
        if not (inner or trailing_comment(self.tree, node.body) or self.layout.is_open(node.body)):
            line = _one_line(head, statements)
            if line:
                return print_doc((line, *end), 0)
        _line_up(statements)
        rows = print_doc((*head, " {", *self._trailing(node.body)), 0)
        for position, statement in enumerate(statements):
            is_first = position == 0 and statement.before[:1] == [""]
            rows.extend(_inner(statement.before[is_first:]))
            rows.extend(print_doc(statement.docs, _STEP))
        rows.extend(_inner(inner[1:] if not statements and inner[:1] == [""] else inner))
        return [*rows, *print_doc(("}", *end), 0)]

    def _statement(self, block: Node, node: Node) -> _Statement:
        """A statement with the cells by which it may be aligned."""
        tree, layout = self.tree, self.layout
        first, width = node.first, len(tree.token_text(node.first))
        column = node.kind
        cell: Cell | None = None
        equals: Cell | None = None
        if block.kind == "template" and node.kind in ("prompt", "inverse"):
            column, cell = "prompt", self._prompt_cell(first, width)
        elif node.kind == "field":
            cell = layout.cell(first + 2, width + 1)
        elif node.kind not in ("options", "dialogue"):
            column = "word"
            if width <= _LONGEST_WORD:
                cell = layout.cell(first + 1, width)
            if node.kind == "let":
                equals = layout.cell(first + 2, len(tree.token_text(first + 1)))
        before = comments_before(tree, first)
        return _Statement(column, before, layout.run(first, node.last), cell, equals)

    def _prompt_cell(self, first: int, width: int) -> Cell | None:
        """The cell of a prompt's label; None where there is none, or a condition behind it."""
        label = self.labels.get(first + 1, "")
        if label:
            return self.layout.cell(first + 1, width + 1 + len(label))
        if self.tree.kinds[first + 2] != ":":
            return None
        return self.layout.cell(first + 3, width + 2 + len(self.tree.token_text(first + 1)))

    def _trailing(self, number: int) -> tuple[Doc, ...]:
        comment = trailing_comment(self.tree, number)
        return (Comment(comment),) if comment else ()

    # ---- labels ----------------------------------------------------------------------------------

    def _labels(self) -> dict[int, str]:
        """For the token behind the keyword of a prompt without a label, the label that it gets."""
        labels: dict[int, str] = {}
        for node in self.tree.declarations:
            if node.kind == "template" and self._is_clean(node):
                prompts = [child for child in node.children if child.kind in _PROMPTS]
                written = [(child.kind, self._label(child)) for child in prompts]
                for child, label in zip(prompts, labelled(written), strict=True):
                    if label and not self._label(child):
                        mark = "" if child.kind == "dialogue" else ":"
                        labels[child.first + 1] = label + mark
        return labels

    def _label(self, prompt: Node) -> str:
        """The label of a prompt, or ""."""
        number = prompt.first + 1
        written = self.tree.token_text(number)
        is_label = self.tree.kinds[number] == "name"
        if prompt.kind == "dialogue":
            is_label = is_label and written != "from"
        return written if is_label else ""


def _inner(comments: list[str]) -> list[Row]:
    """Comments on their own lines in a block, and blank lines."""
    return [Row(" " * _STEP + comment if comment else "") for comment in comments]


def _one_line(head: tuple[Doc, ...], statements: list[_Statement]) -> str:
    """A block on one line; "" where it does not fit or something in it has lines."""
    parts = [statement.docs for statement in statements]
    if has_lines(head) or any(map(has_lines, parts)):
        return ""
    line = f"{flat(head)} {{ {'  '.join(map(flat, parts))} }}"
    return line if len(line) <= MAX_COLUMNS else ""


def _line_up(statements: list[_Statement]) -> None:
    """Aligns statements with nothing between them: their first words, `=`, keys, or prompts."""
    run: list[_Statement] = []
    for statement in statements:
        starts_run = statement.before or isinstance(statement.docs[0], OwnLine)
        if run and (starts_run or run[-1].column != statement.column):
            _line_up_run(run)
            run = []
        run.append(statement)
    _line_up_run(run)


def _line_up_run(run: list[_Statement]) -> None:
    if run and run[0].column == "prompt":
        _line_up_prompts(run)
        return
    line_up([statement.cell for statement in run if statement.cell])
    line_up(statement.equals for statement in run)


def _line_up_prompts(run: list[_Statement]) -> None:
    """Aligns the texts of neighbours that stand on one line each and stay within 100 columns."""
    widths = [_prompt_columns(prompt) for prompt in run]
    cells = [each.cell if width else None for each, width in zip(run, widths, strict=True)]
    for _, numbers in groupby(range(len(run)), key=lambda number: cells[number] is not None):
        members = list(numbers)
        blanks = [blanks for _, blanks in columns(cells[number] for number in members)]
        ends = (widths[number] + more for number, more in zip(members, blanks, strict=False))
        if all(end <= MAX_COLUMNS for end in ends):
            line_up(cells[number] for number in members)


def _prompt_columns(prompt: _Statement) -> int:
    """The columns of a prompt that fits on one line, or 0."""
    rows = print_doc(prompt.docs, _STEP)
    columns_used = len(rows[0].code)
    return columns_used if len(rows) == 1 and columns_used <= MAX_COLUMNS else 0
