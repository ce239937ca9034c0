"""The stream as columns: the examples of a build in their order, each a pointer into the store.

In: supplies and the places that `mix` decided, or the rows of an evaluation split. Out: columns in
the order of the stream, from which `pack`, `write` and the manifest's figures are made. The columns
of the supplies are taken over one by one, so none stands in memory twice; about 24 bytes an
example. Nothing here reads a token.
"""

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from taskc.compiler import plan
from taskc.compiler.demand.asks import Maker
from taskc.compiler.demand.columns import Array, Examples, SegmentName, renumbered, squeezed
from taskc.compiler.demand.supply import Supply
from taskc.compiler.exemplars.joining import Before, InOrder, in_order
from taskc.compiler.keys import Scope
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.sequences.pack import Packs, pack

__all__ = [
    "Origin",
    "PromptName",
    "Stream",
    "joined_stream",
    "packed",
    "training_stream",
    "written_at",
]

# Examples whose keys and lengths stand in memory at a time while they are packed.
PACKED_EXAMPLES = 1 << 20


def written_at(place: plan.Place, folder: str) -> str:
    """A place relative to its package's folder: the same wherever the package lies."""
    return f"{posixpath.relpath(place.path, folder or '.')}:{place.line}"


class PromptName(NamedTuple):
    """A prompt as provenance names it."""

    template: str
    label: str
    at: str


@dataclass(slots=True)
class Origin:
    """Whose rows the examples of one supply are made from.

    Attributes:
        source: Name of the source.
        cluster: Its first cluster, "" if it is in none.
        metric: How its evaluation is scored.
        rows: Its rows in one split.
        prompts: Those that can phrase them, counted through all templates.
        shots: How many exemplars at most stand before each example.
    """

    source: str
    cluster: str
    metric: str
    rows: RowKeys
    prompts: Sequence[PromptName]
    shots: int = 0

    @staticmethod
    def of(maker: Maker, shots: int = 0) -> "Origin":
        """The origin of what a maker makes."""
        folder = posixpath.dirname(maker.build.at.path)
        source = maker.source
        return Origin(
            source=source.name,
            cluster=source.clusters[0] if source.clusters else "",
            metric=source.metric,
            rows=maker.rows,
            prompts=[
                PromptName(template.name, prompt.label, written_at(prompt.at, folder))
                for template in maker.templates
                for prompt in template.prompts
            ],
            shots=shots,
        )


@dataclass(slots=True)
class Stream:
    """n examples in stream order; the parts of one row's example stand together.

    Attributes:
        origins: Whose rows they are made from.
        segments: Segments of the store, numbered as the pointers number them.
        origin: Index into `origins` of each example, uint16 [n].
        examples: The other columns; `trained` is empty.
        exemplars: What stands before the examples; None: nothing before any.
    """

    origins: Sequence[Origin]
    segments: Sequence[SegmentName]
    origin: Array
    examples: Examples
    exemplars: InOrder | None = None

    def __len__(self) -> int:
        """The number of examples."""
        return len(self.origin)

    def grouped(self, begin: int, end: int) -> Iterator[tuple[int, Array]]:
        """Yields each origin of examples `begin` to `end`: its number, and their indices."""
        origin = self.origin[begin:end]
        order = np.argsort(origin, kind="stable") + begin
        counts = np.bincount(origin)
        for number in np.flatnonzero(counts).tolist():
            yield number, order[: counts[number]]
            order = order[counts[number] :]

    def sources(self, indices: Array) -> Array:
        """The number of each example's source among those that the manifest lists, uint16."""
        sources: Array = self.origin[indices]
        return sources


def training_stream(supplies: Sequence[Supply], places: Array) -> Stream:
    """The training stream; the supplies give up their examples for it.

    Args:
        supplies: Those of the mixture.
        places: The index of a supply for each unit of the stream, uint16.
    """
    origin = _by_example(supplies, places)
    most = supplies[0].maker.build.mixture.fewshot[1] if supplies else 0
    before = [
        Before(supply.pool, supply.exemplars, most) if supply.pool is not None else None
        for supply in supplies
    ]
    return joined_stream(
        [supply.maker for supply in supplies],
        [supply.examples for supply in supplies],
        origin,
        before=before,
    )


