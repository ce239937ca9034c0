"""From the examples of an evaluation split to the row groups of its table.

In: a stream whose order is that of the table. Out: Arrow tables of bounded size, one after another.
What is asked for is the last trained turn; all before it is given.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from taskc.compiler.demand.columns import Array
from taskc.compiler.exemplars.joining import pieces_of
from taskc.compiler.sequences.stream import Stream
from taskc.compiler.writing.pieces import Whole, put_together
from taskc.compiler.writing.provenance import Provenance
from taskc.compiler.writing.scatter import ANSWERS, Opener, examples_in_order
from taskc.compiler.writing.tables import table_of
from taskc.runtime import artifact

__all__ = ["evaluation_groups"]

GROUP_TOKENS = 1 << 22
GROUP_EXAMPLES = 1 << 16
_ID_TYPES: dict[int, type[np.generic]] = {2: np.uint16, 4: np.uint32}


def evaluation_groups(
    stream: Stream, opened: Opener, folder: Path, *, vocab_size: int
) -> Iterator[pa.Table]:
    """Yields the rows of eval/SPLIT.parquet in groups.

    Args:
        stream: The examples; their pointers are given up here.
        opened: Opens a segment of the store by its number.
        folder: Where temporary files may lie.
        vocab_size: All ids are below it.
    """
    tokens = stream.examples.tokens
    borders = _borders(tokens)
    provenance = Provenance(stream)
    pieces = pieces_of(stream.examples, stream.exemplars)
    batches = examples_in_order(
        pieces.pointers,
        pieces.tokens,
        pieces.at(borders),
        opened,
        folder,
        compression="zstd",
        with_answers=True,
    )
    id_type = _ID_TYPES[artifact.id_bytes(vocab_size)]
    for begin, end, batch in zip(borders[:-1], borders[1:], batches, strict=True):
        whole = put_together(batch, pieces.between(begin, end), pieces.num_bos, id_type)
        columns = provenance.columns(begin, end) | _ids(whole) | _answers(batch, whole.last)
        columns["example"] = pa.array(np.arange(begin, end, dtype=np.uint32))
        yield table_of(columns, artifact.evaluation_schema())


def _borders(tokens: Array) -> list[int]:
    """Where groups begin, and the number of examples."""
    until = np.cumsum(tokens, dtype=np.int64)
    borders = [0]
    while borders[-1] < len(tokens) or len(borders) == 1:
        begin = borders[-1]
        before = int(until[begin - 1]) if begin else 0
        fitting = int(np.searchsorted(until, before + GROUP_TOKENS, side="right"))
        borders.append(min(len(tokens), begin + GROUP_EXAMPLES, max(fitting, begin + 1)))
    return borders


def _ids(whole: Whole) -> dict[str, pa.Array]:
    """The columns that hold the example's own tokens, with those of its exemplars."""
    lengths = np.diff(whole.offsets)
    seams = lengths.copy()
    has_target = np.diff(whole.span_offsets) > 0
    seams[has_target] = whole.spans[whole.span_offsets[1:][has_target] - 2]
    is_given = np.repeat(
        np.tile([True, False], len(lengths)),
        np.stack([seams, lengths - seams], axis=1).reshape(-1),
    )
    return {
        "input_ids": _lists(whole.ids[is_given], seams),
        "target_ids": _lists(whole.ids[~is_given], lengths - seams),
    }


def _answers(batch: pa.RecordBatch, last: Array | None) -> dict[str, pa.Array]:
    """The columns that hold answers; of several pieces those of the example itself count."""
    columns = {name: batch[name] for name in ANSWERS}
    if last is not None:
        columns = {name: column.take(pa.array(last)) for name, column in columns.items()}
    type_ = artifact.evaluation_schema().field("option_ids").type
    return columns | {"option_ids": columns["option_ids"].cast(type_)}


def _lists(values: Array, lengths: Array) -> pa.ListArray:
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.astype(np.uint32)))
