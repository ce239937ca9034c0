"""Diagnostics for programs: one JSON document, GitHub's annotations, SARIF 2.1.0.

In: sorted diagnostics and the texts that they point into. Out: one string, complete (no diagnostic
is left out). Lines and columns count from 1, columns in Unicode code points; an end is the place
after the last character.

The JSON document:

    {"version": 1,
     "summary": {"errors": 1, "warnings": 0, "lints": 0},
     "diagnostics": [{"code": "T0312", "severity": "error", "message": "...",
                      "primary": LABEL | null, "secondary": [LABEL, ...],
                      "notes": ["..."], "helps": ["..."],
                      "fix": {"safety": "safe", "edits": [EDIT, ...]} | null,
                      "row": {"file": "x.jsonl", "row": 3, "field": "", "value": ""} | null}]}

    LABEL = {"path": "a.task", "start": PLACE, "end": PLACE, "label": "..."}
    EDIT  = {"path": "a.task", "start": PLACE, "end": PLACE, "replacement": "..."}
    PLACE = {"offset": 12, "line": 2, "column": 4}

Line and column are null where the text is not known.
"""

import json
from collections.abc import Mapping
from typing import Any

from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic, Fix, Label, Severity
from taskc.dsl.text.source_text import SourceText, Span

__all__ = ["github_report", "json_report", "sarif_report"]

_Texts = Mapping[str, SourceText]
_Json = dict[str, Any]
_GITHUB_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.LINT: "notice"}
_SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.LINT: "note"}
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def _dump(document: _Json) -> str:
    return json.dumps(document, indent=2) + "\n"


def _words(diagnostic: Diagnostic) -> str:
    """Message, row, notes and helps as lines of text."""
    lines = [diagnostic.message]
    if diagnostic.primary and diagnostic.primary.text:
        lines[0] += f" ({diagnostic.primary.text})"
    if diagnostic.row:
        lines.append(f"row: {diagnostic.row.file}:{diagnostic.row.row}")
    lines += [f"note: {note}" for note in diagnostic.notes]
    lines += [f"help: {words}" for words in diagnostic.helps]
    return "\n".join(lines)


# ---- JSON ----------------------------------------------------------------------------------------


