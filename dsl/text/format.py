"""The formatter: one way to write a file.

In: a file's text. Out: its text in the house's layout, and the diagnostics of its syntax. No
options: two blanks a level, 100 columns, one blank line between declarations, nothing aligned
across lines (a change of one line changes one line), comments kept where they were, text blocks
moved but not changed. Prompts without a label get one where their template has several. A
declaration with a mistake is written as it was.

On every run the result is read again: if its meaning or its comments differ, or if formatting it
once more changes it, the file is left alone and T0901 says so.
"""

from bisect import bisect_left
from dataclasses import dataclass

from taskc.dsl.diagnostics import Diagnostic, Reporter
from taskc.dsl.text.layout import Layout, comments_before, trailing_comment
from taskc.dsl.text.meaning import comments, labelled, meaning
from taskc.dsl.text.parser import ParsedFile, parse
from taskc.dsl.text.pretty import Comment, Doc, print_doc
from taskc.dsl.text.source_text import SourceText, Span
from taskc.dsl.text.tokens import is_line_start
from taskc.dsl.text.tree import Node

__all__ = ["Formatted", "format_text"]

# What formatting mends; everything else leaves a declaration as it was.
_MENDED = frozenset(("T0012", "T0013"))
_STEP = 2
_ONE_LINE = frozenset(("import", "param"))
_PROMPTS = frozenset(("prompt", "inverse", "dialogue"))


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
        self.layout = Layout(self.tree, self._labels())
        self.lines: list[str] = []

    def write(self) -> str:
        """Every declaration, then the comments behind the last one."""
        before: Node | None = None
        for node in self.tree.declarations:
            self._separate(before, node)
            self.lines.extend(self._declaration(node) if self._is_clean(node) else self._raw(node))
            before = node
        behind = self._comments(len(self.tree) - 1)
        if behind:
            self.lines.extend(["", *behind] if before else behind)
        return "\n".join(self.lines).rstrip("\n") + "\n" if self.lines else ""

    # ---- between declarations --------------------------------------------------------------------

    def _separate(self, before: Node | None, node: Node) -> None:
        """Writes the blank line and the comments before a declaration."""
        is_pair = before is not None and before.kind == node.kind and node.kind in _ONE_LINE
        has_blank = comments_before(self.tree, node.first)[:1] == [""]
        if before and (has_blank or not is_pair):
            self.lines.append("")
        self.lines.extend(self._comments(node.first))

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

    def _raw(self, node: Node) -> list[str]:
        """A declaration as it was, with the comment behind it."""
        text = self.source.text
        start, end = self.tree.starts[node.first], self.tree.ends[node.last - 1]
        if is_line_start(text, start):
            start = text.rfind("\n", 0, start) + 1
        comment = trailing_comment(self.tree, node.last - 1)
        if comment:
            end = text.index(comment, end) + len(comment)
        return text[start:end].replace("\r\n", "\n").lstrip("\ufeff").split("\n")

    def _declaration(self, node: Node) -> list[str]:
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

    def _block(self, node: Node) -> list[str]:
        """A head, a line or more for each statement, and the closing brace."""
        head = (*self.layout.head(node.first, node.body), " {", *self._trailing(node.body))
        lines = print_doc(head, 0)
        for child in node.children:
            self._add_inner(lines, comments_before(self.tree, child.first))
            lines.extend(print_doc(self.layout.run(child.first, child.last), _STEP))
        self._add_inner(lines, self._inner_comments(node))
        lines.extend(print_doc(("}", *self._trailing(node.last - 1)), 0))
        return lines

    def _add_inner(self, lines: list[str], comments: list[str]) -> None:
        """Adds the comments before a statement; no blank line behind the opening brace."""
        is_first = len(lines) == 1
        kept = comments[1:] if is_first and comments[:1] == [""] else comments
        lines.extend(" " * _STEP + comment if comment else "" for comment in kept)

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
