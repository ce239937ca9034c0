"""From the order of the store to the order of the output, in two passes over the disk.

In: a pointer into the store for each place of the output, and borders that part the places into
buckets (shards, row groups). Out: the examples, bucket after bucket, each in the order of its
places. Every segment is read once: its examples are put by bucket, each bucket is appended to a
file of its own, and is then ordered in memory. Where there is one bucket nothing is written.

Memory: a few times a bucket, and 16 bytes an example. Disk: a file goes as soon as its bucket is
taken, so never more than the output. About 1 CPU us for an example of 300 tokens.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from taskc.compiler.demand.columns import Array, SegmentName, split_pointers, stable_order
from taskc.compiler.store.objects import Store, StoreError
from taskc.compiler.store.segments import Segment
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["ANSWERS", "Opener", "examples_in_order", "flat", "opener"]

# Tokens that are put by bucket at a time: at least as many as a processor's cache likes, and more
# where buckets are many, so that each gets some 64 KiB of them.
BATCH_TOKENS = 1 << 21
BUCKET_TOKENS = 1 << 15
_LOOKED_AT = 1 << 18  # places whose tokens are summed up at a time
ANSWERS = ("option_ids", "correct", "references")

Opener = Callable[[int], Segment]


def opener(store: Store, segments: Sequence[SegmentName]) -> Opener:
    """What opens segments of a store by their numbers; it raises `StoreError` for one that left."""

    def opened(number: int) -> Segment:
        name = segments[number]
        segment = Segment.open(store, name.family, name.name)
        if segment is None:
            raise StoreError(
                Diagnostic(
                    code="T1005",
                    severity=CODES["T1005"].severity,
                    message="examples left the store while they were being written",
                    primary=None,
                    notes=(f"store `{store.url}`, object `{name.family}/{name.name}`",),
                    helps=("build again: what is missing is made again",),
                )
            )
        return segment

    return opened


def examples_in_order(
    pointers: Array,
    tokens: Array,
    borders: Sequence[int],
    opened: Opener,
    folder: Path,
    *,
    compression: str | None = None,
    with_answers: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Yields the examples of each bucket, in the order of their places.

    Args:
        pointers: Where the example of each place lies, uint64 [n]; one may stand in many places.
        tokens: Its tokens, [n].
        borders: Bucket b holds the places from `borders[b]` on and before `borders[b + 1]`.
        opened: Opens a segment by its number.
        folder: Where temporary files may lie; they are gone when the last bucket was taken, or when
            the iterator is closed.
        compression: How temporary files are compressed.
        with_answers: Whether examples of segments without answers have empty ones: then all have
            some. Else either all segments have them or none.

    Yields:
        `ids` and `spans`, as bytes of integers, and where the segments have them `option_ids`,
        `correct` and `references`.
    """
    batch_tokens = max(BATCH_TOKENS, BUCKET_TOKENS * (len(borders) - 1))
    reader = _Reader(opened, with_answers=with_answers)
    batches = _batches(pointers, tokens, reader, batch_tokens)
    if len(borders) == 2:  # noqa: PLR2004 - one bucket
        found = [piece for batch in batches for piece in batch]
        yield _ordered(found) if found else _nothing()
        return
    with TemporaryDirectory(dir=folder, prefix=".scatter-") as spilled:
        buckets = _Buckets(Path(spilled), compression)
        for batch in batches:
            buckets.put(batch, borders)
        for bucket in range(len(borders) - 1):
            yield buckets.take(bucket)


# ---- reading the store ---------------------------------------------------------------------------


def _batches(
    pointers: Array, tokens: Array, reader: "_Reader", batch_tokens: int
) -> Iterator[list[pa.RecordBatch]]:
    """Yields all examples in the order of the store, with their places, some tokens at a time."""
    places = np.argsort(pointers).astype(np.uint32)
    for begin in range(0, len(places), _LOOKED_AT):
        some = places[begin : begin + _LOOKED_AT]
        until = np.cumsum(tokens[some], dtype=np.int64)
        while len(some):
            count = max(1, int(np.searchsorted(until, batch_tokens, side="right")))
            yield reader.read(pointers[some[:count]], some[:count])
            some, until = some[count:], until[count:] - until[count - 1]


