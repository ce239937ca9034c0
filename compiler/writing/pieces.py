"""From pieces to examples: exemplars and what they stand before become one example each.

In: entries of the store in the order of pieces. Out: the ids of whole examples, and the trained
ranges of each: those of its last piece, which is the example itself. Exemplars are not trained. BOS
stands once, at the beginning. Where every example is one piece nothing is copied.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from taskc.compiler.demand.columns import Array
from taskc.compiler.writing.scatter import flat

__all__ = ["Whole", "put_together"]


class Whole(NamedTuple):
    """n examples.

    Attributes:
        ids: Of all examples, one after another.
        offsets: Where each begins, and the last one ends, int64 [n + 1].
        spans: Trained ranges, pairs relative to their example, int32.
        span_offsets: Where each example's begin, counted in numbers, int64 [n + 1].
        last: Which piece is each example itself, int64 [n]; None: every one.
    """

    ids: Array
    offsets: Array
    spans: Array
    span_offsets: Array
    last: Array | None


def put_together(
    batch: pa.RecordBatch, starts: Array | None, num_bos: int, id_type: type[np.generic]
) -> Whole:
    """Puts examples together.

    Args:
        batch: Entries, from `examples_in_order`.
        starts: Where the pieces of each example begin, and the last one's end, int64 [n + 1]; None:
            each is one piece.
        num_bos: Tokens that each piece but an example's first leaves out at its beginning.
        id_type: Of the ids in the store.
    """
    ids, bounds = flat(batch["ids"], id_type)
    spans, numbers = flat(batch["spans"], np.int32)
    if starts is None:
        return Whole(ids, bounds, spans, numbers, None)
    lengths = np.diff(bounds)
    is_first = np.zeros(len(lengths), np.bool_)
    is_first[starts[:-1]] = True
    if num_bos and not is_first.all():
        behind = np.flatnonzero(~is_first)
        left_out = bounds[behind][:, None] + np.arange(num_bos)
        ids = np.delete(ids, left_out.reshape(-1))
        lengths[behind] -= num_bos
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    last = starts[1:] - 1
    is_last = np.zeros(len(lengths), np.bool_)
    is_last[last] = True
    per_piece = np.diff(numbers)
    spans = spans[np.repeat(is_last, per_piece)]
    shifts = begins[last] - begins[starts[:-1]] - num_bos * ~is_first[last]
    spans = spans + np.repeat(shifts, per_piece[last]).astype(np.int32)
    span_offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(per_piece[last])])
    return Whole(ids, begins[starts], spans, span_offsets, last)