def joined_stream(
    makers: Sequence[Maker],
    made: Sequence[Examples],
    origin: Array,
    *,
    before: Sequence[Before | None],
) -> Stream:
    """A stream of what several makers made, which is given up for it.

    Args:
        makers: One an origin.
        made: The examples of each, in the order in which the stream takes them, from the first on.
        origin: Index into `makers` of each example of the stream, uint16.
        before: The exemplars of each origin's examples, if they may have some.
    """
    segments: dict[SegmentName, int] = {}

    def numbers(maker: Maker) -> list[int]:
        return [segments.setdefault(name, len(segments)) for name in maker.segments]

    counts = np.bincount(origin, minlength=len(makers)).tolist()
    order = _by_origin(origin)
    places = np.split(order, np.cumsum(counts)[:-1])[: len(makers)]
    exemplars = in_order(before, places, len(origin), numbers)
    examples = Examples.none()
    for name in Examples.names():
        if name == "trained":  # `Supply.figures` has summed it up by now
            continue
        column = np.zeros(len(origin), getattr(examples, name).dtype)
        for maker, own, at in zip(makers, made, places, strict=True):
            values = own.release(name)[: len(at)]
            column[at] = renumbered(values, numbers(maker)) if name == "pointer" else values
        setattr(examples, name, squeezed(column))
    origins = [
        Origin.of(maker, own.shots if own is not None else 0)
        for maker, own in zip(makers, before, strict=True)
    ]
    return Stream(origins, list(segments), origin, examples, exemplars)


def _by_example(supplies: Sequence[Supply], places: Array) -> Array:
    """The supply of each example: that of its unit, once for each part."""
    counts = np.bincount(places, minlength=len(supplies)).tolist()
    parts = [each.parts_of_units(count) for each, count in zip(supplies, counts, strict=True)]
    if all(each is None for each in parts):
        return places
    num_parts = np.ones(len(places), np.int64)
    order = _by_origin(places)
    begin = 0
    for count, each in zip(counts, parts, strict=True):
        if each is not None:
            num_parts[order[begin : begin + count]] = each
        begin += count
    return np.repeat(places, num_parts)


def _by_origin(origin: Array) -> Array:
    """The indices of examples, origin after origin, each one's in order, uint32."""
    return np.argsort(origin, kind="stable").astype(np.uint32)


def packed(build: plan.BuildPlan, stream: Stream) -> Packs:
    """Packs the stream, some windows at a time: neither keys nor lengths are held for all."""
    scope = Scope.mixture(build.mixture.seed)
    window = build.pack.window
    step = max(1, PACKED_EXAMPLES // window) * window
    orders = [np.zeros(0, np.uint32)]
    ends = [np.zeros(1, np.int64)]
    for begin in range(0, len(stream), step):
        end = min(begin + step, len(stream))
        packs = pack(
            stream.examples.tokens[begin:end],
            length=build.pack.length,
            window=window,
            keys=_keys(stream, scope, begin, end),
        )
        orders.append((packs.order + begin).astype(np.uint32))
        ends.append(packs.offsets[1:] + begin)
    return Packs(np.concatenate(orders), np.concatenate(ends))


def _keys(stream: Stream, scope: Scope, begin: int, end: int) -> Array:
    """A 64-bit key for examples `begin` to `end`; packs are written in their order."""
    keys = np.empty(end - begin, np.uint64)
    examples = stream.examples
    for number, at in stream.grouped(begin, end):
        rows = stream.origins[number].rows
        repetitions, parts = examples.repetition[at], examples.part[at]
        for repetition in np.unique(repetitions).tolist():
            for part in np.unique(parts).tolist():
                own = at[(repetitions == repetition) & (parts == part)]
                name = f"pack/{part}"
                keys[own - begin] = rows.draws(scope, repetition, name, examples.row[own])
    return keys
