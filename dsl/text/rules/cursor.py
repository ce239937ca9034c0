"""The cursor: where the parser stands in the tokens, and how it says what it expected.

In: a lexer. Out: tokens one at a time, names, marks, spans; and one diagnostic for a statement that
cannot be read. A statement in which the lexer has already found a mistake gets no second one.
"""

from collections.abc import Collection
from typing import NoReturn

from taskc.dsl.diagnostics import Fix, Reporter, deletion
from taskc.dsl.model.expressions import Name, QualifiedName
from taskc.dsl.text.findings import shorten
from taskc.dsl.text.lexer import Lexer
from taskc.dsl.text.source_text import SourceText, Span
from taskc.dsl.text.tokens import is_line_start

__all__ = ["MARKS_OF_OTHERS", "MAX_DEPTH", "MAX_MESSAGE", "Cursor", "Unreadable"]

# Deeper than any specification, and shallow enough for every pass to recurse.
MAX_DEPTH = 200
MAX_MESSAGE = 100
# Marks that stand after a name, never after the keyword of a statement.
_AFTER_NAMES = frozenset(
    (":", "=", ",", ")", "]", "}", ".", "+", "*", "/", "<", ">", "==", "!=", "<=", ">=")
)
MARKS_OF_OTHERS = (":", "=")  # stand behind a keyword in other languages


class Unreadable(Exception):  # noqa: N818 # never leaves the parser: it ends the statement being read
    """The statement cannot be read on; what is wrong is already reported."""


