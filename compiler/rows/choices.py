"""Which rows stay: ordinals, dedup, carve and limit over columns of keys.

In: ids of rows in file order, 16 bytes each. Out: a bool for each row, or its ordinal. Every choice
is a draw in the source's own scope, so it depends on no other source, on no mixture and on no order
of rows. Rows that share their key with no other cost a sort of eight bytes each; draws, 0.6 us a
row, are made where a choice needs them.
"""

import numpy as np
import numpy.typing as npt

from taskc.compiler.keys import Scope
from taskc.compiler.rows.row_keys import (
    Ids,
    Uint32s,
    Uint64s,
    drawn,
    drawn_order,
    first_halves,
    id_halves,
    rows_among,
)

__all__ = ["carved", "deduplicated", "limited", "ordinals"]

Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]


def ordinals(ids: Ids) -> Uint32s | None:
    """Returns the position of each row among rows with its id, uint32 [n]; None: all are 0."""
    rows, groups = _alike(ids)
    if not len(rows):
        return None
    # Within a group rows are in file order, so an ordinal is the distance to the group's first row.
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    found = np.zeros(len(ids), np.uint32)
    found[rows] = np.arange(len(rows)) - starts[groups]
    return found


def deduplicated(declaration: str, keys: Ids, ids: Ids, ordinals: Uint32s | None) -> Bools:
    """Whether each row is kept: one row of each key is, the first by the draw "dedup".

    Args:
        declaration: Name of the source.
        keys: Hash of each row's dedup key, uint8 [n, 16].
        ids: Row ids, uint8 [n, 16].
        ordinals: Positions among equal rows; None: all are 0.
    """
    kept = np.ones(len(ids), bool)
    rows, groups = _alike(keys)
    if not len(rows):
        return kept
    row_ids = ids[rows]
    row_ordinals = None if ordinals is None else ordinals[rows]
    draws = drawn(Scope.source(), declaration, row_ids, row_ordinals, 0, "dedup")
    order = drawn_order(draws, row_ids, row_ordinals)
    order = order[np.argsort(groups[order], kind="stable")]
    kept[rows] = False
    kept[rows[order[np.flatnonzero(np.diff(groups[order], prepend=-1))]]] = True
    return kept


def carved(declaration: str, name: str, ids: Ids, count: int) -> Bools:
    """Whether each row moves to the split `name`: groups of equal rows do, `count` rows in all.

    Groups come in the order of their draw "carve/NAME"; one that holds more rows than are still
    wanted is passed over, so the count is met exactly unless only larger groups are left, and never
    exceeded.
    """
    moved = np.zeros(len(ids), bool)
    rows, groups = _alike(ids)
    firsts = np.ones(len(ids), bool)
    firsts[rows] = np.diff(groups, prepend=-1) > 0
    leaders = np.flatnonzero(firsts)
    sizes = np.ones(len(ids), np.int64)
    if len(rows):
        sizes[rows] = np.bincount(groups)[groups]
    draws = drawn(Scope.source(), declaration, ids[leaders], None, 0, f"carve/{name}")
    moved[leaders[_fitting(draws, ids[leaders], sizes[leaders], count)]] = True
    if len(rows):
        moved[rows] = moved[rows[np.searchsorted(groups, groups)]]
    return moved


def limited(declaration: str, ids: Ids, ordinals: Uint32s | None, limit: int) -> Bools:
    """Whether each row is among the first `limit` by the draw "limit".

    A larger limit only adds rows.
    """
    kept = np.ones(len(ids), bool)
    if len(ids) > limit:
        draws = drawn(Scope.source(), declaration, ids, ordinals, 0, "limit")
        kept[:] = False
        kept[_first(draws, ids, ordinals, limit)] = True
    return kept


# ---- orders --------------------------------------------------------------------------------------


def _first(draws: Uint64s, ids: Ids, ordinals: Uint32s | None, count: int) -> Rows:
    """The first `count` rows sorted by (draw, id, ordinal), without sorting the others."""
    if count >= len(draws):
        return drawn_order(draws, ids, ordinals)
    if count <= 0:
        return np.empty(0, np.int64)
    most = np.partition(draws, count - 1)[count - 1]
    near = np.flatnonzero(draws <= most)
    near_ordinals = None if ordinals is None else ordinals[near]
    return near[drawn_order(draws[near], ids[near], near_ordinals)[:count]]


def _fitting(draws: Uint64s, ids: Ids, sizes: npt.NDArray[np.int64], count: int) -> Rows:
    """The groups that are taken in drawn order, each where it still fits into `count` rows."""
    num_tried = 0
    wanted = count
    taken: list[int] = []
    while wanted > 0 and num_tried < len(draws):
        # Each group tried holds a row at least, so no more than `count` are taken; more have to be
        # tried only where groups were passed over.
        num_more = min(len(draws), max(2 * num_tried, count))
        order = _first(draws, ids, None, num_more)[num_tried:]
        for group, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
            if size <= wanted:
                taken.append(group)
                wanted -= size
        num_tried = num_more
    return np.array(taken, np.int64)


def _alike(keys: Ids) -> tuple[Rows, Rows]:
    """The rows whose key another row has too, and the number of each one's group from 0.

    Rows of one group stand together, in file order.
    """
    ranked = first_halves(keys)
    ranked.sort()
    twice = np.unique(ranked[1:][ranked[1:] == ranked[:-1]])
    del ranked
    if not len(twice):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    rows = rows_among(keys, twice)
    first, second = id_halves(keys[rows])
    order = np.lexsort((second, first))
    rows, first, second = rows[order], first[order], second[order]
    is_new = np.ones(len(rows), bool)
    is_new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    groups = np.cumsum(is_new) - 1
    # Keys that share eight of their sixteen bytes are not alike yet.
    shared = np.bincount(groups)[groups] > 1
    rows, groups = rows[shared], groups[shared]
    return rows, np.unique(groups, return_inverse=True)[1] if len(groups) else groups
