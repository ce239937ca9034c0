"""What `require` may speak of: figures of the delivered training split.

In: nothing. Out: a table of names with types, bounds and words. The figures are measured at the end
of a build; what no delivery can meet is refused before it.
"""

import math
from dataclasses import dataclass

from taskc.dsl.model.types import FLOAT, INT, Type

__all__ = ["QUANTITIES", "Quantity"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A figure: its type, the least and greatest value it can have, and what it counts."""

    type: Type
    least: float
    greatest: float
    doc: str


QUANTITIES: dict[str, Quantity] = {
    "examples": Quantity(INT, 0, math.inf, "Examples delivered for training."),
    "tokens": Quantity(INT, 0, math.inf, "Their tokens, special ones included, padding left out."),
    "trained_tokens": Quantity(INT, 0, math.inf, "Tokens that the loss sees."),
    "truncated": Quantity(FLOAT, 0, 1, "Share of the examples that lost tokens to a limit."),
    "dropped": Quantity(FLOAT, 0, 1, "Share of the candidate examples that were left out."),
}