class Cursor:
    """A place in the tokens of one file.

    Attributes:
        lexer: Where the tokens come from.
        reporter: Where mistakes go.
        index: Number of the token at the cursor.
        kind: Its kind.
        value: Its characters.
        depth: How many brackets, lists and the like are open around the cursor.
        height: How many levels the expression read last has.
        keywords: The statements of the block being read.
        block_start: Offset at which that block starts.
        statement_start: Offset at which the statement being read starts.
        num_broken: How many quoted texts could not be read so far.
        tight: Numbers of the tokens that stand without a blank behind the token before them, where
            that is not plain from the two: the `(` of a call, the operand of a minus.
        braces: For the number of each `{` inside a statement, what it opens: "dict", "row",
            "fields", "options" or "turns".
    """

    __slots__ = (
        "_ends",
        "_first",
        "_kept",
        "_kinds",
        "_starts",
        "_values",
        "block_start",
        "braces",
        "depth",
        "height",
        "index",
        "keywords",
        "kind",
        "lexer",
        "num_broken",
        "path",
        "reporter",
        "source",
        "statement_start",
        "tight",
        "value",
    )

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.path = source.path
        self.lexer = lexer = Lexer(source)
        self._kinds, self._values = lexer.kinds, lexer.values
        self._starts, self._ends = lexer.starts, lexer.ends
        self.reporter = Reporter()
        self.depth = self.height = self.statement_start = self.num_broken = 0
        self.keywords: Collection[str] = ()
        self.tight: set[int] = set()
        self.braces: dict[int, str] = {}
        self.block_start = 0
        self._first = 0
        self._kept = -1
        lexer.more()
        self.index = 0
        self.kind = self._kinds[0]
        self.value = self._values[0]

    # ---- moving ----------------------------------------------------------------------------------

    def advance(self) -> None:
        """Goes to the next token; a quoted text that was not asked for stays as it is."""
        index = self.index + 1
        if index >= len(self._kinds):
            self.lexer.more()
        self.index = index
        self.kind = self._kinds[index]
        self.value = self._values[index]

    def reload(self) -> None:
        """Looks again at the token at the cursor, after the lexer has read it another way."""
        self.kind = self._kinds[self.index]
        self.value = self._values[self.index]

    @property
    def start(self) -> int:
        """Offset at which the token at the cursor starts."""
        return self._starts[self.index]

    @property
    def end(self) -> int:
        """Offset at which the token at the cursor ends."""
        return self._ends[self.index]

    @property
    def last_end(self) -> int:
        """Offset at which the token before the cursor ends."""
        return self._ends[self.index - 1]

    @property
    def before_kind(self) -> str:
        """Kind of the token before the one at the cursor."""
        return self._kinds[self.index - 1]

    @property
    def next_kind(self) -> str:
        """Kind of the token after the one at the cursor."""
        if self.index + 1 >= len(self._kinds):
            self.lexer.more()
        return self._kinds[self.index + 1]

    @property
    def next_value(self) -> str:
        """Characters of the token after the one at the cursor."""
        if self.index + 1 >= len(self._kinds):
            self.lexer.more()
        return self._values[self.index + 1]

    def span(self) -> Span:
        """The place of the token at the cursor."""
        return Span(self.path, self._starts[self.index], self._ends[self.index])

    def span_from(self, start: int) -> Span:
        """The place from an offset to the end of the token before the cursor."""
        return Span(self.path, start, self._ends[self.index - 1])

    def start_statement(self) -> None:
        """Marks that a statement starts at the cursor."""
        self._first = self.index
        self.statement_start = self.start

    def at_file_end(self) -> bool:
        """Whether nothing is left."""
        return self.kind == "end" and self.start >= len(self.source.text)

    def is_at_column_one(self, number: int = -1) -> bool:
        """Whether a token (the one at the cursor, if no other is named) starts its line."""
        start = self._starts[self.index if number < 0 else number]
        return start == 0 or self.source.text[start - 1] in "\n\ufeff"

    def token_kind(self, number: int) -> str:
        """Kind of a token by its number."""
        return self._kinds[number]

    def token_span(self, number: int) -> Span:
        """The place of a token by its number."""
        return Span(self.path, self._starts[number], self._ends[number])

    def open_braces(self, first: int) -> int:
        """How many `{` from token `first` to before the cursor have no `}`."""
        kinds = self._kinds[first : self.index]
        return kinds.count("{") - kinds.count("}")

    def at_statement(self, number: int = -1) -> bool:
        """Whether a token, the one at the cursor if no other, starts a line and a statement."""
        number = self.index if number < 0 else number
        if self._kinds[number] != "name" or self._values[number] not in self.keywords:
            return False
        if not is_line_start(self.source.text, self._starts[number]):
            return False
        if number + 1 >= len(self._kinds):
            self.lexer.more()
        return self._kinds[number + 1] not in _AFTER_NAMES

    # ---- reading ---------------------------------------------------------------------------------

    def at_word(self, word: str) -> bool:
        """Whether the cursor is at this name or word."""
        return self.value == word and self.kind in ("name", "word")

    def take(self, kind: str) -> bool:
        """Goes past a mark if the cursor is at it, and says whether it was."""
        if self.kind == kind:
            self.advance()
            return True
        return False

    def take_word(self, word: str) -> bool:
        """Goes past a word if the cursor is at it, and says whether it was."""
        if self.at_word(word):
            self.advance()
            return True
        return False

    def expect(self, mark: str, after: str) -> None:
        """Goes past a mark that must stand here; `after` says in the user's words where that is."""
        if self.kind == mark:
            self.advance()
        else:
            self.fail_expected("T0019", f"`{mark}`", after)

    def expect_word(self, word: str, after: str) -> None:
        """Goes past a word that must stand here."""
        if self.at_word(word):
            self.advance()
        else:
            self.fail_expected("T0026", f"`{word}`", after)

    def name(self, what: str) -> Name:
        """Reads a name that expressions can use; `what` says of what, with its article."""
        if self.kind != "name":
            notes: tuple[str, ...] = ()
            if self.kind == "word":
                notes = (f"`{self.value}` is a word of expressions and cannot be a name",)
            self.fail_expected("T0016", what, notes=notes)
        name = Name(self.value, self.span())
        self.advance()
        return name

    def word(self, what: str) -> Name:
        """Reads any word: a key, an argument's name, a value of a choice."""
        if self.kind not in ("name", "word"):
            self.fail_expected("T0016", what)
        name = Name(self.value, self.span())
        self.advance()
        return name

    def qualified_name(self, what: str) -> QualifiedName:
        """Reads `name` or `package.name`."""
        first = self.name(what)
        if self.kind != ".":
            return QualifiedName((first,), first.span)
        parts = [first]
        while self.take("."):
            parts.append(self.name("a name after the dot"))
        return QualifiedName(tuple(parts), first.span.to(parts[-1].span))

    def qualified_names(self, what: str) -> tuple[QualifiedName, ...]:
        """Reads one or more names between commas."""
        names = [self.qualified_name(what)]
        while self.take(","):
            names.append(self.qualified_name("a name after the comma"))
        return tuple(names)

    # ---- depth -----------------------------------------------------------------------------------

    def enter(self) -> None:
        """Goes one level down: call it at an opening bracket, and `leave` at its end."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail_depth()

    def leave(self) -> None:
        """Comes one level up."""
        self.depth -= 1

    def grow(self, height: int) -> None:
        """Sets the height of the expression just read."""
        self.height = height
        if height > MAX_DEPTH:
            self.fail_depth()

    def fail_depth(self) -> NoReturn:
        """Reports that something is nested too deep."""
        self.fail(
            "T0021",
            f"this is nested more than {MAX_DEPTH} levels deep",
            label="one level too many",
            helps=("name the inner parts with `let`",),
        )

    # ---- mistakes --------------------------------------------------------------------------------

    def found(self) -> str:
        """The token at the cursor as a message names it."""
        if self.kind == "end":
            is_file_end = self.start >= len(self.source.text)
            return "the end of the file" if is_file_end else "the next declaration"
        if self.kind in ("string", "raw", "broken"):
            return "a text"
        if self.kind == "block":
            return "a text block"
        if self.kind == "head":
            return "a text"
        if self.kind in ("middle", "tail"):
            return "`}`"
        return f"`{shorten(self.value)}`"

    def fail_expected(
        self,
        code: str,
        what: str,
        where: str = "",
        *,
        notes: tuple[str, ...] = (),
        helps: tuple[str, ...] = (),
        fix: Fix | None = None,
    ) -> NoReturn:
        """Reports that something else was expected at the cursor, and ends the statement."""
        place = f" {where}" if where else ""
        if code == "T0018" and self.kind == "name" and not helps:
            helps = (f'put it in quotes: `"{shorten(self.value)}"`',)
        keyword = self._keyword_before()
        if self.kind in MARKS_OF_OTHERS and keyword and not helps:
            helps = (f"nothing stands between `{keyword}` and what it is given",)
            fix = deletion(Span(self.path, self.last_end, self.span().end))
        self.fail(
            code,
            f"expected {what}{place}, found {self.found()}",
            label=f"expected {what}",
            notes=notes,
            helps=helps,
            fix=fix,
        )

    def _keyword_before(self) -> str:
        """The keyword of the statement or declaration, if the cursor is right behind it."""
        before = self.source.text[self.statement_start : self.last_end]
        return before if before.isidentifier() else ""

    def fail(
        self,
        code: str,
        message: str,
        *,
        label: str,
        span: Span | None = None,
        secondary: tuple[tuple[Span, str], ...] = (),
        notes: tuple[str, ...] = (),
        helps: tuple[str, ...] = (),
        fix: Fix | None = None,
    ) -> NoReturn:
        """Reports a mistake at the cursor or at `span`, and ends the statement."""
        if self.index - 1 > self._first and self.at_statement(self.index - 1):
            self._fail_cut_short()
        if not self._is_explained():
            # Before the next declaration, the place is behind what was read.
            here = self.span_from(self.last_end) if self.kind == "end" else self.span()
            self.reporter.report(
                code,
                span or here,
                message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…",
                label=label,
                secondary=secondary,
                notes=notes,
                helps=helps,
                fix=fix,
            )
        raise Unreadable

    def _fail_cut_short(self) -> NoReturn:
        """Reports a statement that has swallowed the next one's keyword, and goes back to it."""
        self.index -= 1
        self.reload()
        if not self._is_explained():
            self.reporter.report(
                "T0029",
                self.token_span(self.index - 1),
                f"the statement before this line's `{self.value}` is not complete",
                label="something is missing after this",
            )
        raise Unreadable

    def _is_explained(self) -> bool:
        """Whether the lexer has found the cause: here, or an odd quote on this line or the last."""
        if self.lexer.findings.has_any(self.statement_start, self.start):
            return True
        text = self.source.text
        line_start = text.rfind("\n", 0, self.start) + 1
        line_before = text.rfind("\n", 0, max(0, line_start - 1)) + 1
        if self.lexer.findings.find_open_text(line_before, line_start - 1) != -1:
            return True  # a text of several lines in the quotes of one line: this is its next
        line_end = text.find("\n", self.start)
        line_end = len(text) if line_end == -1 else line_end
        self._kept = self.lexer.findings.find_open_text(self.start, line_end)
        return self._kept != -1

    def forget_findings(self, failed_at: int) -> None:
        """Drops what the lexer found between a mistake and the cursor, but for what explains it."""
        self.lexer.findings.drop(max(failed_at, self._kept) + 1, self.start)
        self._kept = -1
