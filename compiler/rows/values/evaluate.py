"""Expressions to functions: compiled once, called for every row.

In: an expression or a template text of the plan. Out: a function from an `Env` to its value, built
of closures. Nothing is looked up in the plan again, and nothing here knows rows, files or
diagnostics: where an expression has no value, a `RowError` says why.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never

from taskc.compiler import plan
from taskc.compiler.rows.findings import shown
from taskc.compiler.rows.values.functions import library_function
from taskc.compiler.rows.values.operators import (
    RowError,
    Value,
    kind_of,
    member,
    negate,
    operator_function,
    require_bool,
    require_number,
    same,
)

__all__ = [
    "Env",
    "Evaluator",
    "TextEvaluator",
    "compile_expression",
    "compile_parts",
    "compile_text",
    "placeholder",
]


@dataclass(slots=True)
class Env:
    """What an expression sees.

    Attributes:
        values: Fields of the row, lets, and what the stage adds. A dotted name such as
            "answer.text" is found by `answer.text` before the field of a record is tried.
        draw: From a draw's name ("choose/question/1") to a number from 0 to 2**64 - 1.
    """

    values: dict[str, Value]
    draw: Callable[[str], int]


Evaluator = Callable[[Env], Value]
TextEvaluator = Callable[[Env], str]


def compile_expression(expr: plan.Expr) -> Evaluator:
    """Returns the function that gives the expression's value, or raises `RowError`."""
    match expr:
        case plan.Const(value=value):
            return lambda _env: value
        case plan.Name(name=name):
            return _name(name)
        case plan.GetField():
            return _get_field(expr)
        case plan.GetItem():
            return _get_item(expr)
        case plan.Call():
            return _call(expr)
        case plan.Unary():
            return _unary(expr)
        case plan.Binary():
            return _binary(expr)
        case plan.Range():
            raise AssertionError("a range stands only on the right of `in`")
        case plan.Conditional():
            return _conditional(expr)
        case plan.ListDisplay(items=items):
            evaluators = [compile_expression(item) for item in items]
            return lambda env: [evaluator(env) for evaluator in evaluators]
        case plan.DictDisplay():
            return _dict_display(expr)
        case plan.Comprehension():
            return _comprehension(expr)
        case _ as never:
            assert_never(never)


def compile_text(text: plan.TemplateText) -> TextEvaluator:
    """Returns the function that fills the placeholders of a template text."""
    parts = compile_parts(text)

    def filled(env: Env) -> str:
        return "".join(parts(env))

    if all(isinstance(part, str | plan.Name) for part in text.parts):
        return _of_names(text, filled)
    return filled


def compile_parts(text: plan.TemplateText) -> Callable[[Env], list[str]]:
    """Returns the function that gives each part of a template text as it stands in the whole."""
    pieces: list[TextEvaluator] = [_piece(part) for part in text.parts]
    return lambda env: [piece(env) for piece in pieces]


def _of_names(text: plan.TemplateText, filled: TextEvaluator) -> TextEvaluator:
    """The common text: literals and texts by name, without a call for each; else `filled`."""
    written = [part if isinstance(part, str) else "" for part in text.parts]
    slots = [
        (index, part.name) for index, part in enumerate(text.parts) if isinstance(part, plan.Name)
    ]

    def of_texts(env: Env) -> str:
        values: dict[str, Any] = env.values
        pieces = written.copy()
        try:
            for index, name in slots:
                pieces[index] = values[name]
            return "".join(pieces)
        except (KeyError, TypeError):  # a number, or a mistake that wants its words
            return filled(env)

    return of_texts


