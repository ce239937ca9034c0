"""The artefact's tables: their Arrow schemas, and the content digest over their logical columns.

In: nothing, then tables piece by piece. Out: schemas and digests. The second half of the format's
definition: `taskc.runtime.artifact` hands these names on, and nobody else imports this module.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = [
    "ContentDigest",
    "common_runs_schema",
    "decontamination_schema",
    "evaluation_schema",
    "id_bytes",
    "provenance_schema",
    "shard_schema",
    "twins_schema",
]

TWO_BYTE_IDS = 1 << 16
_BLOCK = 1 << 17  # numbers


def id_bytes(vocab_size: int) -> Literal[2, 4]:
    """Returns the bytes a stored token id takes."""
    return 2 if vocab_size <= TWO_BYTE_IDS else 4


def shard_schema(vocab_size: int) -> pa.Schema:
    """Returns the columns of train/shard-*.arrow; one row is one packed sequence."""
    ids = pa.uint16() if vocab_size <= TWO_BYTE_IDS else pa.uint32()
    return pa.schema(
        {
            "input_ids": pa.list_(ids),
            "lengths": pa.list_(pa.int32()),
            "spans": pa.list_(pa.int32()),
            "example_ids": pa.list_(pa.uint32()),
            "source": pa.list_(pa.uint16()),
        }
    )


def provenance_schema() -> pa.Schema:
    """Returns the columns of train/examples.parquet; row i is example id i."""
    name = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        {
            "source": name,
            "file": name,
            "row": pa.int64(),
            "row_id": pa.binary(16),
            "ordinal": pa.int32(),
            "template": name,
            "label": name,
            "at": name,
            "repetition": pa.int32(),
            "part": pa.int32(),
            "trimmed_tokens": pa.int32(),
            "exemplars": pa.list_(pa.binary(16)),
        }
    )


def evaluation_schema() -> pa.Schema:
    """Returns the columns of eval/SPLIT.parquet; one row is one example of one prompt."""
    name = pa.dictionary(pa.int32(), pa.string())
    ids = pa.list_(pa.uint32())
    return pa.schema(
        {
            "example": pa.uint32(),
            "source": name,
            "cluster": name,
            "template": name,
            "label": name,
            "at": name,
            "shots": pa.int32(),
            "input_ids": ids,
            "target_ids": ids,
            "option_ids": pa.list_(ids),
            "correct": pa.list_(pa.int32()),
            "references": pa.list_(pa.string()),
            "metric": name,
            "file": name,
            "row": pa.int64(),
            "row_id": pa.binary(16),
            "ordinal": pa.int32(),
            "exemplars": pa.list_(pa.binary(16)),
        }
    )


def decontamination_schema() -> pa.Schema:
    """Returns the columns of decontamination/rows.parquet.

    One row is a training row that was dropped, and what it shares with one evaluation row.
    """
    name = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        {
            "source": name,
            "file": name,
            "row": pa.int64(),
            "row_id": pa.binary(16),
            "at": name,
            "field": name,
            "words": pa.string(),
            "num_words": pa.int32(),
            "similarity": pa.float64(),
            "evaluated_source": name,
            "evaluated_split": name,
            "evaluated_file": name,
            "evaluated_row": pa.int64(),
            "evaluated_row_id": pa.binary(16),
        }
    )


def twins_schema() -> pa.Schema:
    """Returns the columns of twins/rows.parquet.

    One row is a training row that `dedup` of the mixture dropped, and the row that stays.
    """
    name = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        {
            "source": name,
            "file": name,
            "row": pa.int64(),
            "row_id": pa.binary(16),
            "at": name,
            "similarity": pa.float64(),
            "kept_source": name,
            "kept_file": name,
            "kept_row": pa.int64(),
            "kept_row_id": pa.binary(16),
        }
    )


def common_runs_schema() -> pa.Schema:
    """Returns the columns of decontamination/common.parquet: runs that were too common to count."""
    return pa.schema(
        {"at": pa.dictionary(pa.int32(), pa.string()), "words": pa.string(), "rows": pa.int32()}
    )


# ---- content digest ----------------------------------------------------------------------------

# Logical types: what is hashed does not depend on how wide a file stores it. File names, row
# numbers and places in the spec stand in neither table: shuffled inputs or a moved clause change no
# content.
_SEQUENCE_COLUMNS = {"input_ids": "<u4", "lengths": "<i4", "spans": "<i4", "example_ids": "<u4"}
_EXAMPLE_COLUMNS = {
    **dict.fromkeys(("source", "row_id", "template", "label", "exemplars"), ""),
    **dict.fromkeys(("ordinal", "repetition", "part"), "<i4"),
}
_EVALUATION_COLUMNS = {
    **dict.fromkeys(
        ("source", "cluster", "template", "label", "references", "metric", "row_id", "exemplars"),
        "",
    ),
    **dict.fromkeys(("example", "input_ids", "target_ids", "option_ids"), "<u4"),
    **dict.fromkeys(("shots", "correct", "ordinal"), "<i4"),
}


class ContentDigest:
    """SHA-256 over the logical columns, fed in order, in pieces of any size.

    What is hashed of a column of plain numbers is their little-endian bytes. Of a column of lists,
    texts or bytes it is two streams: the lengths (uint32 each), and the items of all of them one
    after another; lists in lists repeat the rule. A column's digest is that of its streams'
    digests, the content digest that of the columns'. One pass, about 1.3 GB/s; an id counts four
    bytes.
    """

    def __init__(self) -> None:
        # Column -> stream -> hash; streams are "" for plain numbers, "#lengths", "#items#lengths"
        # ...
        self._columns: dict[str, dict[str, hashlib._Hash]] = {}

    def add_sequences(self, table: pa.Table | pa.RecordBatch) -> None:
        """Feeds rows of a shard."""
        self._add("train/sequences", _SEQUENCE_COLUMNS, table)

    def add_examples(self, table: pa.Table | pa.RecordBatch) -> None:
        """Feeds rows of train/examples.parquet."""
        self._add("train/examples", _EXAMPLE_COLUMNS, table)

    def add_evaluation(self, split: str, table: pa.Table | pa.RecordBatch) -> None:
        """Feeds rows of eval/SPLIT.parquet."""
        self._add(f"eval/{split}", _EVALUATION_COLUMNS, table)

    def columns(self) -> dict[str, str]:
        """Returns the digest of each column so far, by name, sorted."""
        return {
            name: _digest_of_lines(
                f"{stream} {hash_.hexdigest()}" for stream, hash_ in sorted(streams.items())
            )
            for name, streams in sorted(self._columns.items())
        }

    def digest(self) -> str:
        """Returns the content digest so far."""
        columns = self.columns().items()
        return _digest_of_lines(["taskc content 1", *(f"{name} {hex_}" for name, hex_ in columns)])

    def _add(self, part: str, columns: dict[str, str], table: pa.Table | pa.RecordBatch) -> None:
        for name, dtype in columns.items():
            column = table.column(name)
            chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
            for chunk in chunks or [pa.array([], column.type)]:
                streams = self._columns.setdefault(f"{part}/{name}", {})
                for stream, values in _streams(chunk, dtype):
                    streams.setdefault(stream, hashlib.sha256()).update(values)


def _digest_of_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def _streams(array: pa.Array, dtype: str) -> Iterator[tuple[str, memoryview]]:
    """Yields what is hashed of an array: (name of the stream, contiguous bytes until the next)."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_list(array.type):
        offsets = np.asarray(array.offsets)
        yield "#lengths", np.diff(offsets).astype("<u4").data
        items = array.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
        for stream, values in _streams(items, dtype):
            yield f"#items{stream}", values
    elif dtype:
        numbers = np.asarray(array)
        if numbers.dtype == dtype:
            yield "", numbers.data
            return
        widened = np.empty(min(len(numbers), _BLOCK), dtype)  # one piece of memory for all blocks
        for begin in range(0, len(numbers), _BLOCK) or [0]:
            block = numbers[begin : begin + _BLOCK]
            widened[: len(block)] = block
            yield "", widened[: len(block)].data
    else:
        texts = array.cast(pa.large_binary())
        bounds = _bounds(texts)
        yield "#lengths", np.diff(bounds).astype("<u4").data
        data = texts.buffers()[2]
        yield "#items", memoryview(data or b"")[int(bounds[0]) : int(bounds[-1])]


def _bounds(texts: pa.LargeBinaryArray) -> npt.NDArray[np.int64]:
    """Returns where texts begin and end in their bytes, [texts + 1]."""
    _, bounds, _ = texts.buffers()
    if bounds is None or not len(texts):
        return np.zeros(1, np.int64)
    return np.frombuffer(bounds, np.int64)[texts.offset : texts.offset + len(texts) + 1]
