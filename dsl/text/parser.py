"""The parser: one file's text to declarations, a lossless tree and diagnostics.

In: a `SourceText`. Out: a `ParsedFile`, whatever the text holds; nothing is raised. Declarations
start at column 1 and are read one at a time, statement by statement: a mistake costs its statement
and gives one diagnostic, and what follows is read as if nothing had happened. One pass over the
text.

The collector of cycles is off meanwhile: it would walk the growing tree again and again.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from taskc.dsl.diagnostics import Diagnostic, Edit, Fix, Safety, deletion, insertion, replacement
from taskc.dsl.model.declarations import Declaration, Language
from taskc.dsl.spelling import did_you_mean
from taskc.dsl.text.findings import shorten
from taskc.dsl.text.rules.blocks import BLOCKS
from taskc.dsl.text.rules.cursor import MAX_DEPTH, Cursor
from taskc.dsl.text.rules.declarations import declaration
from taskc.dsl.text.rules.recovery import skip_to_declaration
from taskc.dsl.text.source_text import SourceText, Span
from taskc.dsl.text.tokens import DECLARATION_WORDS, is_line_start
from taskc.dsl.text.tree import Node, Tokens, Tree

__all__ = ["EDITIONS", "ParsedFile", "collector_off", "parse"]

EDITIONS = (1,)
# A file with more declarations than this gets no suggestions for unknown words: they cost time.
_MAX_NODES = 1_000


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What one file says.

    Attributes:
        source: Its text.
        tree: Its tokens and nodes, lossless.
        declarations: What could be read, in order.
        diagnostics: What is wrong with its syntax, sorted.
    """

    source: SourceText
    tree: Tree
    declarations: tuple[Declaration, ...]
    diagnostics: tuple[Diagnostic, ...]


def parse(source: SourceText) -> ParsedFile:
    """Reads one file."""
    with collector_off():
        return _File(source).read()


