"""From the stream to columns: the training examples in stream order, with where each came from.

In: the stream's places and the supplies that hold the encoded units. Out: `Delivered`, flat columns
that `pack` and `write` read. One copy of each id, O(tokens).
"""

import posixpath
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.examples import Delivered, Encoded
from taskc.compiler.keys import RowKey, Scope
from taskc.compiler.supply import Supply

__all__ = ["example_keys", "gather", "take_ranges", "written_at"]

Numbers = npt.NDArray[np.generic]
Ints = npt.NDArray[np.int64]

PROVENANCE = (
    "source", "file", "row", "row_id", "ordinal", "template", "label", "at", "repetition", "part",
    "trimmed_tokens",
)  # fmt: skip


def take_ranges(values: Numbers, starts: Ints, lengths: Ints) -> Numbers:
    """Concatenate the ranges values[start : start + length], in order, in one vectorised copy."""
    offsets = np.cumsum(lengths) - lengths
    total = int(lengths.sum())
    positions = np.arange(total, dtype=np.int64) + np.repeat(starts - offsets, lengths)
    taken: Numbers = values[positions]
    return taken


def written_at(place: plan.Place, folder: str) -> str:
    """A place relative to its package's folder: the same wherever the package lies."""
    return f"{posixpath.relpath(place.path, folder or '.')}:{place.line}"


def gather(
    build: plan.BuildPlan, supplies: Sequence[Supply], places: Sequence[tuple[int, int]]
) -> Delivered:
    """The delivered examples in stream order; the parts of one unit stand together."""
    units = [supplies[index].units[unit] for index, unit in places]
    chunks: dict[int, int] = {}
    encodeds: list[Encoded] = []
    for unit in units:
        if id(unit.encoded) not in chunks:
            chunks[id(unit.encoded)] = len(encodeds)
            encodeds.append(unit.encoded)
    example = np.array([e for unit in units for e in range(unit.start, unit.stop)], dtype=np.int64)
    chunk = np.array(
        [chunks[id(unit.encoded)] for unit in units for _ in range(unit.start, unit.stop)],
        dtype=np.int64,
    )
    ids, offsets = _flat(
        [e.ids for e in encodeds], [e.offsets for e in encodeds], chunk, example, 1
    )
    spans, span_offsets = _flat(
        [e.spans for e in encodeds], [e.span_offsets for e in encodeds], chunk, example, 2
    )
    sources = {source.name: index for index, source in enumerate(build.sources)}
    return Delivered(
        ids=ids.astype(np.uint32, copy=False),
        offsets=offsets,
        spans=spans.astype(np.int32, copy=False),
        span_offsets=span_offsets,
        source=np.array(
            [
                sources[supplies[index].source.name]
                for (index, _), unit in zip(places, units, strict=True)
                for _ in range(unit.start, unit.stop)
            ],
            dtype=np.uint16,
        ),
        provenance=_provenance(build, supplies, places),
    )


def _flat(
    values: Sequence[npt.NDArray[np.generic]],
    offsets: Sequence[npt.NDArray[np.int64]],
    chunk: npt.NDArray[np.int64],
    example: npt.NDArray[np.int64],
    width: int,
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.int64]]:
    """Take the chosen examples out of chunked flat columns; an item is `width` values wide."""
    if not values:
        return np.zeros(0, np.uint32), np.zeros(1, np.int64)
    value_base = np.cumsum([0, *(len(v) for v in values)])[:-1]
    offset_base = np.cumsum([0, *(len(o) for o in offsets)])[:-1]
    joined = np.concatenate(offsets)
    first = offset_base[chunk] + example
    starts = joined[first]
    lengths = joined[first + 1] - starts
    taken = take_ranges(np.concatenate(values), value_base[chunk] + starts * width, lengths * width)
    return taken, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _provenance(
    build: plan.BuildPlan, supplies: Sequence[Supply], places: Sequence[tuple[int, int]]
) -> dict[str, list[object]]:
    """Columns of train/examples.parquet."""
    folder = posixpath.dirname(build.at.path)
    columns: dict[str, list[object]] = {name: [] for name in PROVENANCE}
    appends = [columns[name].append for name in PROVENANCE]
    prompts = [
        [[(t.name, p.label, written_at(p.at, folder)) for p in t.prompts] for t in s.templates]
        for s in supplies
    ]
    for supply_index, unit_index in places:
        supply = supplies[supply_index]
        unit = supply.units[unit_index]
        rows, encoded = supply.rows, unit.encoded
        for example in range(unit.start, unit.stop):
            template, label, at = prompts[supply_index][int(encoded.template[example])][
                int(encoded.prompt[example])
            ]
            record = (
                supply.source.name, rows.file_names[rows.files[unit.row]], rows.numbers[unit.row],
                rows.ids[unit.row], rows.ordinals[unit.row], template, label, at, unit.repetition,
                int(encoded.part[example]), int(encoded.trimmed_tokens[example]),
            )  # fmt: skip
            for append, value in zip(appends, record, strict=True):
                append(value)
    return columns


def example_keys(build: plan.BuildPlan, delivered: Delivered) -> npt.NDArray[np.uint64]:
    """A 64-bit key for each example in the mixture's scope; packs are written in their order."""
    scope = Scope.mixture(build.mixture.seed)
    columns: dict[str, list[Any]] = delivered.provenance
    keys = [
        scope.draw(source, RowKey(row_id, ordinal), repetition, f"pack/{part}")
        for source, row_id, ordinal, repetition, part in zip(
            columns["source"],
            columns["row_id"],
            columns["ordinal"],
            columns["repetition"],
            columns["part"],
            strict=True,
        )
    ]
    return np.array(keys, dtype=np.uint64)
