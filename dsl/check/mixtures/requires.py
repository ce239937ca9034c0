"""`require`: conditions over the delivered training split, and those that can never hold.

In: the requires of a mixture and what its quotas already fix. Out: typed conditions, with reports
about those that no delivery can meet. Intervals decide: a figure has a least and a greatest value,
each require narrows it, and a condition outside of what is left is refused.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from taskc.dsl.check.expressions.narrowing import path_of
from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.check.expressions.settle import settle
from taskc.dsl.check.expressions.typer import Typer
from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import (
    Attribute,
    Binary,
    Compare,
    Expression,
    Literal,
    Range,
    Reference,
    Unary,
)
from taskc.dsl.model.quantities import (
    QUANTITIES,
    SOURCE_QUANTITIES,
    SOURCES,
    Quantity,
    quantities_of,
)
from taskc.dsl.model.types import UNKNOWN, Record, Type
from taskc.dsl.model.walk import children
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import listed, suggestion

__all__ = ["Bound", "Interval", "check_requires"]


class Interval(NamedTuple):
    """The least and the greatest value of a figure, both included."""

    low: float
    high: float


class Bound(NamedTuple):
    """What a figure can be, and what says so."""

    interval: Interval
    span: Span | None
    words: str


Verdict = bool | None  # certainly holds, certainly does not, or may

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


def check_requires(
    nodes: list[ast.Require],
    sources: Sequence[str],
    fixed: dict[str, Bound],
    unit: Unit,
    report: Reporter,
) -> tuple[program.Require, ...]:
    """Types each condition and refuses those that can never hold.

    Args:
        nodes: In written order.
        sources: Names of the mixture's sources.
        fixed: Figures that the rest of the mixture decides.
        unit: The package, for parameters.
        report: Takes what is wrong.
    """
    bounds = {
        name: Bound(Interval(each.least, each.greatest), None, _natural(name, each))
        for name, each in quantities_of(sources).items()
    } | fixed
    strange = [name for node in nodes for name in _strange(node.condition, sources, report)]
    scope = Scope(
        subject="`require`",
        fields=_fields(sources, strange),
        code="T0414",
        params=unit.params,
        imported=unit.imported_params,
        noun="figure",
    )
    found = []
    for node in nodes:
        before = len(report.diagnostics)
        Typer(scope, report).condition(node.condition)
        condition = settle(node.condition, scope)
        if len(report.diagnostics) == before:
            _judge(node, condition, bounds, report)
        found.append(program.Require(condition, node.span))
    unit.used_params |= scope.used_params
    return tuple(found)


def _fields(sources: Sequence[str], strange: Sequence[str]) -> dict[str, Type]:
    """The figures, and a record of those of each source; of `strange` ones nothing is known."""
    own = Record(tuple((name, each.type) for name, each in SOURCE_QUANTITIES.items()))
    by_source: list[tuple[str, Type]] = [(name, own) for name in sources]
    by_source += [(name, UNKNOWN) for name in strange]
    fields: dict[str, Type] = {name: each.type for name, each in QUANTITIES.items()}
    return fields | {SOURCES: Record(tuple(by_source))}


def _strange(condition: Expression, sources: Sequence[str], report: Reporter) -> Iterator[str]:
    """Reports and yields the names behind `sources.` that the mixture does not have."""
    for child in children(condition):
        yield from _strange(child, sources, report)
    match condition:
        case Attribute(base=Reference(name=name), name=source) if name == SOURCES:
            if source.text in sources:
                return
            helps, fix = suggestion(source.text, sources, source.span)
            report.report(
                "T0414",
                source.span,
                f"this mixture has no source `{source.text}`",
                label="not a source of it",
                notes=(f"sources: {listed(sources)}",) if sources else (),
                helps=helps,
                fix=fix,
            )
            yield source.text
        case _:
            pass


def _natural(name: str, quantity: Quantity) -> str:
    if math.isinf(quantity.greatest):
        return f"`{name}` is never below 0"
    return f"`{name}` is a share, from 0 to 1"


# ---- judging -------------------------------------------------------------------------------------


def _judge(
    node: ast.Require, condition: Expression, bounds: dict[str, Bound], report: Reporter
) -> None:
    verdict = _holds(condition, bounds)
    culprit = _culprit(condition, bounds)
    if verdict is None and not _narrow(condition, bounds, node.span):
        verdict = False
    if verdict is False:
        secondary = ((culprit.span, culprit.words),) if culprit and culprit.span else ()
        report.report(
            "T0404",
            node.condition.span,
            "this requirement can never hold",
            label="false whatever is delivered",
            secondary=secondary,
            notes=(culprit.words,) if culprit and not culprit.span else (),
            helps=_percent_help(condition),
        )
    elif verdict is True and not _is_restatement(culprit):
        report.report(
            "T0415",
            node.condition.span,
            "this requirement always holds",
            label="true whatever is delivered",
            notes=(culprit.words,) if culprit else (),
            helps=_percent_help(condition),
        )


def _is_restatement(culprit: Bound | None) -> bool:
    """`require examples == 1_000` beside quotas that say so is a check worth keeping."""
    return culprit is not None and culprit.span is not None


def _percent_help(condition: Expression) -> tuple[str, ...]:
    """`truncated <= 10` was meant as a percentage."""
    match condition:
        case Compare(left=Reference(name=name), right=Literal(value=int() as number)):
            quantity = QUANTITIES.get(name)
            if quantity is not None and quantity.greatest == 1 and number > 1:
                return (f"did you mean `{number}%`?",)
        case _:
            pass
    return ()


def _culprit(condition: Expression, bounds: dict[str, Bound]) -> Bound | None:
    """The bound that decides a condition: the first of its figures that something fixes."""
    found = [bounds[path] for path in sorted(_figures(condition)) if path in bounds]
    return next((bound for bound in found if bound.span is not None), found[0] if found else None)


def _figures(node: Expression) -> Iterator[str]:
    """Yields the paths of all figures that an expression reads."""
    path = path_of(node)
    if path:
        yield path
        return
    for child in children(node):
        yield from _figures(child)


def _holds(condition: Expression, bounds: dict[str, Bound]) -> Verdict:
    """Whether a condition certainly holds, certainly does not, or may."""
    match condition:
        case Literal(value=bool() as value):
            return value
        case Unary(operator="not", operand=operand):
            inner = _holds(operand, bounds)
            return None if inner is None else not inner
        case Binary(operator="and", left=left, right=right):
            sides = _holds(left, bounds), _holds(right, bounds)
            return False if False in sides else (True if sides == (True, True) else None)
        case Binary(operator="or", left=left, right=right):
            sides = _holds(left, bounds), _holds(right, bounds)
            return True if True in sides else (False if sides == (False, False) else None)
        case Compare():
            return _compare(condition, bounds)
        case _:
            return None


def _compare(condition: Compare, bounds: dict[str, Bound]) -> Verdict:
    left = _interval(condition.left, bounds)
    if left is None:
        return None
    if isinstance(condition.right, Range):
        low = _interval(condition.right.low, bounds)
        high = _interval(condition.right.high, bounds)
        if low is None or high is None:
            return None
        above, below = _ordered(low, left), _ordered(left, high)
        inside = False if False in (above, below) else (True if above and below else None)
        return _negated(inside) if condition.operator == "not in" else inside
    right = _interval(condition.right, bounds)
    if right is None:
        return None
    match condition.operator:
        case "<=":
            return _ordered(left, right)
        case ">=":
            return _ordered(right, left)
        case "<":
            return _negated(_ordered(right, left))
        case ">":
            return _negated(_ordered(left, right))
        case "==":
            return _equal(left, right)
        case "!=":
            return _negated(_equal(left, right))
        case _:
            return None


def _ordered(left: Interval, right: Interval) -> Verdict:
    """Whether left <= right."""
    if left.high <= right.low:
        return True
    return False if left.low > right.high else None


def _equal(left: Interval, right: Interval) -> Verdict:
    if left.low == left.high == right.low == right.high:
        return True
    return False if left.high < right.low or right.high < left.low else None


def _negated(value: Verdict) -> Verdict:
    return None if value is None else not value


def _interval(expression: Expression, bounds: dict[str, Bound]) -> Interval | None:
    """The values that a number can have; None where nothing is known."""
    match expression:
        case Literal(value=int() | float() as value):
            return Interval(value, value)
        case Reference() | Attribute() if (path := path_of(expression)) in bounds:
            return bounds[path].interval
        case Unary(operator="-", operand=operand):
            inner = _interval(operand, bounds)
            return None if inner is None else Interval(-inner.high, -inner.low)
        case Binary(operator="+" | "-" | "*" as operator, left=left, right=right):
            some, other = _interval(left, bounds), _interval(right, bounds)
            if some is None or other is None:
                return None
            return _arithmetic(operator, some, other)
        case _:
            return None


def _arithmetic(operator: str, left: Interval, right: Interval) -> Interval | None:
    if operator == "+":
        return Interval(left.low + right.low, left.high + right.high)
    if operator == "-":
        return Interval(left.low - right.high, left.high - right.low)
    corners = [x * y for x in left for y in right]
    return None if any(map(math.isnan, corners)) else Interval(min(corners), max(corners))


# ---- narrowing -----------------------------------------------------------------------------------


def _narrow(condition: Expression, bounds: dict[str, Bound], span: Span) -> bool:
    """Adds what a require says to the bounds; False where nothing is left."""
    match condition:
        case Binary(operator="and", left=left, right=right):
            return _narrow(left, bounds, span) and _narrow(right, bounds, span)
        case Compare(operator="in", left=left, right=Range(low=low, high=high)):
            least, most = _interval(low, bounds), _interval(high, bounds)
            if least is None or most is None:
                return True
            return _meet(path_of(left), Interval(least.low, most.high), bounds, span)
        case Compare(operator=operator, left=left, right=right) if path_of(left):
            return _narrow_by(path_of(left), operator, _interval(right, bounds), bounds, span)
        case Compare(operator=operator, left=left, right=right) if path_of(right):
            flipped = _FLIPPED.get(operator, "")
            return _narrow_by(path_of(right), flipped, _interval(left, bounds), bounds, span)
        case _:
            return True


def _narrow_by(
    name: str, operator: str, value: Interval | None, bounds: dict[str, Bound], span: Span
) -> bool:
    if value is None:
        return True
    match operator:
        case "==":
            return _meet(name, value, bounds, span)
        case "<" | "<=":
            return _meet(name, Interval(-math.inf, value.high), bounds, span)
        case ">" | ">=":
            return _meet(name, Interval(value.low, math.inf), bounds, span)
        case _:
            return True


def _meet(name: str, interval: Interval, bounds: dict[str, Bound], span: Span) -> bool:
    if name not in bounds:
        return True
    before = bounds[name]
    low, high = max(before.interval.low, interval.low), min(before.interval.high, interval.high)
    if low > high:
        return False
    if (low, high) != before.interval:
        bounds[name] = Bound(Interval(low, high), span, f"`{name}` is bounded here")
    return True
