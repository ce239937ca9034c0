"""The supply of one source: surviving examples in key order, made only as they are asked for.

In: a source's training rows and how many examples the mixture wants. Out: units (all parts of one
row's example) in the order in which the stream will take them, as columns. They come in passes over
the rows: one for each prompt that a row is asked by, the first of its draws first. When all these
are done the supply starts over with the next repetition, in a new order and with new prompts.

A unit's place is its row's rank, so nothing depends on how the work was cut. Where rows fall, a few
more are asked for than are missing, so that files are read twice and not once for each that fell;
what came too early stays out of sight until it is wanted.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from taskc.compiler import plan
from taskc.compiler.demand.asks import Ask, Fallen, Maker
from taskc.compiler.demand.columns import Array, Examples
from taskc.compiler.engines.engine import Engine
from taskc.compiler.examples import Drop
from taskc.compiler.exemplars.laying import Exemplars, Laid, Wanted
from taskc.compiler.exemplars.pool import Pool
from taskc.compiler.keys import Scope
from taskc.compiler.rows.row_keys import RowKeys, drawn_order
from taskc.compiler.store.objects import Store
from taskc.compiler.turns.fast import EngineName
from taskc.compiler.turns.make import make
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Figures", "Supply", "fill"]

# Rows asked for beyond those that are expected to be enough. A constant: what is asked for must not
# depend on the number of workers.
SPARE_ROWS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a source delivers.

    Attributes:
        repeats: How often its most repeated row was drawn.
        exemplars: How many stand before its examples.
    """

    rows: int
    examples: int
    tokens: int
    trained_tokens: int
    repeats: int
    exemplars: int = 0


