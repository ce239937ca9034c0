"""From a sequence's stored columns to the arrays a model takes: masks, positions and borders.

In: ids, lengths of the examples, trained spans. Out: numpy arrays, padded to one length where there
are several rows. Nothing of this is stored: to derive it takes about 6 us for a row of 2,048
tokens, four times as long as to copy its ids alone (benchmarks/reader.py).

Shapes: B rows of a batch, T places of a row, K examples of a row, S segments of a batch: its
examples, and the padding of each row that has some.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

__all__ = ["IGNORED", "Batch", "Row", "lay_out", "lay_out_ids"]

IGNORED = -100  # what torch's cross_entropy leaves out
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


class Row(NamedTuple):
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
    """What a model takes, [B, T] but for the last two, and where its segments are.

    Attributes:
        input_ids: Token ids; padding holds any valid id.
        labels: The ids that are trained on, else -100; not shifted.
        position_ids: From 0 in each example, and in padding.
        cu_seq_lens: Where the segments of the flattened batch begin, and B * T, [S + 1].
        num_tokens: Of each row, padding left out.
    """

    input_ids: Int64
    labels: Int64
    position_ids: Int64
    cu_seq_lens: Int32
    num_tokens: tuple[int, ...]

    @property
    def segment_ids(self) -> Int32:
        """1 for a row's first example, 2 for its second ..., 0 for padding, [B, T]."""
        num_rows, length = self.input_ids.shape
        starts, lengths = self.cu_seq_lens[:-1], np.diff(self.cu_seq_lens)
        row_of = starts // max(length, 1)
        firsts = np.searchsorted(row_of, np.arange(num_rows))
        number = np.arange(len(starts)) - firsts[row_of] + 1
        number[starts - row_of * length >= np.array(self.num_tokens, np.int64)[row_of]] = 0
        return np.repeat(number.astype(np.int32), lengths).reshape(num_rows, length)

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

    Positions restart with every example. Labels are the ids inside trained spans and -100
    elsewhere, not shifted; the first token of an example is -100 as well, since nothing before it
    may predict it. Padding is a segment of its own: positions from 0, labels -100.

    Args:
        rows: B rows of at most `length` tokens.
        length: T.
        pad_id: What stands in padding; it is never trained on and nothing attends to it.
    """
    # The methods of arrays, not numpy's functions of the same names: 1 us less each.
    ids_BT = lay_out_ids([row.ids for row in rows], length, pad_id)
    num_tokens, lengths = _segments(rows, length)
    cu_seq_lens = np.zeros(len(lengths) + 1, np.int32)
    lengths.cumsum(out=cu_seq_lens[1:])
    starts = cu_seq_lens[:-1]
    position_N = starts.astype(np.int64).repeat(lengths)
    np.subtract(_numbers(ids_BT.size), position_N, out=position_N)
    labels_N = np.empty(ids_BT.size, np.int64)
    labels_N.fill(IGNORED)
    trained = _trained(rows, length)
    labels_N[trained] = ids_BT.take(trained)
    labels_N[starts] = IGNORED
    return Batch(
        ids_BT,
        labels_N.reshape(ids_BT.shape),
        position_N.reshape(ids_BT.shape),
        cu_seq_lens,
        num_tokens,
    )


def lay_out_ids(ids: Sequence[npt.NDArray[Any]], length: int, pad_id: int) -> Int64:
    """Lays the ids of rows into one array, int64 [B, T]."""
    ids_BT = np.empty((len(ids), length), np.int64)
    padding = np.full(length, pad_id, ids[0].dtype if ids else np.uint16)
    pieces = []
    for row in ids:
        pieces.append(row)
        if len(row) < length:
            pieces.append(padding[len(row) :])
    if pieces:  # joined and widened in one call
        np.concatenate(pieces, out=ids_BT.reshape(-1), casting="unsafe")
    return ids_BT


def _segments(rows: Sequence[Row], length: int) -> tuple[tuple[int, ...], Int32]:
    """Returns the tokens of each row, and the lengths of the batch's segments.

    Segments are examples, and padding where there is some.
    """
    num_tokens: list[int] = []
    pieces: list[Any] = [np.zeros(0, np.int32)]
    for row in rows:
        tokens = len(row.ids)
        num_tokens.append(tokens)
        pieces.append(row.lengths)
        if tokens < length:
            pieces.append((length - tokens,))
    return tuple(num_tokens), np.concatenate(pieces, dtype=np.int32)


def _trained(rows: Sequence[Row], length: int) -> Int64:
    """Returns the places of the flattened batch that lie in trained spans.

    What is trained is a small part of most data, so its places cost less than a mask of all.
    """
    if not rows:
        return np.zeros(0, np.int64)
    bounds = np.concatenate([row.spans for row in rows])
    shifts = np.arange(0, len(rows) * length or 1, length or 1).repeat(
        [len(row.spans) // 2 for row in rows]
    )
    begin, sizes = bounds[::2], bounds[1::2] - bounds[::2]
    until = sizes.cumsum()
    count = int(until[-1]) if len(until) else 0
    places: Int64 = np.arange(count) + (begin + shifts - until + sizes).repeat(sizes)
    return places


@lru_cache(maxsize=4)
def _numbers(size: int) -> Int64:
    """Returns 0, 1, 2 ...; batches of one size share it, 8 bytes a token."""
    numbers = np.arange(size)
    numbers.setflags(write=False)
    return numbers
