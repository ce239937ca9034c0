"""Operators over values of rows: exact, total but for row errors, and strict about kinds.

In: values. Out: values, or a `RowError` that the stage turns into a diagnostic with row and place.
A bool is never a number; integers are 64 bit; a float is always finite; nothing is converted
without being asked, except that an int beside a float counts as a float.
"""

from collections.abc import Callable, Hashable
from math import isfinite
from typing import Literal, assert_never

from taskc.compiler.rows.findings import shown

__all__ = [
    "ArithmeticOperator",
    "ComparisonOperator",
    "RowError",
    "Value",
    "checked_float",
    "checked_int",
    "identity",
    "kind_of",
    "member",
    "negate",
    "operator_function",
    "require_bool",
    "require_number",
    "same",
]

Value = object  # str | int | float | bool | None | list[Value] | dict[str, Value]
ArithmeticOperator = Literal["+", "-", "*", "/"]
ComparisonOperator = Literal["==", "!=", "<", "<=", ">", ">="]

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1


class RowError(Exception):
    """An expression has no value for this row; caught by the stage that knows the row.

    Attributes:
        message: What is wrong, as a diagnostic says it.
        value: The value concerned as it is shown, "" where none is.
    """

    def __init__(self, message: str, value: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.value = value


# ---- kinds ---------------------------------------------------------------------------------------


def kind_of(value: Value) -> str:
    """Returns what the language calls a value of this kind, with its article."""
    match value:
        case None:
            return "none"
        case bool():
            return "a bool"
        case str():
            return "a text"
        case int():
            return "an int"
        case float():
            return "a float"
        case list():
            return "a list"
        case dict():
            return "a record"
        case _:
            return f"a `{type(value).__name__}`"


def identity(value: Value) -> Hashable:
    """Returns a key that is equal for two values exactly where `==` of the language holds."""
    match value:
        case bool():
            return bool, value
        case str() | int() | float() | None:
            return value
        case list():
            return list, tuple(map(identity, value))
        case dict():
            return dict, frozenset((name, identity(item)) for name, item in value.items())
        case _:
            raise RowError(f"{kind_of(value)} can't be compared")


def same(left: Value, right: Value) -> bool:
    """Whether two values are equal: 1 and 1.0 are, 1 and true are not, nor are 1 and "1"."""
    if type(left) is str and type(right) is str:
        return left == right
    return identity(left) == identity(right)


def require_bool(value: Value, what: str) -> bool:
    """Returns `value` where it is a bool; `what` names the place: "`not`", "a `where`"."""
    if value is True or value is False:
        return value
    raise RowError(f"{what} takes a bool, not {kind_of(value)}", shown(value))


def require_number(value: Value, what: str) -> int | float:
    """Returns `value` where it is an int or a float; a bool is neither."""
    kind = type(value)  # `isinstance` with `int | float` would make that type for every row
    if kind is int or kind is float:
        return value  # type: ignore[return-value]  # `kind` says so
    raise RowError(f"{what} takes numbers, not {kind_of(value)}", shown(value))


def checked_int(number: int) -> int:
    """Returns an int that fits 64 bits."""
    if _MIN_INT <= number <= _MAX_INT:
        return number
    raise RowError("the result is an integer beyond 64 bits", shown(number))


def checked_float(number: float) -> float:
    """Returns a finite float."""
    if isfinite(number):
        return number
    raise RowError("the result is beyond the floats")


# ---- operators -----------------------------------------------------------------------------------


def operator_function(
    operator: ArithmeticOperator | ComparisonOperator,
) -> Callable[[Value, Value], Value]:
    """Returns the function of an operator that takes both of its values."""
    match operator:
        case "+":
            return _add
        case "-":
            return _subtract
        case "*":
            return _multiply
        case "/":
            return _divide
        case "==":
            return same
        case "!=":
            return lambda left, right: not same(left, right)
        case "<":
            return lambda left, right: _order(left, right, "<") < 0
        case "<=":
            return lambda left, right: _order(left, right, "<=") <= 0
        case ">":
            return lambda left, right: _order(left, right, ">") > 0
        case ">=":
            return lambda left, right: _order(left, right, ">=") >= 0
        case _ as never:
            assert_never(never)


def negate(value: Value) -> Value:
    """The value of `-x`."""
    return _checked(-require_number(value, "`-`"))


def member(item: Value, container: Value) -> bool:
    """The value of `item in container`: an item of a list, or a part of a text."""
    if isinstance(container, list):
        wanted = identity(item)
        return any(identity(other) == wanted for other in container)
    if isinstance(container, str):
        if isinstance(item, str):
            return item in container
        raise RowError(f"only a text can be `in` a text, not {kind_of(item)}", shown(item))
    raise RowError(
        f"the right of `in` is a list, a text or a range, not {kind_of(container)}",
        shown(container),
    )


def _add(left: Value, right: Value) -> Value:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        return left + right
    if _are_numbers(left, right):
        return _arithmetic(left, right, "+")
    wrong = right if isinstance(left, str | list) or _are_numbers(left, 0) else left
    raise RowError(
        f"`+` takes two numbers, two texts or two lists, not {kind_of(left)} and {kind_of(right)}",
        shown(wrong),
    )


def _subtract(left: Value, right: Value) -> Value:
    return _arithmetic(left, right, "-")


def _multiply(left: Value, right: Value) -> Value:
    return _arithmetic(left, right, "*")


def _divide(left: Value, right: Value) -> Value:
    return _arithmetic(left, right, "/")


def _arithmetic(left: Value, right: Value, operator: ArithmeticOperator) -> Value:
    first = require_number(left, f"`{operator}`")
    second = require_number(right, f"`{operator}`")
    try:
        match operator:
            case "+":
                return _checked(first + second)
            case "-":
                return _checked(first - second)
            case "*":
                return _checked(first * second)
            case "/":
                return checked_float(first / second)
            case _ as never:
                assert_never(never)
    except ZeroDivisionError as error:
        raise RowError("division by zero", shown(left)) from error


def _checked(number: float) -> int | float:
    return checked_int(number) if isinstance(number, int) else checked_float(number)


def _are_numbers(left: Value, right: Value) -> bool:
    return (
        isinstance(left, int | float)
        and isinstance(right, int | float)
        and not isinstance(left, bool)
        and not isinstance(right, bool)
    )


def _order(left: Value, right: Value, operator: str) -> int:
    """Below, at or above 0 as `left` comes before, with or after `right`; texts by code points."""
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    if isinstance(left, str) or isinstance(right, str):
        raise RowError(
            f"`{operator}` takes two numbers or texts, not {kind_of(left)} and {kind_of(right)}",
            shown(right if isinstance(left, str) else left),
        )
    first = require_number(left, f"`{operator}`")
    second = require_number(right, f"`{operator}`")
    return (first > second) - (first < second)
