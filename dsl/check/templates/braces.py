"""Fields between two braces, as Jinja and others write a placeholder.

In: the texts of a prompt, the names that may stand in a placeholder, the file's characters. Out:
warnings. `{{report}}` is the characters `{report}` and no row's value; where `report` is a field,
that is hardly meant. Other names between two braces are left alone: they may be anybody's.
"""

import re
from collections.abc import Collection, Iterable

from taskc.dsl.diagnostics import Reporter, Safety, replacement
from taskc.dsl.model.expressions import Piece, Text
from taskc.dsl.text.source_text import SourceText, Span

__all__ = ["check_braces"]

_DOUBLED = re.compile(r"\{\{[ \t]*([^\W\d]\w*)[ \t]*\}\}")


def check_braces(
    texts: Iterable[Text], names: Collection[str], source: SourceText, report: Reporter
) -> None:
    """Judges the texts of a prompt, which all stand in `source`."""
    for text in texts:
        for piece in text.parts:
            if isinstance(piece, Piece) and "{" in piece.text:
                _check_piece(piece, names, source, report)


def _check_piece(
    piece: Piece, names: Collection[str], source: SourceText, report: Reporter
) -> None:
    for found in _DOUBLED.finditer(source.text, piece.span.start, piece.span.end):
        name = found[1]
        if name not in names:
            continue
        place = Span(piece.span.path, *found.span())
        report.report(
            "T0324",
            place,
            f"`{name}` between two braces is no placeholder",
            label=f"these characters, not the row's `{name}`",
            helps=(f"write `{{{name}}}` for the row's value",),
            fix=replacement(place, f"{{{name}}}", Safety.UNSAFE),
        )
