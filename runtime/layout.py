"""From a sequence's stored columns to the arrays a model takes: masks, positions and segments.

In: ids, lengths of the examples, trained spans. Out: numpy arrays, padded to one length where there
are several rows. Nothing of this is stored: it takes about 15 us a row to derive, and two bytes a
token to read.

Shapes: B rows of a batch, T places of a row, K examples of a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

__all__ = ["IGNORED", "Batch", "Row", "lay_out"]

IGNORED = -100  # what torch's cross_entropy leaves out
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Row:
    """Views into a shard: a whole sequence, or one example of it as a sequence by itself.

    Attributes:
        ids: Token ids, uint16 or uint32 [T].
        lengths: Tokens of each example in order, [K]; they sum to T.
        spans: Trained [start, end) pairs in order, counted from the row's start, flat.
        examples: Example ids, [K].
        sources: Source of each example, as an index into the manifest's sources, [K].
    """

    ids: npt.NDArray[Any]
    lengths: Int32
    spans: Int32
    examples: npt.NDArray[np.uint32]
    sources: npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a model takes, all [B, T].

    Attributes:
        input_ids: Token ids; padding holds any valid id.
        labels: The ids that are trained on, else -100; not shifted.
        position_ids: From 0 in each example, and in padding.
        segment_ids: 1 for a row's first example, 2 for its second ..., 0 for padding.
    """

    input_ids: Int64
    labels: Int64
    position_ids: Int64
    segment_ids: Int32

    def torch(self) -> "dict[str, torch.Tensor]":
        """Returns input_ids, labels and position_ids as tensors on the same memory.

        A transformers model takes them as they are, with `use_cache=False` and without an attention
        mask: it keeps examples apart by where positions restart, and any mask switches that off.
        """
        import torch

        return {
            "input_ids": torch.from_numpy(self.input_ids),
            "labels": torch.from_numpy(self.labels),
            "position_ids": torch.from_numpy(self.position_ids),
        }


def lay_out(rows: Sequence[Row], length: int, pad_id: int) -> Batch:
    """Lays rows into arrays of one length, padding at the right.

    Positions restart with every example; segments count from 1. Labels are the ids inside trained
    spans and -100 elsewhere, not shifted; the first token of an example is -100 as well, since
    nothing before it may predict it. Padding is a segment of its own: segment 0, positions from 0,
    labels -100.

    Args:
        rows: B rows of at most `length` tokens.
        length: T.
        pad_id: What stands in padding; it is never trained on and nothing attends to it.
    """
    ids_BT = np.full((len(rows), length), pad_id, np.int64)
    starts_BT = np.zeros((len(rows), length), np.int32)  # at the start of a segment: its place
    begins_BT = np.zeros((len(rows), length), np.int32)  # 1 at the start of an example
    edges_BT = np.zeros((len(rows), length + 1), np.int8)  # +1 where a span starts, -1 at its end
    for b, row in enumerate(rows):
        num_tokens = len(row.ids)
        ids_BT[b, :num_tokens] = row.ids
        until_K = np.cumsum(row.lengths)
        begin_K = until_K - row.lengths
        starts_BT[b, begin_K] = begin_K
        begins_BT[b, begin_K] = 1
        starts_BT[b, num_tokens : num_tokens + 1] = num_tokens
        edges_BT[b, row.spans[::2]] += 1
        edges_BT[b, row.spans[1::2]] -= 1
    position_BT = np.arange(length, dtype=np.int32) - np.maximum.accumulate(starts_BT, axis=1)
    segment_BT = np.cumsum(begins_BT, axis=1, dtype=np.int32)
    for b, row in enumerate(rows):
        segment_BT[b, len(row.ids) :] = 0
    trained_BT = np.cumsum(edges_BT[:, :-1], axis=1, dtype=np.int8).view(np.bool_)
    labels_BT = np.where(trained_BT & (position_BT > 0), ids_BT, IGNORED)
    return Batch(ids_BT, labels_BT, position_BT.astype(np.int64), segment_BT)
