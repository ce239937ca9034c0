"""Mistakes in the rows of one source: collected, the first few kept, the rest counted.

In: findings of `connect` and `survey`, in the order of rows, or those of one range after another.
Out: diagnostics with the row they speak of, the same however the rows were cut into ranges. A file
with a million bad lines costs a counter, not a million messages.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

from taskc.compiler import plan
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic, Reporter, RowPlace, Severity
from taskc.dsl.text.source_text import Span

__all__ = ["MAX_ALIKE", "MAX_KEPT", "Findings", "shown"]

MAX_KEPT = 12  # errors a source shows: with the line for the rest they fit into a report
MAX_ALIKE = 6  # of them, those that are the same mistake in other rows
_MAX_SHOWN_CHARS = 60
_MAX_SHOWN_ITEMS = 8


@dataclass(slots=True)
class Findings:
    """What was found wrong while one source was read.

    Attributes:
        source: Name of the source.
        at: Where the source stands in the spec.
        num_errors: Every error, also those that are not kept.
        hidden: Errors that are not kept, by code and field.
        rest_at: Where the line for them stands; None: there are none.
        reporter: Holds what is kept.
    """

    source: str
    at: plan.Place
    num_errors: int = 0
    _num_kept: int = 0
    _alike: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    hidden: Counter[tuple[str, str]] = field(default_factory=Counter)
    rest_at: plan.Place | None = None
    _said: set[tuple[str, int, str, str, tuple[str, ...]]] = field(default_factory=set)
    reporter: Reporter = field(default_factory=Reporter)

    def report(
        self,
        code: str,
        message: str,
        *,
        at: plan.Place | None = None,
        label: str = "",
        notes: tuple[str, ...] = (),
        helps: tuple[str, ...] = (),
        row: RowPlace | None = None,
    ) -> None:
        """Adds one finding; what concerns no row is said once, though several splits lead to it.

        Args:
            code: A code of the table.
            message: The first line, at most 100 characters.
            at: The clause it is about; None: the source's own name.
            label: The words under the place.
            notes: Facts.
            helps: Actions.
            row: The input row, where one is concerned.
        """
        place = at or self.at
        if row is None:
            said = (code, place.start, message, label, notes)
            if said in self._said:
                return
            self._said.add(said)
        if CODES[code].severity is Severity.ERROR:
            self.num_errors += 1
            field_name = row.field if row else ""
            alike = (code, place.start, field_name)
            if self._num_kept >= MAX_KEPT or self._alike[alike] >= MAX_ALIKE:
                self.hidden[code, field_name] += 1
                self._show_rest_at(place)
                return
            self._num_kept += 1
            self._alike[alike] += 1
        span = Span(place.path, place.start, place.end)
        self.reporter.report(code, span, message, label=label, notes=notes, helps=helps, row=row)

    def absorb(self, later: "Findings") -> None:
        """Adds the findings of rows that come after all that were looked at so far.

        What concerns a file and no row of it is said once, however many of its ranges say it.
        """
        for found in later.reporter.diagnostics:
            self.take(found)
        for kind, num_errors in later.hidden.items():
            self.hidden[kind] += num_errors
            self.num_errors += num_errors
        if later.rest_at is not None:
            self._show_rest_at(later.rest_at)

    def take(self, found: Diagnostic) -> None:
        """Adds what another stage found."""
        if found.primary is None:
            raise AssertionError("every finding has a place in the spec")
        self.report(
            found.code,
            found.message,
            at=_place_of(found.primary.span),
            label=found.primary.text,
            notes=found.notes,
            helps=found.helps,
            row=found.row,
        )

    def _show_rest_at(self, place: plan.Place) -> None:
        self.rest_at = max(self.rest_at or place, place, key=lambda at: at.start)

    def diagnostics(self) -> list[Diagnostic]:
        """What was kept, and one line for the rest."""
        kept = list(self.reporter.diagnostics)
        hidden = self.num_errors - self._num_kept
        if hidden > 0:
            place = self.rest_at or self.at
            last = Reporter()
            errors = "errors" if hidden > 1 else "error"
            last.report(
                "T0809",
                Span(place.path, place.start, place.end),
                f"{hidden:,} more {errors} in the rows of `{self.source}`".replace(",", "_"),
                label="only the first of each kind are shown",
                notes=tuple(
                    f"{num_errors:,} more {code}".replace(",", "_")
                    + (f" in `{field_name}`" if field_name else "")
                    for (code, field_name), num_errors in self._most_hidden()
                ),
            )
            kept += last.diagnostics
        return kept

    def _most_hidden(self) -> list[tuple[tuple[str, str], int]]:
        """The mistakes of which most are hidden; of equally many, by code and field."""
        ranked = sorted(self.hidden.items(), key=lambda item: (-item[1], item[0]))
        return ranked[:_MAX_SHOWN_ITEMS]


def _place_of(span: Span) -> plan.Place:
    """A span as a place; its line is not asked for again."""
    return plan.Place(path=span.path, start=span.start, end=span.end, line=0, column=0)


def shown(value: object) -> str:
    """Returns a value as a user writes it, shortened to 60 characters."""
    match value:
        case None:
            text = "none"
        case bool():
            text = "true" if value else "false"
        case str():
            # Cut before quoting: a text may be megabytes long.
            text = '"' + value[: _MAX_SHOWN_CHARS + 1].replace("\n", "\\n") + '"'
        case list():
            text = f"[{_listed([shown(item) for item in value[:_MAX_SHOWN_ITEMS]], len(value))}]"
        case dict():
            fields = [
                f"{name}: {shown(item)}" for name, item in islice(value.items(), _MAX_SHOWN_ITEMS)
            ]
            text = f"{{{_listed(fields, len(value))}}}"
        case _:
            text = str(value)
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[: _MAX_SHOWN_CHARS - 3]}..."


def _listed(items: list[str], num_items: int) -> str:
    return ", ".join([*items, "..."] if num_items > len(items) else items)
