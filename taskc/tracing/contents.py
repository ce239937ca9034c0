"""Contents: an artefact's examples as columns of keys and hashes, to be compared with another's.

In: an artefact. Out: for each split one entry a unit (all parts of a row's example): which row it
is of, by which prompt, and hashes of its tokens and of what is trained. Provenance is read a row
group at a time, shards are mapped; 60 bytes a unit are held. About 2 us an example.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from taskc.runtime import artifact
from taskc.runtime.reader import Artifact

__all__ = ["Names", "Units", "units_of"]

Uint64s = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_BATCH_ROWS = 4_096


class Names:
    """Names that two artefacts share, numbered as they are met."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The number of a name."""
        return self._numbers.setdefault(name, len(self._numbers))

    def __getitem__(self, number: int) -> str:
        """The name of a number."""
        return [*self._numbers][number]


@dataclass(slots=True)
class Units:
    """Units of one split, in order; arrays have one entry a unit.

    Attributes:
        high, low: Hash of which row of which source it is, and which use of it, uint64.
        row: Hash of the row alone, uint64.
        source: Number of its source.
        prompt: Number of its prompt, "TEMPLATE.LABEL".
        first: Number of its first example in the split.
        tokens: How many, of all parts.
        ids: Hash of its tokens.
        rest: Hash of what is trained; in an evaluation of options, right ones and references.
        before: Hash of the rows that stand before it as exemplars.
    """

    high: Uint64s
    low: Uint64s
    row: Uint64s
    source: npt.NDArray[np.uint16]
    prompt: npt.NDArray[np.uint16]
    first: npt.NDArray[np.uint32]
    tokens: npt.NDArray[np.uint32]
    ids: Uint64s
    rest: Uint64s
    before: Uint64s

    def __len__(self) -> int:
        """The number of units."""
        return len(self.high)

    @staticmethod
    def none() -> "Units":
        """No units."""
        return Units(*(np.zeros(0, dtype) for dtype in _TYPES))


_TYPES: tuple[type[np.generic], ...] = (
    np.uint64,
    np.uint64,
    np.uint64,
    np.uint16,
    np.uint16,
    np.uint32,
    np.uint32,
    np.uint64,
    np.uint64,
    np.uint64,
)


def units_of(opened: Artifact, split: str, sources: Names, prompts: Names) -> Units:
    """The units of a split; none where the artefact has no such split."""
    if split not in opened.manifest.splits:
        return Units.none()
    if split == "train":
        return _trained(opened, sources, prompts)
    return _evaluated(opened, split, sources, prompts)


# ---- keys ----------------------------------------------------------------------------------------


def _mixed(numbers: npt.NDArray[Any]) -> Uint64s:
    """Spreads numbers over 64 bits (the finalizer of SplitMix64)."""
    mixed = numbers.astype(np.uint64) + _ODD
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    spread: Uint64s = mixed ^ (mixed >> np.uint64(31))
    return spread


@dataclass(slots=True)
class _Keys:
    """Columns of provenance as numbers."""

    high: Uint64s
    low: Uint64s
    row: Uint64s
    source: npt.NDArray[np.uint16]
    prompt: npt.NDArray[np.uint16]
    before: Uint64s


def _keys(table: pa.Table | pa.RecordBatch, sources: Names, prompts: Names) -> _Keys:
    """The keys of rows of provenance; row ids are hashes already."""
    halves = _row_ids(table.column("row_id")).view(np.uint64).reshape(-1, 2)
    source = _numbers(table.column("source"), sources)
    ordinal = np.asarray(table.column("ordinal"))
    uses = np.zeros(len(table), np.int64)
    if "repetition" in table.schema.names:
        uses = np.asarray(table.column("repetition")).astype(np.int64)
    if "shots" in table.schema.names:  # a row is evaluated with exemplars and without
        uses = np.minimum(np.asarray(table.column("shots")).astype(np.int64), 1)
    row = halves[:, 0] ^ _mixed(source) ^ _mixed(ordinal.astype(np.uint64) << np.uint64(20))
    return _Keys(
        high=row ^ _mixed(uses.astype(np.uint64) << np.uint64(40)),
        low=halves[:, 1] ^ _mixed(source),
        row=row,
        source=source,
        prompt=_prompts(table, prompts),
        before=_exemplars(table),
    )


