"""Expressions: the typed, total subset of Python's, read with one stack of operators.

In: a cursor at the start of an expression. Out: its node; the cursor stands behind it. Operators
wait on a stack instead of on Python's, so 200 nested brackets need about 600 frames and a long
chain none.
"""

from typing import Final, NamedTuple, NoReturn

from taskc.dsl.diagnostics import replacement
from taskc.dsl.model.expressions import (
    Argument,
    Attribute,
    Binary,
    Call,
    Compare,
    Comprehension,
    Conditional,
    DictDisplay,
    Expression,
    Index,
    ListDisplay,
    Literal,
    Missing,
    Name,
    Range,
    Reference,
    Unary,
)
from taskc.dsl.text.rules.cursor import Cursor
from taskc.dsl.text.rules.literals import number_value, plain_text
from taskc.dsl.text.source_text import Span

__all__ = ["CONSTANTS", "amount", "call", "close", "dict_display", "expression", "key", "number"]

_NOT: Final = 3.0
_COMPARE: Final = 4.0
_RANGE: Final = 4.5
_SUM: Final = 5.0
_NEGATE: Final = 7.0
# How tightly each operator binds.
_LEVELS: Final = {
    "or": 1.0, "and": 2.0,
    "==": _COMPARE, "!=": _COMPARE, "<": _COMPARE, "<=": _COMPARE, ">": _COMPARE, ">=": _COMPARE,
    "in": _COMPARE, "not": _COMPARE,
    "+": _SUM, "-": _SUM, "*": 6.0, "/": 6.0,
}  # fmt: skip
CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "none": None}


class _Operator(NamedTuple):
    """An operator that waits for its right side; `start` is where its left side starts."""

    symbol: str
    level: float
    start: int
    height: int


def expression(cursor: Cursor, what: str = "an expression") -> Expression:
    """Reads an expression; `what` names it in the message if there is none."""
    start = cursor.start
    value = _disjunction(cursor, what)
    if cursor.kind != "word" or cursor.value != "if":
        return value
    height = cursor.height
    cursor.advance()
    test = _disjunction(cursor, "a condition after `if`")
    height = max(height, cursor.height)
    cursor.expect_word("else", "after the condition of this `if`")
    cursor.enter()
    otherwise = expression(cursor, "an expression after `else`")
    cursor.leave()
    cursor.grow(max(height, cursor.height) + 1)
    return Conditional(value, test, otherwise, cursor.span_from(start))


def amount(cursor: Cursor, what: str) -> Expression:
    """Reads `low..high` or a sum, where a statement takes either."""
    start = cursor.start
    low = _disjunction(cursor, what, _SUM)
    if not cursor.take(".."):
        return low
    height = cursor.height
    high = _disjunction(cursor, "the upper end of this range after `..`", _SUM)
    cursor.grow(max(height, cursor.height) + 1)
    return Range(low, high, cursor.span_from(start))


def _disjunction(cursor: Cursor, what: str, lowest: float = 0.0) -> Expression:
    """Reads operands and the operators that bind at least as tightly as `lowest`, all but `if`."""
    operands: list[Expression] = []
    operators: list[_Operator] = []
    while True:
        while cursor.kind in ("-", "word"):
            if cursor.kind == "-":
                operators.append(_Operator("-", _NEGATE, cursor.start, 0))
                cursor.tight.add(cursor.index + 1)
            elif cursor.value != "not" or lowest > _NOT:
                break
            elif operators and operators[-1].level >= _COMPARE:
                _fail_not(cursor)
            else:
                operators.append(_Operator("not", _NOT, cursor.start, 0))
            cursor.advance()
        start = cursor.start
        operands.append(_operand(cursor, what))
        symbol = cursor.value if cursor.kind == "word" else cursor.kind
        level = _LEVELS.get(symbol)
        if level is None:
            if symbol != ".." or not _is_range(operators):
                break
            level = _RANGE
        elif level < lowest or (symbol == "not" and cursor.next_value != "in"):
            break
        # A comparison before this one stays on the stack, to be found there.
        lowest_reduced = level if level != _COMPARE else _RANGE
        start = _reduce(cursor, operands, operators, lowest_reduced, start)
        if level == _COMPARE:
            if operators and operators[-1].level == _COMPARE:
                _fail_chained(cursor)
            if symbol == "not":
                cursor.advance()
                symbol = "not in"
        operators.append(_Operator(symbol, level, start, cursor.height))
        cursor.advance()
        what = f"an expression after `{symbol}`"
    _reduce(cursor, operands, operators, 0.0, start)
    return operands[0]


