"""Outlook: what a build will deliver and what it will have to do, before it does it.

In: a plan, its inputs and the store. Out: figures by source, and what differs from the artefact
that stands there. Inputs are surveyed as a build does, which the build then finds in the store.
Examples are looked up, not encoded, but for a sample of each source from which tokens are reckoned
where the store does not have them all.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import numpy as np

from taskc.compiler import plan
from taskc.compiler.build import Means, load_all, place_of, supplies_of, text_engine
from taskc.compiler.components import Change, changes
from taskc.compiler.demand.asks import Ask, Maker
from taskc.compiler.demand.supply import Supply, fill
from taskc.compiler.exemplars.training import TrainingExemplars
from taskc.compiler.records import Record, record_of
from taskc.compiler.rows.load import Loaded
from taskc.compiler.sequences.mixture import wanted_of, weights_of
from taskc.compiler.sequences.order import first_places
from taskc.compiler.sequences.pack import pack
from taskc.compiler.turns.fast import EngineName
from taskc.compiler.turns.make import LookedUp, look_up
from taskc.compiler.writing.place import Place
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.errors import has_errors

__all__ = ["Outlook", "SourceOutlook", "outlook"]

SAMPLE_UNITS = 200
_FILL_PLACES = 20_000  # of the stream, over which the fill is reckoned


@dataclass(slots=True, kw_only=True)
class SourceOutlook:
    """What one source will deliver for training.

    Attributes:
        rows_read: Rows in its files.
        rows_left: Rows after `where`, `dedup`, `carve`, `limit` and held-out clusters.
        share: The share of the examples that it is asked for.
        examples: Examples that it will deliver.
        repeats: How often its most repeated row is drawn.
        tokens, trained_tokens: Of those examples.
        truncated: Share of them that lose tokens to a limit.
        is_sampled: Whether the last three are reckoned from a sample.
        num_known: Pairs of row and prompt that the store has.
        num_missing: Pairs that will be encoded.
    """

    name: str
    rows_read: int
    rows_left: int
    share: float
    examples: int
    repeats: int
    tokens: int
    trained_tokens: int
    truncated: float
    is_sampled: bool
    num_known: int
    num_missing: int


@dataclass(slots=True)
class Outlook:
    """What a build will come to.

    Attributes:
        plan: The build's plan.
        place: Where its artefact lies or will lie.
        is_there: Whether one lies there.
        is_unchanged: Whether it lies there already, so that there is nothing to do.
        changes: What differs from the artefact that lies there; all is new where none does.
        sources: Those of the mixture.
        splits: Evaluation split -> pairs of row and prompt that the store has, and that it lacks.
        fill: About how full the sequences will be.
        num_ranges_surveyed, num_ranges_known: Parts of the inputs that were read now, and not.
        diagnostics: What a build would say of rows; an error means that it would fail.
        record: What the build is made from; None where inputs can't be read.
    """

    plan: plan.BuildPlan
    place: Place
    is_there: bool = False
    is_unchanged: bool = False
    changes: list[Change] = field(default_factory=list)
    sources: list[SourceOutlook] = field(default_factory=list)
    splits: dict[str, tuple[int, int]] = field(default_factory=dict)
    fill: float = 0.0
    num_ranges_surveyed: int = 0
    num_ranges_known: int = 0
    diagnostics: list[Diagnostic] = field(default_factory=list)
    record: Record | None = None


def outlook(build: plan.BuildPlan, means: Means, *, out: str | os.PathLike[str]) -> Outlook:
    """Looks ahead: reads keys, looks examples up, and encodes a small sample.

    Args:
        build: What would be made.
        means: What a build works with.
        out: The folder of artefacts, or its URL.

    Raises:
        StoreError: If the store is full or can't be used.
    """
    found = Outlook(build, place_of(build, out))
    found.record = record_of(build, means.store)
    if found.record is not None:
        before = found.record.before(found.place)
        found.is_there = bool(before)
        found.changes = changes(before, found.record.components)
        known = found.record.findings_of_unchanged(found.place, means.store)
        found.is_unchanged = known is not None
    loaded, found.diagnostics = load_all(build, means)
    found.num_ranges_surveyed = sum(each.num_surveyed for each in loaded.values())
    found.num_ranges_known = sum(each.num_reused for each in loaded.values())
    if has_errors(found.diagnostics):
        return found
    encoder = text_engine(build, loaded, means.store)
    supplies = supplies_of(build, loaded, means.store, encoder)
    wanted = wanted_of(build.mixture, supplies)
    sample = [
        min(want, SAMPLE_UNITS, len(s.rows)) for want, s in zip(wanted, supplies, strict=True)
    ]
    for _ in fill(supplies, sample, means.engine, repeat=False):
        pass
    found.diagnostics += [finding for supply in supplies for finding in supply.errors]
    if has_errors(found.diagnostics):
        return found
    if build.mixture.fewshot[1]:  # the sample stands for the rows that exemplars are drawn from
        TrainingExemplars(build, supplies, sample).lay(sample, means.engine)
    _look_ahead(found, supplies, wanted, loaded, means)
    found.splits = {
        split: _evaluation(build, split, loaded, encoder, means)
        for split in build.splits
        if split != "train"
    }
    return found


def _look_ahead(
    found: Outlook,
    supplies: Sequence[Supply],
    wanted: Sequence[int],
    loaded: Mapping[str, Loaded],
    means: Means,
) -> None:
    """Reckons how many units of each supply the stream will take, and looks them up."""
    build = found.plan
    samples = [_Sample(supply) for supply in supplies]
    survivors = [
        min(want, round(supply.most_units * sample.surviving))
        for want, supply, sample in zip(wanted, supplies, samples, strict=True)
    ]
    weights = weights_of(build.mixture, supplies, survivors)
    if not any(weights):
        return
    total = sum(weights)
    num_places = _num_places(build.mixture.total, weights, samples, sum(survivors))
    units = [round(num_places * weight / total) for weight in weights]
    looked = _looked_up(supplies, units, means)
    for supply, sample, weight, num_units, left, each in zip(
        supplies, samples, weights, units, survivors, looked, strict=True
    ):
        # What the store has are examples without their exemplars.
        has_exemplars = build.mixture.fewshot[1] > 0
        is_sampled = has_exemplars or each.num_missing > 0 or num_units > each.num_known
        tokens, trained, trimmed = (
            (sample.tokens, sample.trained, sample.trimmed)
            if is_sampled or not each.num_examples
            else (
                each.num_tokens / each.num_examples,
                each.num_trained / each.num_examples,
                each.num_trimmed / each.num_examples,
            )
        )
        counts = loaded[supply.source.name].counts["train"]
        found.sources.append(
            SourceOutlook(
                name=supply.source.name,
                rows_read=counts.read,
                rows_left=len(supply.rows),
                share=weight / total,
                examples=num_units,
                repeats=-(-num_units // left) if left else 0,
                tokens=round(tokens * num_units),
                trained_tokens=round(trained * num_units),
                truncated=trimmed,
                is_sampled=is_sampled,
                num_known=each.num_known,
                num_missing=each.num_missing,
            )
        )
    found.fill = _fill(build, weights, samples, num_places)


class _Sample:
    """Means over the first units of a supply."""

    def __init__(self, supply: Supply) -> None:
        examples = supply.examples
        num = max(1, supply.num_units)
        self.lengths = np.array(supply.unit_tokens(), np.int64)
        tried = supply.num_units + supply.num_fallen
        self.surviving = supply.num_units / tried if tried else 0.0
        self.tokens = float(examples.tokens.sum(dtype=np.int64)) / num
        self.trained = float(examples.trained.sum(dtype=np.int64)) / num
        self.trimmed = float(np.count_nonzero(examples.trimmed)) / num


def _num_places(
    total: plan.Total, weights: Sequence[int], samples: Sequence[_Sample], available: int
) -> int:
    match total.unit:
        case "epochs":
            return total.count * available
        case "examples":
            return total.count
        case "tokens":
            weighed = sum(w * s.tokens for w, s in zip(weights, samples, strict=True))
            return round(total.count * sum(weights) / weighed) if weighed else 0


def _looked_up(supplies: Sequence[Supply], units: Sequence[int], means: Means) -> list[LookedUp]:
    """What the store has of the units that will be wanted: the sample's and all others."""
    asks: list[Ask | None] = []
    found = []
    for supply, num_units in zip(supplies, units, strict=True):
        num_sampled = min(supply.num_units, num_units)
        figures = supply.figures(num_sampled)
        found.append(
            LookedUp(
                num_known=num_sampled,
                num_examples=figures.examples,
                num_tokens=figures.tokens,
                num_trained=figures.trained_tokens,
                num_trimmed=int(
                    np.count_nonzero(supply.examples.trimmed[: supply.num_examples(num_sampled)])
                ),
            )
        )
        asks.append(supply.ask(num_units, repeat=True))
    for index, each in zip(*_answers(asks, means), strict=True):
        _add(found[index], each)
    return found


