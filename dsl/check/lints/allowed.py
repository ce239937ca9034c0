"""`# allow T0703: reason`: a comment that takes a lint away.

In: diagnostics, and the comments of every file. Out: diagnostics without the allowed lints. A
comment speaks of its own line, or of the next one where it stands alone. An allow that takes
nothing away, that gives no reason, or that speaks of an error is a lint itself.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic, Reporter, Severity, deletion
from taskc.dsl.packages import Loaded
from taskc.dsl.text.parser import ParsedFile
from taskc.dsl.text.source_text import Span

__all__ = ["without_allowed"]

_ALLOW = re.compile(r"#[ \t]*allow[ \t]+(T\d{4})\b[ \t]*(:?)[ \t]*([^\n]*)")


@dataclass(slots=True)
class _Allow:
    """An allow with the line that it speaks of."""

    code: str
    line: int
    has_reason: bool
    span: Span
    is_used: bool = False


def without_allowed(loaded: Loaded, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics that no comment allows, and lints about allows that are of no use."""
    allows: dict[tuple[str, int, str], _Allow] = {}
    for folder in loaded.folders:
        if folder.is_root:
            for file in folder.files:
                for allow in _allows(file):
                    allows.setdefault((file.source.path, allow.line, allow.code), allow)
    if not allows:
        return list(diagnostics)
    kept = []
    for found in diagnostics:
        allow_ = _matching(found, loaded, allows)
        if allow_ is None or found.severity is not Severity.LINT:
            kept.append(found)
        else:
            allow_.is_used = True
            if not allow_.has_reason:
                kept.append(found)
    report = Reporter()
    for each in allows.values():
        _check(each, report)
    return kept + report.diagnostics


def _matching(
    found: Diagnostic, loaded: Loaded, allows: dict[tuple[str, int, str], _Allow]
) -> _Allow | None:
    if found.primary is None:
        return None
    span = found.primary.span
    line, _ = loaded.texts[span.path].location(span.start)
    return allows.get((span.path, line, found.code))


def _allows(file: ParsedFile) -> Iterator[_Allow]:
    """The allows of a file; `#` inside of a token is text."""
    source, tree = file.source, file.tree
    for match in _ALLOW.finditer(source.text):
        token = bisect_right(tree.starts, match.start()) - 1
        if token >= 0 and tree.ends[token] > match.start():
            continue
        line, column = source.location(match.start())
        stands_alone = not source.line(line)[: column - 1].strip()
        span = Span(source.path, match.start(), match.end())
        yield _Allow(match[1], line + stands_alone, bool(match[2] and match[3].strip()), span)


def _check(allow: _Allow, report: Reporter) -> None:
    code = CODES.get(allow.code)
    if code is None:
        words, label = f"there is no `{allow.code}` to allow", "no such code"
    elif code.severity is not Severity.LINT:
        words = f"`{allow.code}` cannot be allowed: it is {_article(code.severity)}"
        label = "only lints can be"
    elif not allow.is_used:
        words, label = f"nothing here needs `{allow.code}` to be allowed", "takes nothing away"
    elif not allow.has_reason:
        words, label = f"allowing `{allow.code}` needs a reason", "no reason"
    else:
        return
    report.report(
        "T0710",
        allow.span,
        words,
        label=label,
        helps=(f"write `# allow {allow.code}: reason`",) if label == "no reason" else (),
        fix=None if label == "no reason" else deletion(allow.span),
    )


def _article(severity: Severity) -> str:
    return f"an {severity}" if severity is Severity.ERROR else f"a {severity}"