def _exemplars(table: pa.Table | pa.RecordBatch) -> Uint64s:
    """A hash of the exemplars of each row, which are ids, in their order."""
    hashes = np.zeros(len(table), np.uint64)
    if "exemplars" not in table.schema.names:
        return hashes
    column = table.column("exemplars")
    lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    offsets = np.asarray(lists.offsets).astype(np.int64)
    counts = np.diff(offsets)
    first = _row_ids(lists.flatten()).view(np.uint64).reshape(-1, 2)[:, 0]
    place = np.arange(len(first)) - np.repeat(offsets[:-1] - offsets[0], counts)
    np.add.at(hashes, np.repeat(np.arange(len(hashes)), counts), _mixed(first ^ _mixed(place)))
    return hashes


def _row_ids(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.uint8]:
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    raw = [
        np.frombuffer(chunk.buffers()[1], np.uint8)[16 * chunk.offset :][: 16 * len(chunk)]
        for chunk in chunks
    ]
    return np.concatenate([np.zeros(0, np.uint8), *raw])


def _numbers(column: pa.ChunkedArray | pa.Array, names: Names) -> npt.NDArray[np.uint16]:
    """The numbers of a column of names."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    found = [np.zeros(0, np.uint16)]
    for chunk in chunks:
        known = np.array([names.number(name) for name in chunk.dictionary.to_pylist()], np.uint16)
        found.append(known[np.asarray(chunk.indices)])
    return np.concatenate(found)


def _prompts(table: pa.Table | pa.RecordBatch, names: Names) -> npt.NDArray[np.uint16]:
    """The numbers of prompts: each pair of template and label is named once."""
    own_templates, own_labels = Names(), Names()
    templates = _numbers(table.column("template"), own_templates)
    labels = _numbers(table.column("label"), own_labels)
    pairs = templates.astype(np.uint32) << np.uint32(16) | labels
    different, which = np.unique(pairs, return_inverse=True)
    numbers = [
        names.number(f"{own_templates[pair >> 16]}.{own_labels[pair & 0xFFFF]}")
        for pair in different.tolist()
    ]
    found: npt.NDArray[np.uint16] = np.array(numbers, np.uint16)[which.reshape(-1)]
    return found


# ---- the training split --------------------------------------------------------------------------

_PROVENANCE = [
    "source",
    "row_id",
    "ordinal",
    "template",
    "label",
    "repetition",
    "part",
    "exemplars",
]


def _trained(opened: Artifact, sources: Names, prompts: Names) -> Units:
    tokens, ids, rest = _hashes(opened)
    table = pyarrow.parquet.ParquetFile(opened.path / artifact.PROVENANCE)
    found: list[_Keys] = []
    parts = [np.zeros(0, np.int64)]
    columns = [name for name in _PROVENANCE if name in table.schema_arrow.names]
    for group in range(table.num_row_groups):
        rows = table.read_row_group(group, columns=columns, use_threads=False)
        found.append(_keys(rows, sources, prompts))
        parts.append(np.asarray(rows["part"]).astype(np.int64))
    part = np.concatenate(parts)
    first = np.flatnonzero(part == 0)
    # The parts of a unit stand together; their order counts.
    weights = _mixed(part) | np.uint64(1)
    return Units(
        high=_joined([each.high for each in found], np.uint64)[first],
        low=_joined([each.low for each in found], np.uint64)[first],
        row=_joined([each.row for each in found], np.uint64)[first],
        source=_joined([each.source for each in found], np.uint16)[first],
        prompt=_joined([each.prompt for each in found], np.uint16)[first],
        first=first.astype(np.uint32),
        tokens=_summed(tokens, first).astype(np.uint32),
        ids=_summed(ids * weights, first),
        rest=_summed(rest * weights, first),
        before=_joined([each.before for each in found], np.uint64)[first],
    )


def _joined(pieces: Sequence[npt.NDArray[Any]], dtype: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *pieces])


def _summed(values: npt.NDArray[Any], first: Ints) -> npt.NDArray[Any]:
    """Sums of runs that begin at `first`."""
    return np.add.reduceat(values, first) if len(first) else values[:0]


def _hashes(opened: Artifact) -> tuple[npt.NDArray[np.uint32], Uint64s, Uint64s]:
    """Of each training example: its tokens, the hash of its ids, and of its trained ranges."""
    count = opened.manifest.splits["train"].examples
    tokens = np.zeros(count, np.uint32)
    ids, rest = np.zeros(count, np.uint64), np.zeros(count, np.uint64)
    for batch in opened["train"].record_batches():
        lengths = np.asarray(batch.column("lengths").flatten()).astype(np.int64)
        examples = np.asarray(batch.column("example_ids").flatten())
        borders = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        tokens[examples] = lengths
        ids[examples] = _hashed(batch.column("input_ids").flatten(), borders)
        rest[examples] = _spans(batch, borders)
    return tokens, ids, rest


def _hashed(values: pa.Array, borders: Ints) -> Uint64s:
    """A hash of each run of ids; a width of two bytes or four makes no difference."""
    hashes = np.zeros(len(borders) - 1, np.uint64)
    ids = values.to_numpy(zero_copy_only=True)
    for begin in range(0, len(hashes), _BATCH_ROWS):
        end = min(begin + _BATCH_ROWS, len(hashes))
        bounds = ((borders[begin : end + 1] - borders[begin]) * 4).tolist()
        raw = memoryview(ids[borders[begin] : borders[end]].astype("<u4").tobytes())
        hashes[begin:end] = [
            int.from_bytes(blake2b(raw[start:stop], digest_size=8).digest(), "little")
            for start, stop in pairwise(bounds)
        ]
    return hashes


def _spans(batch: pa.RecordBatch, borders: Ints) -> Uint64s:
    """A hash of the trained ranges of each example, counted from its start."""
    column = batch.column("spans")
    numbers = np.diff(np.asarray(column.offsets)) // 2
    rows = np.asarray(batch.column("lengths").offsets)
    starts_of_rows = borders[rows[:-1] - rows[0]]
    spans = np.asarray(column.flatten()).astype(np.int64).reshape(-1, 2)
    begins = spans[:, 0] + np.repeat(starts_of_rows, numbers)
    example = np.searchsorted(borders, begins, side="right") - 1
    start = begins - borders[example]
    both = (start << 32) | (spans[:, 1] - spans[:, 0])
    hashes = np.zeros(len(borders) - 1, np.uint64)
    np.add.at(hashes, example, _mixed(both))
    return hashes


# ---- evaluation splits ---------------------------------------------------------------------------

_EVALUATED = [
    "source",
    "row_id",
    "ordinal",
    "template",
    "label",
    "input_ids",
    "target_ids",
    "shots",
]
_ANSWERS = ["option_ids", "correct", "references", "metric"]


def _evaluated(opened: Artifact, split: str, sources: Names, prompts: Names) -> Units:
    table = pyarrow.parquet.ParquetFile(opened.path / artifact.evaluation_path(split))
    pieces = [Units.none()]
    count = 0
    columns = [
        name for name in [*_EVALUATED, *_ANSWERS, "exemplars"] if name in table.schema_arrow.names
    ]
    for batch in table.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False):
        keys = _keys(batch, sources, prompts)
        hashed = [_of_lists(batch.column(name)) for name in ("input_ids", "target_ids")]
        (given, num_given), (asked, num_asked) = hashed
        pieces.append(
            Units(
                high=keys.high,
                low=keys.low,
                row=keys.row,
                source=keys.source,
                prompt=keys.prompt,
                first=np.arange(count, count + len(batch), dtype=np.uint32),
                tokens=(num_given + num_asked).astype(np.uint32),
                ids=given ^ _mixed(asked),
                rest=np.fromiter(_answers(batch), np.uint64, len(batch)),
                before=keys.before,
            )
        )
        count += len(batch)
    names = Units.__slots__
    return Units(*(np.concatenate([getattr(each, name) for each in pieces]) for name in names))


def _of_lists(column: pa.ListArray) -> tuple[Uint64s, Ints]:
    """A hash of each list of ids, and its length."""
    borders = np.asarray(column.offsets).astype(np.int64)
    borders -= borders[0]
    return _hashed(column.flatten(), borders), np.diff(borders)


def _answers(batch: pa.RecordBatch) -> Iterator[int]:
    """Yields a hash of what an evaluation accepts, row by row."""
    for row in batch.select(_ANSWERS).to_pylist():
        said = repr([row[name] for name in _ANSWERS]).encode()
        yield int.from_bytes(blake2b(said, digest_size=8).digest(), "little")