def placeholder(value: Value) -> str:
    """Returns a value as a placeholder shows it: text as it is, int in decimal, float shortest."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    raise RowError(
        f"a placeholder takes a text or a number, not {kind_of(value)}",
        shown(value),
    )


def _piece(part: plan.TextPart) -> TextEvaluator:
    if isinstance(part, str):
        return lambda _env: part
    evaluator = compile_expression(part)
    return lambda env: placeholder(evaluator(env))


# ---- names and access ----------------------------------------------------------------------------


def _name(name: str) -> Evaluator:
    def value_of(env: Env) -> Value:
        try:
            return env.values[name]
        except KeyError:
            raise RowError(f"the row has no field `{name}`") from None

    return value_of


def _get_field(expr: plan.GetField) -> Evaluator:
    base = compile_expression(expr.base)
    name = expr.name
    dotted = f"{expr.base.name}.{name}" if isinstance(expr.base, plan.Name) else ""

    def field(env: Env) -> Value:
        if dotted in env.values:
            return env.values[dotted]
        return _field(base(env), name)

    return field


def _field(record: Value, name: str) -> Value:
    if not isinstance(record, dict):
        raise RowError(f"`.{name}` takes a record, not {kind_of(record)}", shown(record))
    try:
        return record[name]
    except KeyError:
        raise RowError(f"the record has no field `{name}`", shown(record)) from None


def _get_item(expr: plan.GetItem) -> Evaluator:
    base = compile_expression(expr.base)
    index = compile_expression(expr.index)
    return lambda env: _item(base(env), index(env))


def _item(container: Value, index: Value) -> Value:
    if isinstance(container, list):
        if isinstance(index, bool) or not isinstance(index, int):
            raise RowError(f"a list's index is an int, not {kind_of(index)}", shown(index))
        if 0 <= index < len(container):
            return container[index]
        raise RowError(f"index {index} is outside a list of {len(container)}", shown(container))
    if isinstance(container, dict):
        if not isinstance(index, str):
            raise RowError(f"a record's key is a text, not {kind_of(index)}", shown(index))
        try:
            return container[index]
        except KeyError:
            raise RowError(f"there is no key {shown(index)}", shown(index)) from None
    raise RowError(f"`[...]` takes a list or a record, not {kind_of(container)}", shown(container))


# ---- operators -----------------------------------------------------------------------------------


def _unary(expr: plan.Unary) -> Evaluator:
    operand = compile_expression(expr.operand)
    match expr.operator:
        case "-":
            return lambda env: negate(operand(env))
        case "not":
            return lambda env: not require_bool(operand(env), "`not`")
        case _ as never:
            assert_never(never)


def _binary(expr: plan.Binary) -> Evaluator:
    if expr.operator in ("in", "not in"):
        return _membership(expr)
    left = compile_expression(expr.left)
    right = compile_expression(expr.right)
    match expr.operator:
        case "and":
            return lambda env: (
                require_bool(left(env), "`and`") and require_bool(right(env), "`and`")
            )
        case "or":
            return lambda env: require_bool(left(env), "`or`") or require_bool(right(env), "`or`")
        case "==" | "!=" if isinstance(expr.right, plan.Const):
            return _equals_constant(left, expr.right.value, wanted=expr.operator == "==")
        case "in" | "not in":
            raise AssertionError("handled above")
        case operator:
            function = operator_function(operator)
            return lambda env: function(left(env), right(env))


def _equals_constant(left: Evaluator, constant: Value, *, wanted: bool) -> Evaluator:
    """The common `label == "x"` and `body != none`, without a call for each row."""
    if constant is None:
        return lambda env: (left(env) is None) is wanted
    return lambda env: same(left(env), constant) is wanted


def _membership(expr: plan.Binary) -> Evaluator:
    item = compile_expression(expr.left)
    wanted = expr.operator == "in"
    if isinstance(expr.right, plan.Range):
        low = compile_expression(expr.right.low)
        high = compile_expression(expr.right.high)

        def is_between(env: Env) -> Value:
            number = require_number(item(env), "`in` a range")
            bottom = require_number(low(env), "a range")
            top = require_number(high(env), "a range")
            return (bottom <= number <= top) is wanted

        return is_between
    container = compile_expression(expr.right)
    return lambda env: member(item(env), container(env)) is wanted


def _conditional(expr: plan.Conditional) -> Evaluator:
    test = compile_expression(expr.test)
    then = compile_expression(expr.then)
    otherwise = compile_expression(expr.otherwise)
    return lambda env: then(env) if require_bool(test(env), "`if`") else otherwise(env)


# ---- displays and calls --------------------------------------------------------------------------


def _dict_display(expr: plan.DictDisplay) -> Evaluator:
    if all(isinstance(value, plan.Const) for _, value in expr.entries):
        # One record for all rows: values are never changed in place.
        constant = {
            key: value.value for key, value in expr.entries if isinstance(value, plan.Const)
        }
        return lambda _env: constant
    entries = [(key, compile_expression(value)) for key, value in expr.entries]
    return lambda env: {key: evaluator(env) for key, evaluator in entries}


def _comprehension(expr: plan.Comprehension) -> Evaluator:
    iterable = compile_expression(expr.iterable)
    item = compile_expression(expr.item)
    condition = compile_expression(expr.condition) if expr.condition is not None else None
    variable = expr.variable

    def build(env: Env) -> Value:
        items = iterable(env)
        if not isinstance(items, list):
            raise RowError(f"`for` takes a list, not {kind_of(items)}", shown(items))
        inner = Env(dict(env.values), env.draw)
        built = []
        for value in items:
            inner.values[variable] = value
            if condition is None or require_bool(condition(inner), "`if`"):
                built.append(item(inner))
        return built

    return build


def _call(expr: plan.Call) -> Evaluator:
    args = [compile_expression(arg) for arg in expr.args]
    named = {name: compile_expression(value) for name, value in expr.named.items()}
    if expr.function == "choose":
        draw_name = f"choose/{expr.draw}"
        # The high half of the product is uniform over the arguments; only the chosen one is
        # evaluated.
        return lambda env: args[env.draw(draw_name) * len(args) >> 64](env)
    constants = [arg.value if isinstance(arg, plan.Const) else None for arg in expr.args]
    function = library_function(expr.function, constants)
    if named:
        return lambda env: function(
            *[arg(env) for arg in args], **{name: value(env) for name, value in named.items()}
        )
    if len(args) == 1:
        only = args[0]
        return lambda env: function(only(env))
    return lambda env: function(*[arg(env) for arg in args])
