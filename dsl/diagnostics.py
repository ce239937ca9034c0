"""The diagnostic: a user's mistake as a value, with place, cause and mend.

In: facts found by any pass of the language or the build. Out: immutable values that the report
renders and programs read. Passes collect them in a `Reporter`; none is ever raised. Codes and their
severities are declared once, in `codes.py`.
"""

from dataclasses import dataclass
from enum import StrEnum

from taskc.dsl.codes import CODES, Severity
from taskc.dsl.text.source_text import Span

__all__ = [
    "Diagnostic",
    "Edit",
    "Fix",
    "Label",
    "Reporter",
    "RowPlace",
    "Safety",
    "Severity",
    "deletion",
    "insertion",
    "replacement",
]


class Safety(StrEnum):
    """What may be done with a fix.

    `SAFE` keeps the meaning, `UNSAFE` may change it, `DISPLAY` is only shown.
    """

    SAFE = "safe"
    UNSAFE = "unsafe"
    DISPLAY = "display"


@dataclass(frozen=True, slots=True)
class Label:
    """A span with the words that stand under it."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of `span` by `replacement`."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that mend the mistake, all or none."""

    edits: tuple[Edit, ...]
    safety: Safety


@dataclass(frozen=True, slots=True)
class RowPlace:
    """The input row that a build-time diagnostic speaks of.

    Attributes:
        file: The input file, relative to its data root.
        row: Row number in the file, from 1 (the line number, for line formats).
        field: The field concerned, or "".
        value: The value concerned as shown to the user (shortened), or "".
    """

    file: str
    row: int
    field: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    Attributes:
        code: Stable code such as "T0312", declared in `codes.CODES`.
        severity: Error, warning or lint.
        message: First line: lower case, no full stop, backticks around names, at most 100
            characters.
        primary: The place it is about, with a label that makes sense alone; None only where no text
            is concerned (a missing folder).
        secondary: Other places that explain it.
        notes: Facts.
        helps: Actions.
        fix: Edits that mend it, if there are any.
        row: The input row concerned, for build-time findings.
    """

    code: str
    severity: Severity
    message: str
    primary: Label | None
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    fix: Fix | None = None
    row: RowPlace | None = None

    @property
    def sort_key(self) -> tuple[str, int, str, str, int, str]:
        """Reports are sorted by file, offset, code, input row, message."""
        span = self.primary.span if self.primary else Span("", 0, 0)
        row = self.row or RowPlace("", 0)  # by number: messages that hold one have 31 before 5
        return span.path, span.start, self.code, row.file, row.row, self.message


def replacement(span: Span, text: str, safety: Safety = Safety.SAFE) -> Fix:
    """The fix that puts `text` where `span` is."""
    return Fix((Edit(span, text),), safety)


def insertion(span: Span, text: str, safety: Safety = Safety.SAFE) -> Fix:
    """The fix that puts `text` before the start of `span`."""
    return Fix((Edit(Span(span.path, span.start, span.start), text),), safety)


def deletion(span: Span, safety: Safety = Safety.SAFE) -> Fix:
    """The fix that takes the text of `span` away."""
    return Fix((Edit(span, ""),), safety)


class Reporter:
    """Collects the findings of a pass; the severity comes from the table of codes.

    Attributes:
        diagnostics: What was reported, in the order of reporting.
    """

    __slots__ = ("diagnostics",)

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def report(
        self,
        code: str,
        span: Span | None,
        message: str,
        *,
        label: str = "",
        secondary: tuple[tuple[Span, str], ...] = (),
        notes: tuple[str, ...] = (),
        helps: tuple[str, ...] = (),
        fix: Fix | None = None,
        row: RowPlace | None = None,
    ) -> None:
        """Adds one finding; `code` must stand in `CODES`.

        Args:
            code: A code of the table.
            span: The place it is about; None only where no text is concerned.
            message: The first line, at most 100 characters.
            label: The words under the place; they make sense alone.
            secondary: Other places with their words.
            notes: Facts.
            helps: Actions; the last one is shown as what `fix` does.
            fix: Edits that mend it.
            row: The input row, for build-time findings.
        """
        self.diagnostics.append(
            Diagnostic(
                code=code,
                severity=CODES[code].severity,
                message=message,
                primary=None if span is None else Label(span, label),
                secondary=tuple(Label(place, words) for place, words in secondary),
                notes=notes,
                helps=helps,
                fix=fix,
                row=row,
            ),
        )

    @property
    def num_errors(self) -> int:
        """How many of the findings are errors."""
        return sum(found.severity is Severity.ERROR for found in self.diagnostics)
