"""Calls of what is no function: what users of other languages try, and how it is said here.

In: a call and its scope. Out: a report.
"""

from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model.expressions import Call
from taskc.dsl.model.functions import FUNCTIONS
from taskc.dsl.words import listed, suggestion

__all__ = ["report_unknown_function"]

_ELSEWHERE = {
    "str": "a placeholder writes a number by itself: `{score}`",
    "int": "numbers in a text are not read; declare the column as `int`",
    "float": "numbers in a text are not read; declare the column as `float`",
    "length": "`len(...)` counts characters or items",
    "count": "`len(...)` counts characters or items",
    "size": "`len(...)` counts characters or items",
    "trim": "`strip(...)` takes the whitespace off both ends",
    "concat": "texts and lists are joined by `+`",
    "contains": 'write `"part" in text`',
    "startswith": 'write `matches(text, r"^...")`',
    "endswith": 'write `matches(text, r"...$")`',
    "sorted": "`sort(...)` gives the list in ascending order",
    "random": "`choose(a, b)` picks one by a keyed hash of the row",
    "sample": "`choose(a, b)` picks one by a keyed hash of the row",
    "sum": "there is no sum over a list",
    "format": 'placeholders stand in template texts: `"{title}: {score}"`',
    "title": "`capitalize(...)` upper-cases the first character",
}


def report_unknown_function(call: Call, scope: Scope, report: Reporter) -> None:
    """Says what the function may have been meant to be."""
    name = call.function
    helps, fix = suggestion(name.text, FUNCTIONS, name.span)
    known_elsewhere = _ELSEWHERE.get(name.text)
    if known_elsewhere is not None:
        helps, fix = (known_elsewhere,), None
    elif name.text in scope.fields:
        helps, fix = (f"`{name.text}` is a field: it takes no arguments",), None
    report.report(
        "T0202",
        name.span,
        f"unknown function `{name.text}`",
        label="not a function of the language",
        notes=() if helps else (f"functions: {listed(FUNCTIONS, most=40)}",),
        helps=helps,
        fix=fix,
    )
