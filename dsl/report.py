"""The report: diagnostics as a reader or a program wants them.

In: diagnostics from any pass, and the texts that they point into. Out: one string. `human` shows
the lines with marks under them, `concise` is a line each, `json`, `github` and `sarif` are for
programs (see `interchange`). Sorted by file, offset and code: the same findings give the same
report.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final, Literal

from taskc.dsl.diagnostics import Diagnostic, Label, RowPlace, Safety, Severity
from taskc.dsl.snippet import mark_line
from taskc.dsl.text.source_text import SourceText, Span

__all__ = ["MAX_PER_FILE", "Style", "render", "summary"]

Style = Literal["human", "concise", "json", "github", "sarif"]

MAX_PER_FILE = 20

_RESET: Final = "\x1b[0m"
_BOLD: Final = "\x1b[1m"
_BLUE: Final = "\x1b[1;34m"
_GREEN: Final = "\x1b[1;32m"
_COLORS: Final = {
    Severity.ERROR: "\x1b[1;31m",
    Severity.WARNING: "\x1b[1;33m",
    Severity.LINT: "\x1b[1;36m",
}


def render(
    diagnostics: Iterable[Diagnostic],
    texts: Mapping[str, SourceText],
    style: Style = "human",
    *,
    color: bool = False,
) -> str:
    """Returns the report, ending in a newline; "" where nothing was found (not for json and sarif).

    Args:
        diagnostics: What was found, in any order.
        texts: The files by the path that spans name.
        style: How to say it.
        color: Whether `human` and `concise` may use a terminal's colours.
    """
    found = sorted(diagnostics, key=lambda diagnostic: diagnostic.sort_key)
    if style == "human":
        return _printed(found, _Human(texts, color=color), between="\n")
    if style == "concise":
        return _printed(found, _Concise(texts, color=color), between="")
    # For programs: `taskc check` at a terminal does not pay for importing json.
    from taskc.dsl.interchange import github_report, json_report, sarif_report

    match style:
        case "json":
            return json_report(found, texts)
        case "sarif":
            return sarif_report(found, texts)
        case "github":
            return github_report(found, texts)


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """The closing line: `2 errors, 1 warning`."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    counts = ((severity, severities.count(severity)) for severity in Severity)
    return ", ".join(
        f"{count} {severity}{'s' if count > 1 else ''}" for severity, count in counts if count
    )


def _printed(found: list[Diagnostic], printer: "_Human | _Concise", between: str) -> str:
    """The first diagnostics of each file, how many more there are, and the summary."""
    if not found:
        return ""
    parts: list[str] = []
    for path, group in groupby(found, key=lambda diagnostic: diagnostic.sort_key[0]):
        of_file = list(group)
        parts.extend(printer.diagnostic(diagnostic) for diagnostic in of_file[:MAX_PER_FILE])
        num_left = len(of_file) - MAX_PER_FILE
        if num_left > 0:
            parts.append(f"and {num_left} more{f' in {path}' if path else ''}\n")
    parts.append(printer.paint(_BOLD, summary(found)) + "\n")
    return between.join(parts)


class _Painter:
    """Colours, if they are wanted."""

    def __init__(self, texts: Mapping[str, SourceText], *, color: bool) -> None:
        self.texts = texts
        self.color = color

    def paint(self, code: str, words: str) -> str:
        return f"{code}{words}{_RESET}" if self.color and words else words

    def head(self, diagnostic: Diagnostic) -> str:
        severity = self.paint(
            _COLORS[diagnostic.severity], f"{diagnostic.severity}[{diagnostic.code}]"
        )
        return f"{severity}: {self.paint(_BOLD, diagnostic.message)}"

    def place(self, span: Span) -> str:
        source = self.texts.get(span.path)
        if source is None:
            return span.path
        line, column = source.location(span.start)
        return f"{span.path}:{line}:{column}"


class _Concise(_Painter):
    """One line a diagnostic."""

    def diagnostic(self, diagnostic: Diagnostic) -> str:
        place = f"{self.place(diagnostic.primary.span)}: " if diagnostic.primary else ""
        row = f" ({_row_words(diagnostic.row)})" if diagnostic.row else ""
        return f"{place}{self.head(diagnostic)}{row}\n"