class Supply:
    """Examples of one source, made on demand.

    Attributes:
        source: The source.
        rows: Its training rows.
        maker: What makes its examples.
        examples: Columns of the examples of all units so far.
        pool: What exemplars are drawn from, where the mixture asks for some.
        exemplars: Those of the first examples, as far as they are laid; `examples.tokens` counts
            them.
        is_exhausted: Whether every row of the first repetition was tried and more was wanted.
    """

    def __init__(
        self,
        build: plan.BuildPlan,
        source: plan.Source,
        rows: RowKeys,
        store: Store,
        *,
        engine: EngineName = "tokenizers",
        max_rows: int | None = None,
        evaluated: Sequence[RowKeys] = (),
    ) -> None:
        """Ranks the rows for the first time.

        Args:
            build: The build that asks.
            source: The source.
            rows: Its training rows.
            store: Where encoded examples are.
            engine: What encodes texts.
            max_rows: Only so many rows, the first by rank, count at all; None = all.
            evaluated: Rows of the source's other splits.
        """
        self.source = source
        self.rows = rows
        self.maker = Maker(build, source, rows, store, evaluation=False, engine=engine)
        self.examples = Examples.none()
        self.is_exhausted = False
        self.pool: Pool | None = None
        self.exemplars = Exemplars()
        self._evaluated = evaluated
        self._scope = Scope.mixture(build.mixture.seed)
        self._fallen: list[Fallen] = []
        self._counted: Array | None = None  # rows that later repetitions draw from, in file order
        self._num_choices = num_choices(build.mixture, self.maker.templates)
        self._pass = 0  # repetition * choices of a row + choice
        self._order = self._ranked(0, None)[:max_rows]
        if max_rows is not None:
            self._counted = np.sort(self._order)
        self._next = 0
        self._num_made = 0
        self._num_wanted = 0
        self._num_asked = 0
        self._unit_tokens = np.zeros(0, np.int64)
        self._missing = 0  # what the open ask is for
        self._is_exact = False

    def _ranked(self, repetition: int, counted: Array | None) -> Array:
        """The rows that count (None: all), in the order of a repetition, uint32."""
        rows = self.rows
        draws = rows.draws(self._scope, repetition, "rank", counted)
        if counted is None:
            return drawn_order(draws, rows.ids, rows.ordinals).astype(np.uint32)
        ordinals = None if rows.ordinals is None else rows.ordinals[counted]
        return counted[drawn_order(draws, rows.ids[counted], ordinals)]

    # ---- what is there ---------------------------------------------------------------------------

    @property
    def errors(self) -> list[Diagnostic]:
        """Mistakes in rows; any of them stops the build."""
        return self.maker.errors

    @property
    def _repetition(self) -> int:
        return self._pass // self._num_choices

    @property
    def most_units(self) -> int:
        """Units of the first repetition, if no row falls and all prompts apply to each."""
        return len(self.rows) * self._num_choices

    @property
    def num_units(self) -> int:
        """Units that were wanted and are there."""
        return min(self._num_made, self._num_wanted)

    @property
    def distinct(self) -> int | None:
        """Units of the first repetition, once it is known that there are no more."""
        if not self.is_exhausted:
            return None
        repetition = self.examples.repetition
        num_examples = int(np.searchsorted(repetition, 1)) if self._repetition else len(repetition)
        return int(np.count_nonzero(self.examples.part[:num_examples] == 0))

    @property
    def num_fallen(self) -> int:
        """How often a row was tried and gave no example."""
        return sum(map(len, self._fallen))

    def num_examples(self, num_units: int) -> int:
        """How many examples the first `num_units` units are."""
        if num_units >= self._num_made:
            return len(self.examples)
        if len(self.examples) == self._num_made:  # none was cut
            return num_units
        return int(np.flatnonzero(self.examples.part == 0)[num_units])

    def unit_tokens(self) -> Array:
        """Tokens of every unit that was wanted and is there, uint32 or int64."""
        if len(self.examples) == self._num_made:  # none was cut
            return self.examples.tokens[: self.num_units]
        if len(self._unit_tokens) != self._num_made:
            starts = np.flatnonzero(self.examples.part == 0)
            self._unit_tokens = np.add.reduceat(self.examples.tokens, starts, dtype=np.int64)
        return self._unit_tokens[: self.num_units]

    def parts_of_units(self, num_units: int) -> Array | None:
        """How many parts each of the first units has; None: one each."""
        num_examples = self.num_examples(num_units)
        if num_examples == num_units:
            return None
        starts = np.flatnonzero(self.examples.part[:num_examples] == 0)
        return np.diff(starts, append=num_examples)

    # ---- what is asked for -----------------------------------------------------------------------

    def ask(self, num_units: int, *, repeat: bool) -> Ask | None:
        """The next ask on the way to so many units in all; None: nothing is left to ask for."""
        self._num_wanted = max(self._num_wanted, num_units)
        missing = self._missing = num_units - self._num_made
        if missing <= 0 or self.errors:
            return None
        left = self._order[self._next : self._next + self._enough_rows(missing)]
        if len(left) >= missing:
            self._next += len(left)
            return self._asked([left])
        self._next = len(self._order)
        # All of these are wanted whatever becomes of each, so they are read for together.
        rows = [left]
        while missing > sum(map(len, rows)) and self._goes_on(repeat=repeat):
            self._next_pass()
            rows.append(self._order[: missing - sum(map(len, rows))])
            self._next = len(rows[-1])
        self.is_exhausted |= self._repetition > 0 or missing > sum(map(len, rows))
        return self._asked(rows) if any(map(len, rows)) else None

    def _goes_on(self, *, repeat: bool) -> bool:
        """Whether another pass may give units: of this repetition, or of the next if allowed."""
        is_last = (self._pass + 1) % self._num_choices == 0
        return not is_last or (repeat and self._num_made > 0)

    def _enough_rows(self, missing: int) -> int:
        """How many rows will give `missing` units, if they fall as often as those before."""
        if self._is_exact or self._num_made in {0, self._num_asked}:
            return missing
        expected = math.ceil(missing * self._num_asked / self._num_made)
        return expected + 2 * math.isqrt(missing) + SPARE_ROWS  # two standard deviations, about

    def _asked(self, rows: Sequence[Array]) -> Ask:
        """An ask for rows of consecutive passes, the last of them the present one."""
        first = self._pass + 1 - len(rows)
        passes = np.repeat(
            np.arange(first, first + len(rows), dtype=np.uint32), [len(each) for each in rows]
        )
        number = np.uint32(self._num_choices)
        choices = (passes % number).astype(np.uint16) if number > 1 else None
        return Ask(self.maker, np.concatenate(rows), passes // number, choices=choices)

    def accept(self, ask: Ask) -> None:
        """Takes in an ask whose tasks have all come back."""
        if self.errors and len(ask) > self._missing:
            # The mistake may stand in a row that nobody wants: look again, row by row wanted.
            self.errors.clear()
            self._is_exact = True
            self._next -= len(ask)
            return
        examples, fallen = ask.answer(self._num_made)
        self._num_made += int(np.count_nonzero(examples.part == 0))
        self._num_asked += len(ask)
        self._fallen.append(fallen)
        self.examples = Examples.joined([self.examples, examples])

    def _next_pass(self) -> None:
        """Begins the next pass: over the same rows, or those of a new repetition."""
        self._pass += 1
        if self._pass % self._num_choices == 0:
            self._order = self._ranked(self._repetition, self._counted)
        self._next = 0

    def settle(self) -> None:
        """Lets later repetitions draw from the rows of the present units alone: a quota is met."""
        num_units = self.num_units
        if not self.is_exhausted:  # what fell behind the last unit was asked for too early
            self._fallen = [each.pick(each.before < num_units) for each in self._fallen]
        self.examples = self.examples.first(self.num_examples(num_units))
        self._num_made = self._num_wanted = num_units
        self._counted = np.flatnonzero(self._delivered(num_units)).astype(np.uint32)
        self._pass = (self._repetition + 1) * self._num_choices - 1
        self._next = len(self._order)

    # ---- exemplars -------------------------------------------------------------------------------

    def pool_of(self, num_units: int) -> Pool:
        """The rows of the first units, all of repetition 0, as a pool of exemplars."""
        counted = self.examples.between(0, self.num_examples(num_units))
        return Pool(self.maker, np.unique(counted.row), counted, left_out=self._evaluated)

    def num_unlaid(self, num_units: int) -> int:
        """How many examples of the first units have no exemplars yet."""
        return max(0, self.num_examples(num_units) - len(self.exemplars.counts))

    def unlaid(self, num_units: int) -> Wanted:
        """The examples of the first units that have no exemplars yet."""
        assert self.pool is not None, "a pool comes before its exemplars"
        end = self.num_examples(num_units)
        return Wanted(self.pool, self.rows, self.examples.between(len(self.exemplars.counts), end))

    def lay(self, laid: Laid) -> None:
        """Lays exemplars before the next examples."""
        begin = len(self.exemplars.counts)
        self.exemplars = Exemplars.joined([self.exemplars, laid.exemplars])
        tokens = self.examples.tokens.copy()
        tokens[begin : len(self.exemplars.counts)] += laid.added.astype(tokens.dtype)
        self.examples.tokens = tokens
        self._unit_tokens = np.zeros(0, np.int64)

    # ---- what it comes to ------------------------------------------------------------------------

    def figures(self, num_units: int) -> "Figures":
        """What the first `num_units` units deliver."""
        examples = self.examples
        num = self.num_examples(num_units)
        return Figures(
            rows=int(np.count_nonzero(self._delivered(num_units))),
            examples=num,
            tokens=int(examples.tokens[:num].sum(dtype=np.int64)),
            trained_tokens=int(examples.trained[:num].sum(dtype=np.int64)),
            repeats=int(examples.repetition[num - 1]) + 1 if num else 0,
            exemplars=int(self.exemplars.counts[:num].sum(dtype=np.int64)),
        )

    def dropped(self, num_units: int) -> list[tuple[Drop, int]]:
        """Why rows fell on the way to the first `num_units` units, with how many.

        A row that fell after the last unit wanted was, for the ledger, never asked for; one that
        another repetition delivers did not fall.
        """
        return self._fallen_before(num_units).counted(self.maker.drops)

    def drop_of(self, row: int, num_units: int) -> Drop | None:
        """Why a row fell on the way to the first `num_units` units; None: it did not."""
        fallen = self._fallen_before(num_units)
        own = np.flatnonzero(fallen.row == row).tolist()
        return [*self.maker.drops][fallen.drop[own[0]]] if own else None

    def rank_of(self, row: int) -> int:
        """The place of a row in the order of the first repetition, from 1."""
        return int(np.flatnonzero(self._ranked(0, None) == row)[0]) + 1

    def _fallen_before(self, num_units: int) -> Fallen:
        """The rows that fell on the way to the first `num_units` units, each once."""
        fallen = Fallen.joined(self._fallen)
        # What fell behind the last unit of the first repetition was tried for all that; of later
        # ones it depends on how much was asked for at once.
        end = num_units + (num_units == self.distinct)
        fallen = fallen.pick((fallen.before < end) & ~self._delivered(num_units)[fallen.row])
        _, first = np.unique(fallen.row, return_index=True)
        return fallen.pick(np.sort(first))

    def exemplar_rows(self, num_units: int) -> Array:
        """Indices of the rows that stand before examples of the first units, uint32."""
        if self.pool is None:
            return np.zeros(0, np.uint32)
        laid = self.exemplars.first(self.num_examples(num_units))
        rows: Array = self.pool.bank.rows[np.unique(laid.items)]
        return rows

    def num_shown(self, num_units: int, elsewhere: Array | None) -> int:
        """Rows that stand as exemplars only: they give no example, and did not fall.

        Args:
            num_units: Units that the stream takes.
            elsewhere: Rows that stand as exemplars in evaluation sets.
        """
        shown = np.zeros(len(self.rows), np.bool_)
        if elsewhere is not None:
            shown[elsewhere] = True
        shown[self.exemplar_rows(num_units)] = True
        shown &= ~self._delivered(num_units)
        shown[self._fallen_before(num_units).row] = False
        return int(np.count_nonzero(shown))

    def _delivered(self, num_units: int) -> Array:
        """Which rows the first `num_units` units deliver, a bool for each."""
        delivered = np.zeros(len(self.rows), np.bool_)
        delivered[self.examples.row[: self.num_examples(num_units)]] = True
        return delivered


def num_choices(mixture: plan.Mixture, templates: Sequence[plan.Template]) -> int:
    """How many prompts a row is asked by in one repetition, if so many apply to it."""
    if mixture.templates in {"one", "none", "name"}:
        return 1
    drawn = sum(prompt.has_target for template in templates for prompt in template.prompts)
    most = drawn if mixture.templates == "all" else min(int(mixture.templates), drawn)
    return max(most, 1)


def fill(
    supplies: Sequence[Supply], wants: Sequence[int], engine: Engine, *, repeat: bool
) -> Iterator[int]:
    """Makes examples until every supply has as many units as wanted, or has no more to give.

    Args:
        supplies: One a source.
        wants: Units wanted of each, in all.
        engine: What runs the tasks.
        repeat: Whether a supply may start over when its rows are used up.

    Yields:
        Rows made since the last value, for progress.

    Raises:
        EngineFailedError: If a task found the faster engine wrong: the supplies are of no use then.
    """
    while True:
        asks = [
            (supply, ask)
            for supply, want in zip(supplies, wants, strict=True)
            if (ask := supply.ask(want, repeat=repeat)) is not None
        ]
        if not asks:
            return
        tasks = chain.from_iterable(ask.tasks() for _, ask in asks)
        made = engine.map(make, tasks, num_rows=sum(len(ask) for _, ask in asks))
        for supply, ask in asks:
            for index in range(ask.num_tasks):
                yield ask.accept(index, next(made))
            supply.accept(ask)
