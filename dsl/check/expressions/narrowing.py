"""What a condition says about optional values: after `x != none`, `x` is a value.

In: a condition and whether it holds. Out: the paths (`x`, `x.y`) that are known not to be none
then. Nothing is reported here. Only fields and their fields are followed, never items of a list.
"""

from taskc.dsl.model.expressions import (
    Attribute,
    Binary,
    Compare,
    Expression,
    Literal,
    Reference,
    Unary,
)

__all__ = ["known_values", "path_of"]

_NOTHING: frozenset[str] = frozenset()


def path_of(expression: Expression) -> str:
    """The dotted path of a field or a field's field; "" for anything else."""
    match expression:
        case Reference(name=name):
            return name
        case Attribute(base=base, name=name):
            path = path_of(base)
            return f"{path}.{name.text}" if path else ""
        case _:
            return ""


def known_values(condition: Expression, *, holds: bool) -> frozenset[str]:
    """The paths that are certainly not none where `condition` is `holds`."""
    match condition:
        case Compare(operator="==" | "!=" as operator):
            return _compared_with_none(condition) if (operator == "!=") is holds else _NOTHING
        case Unary(operator="not", operand=operand):
            return known_values(operand, holds=not holds)
        case Binary(operator="and" | "or" as operator, left=left, right=right):
            some, others = known_values(left, holds=holds), known_values(right, holds=holds)
            # A conjunction that holds, or a disjunction that does not, tells both sides' facts.
            return some | others if (operator == "and") is holds else some & others
        case Reference() | Attribute():
            # An optional value is no condition; where it stands as one, no second report follows.
            return frozenset({path_of(condition)}) if holds else _NOTHING
        case _:
            return _NOTHING


def _compared_with_none(condition: Compare) -> frozenset[str]:
    """The path that is compared with `none`, if one is."""
    match condition.left, condition.right:
        case (Literal(value=None), value) | (value, Literal(value=None)):
            path = path_of(value)
            return frozenset({path}) if path else _NOTHING
        case _:
            return _NOTHING
