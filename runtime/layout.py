"""From a sequence's stored columns to the arrays a model takes: masks, positions and borders.

In: ids, lengths of the examples, trained spans. Out: numpy arrays, padded to one length where there
are several rows. Nothing of this is stored: to derive it takes about 6 us for a row of 2,048
tokens, six times as long as a raw gather of its ids alone (benchmarks/reader.py).

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

__all__ = [
    "IGNORED",
    "Batch",
    "Borders",
    "Lists",
    "Row",
    "borders",
    "derive",
    "lay_out",
    "lay_out_ids",
]

IGNORED = -100  # what torch's cross_entropy leaves out
_ANY_ID = np.iinfo(np.int64).max
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


class Lists(NamedTuple):
    """Lists of numbers, one after another.

    Attributes:
        items: Of all, int32.
        counts: Items of each, int64 [R].
    """

    items: Int32
    counts: Int64

    @staticmethod
    def of(arrays: Sequence[Int32]) -> "Lists":
        """Joins arrays."""
        counts = np.array([len(each) for each in arrays], np.int64)
        return Lists(np.concatenate([np.zeros(0, np.int32), *arrays]), counts)


class Borders(NamedTuple):
    """Where the segments and trained spans of R rows lie, all padded to one length and flattened.

    Attributes:
        length: T.
        num_tokens: Of each row, padding left out, [R].
        starts: Where segments begin, and R * T, int64 [S + 1].
        sizes: Places of each segment, int64 [S].
        runs: Places outside and inside trained spans, in turn; evenly many of each row, int64.
        most: What a label may be at most in each run: -100 outside, any id inside, int64.
        segments_until: Segments before each row, and S, [R + 1].
        runs_until: Runs before each row, and all of them, [R + 1].
    """

    length: int
    num_tokens: tuple[int, ...]
    starts: Int64
    sizes: Int64
    runs: Int64
    most: Int64
    segments_until: list[int]
    runs_until: list[int]


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
    """Lays rows into arrays of one length, padding at the right; see `derive`.

    Args:
        rows: B rows of at most `length` tokens.
        length: T.
        pad_id: What stands in padding; it is never trained on and nothing attends to it.
    """
    ids = [row.ids for row in rows]
    lengths, spans = [row.lengths for row in rows], [row.spans for row in rows]
    num_tokens = np.array(list(map(len, ids)), np.int64)
    of = borders(num_tokens, Lists.of(lengths), Lists.of(spans), length)
    return derive(lay_out_ids(ids, length, pad_id), of, 0)


def lay_out_ids(ids: Sequence[npt.NDArray[Any]], length: int, pad_id: int) -> npt.NDArray[Any]:
    """Lays the ids of rows into one array, as they are stored, [B, T]."""
    ids_BT = np.full((len(ids), length), pad_id, ids[0].dtype if ids else np.uint16)
    for b, row in enumerate(ids):
        ids_BT[b, : len(row)] = row
    return ids_BT


def borders(num_tokens: Int64, lengths: Lists, spans: Lists, length: int) -> Borders:
    """Returns where segments and trained spans lie; 0.5 us a row where there are many.

    Args:
        num_tokens: Of each row, at most `length`, [R].
        lengths: Of each row, as in `Row`.
        spans: Of each row, as in `Row`.
        length: T.
    """
    rows = np.arange(len(num_tokens))
    # What a row lacks is one more segment, behind its examples.
    padded = num_tokens < length
    behind = lengths.counts.cumsum()[padded]
    sizes = np.insert(lengths.items, behind, length - num_tokens[padded]).astype(np.int64)
    starts = np.zeros(len(sizes) + 1, np.int64)
    sizes.cumsum(out=starts[1:])
    # Where runs end: a row's last two are its last one outside spans, and an empty one inside.
    counts = spans.counts + 2
    ends = ((rows + 1) * length).repeat(counts)
    places = np.arange(len(spans.items)) + (2 * rows).repeat(spans.counts)
    ends[places] = spans.items + (length * rows).repeat(spans.counts)
    most = np.full(len(ends), IGNORED, np.int64)
    most[1::2] = _ANY_ID
    runs = ends.copy()
    runs[1:] -= ends[:-1]
    return Borders(
        length,
        tuple(num_tokens.tolist()),
        starts,
        sizes,
        runs,
        most,
        _until(lengths.counts + padded),
        _until(counts),
    )


def _until(counts: Int64) -> list[int]:
    """Returns 0, then the sum of all counts up to each."""
    return [0, *counts.cumsum().tolist()]


def derive(ids: npt.NDArray[Any], of: Borders, row: int) -> Batch:
    """Returns what a model takes of consecutive rows.

    Positions restart with every example. Labels are the ids inside trained spans and -100
    elsewhere, not shifted; the first token of an example is -100 as well, since nothing before it
    may predict it. Padding is a segment of its own: positions from 0, labels -100.

    Args:
        ids: Of B rows as they are stored, padded, [B, T].
        of: The borders of these rows, maybe among others.
        row: Which of the rows of `of` is the first.
    """
    last_row = row + len(ids)
    segment, last_segment = of.segments_until[row], of.segments_until[last_row]
    run, last_run = of.runs_until[row], of.runs_until[last_row]
    until = of.starts[segment : last_segment + 1] - row * of.length
    starts = until[:-1]
    # Two arrays in one block: of three apart, glibc gives the last one back to the system when a
    # batch goes, and the next batch's pages are faulted in anew, at three times the cost of all
    # else.
    ids_BT, positions_BT = np.empty((2, *ids.shape), np.int64)
    ids_BT[...] = ids
    # The lesser of the most that it may be and the id: no index of what is trained, and no mask.
    labels_N = of.most[run:last_run].repeat(of.runs[run:last_run])
    labels_BT = labels_N.reshape(ids.shape)
    np.minimum(labels_BT, ids_BT, out=labels_BT)
    labels_N[starts] = IGNORED
    # Modulo a power of two that no row is longer than, then widened: two bytes a place are moved
    # three times as fast as eight.
    dtype = np.uint16 if of.length <= 1 << 16 else np.uint32
    positions_N = starts.astype(dtype).repeat(of.sizes[segment:last_segment])
    np.subtract(_numbers(ids.size, dtype), positions_N, out=positions_N)
    positions_BT[...] = positions_N.reshape(ids.shape)
    return Batch(
        ids_BT, labels_BT, positions_BT, until.astype(np.int32), of.num_tokens[row:last_row]
    )


@lru_cache(maxsize=4)
def _numbers(size: int, dtype: type[np.unsignedinteger[Any]]) -> npt.NDArray[Any]:
    """Returns 0, 1, 2 ... modulo the type's range; batches of one size share it."""
    numbers = np.arange(size).astype(dtype)
    numbers.setflags(write=False)
    return numbers