class _Human(_Painter):
    """The lines concerned with marks under them, then notes, then helps."""

    def diagnostic(self, diagnostic: Diagnostic) -> str:
        places = [*diagnostic.secondary, *([diagnostic.primary] if diagnostic.primary else [])]
        known = [label for label in places if label.span.path in self.texts]
        numbers = [self.texts[label.span.path].location(label.span.start)[0] for label in known]
        gutter = len(str(max(numbers, default=1)))
        lines = [self.head(diagnostic)]
        if diagnostic.primary:
            lines.extend(self._snippets(diagnostic.primary, diagnostic, gutter))
        edge = " " * gutter + " = "
        if diagnostic.row:
            lines.extend(self._fact(edge, "row", _row_words(diagnostic.row)))
        for note in diagnostic.notes:
            lines.extend(self._fact(edge, "note", note))
        lines.extend(self._helps(diagnostic))
        return "\n".join(lines) + "\n"

    def _snippets(self, primary: Label, diagnostic: Diagnostic, gutter: int) -> Iterator[str]:
        """The file of the primary label first, then any other file."""
        arrow = self.paint(_BLUE, " " * gutter + "-->")
        yield f"{arrow} {self.place(primary.span)}"
        path = primary.span.path
        here = [label for label in diagnostic.secondary if label.span.path == path]
        yield from self._snippet(path, [primary, *here], primary, diagnostic, gutter)
        for other in dict.fromkeys(label.span.path for label in diagnostic.secondary):
            if other != path:
                labels = [label for label in diagnostic.secondary if label.span.path == other]
                arrow = self.paint(_BLUE, " " * gutter + ":::")
                yield f"{arrow} {self.place(labels[0].span)}"
                yield from self._snippet(other, labels, primary, diagnostic, gutter)

    def _snippet(
        self,
        path: str,
        labels: list[Label],
        primary: Label,
        diagnostic: Diagnostic,
        gutter: int,
    ) -> Iterator[str]:
        """The lines of one file that have labels, in order, a row of marks a label."""
        source = self.texts.get(path)
        if source is None:
            return
        empty = self.paint(_BLUE, " " * gutter + " |")
        yield empty
        placed = sorted(
            ((*source.location(label.span.start), label) for label in labels),
            key=lambda place: place[:2],
        )
        for number, group in groupby(placed, key=lambda place: place[0]):
            on_line = list(group)
            columns = tuple(_columns(source, number, column, label) for _, column, label in on_line)
            marked = mark_line(source.line(number), columns)
            edge = self.paint(_BLUE, f"{number:>{gutter}} |")
            yield f"{edge} {marked.text}".rstrip()
            for (start, width), (_, _, label) in zip(marked.marks, on_line, strict=True):
                is_primary = label is primary
                mark = ("^" if is_primary else "-") * width
                words = f"{mark} {_label_words(source, label)}".rstrip()
                code = _COLORS[diagnostic.severity] if is_primary else _BLUE
                yield f"{empty} {' ' * start}{self.paint(code, words)}"

    def _fact(self, edge: str, kind: str, words: str) -> Iterator[str]:
        first, *rest = words.split("\n")
        yield f"{self.paint(_BLUE, edge)}{self.paint(_BOLD, kind)}: {first}"
        for line in rest:
            yield " " * (len(edge) + len(kind) + 2) + line

    def _helps(self, diagnostic: Diagnostic) -> Iterator[str]:
        helps = list(diagnostic.helps)
        fix = diagnostic.fix
        if fix and not helps:
            edit = fix.edits[0]
            helps = [
                f"write `{edit.replacement.strip()}` here" if edit.replacement else "take it away"
            ]
        for number, words in enumerate(helps, start=1):
            is_fixed = fix is not None and number == len(helps)
            tag = ""
            if fix is not None and is_fixed and fix.safety is not Safety.DISPLAY:
                tag = f"   [{fix.safety} fix]"
            yield f"{self.paint(_GREEN, 'help')}: {words}{tag}"


def _columns(source: SourceText, line: int, column: int, label: Label) -> tuple[int, int]:
    """The columns, from 0, of what a label covers on its first line."""
    line_start = source.line_starts[line - 1]
    length = len(source.line(line))
    end = label.span.end - line_start
    first = column - 1
    return first, max(first, min(end, length))


def _label_words(source: SourceText, label: Label) -> str:
    """The label's words, with where it ends if that is on another line."""
    first = source.location(label.span.start)[0]
    last = source.location(max(label.span.start, label.span.end - 1))[0]
    reach = f"(to line {last})" if last > first else ""
    return " ".join(words for words in (label.text, reach) if words)


def _row_words(row: RowPlace) -> str:
    """The input row as a reader finds it."""
    words = f"{row.file}:{row.row}"
    if row.field:
        words += f", field `{row.field}`"
    if row.value:
        words += f", value `{row.value}`"
    return words
