"""The packed sequences of an artefact, mapped: shards become views, rows are found by number.

In: Arrow stream files. Out: rows as views into the files; nothing is copied and only pages that are
read are loaded. An index of the examples is made when one is first asked for by its id.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taskc.runtime.artifact import ArtifactError, shard_schema
from taskc.runtime.layout import Row

__all__ = ["Shards"]

Ints = npt.NDArray[np.int64]


class _Batch:
    """Flat views of one record batch, with each row's bounds in them."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.table = batch
        self.ids, self.id_bounds = _flat(batch.column("input_ids"))
        self.lengths, self.example_bounds = _flat(batch.column("lengths"))
        self.spans, self.span_bounds = _flat(batch.column("spans"))
        self.examples, _ = _flat(batch.column("example_ids"))
        self.sources, _ = _flat(batch.column("source"))
        # A row's three bounds side by side: they are looked up together.
        self._bounds = np.stack([self.id_bounds, self.example_bounds, self.span_bounds], axis=1)

    def are_trained(self, places: Ints) -> npt.NDArray[np.bool_]:
        """Whether flat places of `ids` lie in trained spans."""
        counts = np.diff(self.span_bounds)
        bounds = self.spans + np.repeat(self.id_bounds[:-1].astype(np.int64), counts)
        starts, ends = bounds[::2], bounds[1::2]
        before = np.searchsorted(starts, places, side="right") - 1
        inside: npt.NDArray[np.bool_] = (before >= 0) & (places < ends[np.maximum(before, 0)])
        return inside

    def row(self, index: int) -> Row:
        (id_, example, span), (last_id, last_example, last_span) = self._bounds[
            index : index + 2
        ].tolist()
        return Row(
            self.ids[id_:last_id],
            self.lengths[example:last_example],
            self.spans[span:last_span],
            self.examples[example:last_example],
            self.sources[example:last_example],
        )

    def row_ids(self, index: int) -> npt.NDArray[Any]:
        begin, end = self.id_bounds[index : index + 2].tolist()
        return self.ids[begin:end]


def _flat(array: pa.ListArray) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32]]:
    """Returns the items of all lists and the bounds of each list in them.

    Buffers are taken as they lie: pyarrow's own way to numpy imports pandas, 400 ms.
    """
    offsets = _numbers(array.buffers()[1], "int32")[array.offset : array.offset + len(array) + 1]
    values = array.values
    items = _numbers(values.buffers()[1], str(values.type))
    return items[values.offset : values.offset + len(values)], offsets


def _numbers(buffer: pa.Buffer | None, dtype: str) -> npt.NDArray[Any]:
    return np.zeros(0, dtype) if buffer is None else np.frombuffer(buffer, dtype)


class Shards:
    """Sequences and examples of the training split, by number."""

    def __init__(self, files: Sequence[Path], vocab_size: int) -> None:
        schema = shard_schema(vocab_size)
        self.batches = [_Batch(batch) for file in files for batch in _record_batches(file, schema)]
        self._rows_until = list(accumulate(len(batch.id_bounds) - 1 for batch in self.batches))

    def __len__(self) -> int:
        """The number of sequences."""
        return self._rows_until[-1] if self._rows_until else 0

    def row(self, index: int) -> Row:
        """Returns sequence number `index`, from 0 to `len - 1`."""
        return self.rows([index])[0]

    def rows(self, indices: Sequence[int]) -> list[Row]:
        """Returns some sequences by their numbers; those of one batch are found fastest."""
        return [batch.row(place) for batch, place in self._places_of(indices)]

    def ids(self, indices: Sequence[int]) -> list[npt.NDArray[Any]]:
        """Returns the ids of some sequences and nothing else, each [T]."""
        return [batch.row_ids(place) for batch, place in self._places_of(indices)]

    def _places_of(self, indices: Sequence[int]) -> Iterator[tuple[_Batch, int]]:
        """Yields each sequence's batch, and which row of it it is."""
        begin = end = number = 0
        for index in indices:
            if not begin <= index < end:
                number = bisect_right(self._rows_until, index)
                begin = self._rows_until[number - 1] if number else 0
                end = self._rows_until[number]
            yield self.batches[number], index - begin

    def example(self, example_id: int) -> Row:
        """Returns one example as a sequence by itself."""
        sequence, place = self._places[example_id].tolist()
        row = self.row(sequence)
        begin = int(row.lengths[:place].sum())
        end = begin + int(row.lengths[place])
        starts = row.spans[::2]
        inside = np.repeat((starts >= begin) & (starts < end), 2)
        return Row(
            row.ids[begin:end],
            row.lengths[place : place + 1],
            row.spans[inside] - np.int32(begin),
            row.examples[place : place + 1],
            row.sources[place : place + 1],
        )

    def trained_ids(self, ids: Sequence[int]) -> list[int]:
        """Returns those of some ids that are trained on anywhere; one pass, until all are found."""
        missing = set(ids)
        for batch in self.batches if ids else ():
            places = np.flatnonzero(np.isin(batch.ids, sorted(missing)))
            if len(places) and len(batch.spans):
                missing -= set(batch.ids[places[batch.are_trained(places)]].tolist())
            if not missing:
                break
        return [id_ for id_ in ids if id_ not in missing]

    @property
    def num_examples(self) -> int:
        """The number of examples in all sequences."""
        return sum(len(batch.examples) for batch in self.batches)

    @property
    def longest_example(self) -> int:
        """Most tokens of any example, 0 where there is none."""
        return max((int(batch.lengths.max(initial=0)) for batch in self.batches), default=0)

    @cached_property
    def _places(self) -> Ints:
        """(sequence, place in it) of each example, by id, [n, 2]; O(n), 16 bytes an example."""
        counts = [np.diff(batch.example_bounds) for batch in self.batches]
        per_sequence = np.concatenate([np.zeros(0, np.int64), *counts])
        sequences = np.repeat(np.arange(len(per_sequence)), per_sequence)
        firsts = np.repeat(np.cumsum(per_sequence) - per_sequence, per_sequence)
        examples = np.concatenate([np.zeros(0, np.uint32), *(b.examples for b in self.batches)])
        places = np.empty((len(examples), 2), np.int64)
        places[examples] = np.stack([sequences, np.arange(len(examples)) - firsts], axis=1)
        return places


def _record_batches(file: Path, schema: pa.Schema) -> list[pa.RecordBatch]:
    """Maps one shard.

    Raises:
        ArtifactError: If it is no Arrow stream of that schema.
    """
    try:
        with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
            found, batches = stream.schema, list(stream)
    except (pa.ArrowException, OSError) as error:
        raise ArtifactError(str(file), "bytes", "an Arrow stream", str(error)) from error
    if found != schema:
        raise ArtifactError(str(file), "schema", _words(schema), _words(found))
    return batches


def _words(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
