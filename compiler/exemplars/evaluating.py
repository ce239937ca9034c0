"""Exemplars of evaluation sets: every example that asks for an answer once more, with exemplars.

In: the examples of a split. Out: the same, each behind as many exemplars as the mixture allows.
They are drawn from the pools of the training stream; where a source is held out, or nothing is
trained on, from all rows of its own training split. So they never come from an evaluation set.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from taskc.compiler import plan
from taskc.compiler.demand.asks import Maker
from taskc.compiler.demand.columns import Array, Examples
from taskc.compiler.demand.supply import Supply
from taskc.compiler.engines.engine import Engine
from taskc.compiler.exemplars.joining import Before
from taskc.compiler.exemplars.laying import Wanted, lay, room_of
from taskc.compiler.exemplars.pool import Pool
from taskc.compiler.exemplars.training import too_few
from taskc.compiler.keys import Scope
from taskc.compiler.rows.load import Loaded
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.store.objects import Store
from taskc.compiler.turns.fast import EngineName
from taskc.compiler.work import Work
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["EvaluationExemplars", "other_splits"]


class EvaluationExemplars:
    """The exemplars of a build's evaluation sets.

    Attributes:
        rows: Source -> indices of the training rows that stand there as exemplars, uint32.
        errors: What stops the build.
        notices: Warnings to show once.
    """

    def __init__(
        self,
        build: plan.BuildPlan,
        loaded: Mapping[str, Loaded],
        supplies: Sequence[Supply],
        store: Store,
        text_engine: EngineName,
    ) -> None:
        """Finds the pools.

        Args:
            build: The build.
            loaded: What is left of each source, by name.
            supplies: Those of the mixture, whose exemplars are laid.
            store: Where encoded examples are.
            text_engine: What encodes texts.
        """
        self.rows: dict[str, Array] = {}
        self.errors: list[Diagnostic] = []
        self.notices: list[Diagnostic] = []
        self._build = build
        self._pools = {s.source.name: s.pool for s in supplies if s.pool is not None}
        self._makers: list[Maker] = []
        sources = {source.name: source for source in build.sources}
        for name in build.evaluated:
            rows = loaded[name].rows.get("train")
            if name not in self._pools and rows is not None:
                maker = Maker(
                    build, sources[name], rows, store, evaluation=False, engine=text_engine
                )
                everyone = np.arange(len(rows), dtype=np.uint32)
                self._pools[name] = Pool(maker, everyone, left_out=other_splits(loaded[name]))
                self._makers.append(maker)

    @property
    def work(self) -> Work:
        """What was done for sources that are not trained on."""
        done = Work()
        for maker in self._makers:
            done.add(maker.work)
        return done

    def laid(
        self, makers: Sequence[Maker], made: Sequence[Examples], engine: Engine
    ) -> list[tuple[Maker, Examples, Before]]:
        """Copies of the examples that ask for an answer, with what stands before them.

        Args:
            makers: What made the examples of a split, by source.
            made: The examples of each.
            engine: What makes exemplars that are not there yet.

        Raises:
            EngineFailedError: If a task found the faster engine wrong.
        """
        there = [
            (maker, examples.pick(_asks(maker, examples)), self._pools[maker.source.name])
            for maker, examples in zip(makers, made, strict=True)
            if maker.source.name in self._pools
        ]
        if not there:
            return []
        most = self._build.mixture.fewshot[1]
        found = lay(
            [Wanted(pool, maker.rows, examples) for maker, examples, pool in there],
            (most, most),
            Scope.mixture(self._build.mixture.seed),
            room_of(self._build),
            engine,
        )
        copies = []
        for (maker, examples, pool), laid in zip(there, found, strict=True):
            examples.tokens = (examples.tokens + laid.added).astype(examples.tokens.dtype)
            copies.append((maker, examples, Before(pool, laid.exemplars, most)))
            self.errors += pool.maker.errors
            if laid.num_short:
                self.notices.append(too_few(self._build, maker.source, pool))
            used = pool.bank.rows[np.unique(laid.exemplars.items)]
            self.rows[maker.source.name] = np.union1d(
                self.rows.get(maker.source.name, used[:0]), used
            )
        return copies


def other_splits(loaded: Loaded) -> list[RowKeys]:
    """The rows of a source that are not in its training split."""
    return [rows for split, rows in loaded.rows.items() if split != "train"]


def _asks(maker: Maker, examples: Examples) -> Array:
    """Which examples ask for an answer, and are not only there to be generated from."""
    has_target = [p.has_target for template in maker.templates for p in template.prompts]
    asks: Array = np.array(has_target, np.bool_)[examples.prompt]
    return asks
