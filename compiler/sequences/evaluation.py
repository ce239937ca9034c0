"""Evaluation sets: every split but the training one, whole, with every prompt of every template.

In: the rows that are left of the evaluated sources. Out: one `EvaluationSet` a split, as pointers
into the store. Rows stand in the order of their ids, source after source, so the order of the input
files does not matter; inverse prompts are left out. Where the mixture has exemplars, all of it
follows once more with as many of them as its examples may have.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import numpy as np

from taskc.compiler import plan
from taskc.compiler.demand.asks import Ask, Fallen, Maker
from taskc.compiler.demand.columns import Array, Examples
from taskc.compiler.engines.engine import Engine
from taskc.compiler.examples import Drop
from taskc.compiler.exemplars.evaluating import EvaluationExemplars
from taskc.compiler.exemplars.joining import Before
from taskc.compiler.rows.load import Loaded
from taskc.compiler.rows.row_keys import RowKeys, id_halves
from taskc.compiler.sequences.stream import Stream, joined_stream
from taskc.compiler.store.objects import Store
from taskc.compiler.turns.fast import EngineName
from taskc.compiler.turns.make import make
from taskc.compiler.work import Work
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["EvaluationSet", "Evaluations", "evaluation_sets"]


@dataclass(slots=True)
class EvaluationSet:
    """One evaluation split: its examples in the order of eval/SPLIT.parquet."""

    split: str
    stream: Stream


@dataclass(slots=True)
class Evaluations:
    """The evaluation sets of a build.

    Attributes:
        sets: One a split, in the spec's order.
        delivered: (source, split) -> number of rows with at least one example.
        drops: (source, split) -> why the other rows gave none, with how many.
        exemplars: Source -> indices of the training rows that stand there as exemplars, uint32.
        work: What was done for them.
    """

    sets: list[EvaluationSet] = field(default_factory=list)
    delivered: dict[tuple[str, str], int] = field(default_factory=dict)
    drops: dict[tuple[str, str], list[tuple[Drop, int]]] = field(default_factory=dict)
    exemplars: dict[str, Array] = field(default_factory=dict)
    errors: list[Diagnostic] = field(default_factory=list)
    notices: list[Diagnostic] = field(default_factory=list)
    work: Work = field(default_factory=Work)

    def account(self, maker: Maker, examples: Examples, fallen: Fallen) -> None:
        """Writes down what became of the rows of one source's split."""
        key = (maker.source.name, maker.rows.split)
        self.errors += maker.errors
        self.notices += maker.notices
        self.work.add(maker.work)
        delivered = np.zeros(len(maker.rows), np.bool_)
        delivered[examples.row] = True
        self.delivered[key] = int(np.count_nonzero(delivered))
        drops = fallen.counted(maker.drops)
        drops.sort(key=lambda drop: drop[0].stage != "phrase")  # in the order of the stages
        self.drops[key] = drops


def evaluation_sets(
    build: plan.BuildPlan,
    loaded: Mapping[str, Loaded],
    store: Store,
    engine: Engine,
    progress: Callable[[str, str, int], None],
    *,
    text_engine: EngineName = "tokenizers",
    exemplars: EvaluationExemplars | None = None,
) -> Evaluations:
    """Makes the examples of every split of `build.splits` but "train".

    Args:
        build: The build.
        loaded: What is left of each source, by name.
        store: Where encoded examples are.
        engine: What runs the tasks.
        progress: Told "encode", the split, and how many rows were made since the last call.
        text_engine: What encodes texts.
        exemplars: What stands before the examples, where the mixture asks for some.

    Raises:
        EngineFailedError: If a task found the faster text engine wrong.
    """
    evaluations = Evaluations()
    sources = {source.name: source for source in build.sources}
    for split in build.splits:
        if split == "train":
            continue
        found = [(sources[name], loaded[name].rows.get(split)) for name in build.evaluated]
        makers = [
            Maker(build, source, rows, store, evaluation=True, engine=text_engine)
            for source, rows in found
            if rows is not None
        ]
        made = []
        for maker, ask in _asked(makers, engine, partial(progress, "encode", split)):
            examples, fallen = ask.answer(0)
            evaluations.account(maker, examples, fallen)
            made.append(examples)
        before: list[Before | None] = [None] * len(makers)
        if exemplars is not None and not evaluations.errors:
            for maker, examples, own in exemplars.laid(makers, made, engine):
                makers.append(maker)
                made.append(examples)
                before.append(own)
        counts = [len(examples) for examples in made]
        origin = np.repeat(np.arange(len(made), dtype=np.uint16), counts)
        stream = joined_stream(makers, made, origin, before=before)
        evaluations.sets.append(EvaluationSet(split, stream))
    if exemplars is not None:
        evaluations.errors += exemplars.errors
        evaluations.notices += exemplars.notices
        evaluations.work.add(exemplars.work)
        evaluations.exemplars = exemplars.rows
    return evaluations


def _asked(
    makers: Sequence[Maker], engine: Engine, progress: Callable[[int], None]
) -> Iterator[tuple[Maker, Ask]]:
    """Yields each maker, and all its rows asked for in the order of their ids and made."""
    asks = []
    for maker in makers:
        order = _by_id(maker.rows)
        asks.append(Ask(maker, order, np.zeros(len(order), np.uint32)))
    tasks = chain.from_iterable(ask.tasks() for ask in asks)
    made = engine.map(make, tasks, num_rows=sum(map(len, asks)))
    for maker, ask in zip(makers, asks, strict=True):
        for index in range(ask.num_tasks):
            progress(ask.accept(index, next(made)))
        yield maker, ask


def _by_id(rows: RowKeys) -> Array:
    """The indices of rows in the order of (row id, ordinal), uint32."""
    high, low = id_halves(rows.ids)
    ordinals = np.zeros(len(rows), np.uint32) if rows.ordinals is None else rows.ordinals
    return np.lexsort((ordinals, low, high)).astype(np.uint32)
