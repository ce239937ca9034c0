"""From examples in the order of their packs to the rows of shards: one row is one packed sequence.

In: packs, and the examples of one shard. Out: an Arrow record batch, which is the shard. Which
packs make a shard is decided before a token is read.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from taskc.compiler.demand.columns import Array
from taskc.compiler.exemplars.joining import pieces_of
from taskc.compiler.sequences.pack import Packs
from taskc.compiler.sequences.stream import Stream
from taskc.compiler.writing.pieces import Whole, put_together
from taskc.compiler.writing.scatter import Opener, examples_in_order
from taskc.dsl.errors import InternalError
from taskc.runtime import artifact

__all__ = ["SHARD_BYTES", "shards"]

SHARD_BYTES = 64 << 20
_ID_TYPES: dict[int, type[np.generic]] = {2: np.uint16, 4: np.uint32}


def shards(
    stream: Stream,
    packs: Packs,
    opened: Opener,
    folder: Path,
    *,
    vocab_size: int,
    shard_bytes: int = SHARD_BYTES,
) -> Iterator[pa.RecordBatch]:
    """Yields shards in order of packs, at least one, each as one batch.

    Args:
        stream: The examples; their pointers are given up here.
        packs: `packed`'s answer for them.
        opened: Opens a segment of the store by its number.
        folder: Where temporary files may lie.
        vocab_size: All ids are below it.
        shard_bytes: About how many bytes of ids a shard holds.

    Raises:
        InternalError: If spans are empty, overlap, or leave their example.
    """
    tokens = stream.examples.tokens[packs.order]
    until = _tokens_until(packs, tokens)
    num_shards = max(1, -(-int(until[-1]) * artifact.id_bytes(vocab_size) // shard_bytes))
    borders = _borders(until, num_shards)
    sources = stream.sources(packs.order)
    del tokens
    pieces = pieces_of(stream.examples, stream.exemplars, packs.order)
    batches = examples_in_order(
        pieces.pointers, pieces.tokens, pieces.at(packs.offsets[borders].tolist()), opened, folder
    )
    pieces = pieces._replace(pointers=pieces.pointers[:0], tokens=pieces.tokens[:0])
    id_type = _ID_TYPES[artifact.id_bytes(vocab_size)]
    for first, last in pairwise(borders):
        offsets = packs.offsets[first : last + 1]
        own = slice(int(offsets[0]), int(offsets[-1]))
        starts = pieces.between(own.start, own.stop)
        # Nothing here holds a shard while the next one is put together.
        yield _shard(
            put_together(next(batches), starts, pieces.num_bos, id_type),
            offsets - offsets[0],
            packs.order[own],
            sources[own],
            vocab_size,
        )


def _tokens_until(packs: Packs, tokens: Array) -> Array:
    """The tokens of all packs before each, and of all, int64.

    Args:
        packs: All packs.
        tokens: Of each example in the order of packs.
    """
    if not len(packs):
        return np.zeros(1, np.int64)
    sums = np.add.reduceat(tokens, packs.offsets[:-1], dtype=np.int64)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sums)])


def _borders(until: Array, num_shards: int) -> list[int]:
    """The packs at which shards of equal tokens begin, and the number of packs."""
    targets = np.arange(num_shards + 1) * int(until[-1]) // num_shards
    borders = np.searchsorted(until, targets)
    borders[0], borders[-1] = 0, len(until) - 1
    found: list[int] = borders.tolist()
    return found


def _shard(
    whole: Whole, rows: Array, examples: Array, sources: Array, vocab_size: int
) -> pa.RecordBatch:
    """Returns some packs as rows.

    Args:
        whole: Their examples.
        rows: Where each pack begins among the examples, and the last one ends.
        examples: The id of each example.
        sources: Its source.
        vocab_size: All ids are below it.
    """
    schema = artifact.shard_schema(vocab_size)
    ids, tokens, spans, numbers, _ = whole
    _check_spans(spans, numbers // 2, np.diff(tokens), examples)
    # Spans count from the start of their example; in a sequence they count from the sequence's.
    starts = tokens[:-1] - np.repeat(tokens[rows[:-1]], np.diff(rows))
    columns: dict[str, tuple[Array, Array]] = {
        "input_ids": (ids, tokens[rows]),
        "lengths": (np.diff(tokens), rows),
        "spans": (spans + np.repeat(starts, np.diff(numbers)), numbers[rows]),
        "example_ids": (examples, rows),
        "source": (sources, rows),
    }
    arrays = [_lists(*columns[field.name], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _check_spans(spans: Array, pairs: Array, tokens: Array, examples: Array) -> None:
    """Sees that spans stand in order inside their examples: the reader builds masks on that.

    Args:
        spans: Pairs, one after another.
        pairs: Where each example's pairs begin, and the last one's end.
        tokens: Of each example.
        examples: The id of each, for the message.
    """
    starts, ends = spans[::2], spans[1::2]
    previous = np.concatenate([np.zeros(1, np.int32), ends[:-1]])[: len(ends)]
    firsts = pairs[:-1][np.diff(pairs) > 0]
    previous[firsts] = 0
    sound = (previous <= starts) & (starts < ends)
    sound &= ends <= np.repeat(tokens, np.diff(pairs))
    if not sound.all():
        wrong = np.searchsorted(pairs, np.flatnonzero(~sound)[0], side="right") - 1
        raise InternalError(f"the spans of example {examples[wrong]} are out of order")


def _lists(values: Array, offsets: Array, type_: pa.ListType) -> pa.ListArray:
    items = values.astype(type_.value_type.to_pandas_dtype(), copy=False)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(items), type=type_)
