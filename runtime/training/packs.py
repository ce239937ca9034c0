"""Examples of a step joined into rows, about equally long, the same number for each rank.

In: the examples of a global batch. Out: one rank's rows of several examples each, in the form in
which sequences are stored: no place is padding but where rows of one micro-batch differ. Which rows
there are is a function of lengths, ranks and room, so every rank finds the same without a word; it
changes no loss and no noise, but for rounding. O(n log n) for n examples and O(n) for each row.
"""

from collections.abc import Sequence
from heapq import heapify, heapreplace

import numpy as np

from taskc.runtime.layout import Row

__all__ = ["join", "pack", "share"]

Group = list[int]


def pack(examples: Sequence[Row], *, room: int, rank: int, world_size: int) -> list[Row]:
    """Returns the rows of one rank.

    Args:
        examples: Of the whole step, over all ranks.
        room: Most tokens of a row; an example that is longer has a row of its own.
        rank: Whose rows are returned.
        world_size: Ranks that share the step.
    """
    groups = share([len(each.ids) for each in examples], room=room, world_size=world_size)[rank]
    return [join([examples[i] for i in group]) for group in groups]


def share(lengths: Sequence[int], *, room: int, world_size: int) -> list[list[Group]]:
    """Returns for each rank its rows, each as the numbers of its examples.

    As few rows as first-fit decreasing needs, rounded up to a multiple of the ranks; examples go,
    longest first, to the row that is emptiest. Where that would not fit, first fit's rows are dealt
    out as they are.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    fitted = _first_fit(lengths, order, room)
    num_rows = min(-(-len(fitted) // world_size) * world_size, len(lengths))
    rows = _level(lengths, order, room, num_rows) or fitted
    rows.sort(key=lambda row: (-sum(lengths[i] for i in row), row[0]))
    return [rows[rank::world_size] for rank in range(world_size)]


def _first_fit(lengths: Sequence[int], order: Sequence[int], room: int) -> list[Group]:
    """Puts each example into the first row that has room for it."""
    rows: list[Group] = []
    left: list[int] = []
    for i in order:
        place = next((row for row, free in enumerate(left) if free >= lengths[i]), len(rows))
        if place == len(rows):
            rows.append([])
            left.append(room)
        rows[place].append(i)
        left[place] -= lengths[i]
    return rows


def _level(
    lengths: Sequence[int], order: Sequence[int], room: int, num_rows: int
) -> list[Group] | None:
    """Puts each example into the emptiest of so many rows; None where one would not fit."""
    rows: list[Group] = [[] for _ in range(num_rows)]
    loads = [(0, row) for row in range(num_rows)]
    heapify(loads)
    for i in order:
        load, row = loads[0]
        if load and load + lengths[i] > room:
            return None
        rows[row].append(i)
        heapreplace(loads, (load + lengths[i], row))
    return rows


def join(rows: Sequence[Row]) -> Row:
    """Returns one row that holds the examples of all, one after another."""
    if len(rows) == 1:
        return rows[0]
    begins = np.cumsum([0, *(len(row.ids) for row in rows[:-1])], dtype=np.int32)
    return Row(
        ids=np.concatenate([row.ids for row in rows]),
        lengths=np.concatenate([row.lengths for row in rows]),
        spans=np.concatenate([row.spans + at for row, at in zip(rows, begins, strict=True)]),
        examples=np.concatenate([row.examples for row in rows]),
        sources=np.concatenate([row.sources for row in rows]),
    )