def _reduce(
    cursor: Cursor,
    operands: list[Expression],
    operators: list[_Operator],
    level: float,
    start: int,
) -> int:
    """Applies the waiting operators from `level` up; returns where their value starts."""
    while operators and operators[-1].level >= level:
        symbol, bound, start, height = operators.pop()
        right = operands.pop()
        span = cursor.span_from(start)
        if bound in (_NEGATE, _NOT):
            operands.append(Unary(symbol, right, span))
        else:
            left = operands.pop()
            height = max(height, cursor.height)
            if bound == _COMPARE:
                operands.append(Compare(symbol, left, right, span))
            elif bound == _RANGE:
                operands.append(Range(left, right, span))
            else:
                operands.append(Binary(symbol, left, right, span))
        cursor.grow(max(height, cursor.height) + 1)
    return start


def _is_range(operators: list[_Operator]) -> bool:
    """Whether a `..` here belongs to an `in` before it."""
    waiting = [operator for operator in operators if operator.level <= _RANGE]
    return bool(waiting) and waiting[-1].symbol in ("in", "not in")


def _fail_chained(cursor: Cursor) -> NoReturn:
    cursor.fail(
        "T0020",
        "comparisons cannot be chained",
        label="a second comparison",
        helps=("write `a < b and b < c`, or `b in low..high` (both ends included)",),
    )


def _fail_not(cursor: Cursor) -> NoReturn:
    cursor.fail(
        "T0017",
        "`not` binds less tightly than what stands before it",
        label="needs parentheses",
        helps=("write `(not ...)`",),
    )


def _fail_operand(cursor: Cursor, what: str) -> NoReturn:
    helps: tuple[str, ...] = ()
    if cursor.kind == "." and cursor.next_kind == "number":
        helps = ("write a digit before the point: `0.5`",)
    elif cursor.kind in ("block", "head"):
        helps = ("a text block stands alone after `let name =`; in an expression use its name",)
    cursor.fail_expected("T0017", what, helps=helps)


def _fail_method(cursor: Cursor, value: Expression) -> NoReturn:
    if isinstance(value, Attribute):
        name = value.name.text
        cursor.fail(
            "T0019",
            "there are no methods, only functions",
            label=f"`{name}` cannot be called here",
            helps=(f"write `{name}(...)` with the value as its first argument",),
        )
    cursor.fail("T0019", "only functions can be called", label="not after a function's name")


# ---- operands ------------------------------------------------------------------------------------


def _operand(cursor: Cursor, what: str) -> Expression:
    """Reads a literal, a name, a call or a display, with the `.name` and `[index]` behind it."""
    start = cursor.start
    kind = cursor.kind
    value: Expression
    if kind == "name":
        if cursor.next_kind == "(":
            value = call(cursor)
        else:
            value = Reference(cursor.value, cursor.span())
            cursor.advance()
            cursor.height = 0
    elif kind == "number":
        value = number(cursor)
    elif kind in ("string", "raw", "broken"):
        span, is_raw = cursor.span(), kind == "raw"
        value = Literal(plain_text(cursor), span, raw=is_raw)
        cursor.height = 0
    elif kind == "(":
        value = _parenthesis(cursor)
    elif kind == "[":
        value = _list(cursor)
    elif kind == "{":
        value = dict_display(cursor)
    elif kind == "word" and cursor.value in CONSTANTS:
        value = Literal(CONSTANTS[cursor.value], cursor.span())
        cursor.advance()
        cursor.height = 0
    else:
        _fail_operand(cursor, what)
    if cursor.kind in (".", "[", "("):
        return _postfix(cursor, value, start)
    return value


def number(cursor: Cursor) -> Literal | Missing:
    """Reads a number; the cursor is at it. One that cannot be read is missing: it is reported."""
    value, is_percent = number_value(cursor.value)
    span = cursor.span()
    cursor.advance()
    cursor.height = 0
    return Missing(span) if value is None else Literal(value, span, percent=is_percent)


def _postfix(cursor: Cursor, value: Expression, start: int) -> Expression:
    """Reads the `.name` and `[index]` behind an operand."""
    while True:
        height = cursor.height
        if cursor.take("."):
            name = cursor.word("a name after the dot")
            value = Attribute(value, name, cursor.span_from(start))
        elif cursor.kind == "[":
            value = Index(value, _index(cursor), cursor.span_from(start))
        elif cursor.kind == "(":
            _fail_method(cursor, value)
        else:
            return value
        cursor.grow(max(height, cursor.height) + 1)


def _index(cursor: Cursor) -> Expression:
    opening = cursor.span()
    cursor.tight.add(cursor.index)
    cursor.enter()
    cursor.advance()
    if cursor.kind == ":":
        _fail_slice(cursor)
    index = expression(cursor, "an index after `[`")
    if cursor.kind == ":":
        _fail_slice(cursor)
    close(cursor, "]", "this index", opening)
    cursor.leave()
    return index