@contextmanager
def collector_off() -> Iterator[None]:
    """Keeps the collector of cycles off."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _File:
    """One file while it is being read."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.cursor = Cursor(source)
        self.nodes: list[Node] = []
        self.declarations: list[Declaration] = []

    def read(self) -> ParsedFile:
        cursor = self.cursor
        while not cursor.at_file_end():
            if cursor.kind == "end":
                cursor.advance()
                continue
            self._read_one()
        lexer = cursor.lexer
        tokens = Tokens(lexer.kinds, lexer.starts, lexer.ends, cursor.tight, cursor.braces)
        tree = Tree(self.source, tokens, self.nodes)
        unknown = self._check_edition()
        found = [unknown] if unknown else [*lexer.findings.settled(), *cursor.reporter.diagnostics]
        found.sort(key=lambda diagnostic: diagnostic.sort_key)
        declarations = () if unknown else tuple(self.declarations)
        return ParsedFile(self.source, tree, declarations, tuple(found))

    def _read_one(self) -> None:
        """Reads one declaration, or goes past what is none."""
        cursor = self.cursor
        cursor.start_statement()
        node = Node("stray", cursor.index)
        self.nodes.append(node)
        kind = self._kind()
        if kind:
            node.kind = kind
            try:
                read = declaration(cursor, kind, node)
            except RecursionError:
                # The caller's own stack was nearly full: MAX_DEPTH levels fit into a fresh one.
                read = None
                self._report_too_deep()
            if read is None:
                node.is_broken = True
            else:
                self.declarations.append(read)
        else:
            node.is_broken = True
            skip_to_declaration(cursor)
        node.last = cursor.index

    def _report_too_deep(self) -> None:
        self.cursor.reporter.report(
            "T0021",
            self.cursor.span(),
            f"this is nested more than {MAX_DEPTH} levels deep",
            label="one level too many",
        )
        skip_to_declaration(self.cursor)

    # ---- what stands at the top of a file --------------------------------------------------------

    def _kind(self) -> str:
        """The declaration that starts at the cursor, or the one that was meant, or ""."""
        cursor = self.cursor
        if cursor.value in DECLARATION_WORDS and self._is_head():
            if not cursor.is_at_column_one():
                self._report_indented()
            return cursor.value
        if cursor.lexer.findings.has_any(self._line_start(), cursor.start):
            return ""
        if cursor.kind == "}":
            cursor.reporter.report(
                "T0015",
                cursor.span(),
                "this `}` closes nothing",
                label="nothing is open here",
                fix=deletion(cursor.span(), Safety.DISPLAY),
                helps=("take it away, or the `}` that closed the declaration before its end",),
            )
            return ""
        if cursor.kind in ("name", "word"):
            return self._unknown()
        cursor.reporter.report(
            "T0010",
            cursor.span(),
            f"expected a declaration, found {cursor.found()}",
            label="no declaration starts like this",
            notes=(f"declarations: {', '.join(DECLARATION_WORDS)}",),
        )
        return ""

    def _is_head(self) -> bool:
        """Whether what follows the word at the cursor can follow the keyword of a declaration."""
        after: tuple[str, ...] = ("name", "word", "string", "broken", "number", "{", "end")
        if self.cursor.is_at_column_one():
            after = (*after, ":", "=")  # as other languages have it: its name is asked for
        return self.cursor.kind == "name" and self.cursor.next_kind in after

    def _line_start(self) -> int:
        return self.source.text.rfind("\n", 0, self.cursor.start) + 1

    def _report_indented(self) -> None:
        cursor = self.cursor
        line_start = self._line_start()
        before = Span(cursor.path, line_start, cursor.start)
        if is_line_start(self.source.text, cursor.start):
            helps, fix = "take the blanks before it away", deletion(before)
        else:
            helps, fix = "put it on a line of its own", insertion(cursor.span(), "\n")
        cursor.reporter.report(
            "T0013",
            cursor.span(),
            f"`{cursor.value}` does not stand at column 1, where declarations start",
            label="a declaration starts here",
            helps=(helps,),
            fix=fix,
        )

    def _unknown(self) -> str:
        cursor = self.cursor
        written = cursor.value
        is_head = self._is_head()
        homes = [kind for kind, statements in BLOCKS.items() if written in statements]
        near = did_you_mean(written, DECLARATION_WORDS)[: is_head and len(self.nodes) < _MAX_NODES]
        if homes and not (near and cursor.is_at_column_one()):
            cursor.reporter.report(
                "T0015",
                cursor.span(),
                f"`{written}` stands outside every declaration",
                label="a statement outside every declaration",
                notes=(f"`{written}` is a statement of `{'`, `'.join(homes)}`",),
                helps=("is there a `}` too many before it?",),
            )
            return ""
        cursor.reporter.report(
            "T0010",
            cursor.span(),
            f"`{shorten(written)}` is not a declaration",
            label="unknown declaration",
            notes=(f"declarations: {', '.join(DECLARATION_WORDS)}",),
            helps=(f"did you mean `{near[0]}`?",) if near else (),
            fix=replacement(cursor.span(), near[0]) if near else None,
        )
        return near[0] if near else ""

    # ---- the edition -----------------------------------------------------------------------------

    def _check_edition(self) -> Diagnostic | None:
        """Reports a missing or misplaced edition; returns the diagnostic for an unknown one."""
        reporter = self.cursor.reporter
        first = self.nodes[0] if self.nodes else None
        if first is None or first.kind != "language":
            others = [node for node in self.nodes if node.kind == "language"]
            if not others:
                self._report_missing_edition()
        for node in self.nodes[1:]:
            if node.kind == "language" and not node.is_broken:
                reporter.report(
                    "T0023",
                    self.cursor.token_span(node.first),
                    "the edition stands once, before every declaration",
                    label="not the first declaration",
                    helps=("put `language N` on the first line",),
                )
        for read in self.declarations:
            if isinstance(read, Language) and read.edition not in EDITIONS:
                return self._unknown_edition(read)
        return None

    def _report_missing_edition(self) -> None:
        start = 1 if self.source.text.startswith("\ufeff") else 0
        place = Span(self.source.path, start, start)
        self.cursor.reporter.report(
            "T0008",
            place,
            "the file does not say its edition",
            label=f"expected `language {EDITIONS[-1]}`",
            helps=(f"start the file with `language {EDITIONS[-1]}`",),
            fix=Fix((Edit(place, f"language {EDITIONS[-1]}\n"),), Safety.SAFE),
        )

    def _unknown_edition(self, read: Language) -> Diagnostic:
        reporter = self.cursor.reporter
        reporter.report(
            "T0009",
            read.span,
            f"edition {shorten(str(read.edition))} of the language is not known",
            label="unknown edition",
            notes=(f"this taskc knows {', '.join(map(str, EDITIONS))}",),
            helps=("a newer taskc may know it",),
        )
        return reporter.diagnostics[-1]
