"""Values that a statement takes: known with the spec, before any row.

In: an expression and the parameters in scope. Out: its value, or `NOT_CONSTANT`. Literals, their
negatives and parameters have values; anything else does not.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from taskc.dsl.model.expressions import (
    Attribute,
    Expression,
    Literal,
    Missing,
    Reference,
    Unary,
)
from taskc.dsl.model.program import Param, ParamValue

__all__ = ["NOT_CONSTANT", "POISON", "Constant", "Outcome", "evaluate"]


class Outcome(Enum):
    """Why an expression has no value here."""

    NOT_CONSTANT = "not a constant"
    POISON = "already reported"


NOT_CONSTANT: Final = Outcome.NOT_CONSTANT
POISON: Final = Outcome.POISON

Constant = ParamValue | Outcome


def evaluate(
    expression: Expression,
    params: Mapping[str, Param | None],
    imported: Mapping[str, Mapping[str, Param | None]],
    used: set[str],
) -> Constant:
    """The value of a literal, a negative number or a parameter; `used` collects parameters."""
    match expression:
        case Literal(value=value):
            return value
        case Missing():
            return POISON
        case Unary(operator="-", operand=operand):
            inner = evaluate(operand, params, imported, used)
            if isinstance(inner, int | float) and not isinstance(inner, bool):
                return -inner
            return inner if isinstance(inner, Outcome) else NOT_CONSTANT
        case Reference(name=name) if name in params:
            used.add(name)
            return _value(params[name])
        case Attribute(base=Reference(name=alias), name=name) if alias in imported:
            used.add(f"{alias}.{name.text}")
            if name.text in imported[alias]:
                return _value(imported[alias][name.text])
    return NOT_CONSTANT


def _value(param: Param | None) -> Constant:
    return POISON if param is None else param.value