def _fail_slice(cursor: Cursor) -> NoReturn:
    cursor.fail(
        "T0019",
        "there are no slices",
        label="an index is one number",
        helps=("of a text take `truncate_chars(...)`, of a list `[x for x in list if ...]`",),
    )


def close(cursor: Cursor, mark: str, what: str, opening: Span, separator: str = "") -> None:
    """Goes past a closing bracket, or says what was left open."""
    if cursor.kind == mark:
        cursor.advance()
        return
    wanted = f"`{separator}` or `{mark}`" if separator else f"`{mark}`"
    cursor.fail(
        "T0014",
        f"expected {wanted} in {what}, found {cursor.found()}",
        label=f"expected {wanted}",
        secondary=((opening, "opened here"),),
    )


def _parenthesis(cursor: Cursor) -> Expression:
    opening = cursor.span()
    cursor.enter()
    cursor.advance()
    value = expression(cursor, "an expression after `(`")
    close(cursor, ")", "this parenthesis", opening)
    cursor.leave()
    return value


def _list(cursor: Cursor) -> ListDisplay | Comprehension:
    """Reads `[a, b]` or `[item for variable in list if condition]`."""
    opening = cursor.span()
    cursor.enter()
    cursor.advance()
    items: list[Expression] = []
    height = -1
    while cursor.kind != "]":
        items.append(expression(cursor, "an expression or `]` in this list"))
        height = max(height, cursor.height)
        if len(items) == 1 and cursor.at_word("for"):
            return _comprehension(cursor, items[0], opening)
        if not cursor.take(","):
            break
    close(cursor, "]", "this list", opening, ",")
    cursor.leave()
    cursor.grow(height + 1)
    return ListDisplay(tuple(items), cursor.span_from(opening.start))


def _comprehension(cursor: Cursor, item: Expression, opening: Span) -> Comprehension:
    height = cursor.height
    cursor.advance()
    variable = cursor.name("a name after `for`")
    cursor.expect_word("in", f"after `for {variable.text}`")
    iterable = _disjunction(cursor, "a list after `in`")
    height = max(height, cursor.height)
    condition = None
    if cursor.take_word("if"):
        condition = _disjunction(cursor, "a condition after `if`")
        height = max(height, cursor.height)
    close(cursor, "]", "this list", opening)
    cursor.leave()
    cursor.grow(height + 1)
    return Comprehension(item, variable, iterable, condition, cursor.span_from(opening.start))


def dict_display(cursor: Cursor) -> DictDisplay:
    """Reads `{key: value, ...}`, with at least one key."""
    opening = cursor.span()
    cursor.braces[cursor.index] = "dict"
    cursor.enter()
    cursor.advance()
    entries: list[tuple[Name, Expression]] = []
    height = 0
    while True:
        name = key(cursor, "a key")
        cursor.expect(":", f"after the key `{name.text}`")
        entries.append((name, expression(cursor, f"a value for the key `{name.text}`")))
        height = max(height, cursor.height)
        if not cursor.take(",") or cursor.kind == "}":
            break
    close(cursor, "}", "these keys and values", opening, ",")
    cursor.leave()
    cursor.grow(height + 1)
    return DictDisplay(tuple(entries), cursor.span_from(opening.start))


def key(cursor: Cursor, what: str) -> Name:
    """Reads a key: a bare word or a quoted text."""
    if cursor.kind in ("string", "broken"):
        span = cursor.span()
        return Name(plain_text(cursor), span)
    return cursor.word(what)


def call(cursor: Cursor) -> Call:
    """Reads `name(arguments)`; the cursor is at the name, and `(` follows."""
    function = cursor.name("a function")
    opening = cursor.span()
    cursor.tight.add(cursor.index)
    cursor.enter()
    cursor.advance()
    arguments: list[Argument] = []
    height = 0
    while cursor.kind != ")":
        arguments.append(_argument(cursor, function.text))
        height = max(height, cursor.height)
        if not cursor.take(","):
            break
    close(cursor, ")", f"the arguments of `{function.text}`", opening, ",")
    cursor.leave()
    cursor.grow(height + 1)
    return Call(function, tuple(arguments), cursor.span_from(function.span.start))


def _argument(cursor: Cursor, function: str) -> Argument:
    start = cursor.start
    name = None
    if cursor.kind in ("name", "word") and cursor.next_kind == ":":
        name = cursor.word("an argument")
        cursor.advance()
    elif cursor.kind == "name" and cursor.next_kind == "=":
        cursor.advance()
        fix = replacement(cursor.span(), ":")
        cursor.fail_expected(
            "T0019", "`:`", f"after the name of an argument of `{function}`", fix=fix
        )
    value = expression(cursor, f"an argument of `{function}`")
    return Argument(name, value, cursor.span_from(start))