def json_report(diagnostics: list[Diagnostic], texts: _Texts) -> str:
    """Returns the JSON document that the module describes."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    return _dump(
        {
            "version": 1,
            "summary": {f"{severity}s": severities.count(severity) for severity in Severity},
            "diagnostics": [_json_diagnostic(diagnostic, texts) for diagnostic in diagnostics],
        },
    )


def _json_diagnostic(diagnostic: Diagnostic, texts: _Texts) -> _Json:
    row = diagnostic.row
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "primary": _json_label(diagnostic.primary, texts) if diagnostic.primary else None,
        "secondary": [_json_label(label, texts) for label in diagnostic.secondary],
        "notes": list(diagnostic.notes),
        "helps": list(diagnostic.helps),
        "fix": _json_fix(diagnostic.fix, texts) if diagnostic.fix else None,
        "row": {"file": row.file, "row": row.row, "field": row.field, "value": row.value}
        if row
        else None,
    }


def _json_label(label: Label, texts: _Texts) -> _Json:
    return {**_json_span(label.span, texts), "label": label.text}


def _json_fix(fix: Fix, texts: _Texts) -> _Json:
    edits = [
        {**_json_span(edit.span, texts), "replacement": edit.replacement} for edit in fix.edits
    ]
    return {"safety": fix.safety, "edits": edits}


def _json_span(span: Span, texts: _Texts) -> _Json:
    return {
        "path": span.path,
        "start": _json_place(span.path, span.start, texts),
        "end": _json_place(span.path, span.end, texts),
    }


def _json_place(path: str, offset: int, texts: _Texts) -> _Json:
    source = texts.get(path)
    line, column = source.location(offset) if source else (None, None)
    return {"offset": offset, "line": line, "column": column}


# ---- GitHub --------------------------------------------------------------------------------------


def github_report(diagnostics: list[Diagnostic], texts: _Texts) -> str:
    """Returns a workflow command a diagnostic, which GitHub shows beside the line."""
    return "".join(_github_line(diagnostic, texts) for diagnostic in diagnostics)


def _github_line(diagnostic: Diagnostic, texts: _Texts) -> str:
    properties: dict[str, str] = {"title": diagnostic.code}
    if diagnostic.primary:
        span = diagnostic.primary.span
        properties = {"file": span.path, **_github_place(span, texts), **properties}
    written = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    level = _GITHUB_LEVELS[diagnostic.severity]
    return f"::{level} {written}::{_escape_data(_words(diagnostic))}\n"


def _github_place(span: Span, texts: _Texts) -> dict[str, str]:
    source = texts.get(span.path)
    if source is None:
        return {}
    line, column = source.location(span.start)
    end_line, end_column = source.location(max(span.start, span.end))
    place = {"line": str(line), "endLine": str(end_line)}
    if line == end_line:  # GitHub refuses columns on more than one line
        place |= {"col": str(column), "endColumn": str(end_column)}
    return place


def _escape_data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(words: str) -> str:
    return _escape_data(words).replace(":", "%3A").replace(",", "%2C")


# ---- SARIF ---------------------------------------------------------------------------------------


def sarif_report(diagnostics: list[Diagnostic], texts: _Texts) -> str:
    """Returns a SARIF 2.1.0 log with one run."""
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": CODES[code].title},
            "defaultConfiguration": {"level": _SARIF_LEVELS[CODES[code].severity]},
        }
        for code in codes
    ]
    run = {
        "tool": {"driver": {"name": "taskc", "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [
            _sarif_result(diagnostic, codes.index(diagnostic.code), texts)
            for diagnostic in diagnostics
        ],
    }
    return _dump({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _sarif_result(diagnostic: Diagnostic, rule: int, texts: _Texts) -> _Json:
    result: _Json = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": _SARIF_LEVELS[diagnostic.severity],
        "message": {"text": _words(diagnostic)},
    }
    if diagnostic.primary:
        result["locations"] = [_sarif_location(diagnostic.primary, texts)]
    if diagnostic.secondary:
        result["relatedLocations"] = [
            {"id": number, **_sarif_location(label, texts), "message": {"text": label.text}}
            for number, label in enumerate(diagnostic.secondary)
        ]
    if diagnostic.fix and all(edit.span.path in texts for edit in diagnostic.fix.edits):
        result["fixes"] = [_sarif_fix(diagnostic.fix, texts)]
    return result


def _sarif_location(label: Label, texts: _Texts) -> _Json:
    physical: _Json = {"artifactLocation": {"uri": label.span.path}}
    region = _sarif_region(label.span, texts)
    if region:
        physical["region"] = region
    return {"physicalLocation": physical}


def _sarif_region(span: Span, texts: _Texts) -> _Json:
    source = texts.get(span.path)
    if source is None:
        return {}
    line, column = source.location(span.start)
    end_line, end_column = source.location(span.end)
    return {
        "startLine": line,
        "startColumn": column,
        "endLine": end_line,
        "endColumn": end_column,
        "charOffset": span.start,
        "charLength": span.end - span.start,
    }


def _sarif_fix(fix: Fix, texts: _Texts) -> _Json:
    changes: dict[str, list[_Json]] = {}
    for edit in fix.edits:
        change = {
            "deletedRegion": _sarif_region(edit.span, texts),
            "insertedContent": {"text": edit.replacement},
        }
        changes.setdefault(edit.span.path, []).append(change)
    return {
        "artifactChanges": [
            {"artifactLocation": {"uri": path}, "replacements": replacements}
            for path, replacements in changes.items()
        ],
    }
