"""Build-time diagnostics: from a place in a plan to a finding that looks like the checker's.

In: a `plan.Place` and words. Out: a `Diagnostic` whose span points into the spec.
"""

from taskc.compiler import plan
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic, Label, RowPlace
from taskc.dsl.text.source_text import Span

__all__ = ["error_at", "span_of"]


def span_of(place: plan.Place) -> Span:
    """The span that a place was made from."""
    return Span(place.path, place.start, place.end)


def error_at(
    code: str,
    place: plan.Place,
    message: str,
    *,
    label: str = "",
    notes: tuple[str, ...] = (),
    helps: tuple[str, ...] = (),
    row: RowPlace | None = None,
) -> Diagnostic:
    """A finding of the code's own severity at a place of the spec."""
    return Diagnostic(
        code=code,
        severity=CODES[code].severity,
        message=message,
        primary=Label(span_of(place), label),
        notes=notes,
        helps=helps,
        row=row,
    )