def _answers(asks: Sequence[Ask | None], means: Means) -> tuple[list[int], list[LookedUp]]:
    open_asks = [(index, ask) for index, ask in enumerate(asks) if ask is not None]
    owners = [index for index, ask in open_asks for _ in range(ask.num_tasks)]
    tasks = chain.from_iterable(ask.tasks() for _, ask in open_asks)
    num_rows = sum(len(ask) for _, ask in open_asks)
    return owners, list(means.engine.map(look_up, tasks, num_rows=num_rows))


def _add(total: LookedUp, each: LookedUp) -> None:
    for name in LookedUp.__slots__:
        setattr(total, name, getattr(total, name) + getattr(each, name))


def _fill(
    build: plan.BuildPlan, weights: Sequence[int], samples: Sequence[_Sample], num_places: int
) -> float:
    """Packs a stretch of the stream whose lengths are those of the samples, over and over."""
    places = first_places(weights, min(num_places, _FILL_PLACES))
    lengths = np.zeros(len(places), np.int64)
    for index, sample in enumerate(samples):
        own = np.flatnonzero(places == index)
        if len(own):
            lengths[own] = np.resize(sample.lengths, len(own))
    if not len(lengths):
        return 0.0
    packs = pack(
        np.minimum(lengths, build.pack.length),
        length=build.pack.length,
        window=build.pack.window,
        keys=np.arange(len(lengths), dtype=np.uint64),
    )
    return float(lengths.sum()) / (len(packs) * build.pack.length)


def _evaluation(
    build: plan.BuildPlan,
    split: str,
    loaded: Mapping[str, Loaded],
    encoder: EngineName,
    means: Means,
) -> tuple[int, int]:
    """How many pairs of an evaluation split the store has, and how many it lacks."""
    sources = {source.name: source for source in build.sources}
    maker = partial(Maker, build, store=means.store, evaluation=True, engine=encoder)
    asks = [
        Ask(
            maker(source=sources[name], rows=rows),
            np.arange(len(rows), dtype=np.uint32),
            np.zeros(len(rows), np.uint32),
        )
        for name in build.evaluated
        if (rows := loaded[name].rows.get(split)) is not None and len(rows)
    ]
    _, found = _answers(asks, means)
    return sum(each.num_known for each in found), sum(each.num_missing for each in found)