class _Reader:
    """Reads examples out of segments; the last one stays open."""

    def __init__(self, opened: Opener, *, with_answers: bool) -> None:
        self._opened = opened
        self._with_answers = with_answers
        self._number = -1
        self._segment: Segment | None = None

    def read(self, pointers: Array, places: Array) -> list[pa.RecordBatch]:
        """The examples of sorted pointers, in that order, with their places, segment by segment."""
        segments, entries = split_pointers(pointers)
        borders = [*np.flatnonzero(np.diff(segments, prepend=-1)).tolist(), len(segments)]
        pieces = []
        for begin, end in pairwise(borders):
            columns = self._entries(self._open(int(segments[begin])), entries[begin:end])
            place = pa.array(places[begin:end], pa.uint32())
            pieces.append(pa.RecordBatch.from_pydict({"place": place, **columns}))
        return pieces

    def _entries(self, segment: Segment, entries: Array) -> dict[str, pa.Array]:
        columns = _entries(segment, entries)
        if self._with_answers and "correct" not in columns:
            columns |= _no_answers(len(entries), pa.from_numpy_dtype(segment.ids.dtype))
        return columns

    def _open(self, number: int) -> Segment:
        if self._segment is None or number != self._number:
            self._segment, self._number = self._opened(number), number
        return self._segment


def _entries(segment: Segment, entries: Array) -> dict[str, pa.Array]:
    """Some entries of a segment, rising, as columns: one copy where they don't stand together."""
    first, last = int(entries[0]), int(entries[-1])
    columns = {
        "ids": _texts(segment.ids, segment.offsets[first : last + 2], 1),
        "spans": _texts(segment.spans, segment.span_offsets[first : last + 2], 2),
    }
    for name in ANSWERS:
        if (column := getattr(segment, name)) is not None:
            columns[name] = column.slice(first, last + 1 - first)
    if len(entries) == last + 1 - first and (np.diff(entries) == 1).all():
        return columns
    chosen = pa.array(entries - np.uint32(first))
    return {name: column.take(chosen) for name, column in columns.items()}


def _no_answers(num_examples: int, id_type: pa.DataType) -> dict[str, pa.Array]:
    """The columns of answers of examples that have none."""
    types = (pa.list_(id_type), pa.int32(), pa.string())
    nowhere = pa.array(np.zeros(num_examples + 1, np.int32))
    return {
        name: pa.ListArray.from_arrays(nowhere, pa.array([], type_))
        for name, type_ in zip(ANSWERS, types, strict=True)
    }


def _texts(values: Array, offsets: Array, width: int) -> pa.BinaryArray:
    """Lists of integers as texts, which Arrow copies whole: 0.15 us for 300 of them.

    Args:
        values: Of all lists, one after another.
        offsets: Where each list begins, and the last one ends, counted in `width` values.
        width: Values that are counted as one.
    """
    begin, end = int(offsets[0]) * width, int(offsets[-1]) * width
    item_bytes = values.itemsize
    assert (end - begin) * item_bytes < 1 << 31, "a segment is bounded"
    bounds = (offsets.astype(np.int64) * width - begin) * item_bytes
    data = pa.py_buffer(np.ascontiguousarray(values[begin:end]))
    buffers = [None, pa.py_buffer(bounds.astype(np.int32)), data]
    return pa.BinaryArray.from_buffers(pa.binary(), len(offsets) - 1, buffers, null_count=0)


