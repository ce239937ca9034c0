"""The packed sequences of an artefact, mapped: shards become views, rows are found by number.

In: Arrow stream files. Out: rows as views into the files; nothing is copied and only pages that are
read are loaded. An index of the examples is made when one is first asked for by its id.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taskc.runtime.artifact import ArtifactError, shard_schema
from taskc.runtime.layout import Borders, Lists, Row, borders

__all__ = ["Shards"]

Int32 = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
_NO_NUMBERS = np.zeros(0, np.int32)
_BEGIN_AND_END = (slice(None, -1), slice(1, None))


class _Batch:
    """Flat views of one record batch, with the bounds of its rows in them."""

    def __init__(self, batch: pa.RecordBatch, length: int) -> None:
        self.table = batch
        self.length = length
        self.ids, self.id_bounds = _flat(batch.column("input_ids"))
        self.lengths, self.example_bounds = _flat(batch.column("lengths"))
        self.spans, self.span_bounds = _flat(batch.column("spans"))
        self.examples, _ = _flat(batch.column("example_ids"))
        self.sources, _ = _flat(batch.column("source"))
        # Every stretch of `length` ids, as rows that overlap: a view. None where there are fewer.
        self.num_stretches = max(len(self.ids) - length + 1, 0)
        self.stretches: npt.NDArray[Any] = np.ndarray(
            (self.num_stretches, length), self.ids.dtype, self.ids, strides=self.ids.strides * 2
        )

    def are_trained(self, places: Ints) -> npt.NDArray[np.bool_]:
        """Whether flat places of `ids` lie in trained spans."""
        counts = np.diff(self.span_bounds)
        bounds = self.spans + np.repeat(self.id_bounds[:-1].astype(np.int64), counts)
        starts, ends = bounds[::2], bounds[1::2]
        before = np.searchsorted(starts, places, side="right") - 1
        inside: npt.NDArray[np.bool_] = (before >= 0) & (places < ends[np.maximum(before, 0)])
        return inside

    def bounds(self, number: int) -> Int32:
        """Returns what `Shards` looks rows up in; `number` is this one's."""
        bounds = (self.id_bounds, self.example_bounds, self.span_bounds)
        begins_and_ends = [each[at] for each in bounds for at in _BEGIN_AND_END]
        numbers = np.full(len(self.id_bounds) - 1, number, np.int32)
        stretches = np.minimum(self.id_bounds[:-1], max(self.num_stretches - 1, 0))
        full_in = np.where(np.diff(self.id_bounds) == self.length, number, -1).astype(np.int32)
        return np.stack([numbers, *begins_and_ends, stretches, full_in], axis=1)


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


def _taken(items: npt.NDArray[Any], bounds: Int32) -> npt.NDArray[Any]:
    """Returns the items in some bounds, [n, 2], one after another."""
    begins, ends = bounds.astype(np.int64).T
    until = (ends - begins).cumsum()
    total = int(until[-1]) if len(until) else 0
    taken: npt.NDArray[Any] = items.take(np.arange(total) + (ends - until).repeat(ends - begins))
    return taken


class Shards:
    """Sequences and examples of the training split, by number."""

    def __init__(self, files: Sequence[Path], vocab_size: int, length: int) -> None:
        schema = shard_schema(vocab_size)
        self.length = length  # that sequences are padded to
        self.batches = [
            _Batch(batch, length) for file in files for batch in _record_batches(file, schema)
        ]
        # Of each sequence its record batch, where its ids, examples and spans begin and end in
        # that, its stretch, and if it is full its record batch, else -1. 36 bytes, looked up
        # together.
        bounds = [batch.bounds(number) for number, batch in enumerate(self.batches)]
        self._bounds = np.concatenate([np.zeros((0, 9), np.int32), *bounds])

    def __len__(self) -> int:
        """The number of sequences."""
        return len(self._bounds)

    def row(self, index: int) -> Row:
        """Returns sequence number `index`, from 0 to `len - 1`."""
        return self.rows([index])[0]

    def rows(self, indices: Sequence[int] | Ints) -> list[Row]:
        """Returns some sequences by their numbers."""
        rows = []
        for place in self.find(indices).tolist():
            number, id_, last_id, example, last_example, span, last_span, *_ = place
            batch = self.batches[number]
            rows.append(
                Row(
                    batch.ids[id_:last_id],
                    batch.lengths[example:last_example],
                    batch.spans[span:last_span],
                    batch.examples[example:last_example],
                    batch.sources[example:last_example],
                )
            )
        return rows

    def find(self, indices: Sequence[int] | Ints) -> Int32:
        """Returns where some sequences lie, for `ids` and `borders`; opaque, [B, 9]."""
        found: Int32 = self._bounds.take(indices, axis=0)
        return found

    def ids(self, found: Int32, pad_id: int) -> npt.NDArray[Any]:
        """Returns the ids of sequences, as they are stored, padded, [B, T].

        They are gathered in one call, as if all were full; then what others lack is padded.
        """
        full_in = found[:, 8].tolist()
        if full_in and full_in[0] >= 0 and full_in.count(full_in[0]) == len(full_in):
            ids_BT: npt.NDArray[Any] = self.batches[full_in[0]].stretches[found[:, 7]]
            return ids_BT
        places = found.tolist()
        first = self.batches[places[0][0]] if places else None
        gathered = first and first.num_stretches and len({place[0] for place in places}) == 1
        if first and gathered:
            ids_BT = first.stretches[found[:, 7]]
            rest = [b for b, place in enumerate(places) if place[2] - place[1] < self.length]
        else:  # of several record batches, or of one that is shorter than a row
            ids_BT = np.empty((len(places), self.length), first.ids.dtype if first else np.uint16)
            rest = list(range(len(places)))
        for b in rest:
            number, begin, end, *_, stretch, _ = places[b]
            if not gathered or begin != stretch:
                ids_BT[b, : end - begin] = self.batches[number].ids[begin:end]
            ids_BT[b, end - begin :] = pad_id
        return ids_BT

    def borders(self, found: Int32) -> Borders:
        """Returns where segments and trained spans of sequences lie; see `layout.borders`."""
        # Stretches of neighbours that lie in one record batch.
        cuts = np.flatnonzero(np.diff(found[:, 0], prepend=-1, append=-1)).tolist()
        lengths, spans = [_NO_NUMBERS], [_NO_NUMBERS]
        for each in map(slice, cuts[:-1], cuts[1:]):
            batch = self.batches[found[each.start, 0]]
            lengths.append(_taken(batch.lengths, found[each, 3:5]))
            spans.append(_taken(batch.spans, found[each, 5:7]))
        num_ids, num_examples, num_bounds = np.subtract(
            found[:, 2:7:2].T, found[:, 1:6:2].T, dtype=np.int64
        )
        return borders(
            num_ids,
            Lists(np.concatenate(lengths), num_examples),
            Lists(np.concatenate(spans), num_bounds),
            self.length,
        )

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
