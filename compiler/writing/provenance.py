"""Where examples come from: the columns that say so, for a stretch of the stream at a time.

In: a stream. Out: Arrow arrays of names, rows and ids. Names are dictionaries of those that the
stretch uses, so no text is held for each example. About 0.3 us an example.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
import pyarrow as pa

from taskc.compiler.demand.columns import Array
from taskc.compiler.sequences.stream import Origin, Stream

__all__ = ["Provenance"]

NAMES = ("source", "cluster", "metric", "template", "label", "at", "file")


class Provenance:
    """The names and rows behind the examples of one stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._names = {name: _Names() for name in NAMES}
        self._origins = [self._coded(origin) for origin in stream.origins]

    def columns(self, begin: int, end: int) -> dict[str, pa.Array]:
        """The columns of examples `begin` to `end`, by name.

        Returns:
            source, cluster, metric, template, label, at and file, as dictionaries; row (number in
            the file, from 1), row_id and ordinal; repetition, part and trimmed_tokens; exemplars
            (row ids) and shots (how many there should be at most).
        """
        stream, num_examples = self._stream, end - begin
        codes = {name: np.zeros(num_examples, np.int32) for name in NAMES}
        several = [name for name in NAMES if len(self._names[name].numbers) > 1]
        numbers = np.empty(num_examples, np.int64)
        ids = np.empty((num_examples, 16), np.uint8)
        ordinals = np.empty(num_examples, np.int32)
        shots = np.empty(num_examples, np.int32)
        for number, at in stream.grouped(begin, end):
            origin, place = self._origins[number], at - begin
            rows, keys = stream.examples.row[at], stream.origins[number].rows
            prompts, ranges = stream.examples.prompt[at], keys.ranges[rows]
            for name in several:
                codes[name][place] = origin.of(name, prompts, ranges)
            numbers[place] = origin.first_numbers[ranges] + keys.lines[rows]
            ids[place] = keys.ids[rows]
            ordinals[place] = keys.ordinals_of(rows)
            shots[place] = stream.origins[number].shots
        examples = stream.examples
        return {
            **{name: self._names[name].chosen(own) for name, own in codes.items()},
            "row": pa.array(numbers),
            "row_id": pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(16), num_examples, [None, pa.py_buffer(ids)]
            ),
            "ordinal": pa.array(ordinals),
            "repetition": pa.array(examples.repetition[begin:end].astype(np.int32)),
            "part": pa.array(examples.part[begin:end].astype(np.int32)),
            "trimmed_tokens": pa.array(examples.trimmed[begin:end].astype(np.int32)),
            "exemplars": self._exemplars(begin, end),
            "shots": pa.array(shots),
        }

    def _exemplars(self, begin: int, end: int) -> pa.ListArray:
        """Row ids of the exemplars of examples `begin` to `end`."""
        ids, offsets = np.zeros((0, 16), np.uint8), np.zeros(end - begin + 1, np.int64)
        if self._stream.exemplars is not None:
            ids, offsets = self._stream.exemplars.ids_between(begin, end)
        items = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), len(ids), [None, pa.py_buffer(np.ascontiguousarray(ids))]
        )
        return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), items)

    def _coded(self, origin: Origin) -> "_CodedOrigin":
        inputs = origin.rows.inputs
        files = self._names["file"].codes(file.name for file in inputs.files)
        return _CodedOrigin(
            one={
                "source": self._names["source"].code(origin.source),
                "cluster": self._names["cluster"].code(origin.cluster),
                "metric": self._names["metric"].code(origin.metric),
            },
            by_prompt={
                "template": self._names["template"].codes(p.template for p in origin.prompts),
                "label": self._names["label"].codes(prompt.label for prompt in origin.prompts),
                "at": self._names["at"].codes(prompt.at for prompt in origin.prompts),
            },
            files_of_ranges=files[[found.file for found in inputs.ranges]],
            first_numbers=np.array([found.first_number for found in inputs.ranges], np.int64),
        )


@dataclass(frozen=True, slots=True)
class _CodedOrigin:
    """What one origin's names are, as codes."""

    one: dict[str, int]
    by_prompt: dict[str, Array]
    files_of_ranges: Array
    first_numbers: Array

    def of(self, name: str, prompts: Array, ranges: Array) -> Array | int:
        """The codes of a name for examples of some prompts whose rows stand in some ranges."""
        if name == "file":
            return self.files_of_ranges[ranges]
        return self.one[name] if name in self.one else self.by_prompt[name][prompts]


@dataclass(slots=True)
class _Names:
    """Different texts, numbered as they are first met."""

    numbers: dict[str, int] = field(default_factory=dict)

    def code(self, name: str) -> int:
        """The number of a text."""
        return self.numbers.setdefault(name, len(self.numbers))

    def codes(self, names: Iterable[str]) -> Array:
        """The numbers of several, int32."""
        return np.array([self.code(name) for name in names], np.int32)

    def chosen(self, codes: Array) -> pa.DictionaryArray:
        """The texts of codes, as a dictionary of those that occur."""
        is_used = np.zeros(len(self.numbers), np.bool_)
        is_used[codes] = True
        names = list(compress(self.numbers, is_used.tolist()))
        if len(names) < len(self.numbers):
            codes = (np.cumsum(is_used, dtype=np.int32) - np.int32(1))[codes]
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string()))
