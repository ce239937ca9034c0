"""Placeholders in texts: what may be shown.

In: a text and the typer of its scope. Out: reports about placeholders that show what is no text or
number. How a text reads (glued words, spaces at a seam) is the template's check.
"""

from taskc.dsl.check.expressions.narrowing import path_of
from taskc.dsl.check.expressions.typer import Typer
from taskc.dsl.model.expressions import Expression, Placeholder, Text
from taskc.dsl.model.types import (
    Bool,
    Choice,
    Float,
    Int,
    List,
    NoneType,
    Optional,
    Record,
    Type,
    Unknown,
    is_text,
)
from taskc.dsl.model.types import Text as TextType
from taskc.dsl.words import a_type

__all__ = ["check_text"]


def check_text(text: Text, typer: Typer) -> None:
    """Checks every placeholder of a text."""
    for part in text.parts:
        if isinstance(part, Placeholder):
            _check_placeholder(part.expression, typer)


def _check_placeholder(expression: Expression, typer: Typer) -> None:
    found = typer.infer(expression)
    match found:
        case TextType() | Choice() | Int() | Float() | Unknown():
            return
        case Optional() | NoneType():
            _report_optional(expression, found, typer)
        case _:
            typer.report.report(
                "T0301",
                expression.span,
                f"{a_type(found)} cannot be written into a text",
                label=f"this is {a_type(found)}",
                helps=_helps(found, path_of(expression) or "..."),
            )


def _report_optional(expression: Expression, found: Type, typer: Typer) -> None:
    path = path_of(expression)
    typer.report.report(
        "T0205",
        expression.span,
        f"`{path}` may be none here" if path else "a value that may be none is used here",
        label=f"its type is {found}",
        helps=(
            f"give a prompt that needs it a condition: `when {path} != none`",
            f"or say what stands in its place: `{path} if {path} != none else ...`",
        )
        if path
        else (),
    )


def _helps(found: Type, path: str) -> tuple[str, ...]:
    match found:
        case List(item=item) if is_text(item):
            return (
                f'join its items: `{{join({path}, ", ")}}`',
                f"or show one: `{{first({path})}}`",
            )
        case List():
            return (f"show one item: `{{first({path})}}`",)
        case Record(fields=fields) if fields:
            return (f"show one of its fields: `{{{path}.{fields[0][0]}}}`",)
        case Bool():
            return (f'say both cases: `{{"yes" if {path} else "no"}}`',)
        case _:
            return ()
