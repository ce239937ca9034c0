"""Operators: what arithmetic and comparisons take, and what they give.

In: an expression whose parts have types already. Out: its type, or a report and `Unknown`. A bool
is not an int, `/` always gives a float, and only like is compared with like.
"""

from taskc.dsl.check.expressions.values import check_choice_values, named
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model.expressions import (
    Binary,
    Compare,
    Expression,
    ListDisplay,
    Literal,
    Range,
    Unary,
)
from taskc.dsl.model.types import (
    FLOAT,
    INT,
    TEXT,
    UNKNOWN,
    Choice,
    Int,
    List,
    Type,
    Unknown,
    is_number,
    is_text,
    join,
)
from taskc.dsl.words import a_type

__all__ = ["arithmetic", "check_range", "compare", "is_none_test", "negate", "within"]


# ---- arithmetic ----------------------------------------------------------------------------------


def negate(expression: Unary, operand: Type, report: Reporter) -> Type:
    """`-x`."""
    if isinstance(operand, Unknown) or is_number(operand):
        return operand
    report.report(
        "T0203",
        expression.span,
        f"`-` takes a number, not {a_type(operand)}",
        label=f"this is {a_type(operand)}",
    )
    return UNKNOWN


def arithmetic(expression: Binary, left: Type, right: Type, report: Reporter) -> Type:
    """`+ - * /`."""
    operator = expression.operator
    if operator == "/":
        _check_divisor(expression.right, report)
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return FLOAT if operator == "/" else UNKNOWN
    if is_number(left) and is_number(right):
        both_ints = isinstance(left, Int) and isinstance(right, Int)
        return INT if both_ints and operator != "/" else FLOAT
    if operator == "+":
        if is_text(left) and is_text(right):
            return TEXT
        if isinstance(left, List) and isinstance(right, List):
            joined = join(left, right)
            if joined is not None:
                return joined
    _report_arithmetic(expression, left, right, report)
    return UNKNOWN


def _check_divisor(divisor: Expression, report: Reporter) -> None:
    if isinstance(divisor, Literal) and divisor.value == 0 and divisor.value is not False:
        report.report("T0233", divisor.span, "division by zero", label="this is zero")


def _report_arithmetic(expression: Binary, left: Type, right: Type, report: Reporter) -> None:
    operator = expression.operator
    helps: tuple[str, ...] = ()
    if operator == "+" and {is_text(left), is_text(right)} == {True, False}:
        other = right if is_text(left) else left
        if is_number(other):
            helps = ("a placeholder in a template's text writes a number: `{score}`",)
        elif isinstance(other, List):
            helps = ("make a list of the text: `[text] + list`",)
    takes = "numbers, texts or lists of one type" if operator == "+" else "numbers"
    report.report(
        "T0203",
        expression.span,
        f"`{operator}` takes {takes}, not {a_type(left)} and {a_type(right)}",
        label="these do not go together",
        secondary=(
            (expression.left.span, f"this is {a_type(left)}"),
            (expression.right.span, f"this is {a_type(right)}"),
        ),
        helps=helps,
    )


# ---- comparisons ---------------------------------------------------------------------------------


def is_none_test(expression: Compare) -> bool:
    """Whether something is compared with `none` for equality."""
    return expression.operator in ("==", "!=") and any(
        isinstance(side, Literal) and side.value is None
        for side in (expression.left, expression.right)
    )


def compare(expression: Compare, left: Type, right: Type, report: Reporter) -> None:
    """`== != < <= > >=` of like with like; `in` of an item or a part of a text."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return
    if expression.operator in ("in", "not in"):
        _membership(expression, left, right, report)
        return
    if not _is_comparable(expression.operator, left, right):
        _report_comparison(expression, left, right, report)
        return
    _check_literal_values(expression.left, left, expression.right, right, report)


def _is_comparable(operator: str, left: Type, right: Type) -> bool:
    if is_number(left) and is_number(right):
        return True
    if is_text(left) and is_text(right):
        return True
    return operator in ("==", "!=") and join(left, right) is not None


def _check_literal_values(
    left: Expression, left_type: Type, right: Expression, right_type: Type, report: Reporter
) -> None:
    """A text that a choice does not have never equals it."""
    for side, other, other_type in ((left, right, right_type), (right, left, left_type)):
        if isinstance(other_type, Choice):
            check_choice_values(side, other_type, report, what=named(other))


def _report_comparison(expression: Compare, left: Type, right: Type, report: Reporter) -> None:
    operator = expression.operator
    verb = "compares like with like" if operator in ("==", "!=") else "compares numbers or texts"
    report.report(
        "T0207",
        expression.span,
        f"`{operator}` {verb}, not {a_type(left)} and {a_type(right)}",
        label=f"always {'false' if operator == '==' else 'true'}"
        if operator in ("==", "!=")
        else "these have no order",
        secondary=(
            (expression.left.span, f"this is {a_type(left)}"),
            (expression.right.span, f"this is {a_type(right)}"),
        ),
    )


def _membership(expression: Compare, left: Type, right: Type, report: Reporter) -> None:
    if is_text(right):
        if not is_text(left):
            _report_membership(expression, left, right, report)
        return
    if not isinstance(right, List):
        _report_membership(expression, left, right, report)
        return
    if isinstance(right.item, Unknown):
        return
    if join(left, right.item) is None:
        _report_membership(expression, left, right, report)
    elif isinstance(left, Choice) and isinstance(expression.right, ListDisplay):
        for item in expression.right.items:
            check_choice_values(item, left, report, what=named(expression.left))
    elif isinstance(right.item, Choice):
        check_choice_values(expression.left, right.item, report, what=named(expression.right))


def _report_membership(expression: Compare, left: Type, right: Type, report: Reporter) -> None:
    if is_text(right):
        message = f"only a text can be part of a text, not {a_type(left)}"
    elif isinstance(right, List):
        message = f"{a_type(left)} is never in {a_type(right)}"
    else:
        message = f"`{expression.operator}` looks into a list, a text or a range"
    report.report(
        "T0207",
        expression.span,
        message,
        label="cannot hold",
        secondary=(
            (expression.left.span, f"this is {a_type(left)}"),
            (expression.right.span, f"this is {a_type(right)}"),
        ),
    )


def within(expression: Compare, value: Type, bounds: tuple[Type, Type], report: Reporter) -> None:
    """`x in low..high`."""
    assert isinstance(expression.right, Range)
    parts = (expression.left, expression.right.low, expression.right.high)
    for part, type_ in zip(parts, (value, *bounds), strict=True):
        if not isinstance(type_, Unknown) and not is_number(type_):
            report.report(
                "T0207",
                part.span,
                f"a range holds numbers, not {a_type(type_)}",
                label=f"this is {a_type(type_)}",
                helps=("count its characters: `len(...)`",) if is_text(type_) else (),
            )
            return
    check_range(expression.right, report)


def check_range(range_: Range, report: Reporter) -> None:
    """Reports `5..1`, which holds nothing."""
    match range_.low, range_.high:
        case Literal(value=int() | float() as low), Literal(value=int() | float() as high):
            if low > high:
                report.report(
                    "T0232",
                    range_.span,
                    f"the range {low}..{high} holds nothing",
                    label="from the greater to the smaller",
                    helps=(f"write `{high}..{low}`",),
                )
        case _:
            pass
