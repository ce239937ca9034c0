"""From examples and packs to the rows of shards: one row is one packed sequence.

In: delivered examples in stream order and their packs. Out: Arrow record batches of about 64 MiB,
each one shard. Ids are gathered once, shard by shard, so no second copy of all tokens is made.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taskc.compiler.examples import Delivered
from taskc.compiler.sequences.pack import Packs
from taskc.dsl.errors import InternalError
from taskc.runtime import artifact

__all__ = ["shards"]

SHARD_BYTES = 64 << 20
Ints = npt.NDArray[np.int64]


def shards(delivered: Delivered, packs: Packs, vocab_size: int) -> Iterator[pa.RecordBatch]:
    """Yields shards of about `SHARD_BYTES` in order of packs, at least one, each as one batch.

    Raises:
        InternalError: If spans are empty, overlap, or leave their example.
    """
    lengths = np.diff(delivered.offsets)
    _check_spans(delivered, lengths)
    until = np.concatenate([[0], np.cumsum(lengths[packs.order])])[packs.offsets]
    num_shards = max(1, -(-int(until[-1]) * artifact.id_bytes(vocab_size) // SHARD_BYTES))
    targets = np.arange(num_shards + 1) * int(until[-1]) // num_shards
    borders = np.searchsorted(until, targets)
    borders[0], borders[-1] = 0, len(packs)
    for first, last in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        yield _shard(delivered, packs, first, last, artifact.shard_schema(vocab_size))


def _check_spans(delivered: Delivered, lengths: Ints) -> None:
    """Sees that spans stand in order inside their examples: the reader builds masks on that."""
    starts, ends = delivered.spans[::2].astype(np.int64), delivered.spans[1::2].astype(np.int64)
    example = np.repeat(np.arange(len(lengths)), np.diff(delivered.span_offsets))
    follows = np.diff(example, prepend=-1) == 0
    previous = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(ends)]
    sound = (starts >= np.where(follows, previous, 0)) & (starts < ends)
    sound &= ends <= lengths[example]
    if not sound.all():
        raise InternalError(f"the spans of example {example[~sound][0]} are out of order")


def _shard(
    delivered: Delivered, packs: Packs, first: int, last: int, schema: pa.Schema
) -> pa.RecordBatch:
    """Returns packs `first` to `last` (excluded) as rows."""
    row_offsets = packs.offsets[first : last + 1] - packs.offsets[first]
    examples = packs.order[packs.offsets[first] : packs.offsets[last]]
    lengths = np.diff(delivered.offsets)[examples]
    pairs = np.diff(delivered.span_offsets)[examples]
    token_offsets = np.concatenate([[0], np.cumsum(lengths)])
    pair_offsets = np.concatenate([[0], np.cumsum(pairs)])
    # Spans count from the start of their example; in a sequence they count from the sequence's.
    starts = token_offsets[:-1] - np.repeat(token_offsets[row_offsets[:-1]], np.diff(row_offsets))
    spans = _gathered(delivered.spans, 2 * delivered.span_offsets, examples)
    columns = {
        "input_ids": (_gathered(delivered.ids, delivered.offsets, examples), token_offsets),
        "lengths": (lengths, None),
        "spans": (spans + np.repeat(starts, 2 * pairs), 2 * pair_offsets),
        "example_ids": (examples, None),
        "source": (delivered.source[examples], None),
    }
    arrays = [
        _list_array(values, row_offsets if offsets is None else offsets[row_offsets], field.type)
        for field, (values, offsets) in zip(schema, columns.values(), strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _gathered(values: npt.NDArray[Any], offsets: Ints, rows: Ints) -> npt.NDArray[Any]:
    """Returns `values[offsets[r]:offsets[r + 1]]` of all `rows`, one after another.

    Arrow takes each row as one opaque text and copies it whole: about 650 million tokens a second,
    thirteen times as fast as numpy with an index for every token.
    """
    data = pa.py_buffer(np.ascontiguousarray(values))
    bounds = pa.py_buffer(np.ascontiguousarray(offsets * values.itemsize))
    texts = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, bounds, data], null_count=0
    )
    taken = texts.take(pa.array(rows))
    if not len(taken):
        return values[:0]
    begin, end = np.frombuffer(taken.buffers()[1], np.int64)[[0, len(taken)]]
    return np.frombuffer(taken.buffers()[2], values.dtype)[
        begin // values.itemsize : end // values.itemsize
    ]


def _list_array(values: npt.NDArray[Any], offsets: Ints, type_: pa.ListType) -> pa.ListArray:
    items = values.astype(type_.value_type.to_pandas_dtype(), copy=False)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(items), type=type_)
