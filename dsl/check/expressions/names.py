"""Names and fields: what a name means in a scope, and a field in a record.

In: a reference or an attribute, and the typer that stands in the scope. Out: its type, or a report
and `Unknown`.
"""

from typing import TYPE_CHECKING

from taskc.dsl.check.expressions.narrowing import path_of
from taskc.dsl.diagnostics import replacement
from taskc.dsl.model.expressions import Attribute, Reference
from taskc.dsl.model.functions import FUNCTIONS
from taskc.dsl.model.types import UNKNOWN, Choice, List, Optional, Record, Type, Unknown
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import a_type, listed, quoted, suggestion

if TYPE_CHECKING:
    from taskc.dsl.check.expressions.typer import Typer

__all__ = ["type_of_attribute", "type_of_reference"]

# Words of other languages, and the literals that they are here.
_WORDS_ELSEWHERE = {
    "True": "true",
    "False": "false",
    "None": "none",
    "null": "none",
    "nil": "none",
    "TRUE": "true",
    "FALSE": "false",
}


def type_of_reference(expression: Reference, typer: "Typer") -> Type:
    """The type of a field, a parameter, a special name or a comprehension's variable."""
    name = expression.name
    found = typer.locals.get(name)
    if found is None:
        found = typer.scope.lookup(name)
    if found is None:
        _report_unknown(name, expression.span, typer)
        return UNKNOWN
    if name in typer.facts and isinstance(found, Optional):
        return found.inner
    return found


def _report_unknown(name: str, span: Span, typer: "Typer") -> None:
    scope = typer.scope
    if name in scope.refused:
        _report_refused(name, span, typer)
        return
    if name in FUNCTIONS:
        typer.report.report(
            "T0235",
            span,
            f"`{name}` is a function and needs its arguments",
            label="not a value",
            notes=tuple(f"`{usage}`" for usage in FUNCTIONS[name].usages),
            helps=(f"write `{name}(...)`",),
        )
        return
    helps, fix = suggestion(name, [*typer.locals, *scope.fields, *scope.params], span)
    meant = _literal_meant(name, typer)
    if meant:
        helps, fix = (f"write `{meant}`",), replacement(span, meant)
    known = sorted(scope.fields) if scope.noun == "parameter" else list(scope.fields)
    notes = (f"{scope.noun}s: {listed(known)}",) if known else ()
    typer.report.report(
        scope.code,
        span,
        f"unknown {scope.noun} `{name}` in {scope.subject}",
        label=f"not a {scope.noun} here",
        secondary=(scope.origin,) if scope.origin else (),
        notes=notes + scope.notes,
        helps=helps,
        fix=fix,
    )


def _literal_meant(name: str, typer: "Typer") -> str:
    """The literal that a bare word was meant to be: `None`, a value of a choice."""
    if name in _WORDS_ELSEWHERE:
        return _WORDS_ELSEWHERE[name]
    types = typer.scope.fields.values()
    if any(isinstance(type_, Choice) and name in type_.values for type_ in types):
        return quoted(name)
    return ""


def _report_refused(name: str, span: Span, typer: "Typer") -> None:
    refusal = typer.scope.refused[name]
    if name in typer.scope.silenced:
        return
    # One cause: `{options}` and `{answer}` of every prompt lack the same block.
    typer.scope.silenced.update(
        other for other, each in typer.scope.refused.items() if each.code == refusal.code
    )
    typer.report.report(
        refusal.code, span, refusal.message, label=refusal.label, helps=refusal.helps
    )


def type_of_attribute(expression: Attribute, typer: "Typer") -> Type:
    """The type of a record's field, or of what a dot means in this scope."""
    base = expression.base
    if isinstance(base, Reference) and base.name not in typer.locals:
        special = _special_attribute(base.name, expression, typer)
        if special is not None:
            return special
    found = typer.value(base)
    match found:
        case Unknown():
            return UNKNOWN
        case Record():
            return _field(expression, found, typer)
        case _:
            pass
    _report_no_fields(expression, found, typer)
    return UNKNOWN


def _special_attribute(name: str, expression: Attribute, typer: "Typer") -> Type | None:
    """`answer.text` of a template, or a parameter of an imported package."""
    scope = typer.scope
    dotted = f"{name}.{expression.name.text}"
    if dotted in scope.specials:
        return scope.specials[dotted]
    if dotted in scope.refused and name in scope.specials:
        _report_refused(dotted, expression.span, typer)
        return UNKNOWN
    if name in scope.fields or name in scope.specials or name not in scope.imported:
        return None
    params = scope.imported[name]
    scope.used_params.add(dotted)
    if expression.name.text in params:
        param = params[expression.name.text]
        return UNKNOWN if param is None else param.type
    helps, fix = suggestion(expression.name.text, params, expression.name.span)
    typer.report.report(
        "T0102",
        expression.name.span,
        f"unknown parameter `{dotted}`",
        label=f"not a parameter of package `{name}`",
        helps=helps,
        fix=fix,
    )
    return UNKNOWN


def _field(expression: Attribute, record: Record, typer: "Typer") -> Type:
    fields = dict(record.fields)
    name = expression.name
    if name.text not in fields:
        helps, fix = suggestion(name.text, fields, name.span)
        typer.report.report(
            "T0209",
            name.span,
            f"the record has no field `{name.text}`",
            label="not one of its fields",
            notes=(f"fields: {listed(fields)}",),
            helps=helps,
            fix=fix,
        )
        return UNKNOWN
    found = fields[name.text]
    if isinstance(found, Optional) and path_of(expression) in typer.facts:
        return found.inner
    return found


def _report_no_fields(expression: Attribute, found: Type, typer: "Typer") -> None:
    name = expression.name.text
    helps: tuple[str, ...] = ()
    if isinstance(found, List) and isinstance(found.item, Record):
        path = path_of(expression.base) or "..."
        helps = (f"the field of every item: `[item.{name} for item in {path}]`",)
    elif name in FUNCTIONS:
        inside = path_of(expression.base) or "..."
        helps = (f"functions stand before their arguments: `{name}({inside})`",)
    typer.report.report(
        "T0210",
        expression.name.span,
        f"{a_type(found)} has no fields",
        label=f"`.{name}` asks for a field",
        secondary=((expression.base.span, f"this is {a_type(found)}"),),
        helps=helps,
    )
