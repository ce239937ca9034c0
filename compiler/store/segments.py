"""Segments: encoded examples in the store, as columns that are read without copying.

In: columns of entries, an entry being a part of an example, or the word that a row gave none. Out:
Arrow IPC streams of one record batch under a family (the digest of what all of them were made
from), and an index that finds entries by their keys. About 2.15 bytes a token at 300 tokens an
example and two bytes an id. An index of 1,000,000 keys is made in 0.15 s and asked for all of
them in as much.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taskc.compiler.store.backend import Buffer
from taskc.compiler.store.objects import Store

__all__ = ["KIND", "Entries", "Found", "Segment", "SegmentIndex", "write_segment"]

KIND = "examples"
MAX_REASONS = 255  # a fate is one byte, and 0 is an example
_MAX_VOCAB_OF_16_BITS = 1 << 16
Array = npt.NDArray[Any]


@dataclass(slots=True, kw_only=True)
class Entries:
    """Columns of n entries; those of one key stand together, part 0 first.

    Attributes:
        keys: Example keys, uint8 [n, 16].
        fates: 0: an example; k > 0: none, for `reasons[k - 1]`; such an entry has no tokens. uint8
            [n].
        parts: 0, or 1, 2, ... for the later parts of an example that was cut, uint16 [n].
        trimmed: Tokens that overflow cut off, uint32 [n].
        seam_joined: Whether a token spans the seam, bool [n].
        trained: Tokens trained, uint32 [n].
        ids: Token ids of all entries one after another.
        offsets: Entry i has `ids[offsets[i]:offsets[i + 1]]`, integers [n + 1].
        spans: Trained ranges, [start, end) pairs relative to the entry's start, int32 [2 * spans].
        span_offsets: In pairs, integers [n + 1].
        reasons: Stage, reason and symbolic clause, at most 255.
        option_ids: Evaluation only: for each entry the ids of each option.
        correct: Evaluation only: for each entry the indices of the correct options.
        references: Evaluation only: for each entry the accepted answers.
    """

    keys: npt.NDArray[np.uint8]
    fates: npt.NDArray[np.uint8]
    parts: npt.NDArray[np.uint16]
    trimmed: npt.NDArray[np.uint32]
    seam_joined: npt.NDArray[np.bool_]
    trained: npt.NDArray[np.uint32]
    ids: Array
    offsets: Array
    spans: npt.NDArray[np.int32]
    span_offsets: Array
    reasons: Sequence[tuple[str, str, str]] = ()
    option_ids: Sequence[Sequence[Sequence[int]]] | None = None
    correct: Sequence[Sequence[int]] | None = None
    references: Sequence[Sequence[str]] | None = None

    def __len__(self) -> int:
        """The number of entries."""
        return len(self.keys)


# ---- writing -------------------------------------------------------------------------------------


def write_segment(store: Store, family: str, entries: Entries, *, vocab_size: int) -> str:
    """Adds a segment under a family and returns its name: equal entries, equal name.

    Args:
        store: Where to.
        family: Digest of what all segments of the family are made from.
        entries: What stands in it.
        vocab_size: Ids take two bytes where it fits into 16 bits, else four.

    Raises:
        StoreError: If the store is full or can't be used.
    """
    assert len(entries.reasons) <= MAX_REASONS, "a fate is one byte"
    batch = _batch(entries, pa.uint16() if vocab_size <= _MAX_VOCAB_OF_16_BITS else pa.uint32())
    pieces = _Pieces()
    with pa.ipc.new_stream(pa.PythonFile(pieces, mode="w"), batch.schema) as writer:
        writer.write_batch(batch)
    return store.add(KIND, family, pieces.written)


class _Pieces:
    """What Arrow writes, piece by piece: columns stay where they are, no stream is put together."""

    closed = False  # pyarrow asks

    def __init__(self) -> None:
        self.written: list[Buffer] = []

    def write(self, piece: bytes | pa.Buffer) -> int:
        """Keeps a piece."""
        view = memoryview(piece)
        self.written.append(view)
        return view.nbytes

    def flush(self) -> None:
        """Nothing: nothing is held back."""


def _batch(entries: Entries, id_type: pa.DataType) -> pa.RecordBatch:
    keys = pa.py_buffer(np.ascontiguousarray(entries.keys))
    columns = {
        "key": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(entries), [None, keys]),
        "fate": pa.array(entries.fates, pa.uint8()),
        "part": pa.array(entries.parts, pa.uint16()),
        "trimmed": pa.array(entries.trimmed, pa.uint32()),
        "seam_joined": pa.array(entries.seam_joined, pa.bool_()),
        "trained": pa.array(entries.trained, pa.uint32()),
        "ids": _lists(entries.ids, entries.offsets, id_type),
        "spans": _lists(entries.spans, 2 * np.asarray(entries.span_offsets), pa.int32()),
    }
    if entries.option_ids is not None:
        columns |= {
            "option_ids": pa.array(entries.option_ids, pa.list_(pa.list_(id_type))),
            "correct": pa.array(entries.correct, pa.list_(pa.int32())),
            "references": pa.array(entries.references, pa.list_(pa.string())),
        }
    reasons = json.dumps([list(reason) for reason in entries.reasons], ensure_ascii=False)
    return pa.RecordBatch.from_pydict(columns, metadata={"reasons": reasons})


def _lists(values: Array, offsets: Array, type_: pa.DataType) -> pa.ListArray:
    items = pa.array(np.asarray(values).astype(type_.to_pandas_dtype(), copy=False), type_)
    return pa.ListArray.from_arrays(pa.array(np.asarray(offsets).astype(np.int32)), items)


# ---- reading -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Segment:
    """A segment that was opened: read-only columns over the store's own bytes.

    Attributes:
        name: Its name under the family.
        keys: uint8 [n, 16].
        fates: uint8 [n]; see `Entries`, as for the next columns.
        parts: uint16 [n].
        trimmed: uint32 [n].
        seam_joined: bool [n].
        trained: uint32 [n].
        ids: uint16 or uint32, all entries one after another.
        offsets: int32 [n + 1].
        spans: int32, pairs.
        span_offsets: In pairs, int32 [n + 1].
        reasons: What the fates above 0 mean.
        option_ids: Evaluation only: Arrow lists of lists [n].
        correct: Evaluation only: Arrow lists [n].
        references: Evaluation only: Arrow lists of texts [n].
    """

    name: str
    keys: npt.NDArray[np.uint8]
    fates: npt.NDArray[np.uint8]
    parts: npt.NDArray[np.uint16]
    trimmed: npt.NDArray[np.uint32]
    seam_joined: npt.NDArray[np.bool_]
    trained: npt.NDArray[np.uint32]
    ids: npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int32]
    spans: npt.NDArray[np.int32]
    span_offsets: npt.NDArray[np.int32]
    reasons: list[tuple[str, str, str]]
    option_ids: pa.ListArray | None
    correct: pa.ListArray | None
    references: pa.ListArray | None

    def __len__(self) -> int:
        """The number of entries."""
        return len(self.keys)

    @property
    def lengths(self) -> npt.NDArray[np.int32]:
        """Tokens of each entry, int32 [n]."""
        return np.diff(self.offsets)

    def ids_of(self, entry: int) -> Array:
        """The token ids of an entry, without copying."""
        return self.ids[self.offsets[entry] : self.offsets[entry + 1]]

    def spans_of(self, entry: int) -> npt.NDArray[np.int32]:
        """The trained ranges of an entry, int32 [spans, 2], without copying."""
        first, last = self.span_offsets[entry], self.span_offsets[entry + 1]
        return self.spans[2 * first : 2 * last].reshape(-1, 2)

    @staticmethod
    def open(store: Store, family: str, name: str) -> "Segment | None":
        """Opens a segment; None: it is not there, or was damaged.

        Raises:
            StoreError: If the store can't be read.
        """
        content = store.read(KIND, family, name)
        if content is None:
            return None
        batch = pa.ipc.open_stream(pa.py_buffer(content)).read_next_batch()
        ids, offsets = _flat(batch.column("ids"))
        spans, span_offsets = _flat(batch.column("spans"))
        extra = {name: batch.column(name) for name in batch.schema.names}
        reasons = json.loads(batch.schema.metadata[b"reasons"])
        return Segment(
            name=name,
            keys=np.frombuffer(batch.column("key").buffers()[1] or b"", np.uint8).reshape(-1, 16),
            fates=batch.column("fate").to_numpy(),
            parts=batch.column("part").to_numpy(),
            trimmed=batch.column("trimmed").to_numpy(),
            seam_joined=batch.column("seam_joined").to_numpy(zero_copy_only=False),
            trained=batch.column("trained").to_numpy(),
            ids=ids,
            offsets=offsets,
            spans=spans,
            span_offsets=span_offsets >> 1,
            reasons=[(stage, reason, clause) for stage, reason, clause in reasons],
            option_ids=extra.get("option_ids"),
            correct=extra.get("correct"),
            references=extra.get("references"),
        )


def _flat(column: pa.ListArray) -> tuple[Array, npt.NDArray[np.int32]]:
    return column.values.to_numpy(), column.offsets.to_numpy()


# ---- finding -------------------------------------------------------------------------------------


class Found(NamedTuple):
    """Where keys stand: columns as long as what was asked for.

    Attributes:
        segment: Index into the index's `segments`; -1: the key is in none. int32 [k].
        entry: The first entry within that segment, uint32 [k].
        num_parts: How many entries follow each other, uint32 [k]; 0: the key is in none.
    """

    segment: npt.NDArray[np.int32]
    entry: npt.NDArray[np.uint32]
    num_parts: npt.NDArray[np.uint32]


class SegmentIndex:
    """The entries of a family by their keys; of equal ones the first in order of segments' names.

    Attributes:
        segments: Those that could be opened, in order of their names.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = list(segments)
        firsts = [np.flatnonzero(each.parts == 0) for each in self.segments]
        halves = [_halves(each.keys[first]) for each, first in zip(segments, firsts, strict=True)]
        high = np.concatenate([np.zeros(0, np.uint64), *(high for high, _ in halves)])
        low = np.concatenate([np.zeros(0, np.uint64), *(low for _, low in halves)])
        order = np.argsort(high)
        if (high[order[1:]] == high[order[:-1]]).any():
            order = np.lexsort((low, high))  # stable: of equal keys the first stays first
        self._high, self._low = high[order], low[order]
        self._segment = np.repeat(
            np.arange(len(firsts), dtype=np.int32), [len(first) for first in firsts]
        )[order]
        ends = [
            np.append(first, len(each))[1:] for each, first in zip(segments, firsts, strict=True)
        ]
        self._entry = np.concatenate([np.zeros(0, np.uint32), *firsts]).astype(np.uint32)[order]
        self._end = np.concatenate([np.zeros(0, np.uint32), *ends]).astype(np.uint32)[order]

    @staticmethod
    def open(store: Store, family: str) -> "SegmentIndex":
        """Opens every segment of a family; one that is damaged is left out.

        Raises:
            StoreError: If the store can't be read.
        """
        opened = [Segment.open(store, family, name) for name in store.names(KIND, family)]
        return SegmentIndex([segment for segment in opened if segment is not None])

    def find(self, keys: npt.NDArray[np.uint8]) -> Found:
        """Finds keys, uint8 [k, 16]."""
        high, low = _halves(keys)
        order = np.argsort(high)  # neighbours are looked for together: five times faster
        place = np.empty(len(keys), np.int64)
        place[order] = np.searchsorted(self._high, high[order])
        found = np.zeros(len(keys), bool)
        open_ = np.arange(len(keys))
        while len(open_):  # a second round only for keys that agree in their first 8 bytes
            open_ = open_[place[open_] < len(self._high)]
            open_ = open_[self._high[place[open_]] == high[open_]]
            is_equal = self._low[place[open_]] == low[open_]
            found[open_[is_equal]] = True
            open_ = open_[~is_equal]
            place[open_] += 1
        segment = np.full(len(keys), -1, np.int32)
        entry, num_parts = np.zeros(len(keys), np.uint32), np.zeros(len(keys), np.uint32)
        at = place[found]
        segment[found], entry[found] = self._segment[at], self._entry[at]
        num_parts[found] = self._end[at] - self._entry[at]
        return Found(segment, entry, num_parts)


def _halves(keys: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The first and the last 8 bytes of each key as numbers."""
    numbers = np.ascontiguousarray(keys).view(np.uint64).reshape(-1, 2)
    return numbers[:, 0], numbers[:, 1]
