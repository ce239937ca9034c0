"""Joining: the exemplars of a stream, and the pieces that its examples are put together from.

In: exemplars by source, and where the examples of each source stand in the stream. Out: exemplars
in the order of the stream, and for a stretch of it the entries of the store that are its examples:
the exemplars of each, then the example itself. Nothing here reads a token. 12 bytes an example, 4
an exemplar, and 28 for each different one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from taskc.compiler.demand.asks import Maker
from taskc.compiler.demand.columns import Array, Examples, renumbered
from taskc.compiler.exemplars.laying import Exemplars, room_of
from taskc.compiler.exemplars.pool import Pool

__all__ = ["Before", "InOrder", "Pieces", "in_order", "pieces_of"]


@dataclass(frozen=True, slots=True)
class Before:
    """What stands before the examples of one origin.

    Attributes:
        pool: Whose bank the exemplars are of.
        exemplars: Those of each example.
        shots: How many there should be at most.
    """

    pool: Pool
    exemplars: Exemplars
    shots: int


@dataclass(slots=True)
class InOrder:
    """What stands before the n examples of a stream.

    Attributes:
        offsets: Where each example's exemplars begin among `items`, and the last one's end, int64
            [n + 1].
        items: Which exemplars, as indices into the next columns, uint32.
        pointers: Where each different one lies in the store, by the stream's segments, uint64 [b].
        tokens: uint32 [b].
        ids: Id of each one's row, uint8 [b, 16].
        num_bos: Tokens that stand once, at the beginning of an example and not of its parts.
    """

    offsets: Array
    items: Array
    pointers: Array
    tokens: Array
    ids: Array
    num_bos: int

    def ids_between(self, begin: int, end: int) -> tuple[Array, Array]:
        """Row ids of the exemplars of examples `begin` to `end`, and where each example's begin."""
        offsets = self.offsets[begin : end + 1]
        return self.ids[self.items[offsets[0] : offsets[-1]]], offsets - offsets[0]


class Pieces(NamedTuple):
    """Entries of the store in the order in which they are written.

    Attributes:
        pointers: Where each lies, uint64 [p].
        tokens: How many each has there, [p].
        starts: Where the pieces of each example begin, and the last one's end, int64 [n + 1]; None:
            each example is one piece.
        num_bos: Tokens that each piece but an example's first leaves out at its beginning.
    """

    pointers: Array
    tokens: Array
    starts: Array | None = None
    num_bos: int = 0

    def at(self, borders: Sequence[int]) -> list[int]:
        """Numbers of examples as numbers of pieces."""
        if self.starts is None:
            return list(borders)
        found: list[int] = self.starts[list(borders)].tolist()
        return found

    def between(self, begin: int, end: int) -> Array | None:
        """Where the pieces of examples `begin` to `end` begin among theirs; None: one each."""
        if self.starts is None:
            return None
        starts: Array = self.starts[begin : end + 1] - self.starts[begin]
        return starts


def in_order(
    before: Sequence[Before | None],
    places: Sequence[Array],
    num_examples: int,
    numbers: Callable[[Maker], Sequence[int]],
) -> InOrder | None:
    """Puts exemplars into the order of a stream; None where there are none.

    Args:
        before: What stands before the examples of each origin.
        places: Where those stand in the stream.
        num_examples: How many examples the stream has.
        numbers: The stream's numbers of a maker's segments.
    """
    there = [(own, at) for own, at in zip(before, places, strict=True) if own is not None]
    if not there:
        return None
    counts = np.zeros(num_examples, np.uint16)
    for own, at in there:
        counts[at] = own.exemplars.counts[: len(at)]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
    items = np.empty(int(offsets[-1]), np.uint32)
    banks = []
    first = 0
    for own, at in there:
        mine = own.exemplars.first(len(at))
        used, which = np.unique(mine.items, return_inverse=True)
        items[_spread(offsets[at], mine.counts)] = which.reshape(-1) + first
        first += len(used)
        bank, maker = own.pool.bank, own.pool.maker
        banks.append(
            (
                renumbered(bank.pointers[used], numbers(maker)),
                bank.tokens[used],
                maker.rows.ids[bank.rows[used]],
            )
        )
    pointers, tokens, ids = (np.concatenate(columns) for columns in zip(*banks, strict=True))
    num_bos = room_of(there[0][0].pool.maker.build).num_bos
    return InOrder(offsets, items, pointers, tokens, ids, num_bos)


def pieces_of(examples: Examples, exemplars: InOrder | None, order: Array | None = None) -> Pieces:
    """The pieces of a stream's examples.

    Args:
        examples: The examples; their pointers are given up here.
        exemplars: What stands before them.
        order: The examples in the order in which they are written; None: as they stand.
    """
    order = np.arange(len(examples), dtype=np.uint32) if order is None else order
    tokens = examples.tokens[order]
    pointers = examples.release("pointer")[order]
    if exemplars is None:
        return Pieces(pointers, tokens)
    counts = np.diff(exemplars.offsets)[order]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts + 1)])
    last = starts[1:] - 1
    items = exemplars.items[_spread(exemplars.offsets[:-1][order], counts)]
    adds = exemplars.tokens[items].astype(np.int64) - exemplars.num_bos
    added = np.concatenate([np.zeros(1, np.int64), np.cumsum(adds)])[
        starts - np.arange(len(starts))
    ]
    at = _spread(starts[:-1], counts)
    found = Pieces(
        np.empty(int(starts[-1]), np.uint64),
        np.empty(int(starts[-1]), np.uint32),
        starts,
        exemplars.num_bos,
    )
    found.pointers[last], found.tokens[last] = pointers, tokens - np.diff(added)
    found.pointers[at], found.tokens[at] = exemplars.pointers[items], exemplars.tokens[items]
    return found


def _spread(starts: Array, counts: Array) -> Array:
    """So many consecutive numbers from each start on, int64."""
    counts = counts.astype(np.int64)
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
