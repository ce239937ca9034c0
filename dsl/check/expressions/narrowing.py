"""What a condition says about optional values: after `x != none`, `x` is a value.

In: a condition that is not made of others, or what its parts say. Out: the paths (`x`, `x.y`) that
are known not to be none where it holds, and where it does not. Nothing is reported here. Only
fields and their fields are followed, never items of a list. No condition is walked: `typer`, which
visits each node once, puts together what the parts say.
"""

from dataclasses import dataclass
from typing import Self

from taskc.dsl.model.expressions import (
    Attribute,
    Compare,
    Expression,
    Literal,
    Reference,
)

__all__ = ["Known", "known_values", "path_of"]

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """The paths that a condition tells to be values.

    Attributes:
        where_true: Those where it holds.
        where_false: Those where it does not.
    """

    where_true: frozenset[str] = _NOTHING
    where_false: frozenset[str] = _NOTHING

    def negated(self) -> Self:
        """What `not` before the condition says."""
        return type(self)(self.where_false, self.where_true)

    def and_(self, other: Self) -> Self:
        """A conjunction that holds tells both sides' facts, one that fails those of either."""
        return type(self)(self.where_true | other.where_true, self.where_false & other.where_false)

    def or_(self, other: Self) -> Self:
        """A disjunction that fails tells both sides' facts, one that holds those of either."""
        return type(self)(self.where_true & other.where_true, self.where_false | other.where_false)


_NO_FACTS = Known()


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


def known_values(condition: Expression) -> Known:
    """What a condition says that no `and`, `or` and `not` makes of others."""
    match condition:
        case Compare(operator="!="):
            return Known(where_true=_compared_with_none(condition))
        case Compare(operator="=="):
            return Known(where_false=_compared_with_none(condition))
        case Reference() | Attribute():
            # An optional value is no condition; where it stands as one, no second report follows.
            return Known(where_true=frozenset({path_of(condition)}))
        case _:
            return _NO_FACTS


def _compared_with_none(condition: Compare) -> frozenset[str]:
    """The path that is compared with `none`, if one is."""
    match condition.left, condition.right:
        case (Literal(value=None), value) | (value, Literal(value=None)):
            path = path_of(value)
            return frozenset({path}) if path else _NOTHING
        case _:
            return _NOTHING
