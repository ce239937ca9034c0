"""Lists, tables and their items: displays, comprehensions, indexing.

In: an expression and the typer that stands in its scope. Out: its type, or a report and `Unknown`.
Keys and positions that are written out are judged in `values`.
"""

from typing import TYPE_CHECKING

from taskc.dsl.check.expressions import values
from taskc.dsl.model.expressions import (
    Comprehension,
    DictDisplay,
    Expression,
    Index,
    ListDisplay,
)
from taskc.dsl.model.types import (
    UNKNOWN,
    Choice,
    Int,
    List,
    Record,
    Text,
    Type,
    Unknown,
    join,
)
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import a_type

if TYPE_CHECKING:
    from taskc.dsl.check.expressions.typer import Typer

__all__ = [
    "report_mixed",
    "type_of_comprehension",
    "type_of_index",
    "type_of_list",
    "type_of_record",
]


# ---- items ---------------------------------------------------------------------------------------


def type_of_index(expression: Index, typer: "Typer") -> Type:
    """The type of `base[index]`."""
    if isinstance(expression.base, DictDisplay):
        return _lookup(expression, expression.base, typer)
    base = typer.value(expression.base)
    index = typer.value(expression.index)
    if isinstance(base, Unknown):
        return UNKNOWN
    if not isinstance(base, List):
        _report_not_indexable(expression, base, typer)
        return UNKNOWN
    if not isinstance(index, Int | Unknown):
        typer.report.report(
            "T0211",
            expression.index.span,
            f"a list is indexed by an int, not by {a_type(index)}",
            label=f"this is {a_type(index)}",
            helps=_index_helps(expression, index),
        )
    else:
        values.check_position(expression, typer.report)
    return base.item


def _index_helps(expression: Index, index: Type) -> tuple[str, ...]:
    if isinstance(index, Text | Choice) and isinstance(expression.base, ListDisplay):
        return ("a list is by position; by name it is `{name: value}[key]`",)
    return ()


def _report_not_indexable(expression: Index, base: Type, typer: "Typer") -> None:
    helps: tuple[str, ...] = ()
    if isinstance(base, Text | Choice):
        helps = ("the first characters of a text: `truncate_chars(text, n)`",)
    elif isinstance(base, Record):
        helps = ("a record's field is written `.name`",)
    typer.report.report(
        "T0211",
        expression.base.span,
        f"{a_type(base)} has no items",
        label=f"this is {a_type(base)}, not a list",
        helps=helps,
    )


def _lookup(expression: Index, table: DictDisplay, typer: "Typer") -> Type:
    """`{key: value}[key]`: every value of a choice must have its entry."""
    key = typer.value(expression.index)
    values.check_keys(expression, table, key, typer.report)
    found: Type | None = None
    for name, value in table.entries:
        type_ = typer.infer(value)
        joined = type_ if found is None else join(found, type_)
        if joined is None:
            assert found is not None
            report_mixed("values of one table", (value, type_), (name.span, found), typer)
            return UNKNOWN
        found = joined
    return UNKNOWN if found is None else found


# ---- displays ------------------------------------------------------------------------------------


def type_of_list(expression: ListDisplay, typer: "Typer") -> Type:
    """The type of `[a, b]`."""
    item: Type | None = None
    for value in expression.items:
        type_ = typer.infer(value)
        joined = type_ if item is None else join(item, type_)
        if joined is None:
            assert item is not None
            first = expression.items[0].span
            report_mixed("items of one list", (value, type_), (first, item), typer)
            return List(UNKNOWN)
        item = joined
    return List(UNKNOWN if item is None else item)


def report_mixed(
    what: str,
    found: tuple[Expression, Type],
    before: tuple[Span, Type],
    typer: "Typer",
) -> None:
    """Reports values in one place that have no type in common."""
    expression, type_ = found
    place, other = before
    typer.report.report(
        "T0218",
        expression.span,
        f"{what} must have one type: {a_type(other)} and {a_type(type_)}",
        label=f"this is {a_type(type_)}",
        secondary=((place, f"this is {a_type(other)}"),),
    )


def type_of_record(expression: DictDisplay, typer: "Typer") -> Type:
    """The type of `{a: x, b: y}` where it stands alone."""
    values.check_repeated_keys(expression, typer.report)
    return Record(tuple((name.text, typer.infer(value)) for name, value in expression.entries))


def type_of_comprehension(expression: Comprehension, typer: "Typer") -> Type:
    """The type of `[x for y in z if c]`."""
    iterable = typer.value(expression.iterable)
    if not isinstance(iterable, List | Unknown):
        typer.report.report(
            "T0231",
            expression.iterable.span,
            f"`for` goes through a list, not {a_type(iterable)}",
            label=f"this is {a_type(iterable)}",
            helps=("its words: `words(...)`",) if isinstance(iterable, Text) else (),
        )
    variable = expression.variable.text
    facts, outer = typer.facts, typer.locals
    typer.locals = outer | {variable: iterable.item if isinstance(iterable, List) else UNKNOWN}
    # The variable hides a field of its name, and what is known about that field.
    typer.facts = frozenset(path for path in facts if path.partition(".")[0] != variable)
    try:
        if expression.condition is not None:
            typer.facts |= typer.condition(expression.condition).where_true
        return List(typer.infer(expression.item))
    finally:
        typer.facts, typer.locals = facts, outer
