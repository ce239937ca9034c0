"""What `require` may speak of: figures of the delivered training split.

In: nothing. Out: tables of names with types, bounds and words: figures of the split, and those of
each source, `sources.NAME.FIGURE`. They are measured at the end of a build; what no delivery can
meet is refused before it.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from taskc.dsl.model.types import FLOAT, INT, Type

__all__ = ["QUANTITIES", "SOURCES", "SOURCE_QUANTITIES", "Quantity", "quantities_of"]


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
    "fill": Quantity(FLOAT, 0, 1, "Share of the room in packed sequences that tokens take."),
}

SOURCES = "sources"  # the name before those of sources

SOURCE_QUANTITIES: dict[str, Quantity] = {
    "examples": Quantity(INT, 0, math.inf, "Examples that the source delivers."),
    "rows": Quantity(INT, 0, math.inf, "Its rows that they are made of, each counted once."),
    "tokens": Quantity(INT, 0, math.inf, "Their tokens."),
    "trained_tokens": Quantity(INT, 0, math.inf, "Tokens of them that the loss sees."),
    "repeats": Quantity(INT, 0, math.inf, "How often the row is used that is used most."),
}


def quantities_of(sources: Iterable[str]) -> dict[str, Quantity]:
    """All figures of a mixture over some sources, by their paths."""
    return QUANTITIES | {
        f"{SOURCES}.{source}.{name}": quantity
        for source in sources
        for name, quantity in SOURCE_QUANTITIES.items()
    }
