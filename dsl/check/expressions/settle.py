"""Parameters replaced by their values, so that nothing downstream knows parameters.

In: a checked expression or text. Out: the same tree where nothing was replaced, else a new one
whose literals stand at the places of the parameters. A name that is hidden by a field, or by a
comprehension's variable, is left alone.
"""

from dataclasses import replace
from typing import assert_never

from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.model.expressions import (
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
    Placeholder,
    Range,
    Reference,
    Text,
    Unary,
)

__all__ = ["settle", "settle_text"]

_NONE_HIDDEN: frozenset[str] = frozenset()


def settle(expression: Expression, scope: Scope) -> Expression:
    """The expression with the values of parameters in their places."""
    if not scope.params and not scope.imported:
        return expression
    return _settle(expression, scope, _NONE_HIDDEN)


def settle_text(text: Text, scope: Scope) -> Text:
    """The text with the values of parameters in its placeholders."""
    if not scope.params and not scope.imported:
        return text
    parts = tuple(
        replace(part, expression=settle(part.expression, scope))
        if isinstance(part, Placeholder)
        else part
        for part in text.parts
    )
    return Text(parts, text.span)


def _settle(node: Expression, scope: Scope, hidden: frozenset[str]) -> Expression:
    def inner(child: Expression) -> Expression:
        return _settle(child, scope, hidden)

    match node:
        case Literal() | Missing():
            return node
        case Reference(name=name):
            param = None if name in hidden else scope.param(name)
            return node if param is None else Literal(param.value, node.span)
        case Attribute(base=Reference(name=alias), name=name) if alias in scope.imported:
            param = scope.imported[alias].get(name.text)
            hides = alias in hidden or alias in scope.fields or alias in scope.specials
            return node if param is None or hides else Literal(param.value, node.span)
        case Attribute(base=base):
            return replace(node, base=inner(base))
        case Index(base=base, index=index):
            return replace(node, base=inner(base), index=inner(index))
        case Call(arguments=arguments):
            settled = tuple(replace(each, value=inner(each.value)) for each in arguments)
            return replace(node, arguments=settled)
        case Unary(operand=operand):
            return replace(node, operand=inner(operand))
        case Binary(left=left, right=right) | Compare(left=left, right=right):
            return replace(node, left=inner(left), right=inner(right))
        case Range(low=low, high=high):
            return replace(node, low=inner(low), high=inner(high))
        case Conditional(then=then, test=test, otherwise=otherwise):
            return Conditional(inner(then), inner(test), inner(otherwise), node.span)
        case ListDisplay(items=items):
            return replace(node, items=tuple(inner(item) for item in items))
        case DictDisplay(entries=entries):
            return replace(node, entries=tuple((key, inner(value)) for key, value in entries))
        case Comprehension():
            return _settle_comprehension(node, scope, hidden)
        case _:
            assert_never(node)


def _settle_comprehension(
    node: Comprehension, scope: Scope, hidden: frozenset[str]
) -> Comprehension:
    inside = hidden | {node.variable.text}
    condition = node.condition
    return Comprehension(
        _settle(node.item, scope, inside),
        node.variable,
        _settle(node.iterable, scope, hidden),
        None if condition is None else _settle(condition, scope, inside),
        node.span,
    )
