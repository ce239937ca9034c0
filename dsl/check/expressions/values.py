"""Values that are written out: members of a choice, keys of a table, positions in a list.

In: literals inside an expression, and the type of what they are compared with or looked up by. Out:
reports about a literal that can never be met. Only literals are judged: a value that comes from a
row is judged when the row is read.
"""

from collections.abc import Iterator

from taskc.dsl.check.expressions.narrowing import path_of
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model.expressions import (
    Call,
    Conditional,
    DictDisplay,
    Expression,
    Index,
    ListDisplay,
    Literal,
    Name,
    Unary,
)
from taskc.dsl.model.types import Choice, Int, Text, Type, Unknown
from taskc.dsl.words import a_type, either, key_text, listed, suggestion

__all__ = [
    "check_choice_values",
    "check_keys",
    "check_position",
    "check_repeated_keys",
    "leaves",
    "named",
]


def named(expression: Expression) -> str:
    """How a message calls a choice: by its path, where it has one."""
    path = path_of(expression)
    return f"`{path}`" if path else "the choice"


def leaves(expression: Expression) -> Iterator[Expression]:
    """The expressions whose value the whole may take: branches, table entries, choices."""
    match expression:
        case Conditional(then=then, otherwise=otherwise):
            yield from leaves(then)
            yield from leaves(otherwise)
        case Index(base=DictDisplay(entries=entries)):
            for _, value in entries:
                yield from leaves(value)
        case Index(base=ListDisplay(items=items)):
            for item in items:
                yield from leaves(item)
        case Call(function=Name(text="choose"), arguments=arguments):
            for argument in arguments:
                yield from leaves(argument.value)
        case _:
            yield expression


def check_choice_values(
    expression: Expression, choice: Choice, report: Reporter, *, what: str
) -> bool:
    """Reports literal texts that the choice does not have; returns whether all fit."""
    fine = True
    for leaf in leaves(expression):
        if not isinstance(leaf, Literal) or not isinstance(leaf.value, str):
            continue
        if leaf.value in choice.values:
            continue
        fine = False
        helps, fix = suggestion(leaf.value, choice.values, leaf.span, as_literal=True)
        report.report(
            "T0208",
            leaf.span,
            f"`{leaf.value}` is not a value of {what}",
            label="not one of its values",
            notes=(f"values: {listed(choice.values)}",),
            helps=helps,
            fix=fix,
        )
    return fine


def check_position(expression: Index, report: Reporter) -> None:
    """A literal index that is negative or past the end of a list display."""
    position: int | None = None
    match expression.index:
        case Literal(value=int() as position) if not isinstance(position, bool):
            pass
        case Unary(operator="-", operand=Literal(value=int() as number)):
            position = -number
        case _:
            pass
    if position is None:
        return
    if position < 0:
        report.report(
            "T0212",
            expression.index.span,
            "an index counts from the front, from 0",
            label="negative",
            helps=("the last item is `last(...)`",),
        )
    elif isinstance(expression.base, ListDisplay) and position >= len(expression.base.items):
        length = len(expression.base.items)
        report.report(
            "T0212",
            expression.index.span,
            f"index {position} is past the end of a list of {length}",
            label=f"the last index is {length - 1}" if length else "the list is empty",
        )


def check_repeated_keys(table: DictDisplay, report: Reporter) -> None:
    """A key that stands twice: only one of the two could be meant."""
    first: dict[str, Name] = {}
    for name, _ in table.entries:
        before = first.setdefault(name.text, name)
        if before is not name:
            report.report(
                "T0215",
                name.span,
                f"the key `{name.text}` stands twice",
                label="again here",
                secondary=((before.span, "first here"),),
            )


def check_keys(expression: Index, table: DictDisplay, key: Type, report: Reporter) -> None:
    """The keys of `{...}[key]` are the values that `key` can take."""
    check_repeated_keys(table, report)
    match key:
        case Unknown():
            return
        case Choice(values=values):
            _check_coverage(expression, table, values, report)
        case Text():
            _check_literal_key(expression, table, report)
        case _:
            report.report(
                "T0211",
                expression.index.span,
                f"a table is indexed by a text, not by {a_type(key)}",
                label=f"this is {a_type(key)}",
                helps=("by position it is a list: `[a, b][index]`",)
                if isinstance(key, Int)
                else (),
            )


def _check_coverage(
    expression: Index, table: DictDisplay, values: tuple[str, ...], report: Reporter
) -> None:
    keys = {name.text for name, _ in table.entries}
    missing = [value for value in values if value not in keys]
    for name, _ in table.entries:
        if name.text in values:
            continue
        helps, fix = suggestion(name.text, missing, name.span)
        report.report(
            "T0214",
            name.span,
            f"the key `{name.text}` is never looked up",
            label=f"not a value of {named(expression.index)}",
            notes=(f"values: {listed(values)}",),
            helps=helps,
            fix=fix,
        )
    if missing and len(keys - set(values)) < len(missing):
        report.report(
            "T0213",
            table.span,
            f"the table has no entry for {either(missing[:3])}",
            label=f"{len(missing)} of {len(values)} values are not covered",
            secondary=((expression.index.span, f"may be {listed(missing)}"),),
            helps=(f"add {listed([f'`{key_text(value)}: ...`' for value in missing])}",),
        )


def _check_literal_key(expression: Index, table: DictDisplay, report: Reporter) -> None:
    if isinstance(expression.index, Literal):
        keys = tuple(name.text for name, _ in table.entries)
        check_choice_values(expression.index, Choice(keys), report, what="the table")
