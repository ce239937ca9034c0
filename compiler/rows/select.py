"""Which rows stay: dedup, carve and limit as keyed choices over the rows of a split.

In: row ids and ordinals. Out: indices, in file order. Every choice is a draw in the source's own
scope, so it depends on no other source, on no mixture and on no order of rows. O(n log n).
"""

from collections.abc import Sequence
from itertools import groupby

from taskc.compiler.keys import Scope

__all__ = ["carved", "deduplicated", "in_drawn_order", "limited"]


def in_drawn_order(  # noqa: PLR0917 - the order is that of `Scope.draws`
    scope: Scope,
    declaration: str,
    ids: Sequence[bytes],
    ordinals: Sequence[int],
    repetition: int,
    draw_name: str,
) -> list[int]:
    """Returns all indices sorted by (draw, row id, ordinal)."""
    draws = scope.draws(declaration, ids, ordinals, repetition, draw_name)
    order = list(zip(draws, ids, ordinals, range(len(draws)), strict=True))
    order.sort()
    return [index for _, _, _, index in order]


def limited(
    declaration: str, ids: Sequence[bytes], ordinals: Sequence[int], limit: int
) -> list[int]:
    """Returns the first `limit` rows by the draw "limit"; a larger limit only adds rows."""
    if len(ids) <= limit:
        return list(range(len(ids)))
    order = in_drawn_order(Scope.source(), declaration, ids, ordinals, 0, "limit")
    return sorted(order[:limit])


def carved(declaration: str, name: str, ids: Sequence[bytes], count: int) -> list[int]:
    """Returns the rows that move to the split `name`: groups of equal rows, `count` rows in all.

    Groups come in the order of their draw "carve/NAME"; one that holds more rows than are still
    wanted is passed over, so the count is met exactly unless only larger groups are left, and never
    exceeded.
    """
    by_id: dict[bytes, list[int]] = {}
    for index, row_id in enumerate(ids):
        by_id.setdefault(row_id, []).append(index)
    groups = list(by_id)
    order = in_drawn_order(
        Scope.source(), declaration, groups, [0] * len(groups), 0, f"carve/{name}"
    )
    moved: list[int] = []
    for group in order:
        rows = by_id[groups[group]]
        if len(moved) + len(rows) <= count:
            moved.extend(rows)
        if len(moved) == count:
            break
    return sorted(moved)


def deduplicated(
    declaration: str, keys: Sequence[bytes], ids: Sequence[bytes], ordinals: Sequence[int]
) -> list[int]:
    """Returns one row of each key: the first by the draw "dedup".

    Args:
        declaration: Name of the source.
        keys: Hash of each row's dedup key.
        ids: Row ids, 16 bytes each.
        ordinals: Positions among equal rows.
    """
    if len(set(keys)) == len(keys):
        return list(range(len(keys)))
    order = in_drawn_order(Scope.source(), declaration, ids, ordinals, 0, "dedup")
    order.sort(key=lambda index: keys[index])  # stable: within a key the drawn order stays
    return sorted(next(group) for _, group in groupby(order, key=lambda index: keys[index]))