def flat(texts: pa.BinaryArray, type_: type[np.generic]) -> tuple[Array, Array]:
    """The integers of all texts, and where each text begins in them, and the last one ends."""
    if not len(texts):
        return np.zeros(0, type_), np.zeros(1, np.int64)
    _, bounds, data = texts.buffers()
    offsets = np.frombuffer(bounds, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    item_bytes = np.dtype(type_).itemsize
    values = np.frombuffer(data or b"", type_)[offsets[0] // item_bytes : offsets[-1] // item_bytes]
    return values, (offsets.astype(np.int64) - offsets[0]) // item_bytes


# ---- buckets -------------------------------------------------------------------------------------


class _Buckets:
    """Files of examples, one a bucket."""

    def __init__(self, folder: Path, compression: str | None) -> None:
        self._folder = folder
        self._options = pa.ipc.IpcWriteOptions(compression=compression)

    def _path(self, bucket: int) -> Path:
        return self._folder / f"{bucket:06d}"

    def put(self, batch: list[pa.RecordBatch], borders: Sequence[int]) -> None:
        """Appends every example to the file of its bucket."""
        ordered = _ordered(batch)
        cuts = np.searchsorted(ordered["place"].to_numpy(), borders).tolist()
        for bucket, (begin, end) in enumerate(pairwise(cuts)):
            if begin < end:
                piece = ordered.slice(begin, end - begin)
                with (
                    self._path(bucket).open("ab") as file,
                    pa.ipc.new_stream(file, piece.schema, options=self._options) as stream,
                ):
                    stream.write_batch(piece)

    def take(self, bucket: int) -> pa.RecordBatch:
        """The examples of a bucket in order; its file is removed."""
        path = self._path(bucket)
        if not path.exists():
            return _nothing()
        with pa.memory_map(str(path)) as mapped:
            whole = mapped.read_buffer()
        path.unlink()
        source = pa.BufferReader(whole)
        batches: list[pa.RecordBatch] = []
        while source.tell() < whole.size:
            batches.extend(pa.ipc.open_stream(source))
        return _ordered(batches, whole)


def _ordered(batches: list[pa.RecordBatch], whole: pa.Buffer | None = None) -> pa.RecordBatch:
    """The examples of all batches by their places.

    Args:
        batches: At least one.
        whole: What all of them lie in, if they do.
    """
    places = np.concatenate([batch["place"].to_numpy() for batch in batches])
    order = stable_order(places)
    columns: dict[str, Any] = {"place": pa.array(places[order])}
    for name in batches[0].schema.names[1:]:
        columns[name] = _taken([batch[name] for batch in batches], order, whole)
    return pa.RecordBatch.from_pydict(columns)


def _taken(pieces: list[pa.Array], order: Array, whole: pa.Buffer | None) -> pa.Array:
    """The entries at `order`, counted through all pieces."""
    bounds = None if whole is None else _bounds(pieces, whole)
    if bounds is None:
        return pa.concat_arrays(pieces).take(pa.array(order))
    # Between two pieces stands an entry for all that lies there: no text is moved to take others.
    buffers = [None, pa.py_buffer(bounds), whole]
    joined = pa.BinaryArray.from_buffers(pa.binary(), len(bounds) - 1, buffers, null_count=0)
    ends = np.cumsum([len(piece) for piece in pieces])
    return joined.take(pa.array(order + np.searchsorted(ends, order, side="right")))


def _bounds(pieces: list[pa.Array], whole: pa.Buffer) -> Array | None:
    """Where the texts of all pieces begin and end in `whole`; None: they don't all lie there."""
    if pieces[0].type != pa.binary() or whole.size >= 1 << 31:
        return None
    found = []
    for piece in pieces:
        _, offsets, texts = piece.buffers()
        begin = 0 if texts is None else texts.address - whole.address
        if not 0 <= begin <= whole.size:  # it was compressed, and lies elsewhere now
            return None
        own = np.frombuffer(offsets, np.int32)[piece.offset : piece.offset + len(piece) + 1]
        found.append(own + np.int32(begin))
    return np.concatenate(found)


def _nothing() -> pa.RecordBatch:
    """No examples."""
    return pa.RecordBatch.from_pydict(
        {
            "place": pa.array([], pa.uint32()),
            "ids": pa.array([], pa.binary()),
            "spans": pa.array([], pa.binary()),
            "option_ids": pa.array([], pa.list_(pa.list_(pa.uint16()))),
            "correct": pa.array([], pa.list_(pa.int32())),
            "references": pa.array([], pa.list_(pa.string())),
        }
    )
