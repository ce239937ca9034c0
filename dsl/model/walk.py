"""Walks over expressions: children, names that are read, equality apart from places.

In: an expression. Out: facts about its tree. Nothing is resolved: a name is its text.
"""

from collections.abc import Iterator
from typing import assert_never

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
    Piece,
    Range,
    Reference,
    Text,
    Unary,
)

__all__ = ["Fingerprint", "children", "fingerprint", "names_read", "text_fingerprint"]

Fingerprint = tuple[object, ...]


def children(node: Expression) -> tuple[Expression, ...]:
    """The expressions directly inside one."""
    match node:
        case Literal() | Reference() | Missing():
            return ()
        case Attribute(base=base):
            return (base,)
        case Index(base=base, index=index):
            return base, index
        case Call(arguments=arguments):
            return tuple(argument.value for argument in arguments)
        case Unary(operand=operand):
            return (operand,)
        case Binary(left=left, right=right) | Compare(left=left, right=right):
            return left, right
        case Range(low=low, high=high):
            return low, high
        case Conditional(then=then, test=test, otherwise=otherwise):
            return then, test, otherwise
        case ListDisplay(items=items):
            return items
        case DictDisplay(entries=entries):
            return tuple(value for _, value in entries)
        case Comprehension(item=item, iterable=iterable, condition=condition):
            return (item, iterable) if condition is None else (item, iterable, condition)
        case _:
            assert_never(node)


def names_read(node: Expression) -> set[str]:
    """Every name that an expression reads, comprehension variables left out."""
    return set(_names_read(node, frozenset()))


def _names_read(node: Expression, hidden: frozenset[str]) -> Iterator[str]:
    if isinstance(node, Reference):
        if node.name not in hidden:
            yield node.name
        return
    if isinstance(node, Comprehension):
        yield from _names_read(node.iterable, hidden)
        inside = hidden | {node.variable.text}
        yield from _names_read(node.item, inside)
        if node.condition is not None:
            yield from _names_read(node.condition, inside)
        return
    for child in children(node):
        yield from _names_read(child, hidden)


def fingerprint(node: Expression) -> Fingerprint:
    """A value that is equal for expressions that are written alike, whatever their places."""
    inner = tuple(fingerprint(child) for child in children(node))
    match node:
        case Literal(value=value):
            # 1, 1.0 and true are equal in Python and are not the same literal.
            return "literal", type(value).__name__, value
        case Reference(name=name):
            return "name", name
        case Attribute(name=name):
            return "field", name.text, *inner
        case Call(function=function, arguments=arguments):
            names = tuple(each.name.text if each.name else "" for each in arguments)
            return "call", function.text, names, *inner
        case Unary(operator=operator) | Binary(operator=operator) | Compare(operator=operator):
            return "operator", operator, *inner
        case DictDisplay(entries=entries):
            return "table", tuple(name.text for name, _ in entries), *inner
        case Comprehension(variable=variable):
            return "for", variable.text, *inner
        case Missing(span=span):
            return "missing", span
        case Index() | Range() | Conditional() | ListDisplay():
            return type(node).__name__, *inner
        case _:
            assert_never(node)


def text_fingerprint(text: Text) -> Fingerprint:
    """A value that is equal for texts that are written alike, whatever their places."""
    return tuple(
        part.text if isinstance(part, Piece) else fingerprint(part.expression)
        for part in text.parts
    )
