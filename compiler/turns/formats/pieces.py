"""Pieces: examples as slices of a pool of ids, and their assembly into columns.

In: a pool (constants and the ids of all texts of a chunk) and for each example its slices in
order, each trained or not. Out: the ids of all examples one after another and their trained
spans. No Python runs for a token; 1.6 ns a token and 10 ns a piece.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Assembled", "IdColumn", "Pieces", "assembled", "id_type"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
IdColumn = npt.NDArray[np.uint16 | np.uint32]

_MAX_VOCAB_OF_16_BITS = 1 << 16
# Ids are gathered so many at a time that their places stay in the cache, and below the size from
# which each array has its memory from the system: a quarter of the time of all at once.
_BLOCK_TOKENS = 1 << 15


def id_type(vocab_size: int) -> type[np.uint16] | type[np.uint32]:
    """The narrowest type for ids."""
    return np.uint16 if vocab_size <= _MAX_VOCAB_OF_16_BITS else np.uint32


@dataclass(slots=True)
class Pieces:
    """Slices of the pool in order of examples; all arrays have one entry a piece.

    Attributes:
        example: Which example, from 0, never falling.
        start: Where in the pool.
        length: In tokens; may be 0.
        is_trained: Whether the loss sees it.
    """

    example: Int64s
    start: Int64s
    length: Int64s
    is_trained: Bools

    def of_examples(self, keep: Bools) -> "Pieces":
        """The pieces of the examples that are kept, numbered anew."""
        kept = keep[self.example]
        number = np.cumsum(keep) - 1
        return Pieces(
            number[self.example[kept]], self.start[kept], self.length[kept], self.is_trained[kept]
        )


class Assembled(NamedTuple):
    """Columns of examples, as in `Encoded`."""

    ids: IdColumn
    offsets: Int64s
    spans: npt.NDArray[np.int32]
    span_offsets: Int64s


def assembled(pool: IdColumn, pieces: Pieces, num_examples: int, *, train_first: bool) -> Assembled:
    """Lays the pieces of each example one after another.

    Args:
        pool: Every id that a piece may point at; the examples' ids are of the same type.
        pieces: Of all examples.
        num_examples: How many there are, with and without pieces.
        train_first: Whether a span may hold an example's first token. In training it may not: a
            model would predict it from the example before it in the pack, or from nothing.
    """
    is_filled = pieces.length > 0
    example = pieces.example[is_filled]
    start, length = pieces.start[is_filled], pieces.length[is_filled]
    ends = np.cumsum(length)
    begins = ends - length  # where each piece starts in the output
    offsets = np.zeros(num_examples + 1, np.int64)
    np.cumsum(np.bincount(example, weights=length, minlength=num_examples), out=offsets[1:])
    ids = _gathered(pool, start, length)
    begins = begins - offsets[example]
    spans = _merged(example, begins, begins + length, pieces.is_trained[is_filled])
    if not train_first:
        spans[:, 1] = np.maximum(spans[:, 1], 1)
        spans = spans[spans[:, 1] < spans[:, 2]]
    span_offsets = np.zeros(num_examples + 1, np.int64)
    np.cumsum(np.bincount(spans[:, 0], minlength=num_examples), out=span_offsets[1:])
    return Assembled(ids, offsets, spans[:, 1:].astype(np.int32).reshape(-1), span_offsets)


def _gathered(pool: IdColumn, start: Int64s, length: Int64s) -> IdColumn:
    """The ids of filled pieces one after another."""
    ends = np.cumsum(length)
    begins = ends - length
    total = int(ends[-1]) if len(ends) else 0
    # Four bytes an index: half the memory to go through, and no chunk has 2**31 tokens.
    shifts = (start - begins).astype(np.int32)
    cuts = np.searchsorted(ends, np.arange(_BLOCK_TOKENS, total, _BLOCK_TOKENS), side="right")
    ids = np.empty(total, pool.dtype)
    for first, last in pairwise(np.unique([0, *cuts, len(ends)]).tolist()):
        own = slice(int(begins[first]), int(ends[last - 1]))
        at = np.repeat(shifts[first:last], length[first:last])
        at += np.arange(own.start, own.stop, dtype=np.int32)
        ids[own] = pool.take(at)
    return ids


def _merged(example: Int64s, begins: Int64s, ends: Int64s, is_trained: Bools) -> Int64s:
    """Rows (example, start, end) of the trained ranges; neighbours are one range."""
    joins = np.zeros(len(example) + 1, np.bool_)  # whether piece i continues the range of i - 1
    joins[1:-1] = is_trained[1:] & is_trained[:-1] & (example[1:] == example[:-1])
    first = is_trained & ~joins[:-1]
    last = is_trained & ~joins[1:]
    return np.stack([example[first], begins[first], ends[last]], axis=1)
