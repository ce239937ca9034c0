"""Rank: the order in which a source's rows are asked for.

In: shaped rows. Out: their indices, first asked first. The order is a keyed hash of each row alone:
a row that is added pushes in somewhere and moves no other before or behind another.
"""

from taskc.compiler.examples import Rows
from taskc.compiler.keys import Scope
from taskc.compiler.rows.select import in_drawn_order

__all__ = ["rank"]


def rank(rows: Rows, scope: Scope, declaration: str, repetition: int) -> list[int]:
    """Returns the indices of `rows` sorted by (draw "rank", row id, ordinal).

    Args:
        rows: Rows of one source and split.
        scope: The mixture's scope.
        declaration: Name of the source.
        repetition: How often the rows were delivered before: each repetition has an order of its
            own.
    """
    return in_drawn_order(scope, declaration, rows.ids, rows.ordinals, repetition, "rank")
