"""The supply of one source: surviving examples in key order, made only as they are asked for.

In: a source's training rows and how many examples the mixture wants. Out: units (all parts of one
row's example) in the order in which the stream will take them. When every row was used once the
supply starts over with the next repetition, in a new order and with new prompts. What was asked for
never depends on
how the work was cut into chunks: a unit's place is its row's rank, and the rest is thrown away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from taskc.compiler import plan
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.examples import Drop, Encoded, EncodeTask, Rows
from taskc.compiler.keys import Scope
from taskc.compiler.rows.rank import rank
from taskc.compiler.turns.encode import encode
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Supply", "Unit", "fill"]

CHUNK_ROWS = 2_000


@dataclass(slots=True)
class Unit:
    """One row's example: usually one part, several where `overflow: split` cut it.

    Attributes:
        row: Index into the supply's rows.
        repetition: How often the row was delivered before.
        encoded: The chunk that holds it.
        start, stop: Its examples in that chunk.
        num_tokens: Tokens of all its parts.
    """

    row: int
    repetition: int
    encoded: Encoded
    start: int
    stop: int
    num_tokens: int


@dataclass(slots=True)
class Supply:
    """Examples of one source, made on demand.

    Attributes:
        build: The build that asks.
        source: The source.
        rows: Its training rows.
        max_rows: Only so many rows, the first by rank, count at all; None = all.
        units: Survivors so far.
        fates: Row -> why it gave no example, in the order in which that was found.
        distinct: Number of units of the first repetition, once it is known.
    """

    build: plan.BuildPlan
    source: plan.Source
    rows: Rows
    max_rows: int | None = None
    units: list[Unit] = field(default_factory=list)
    fates: list[tuple[int, Drop, int]] = field(default_factory=list)
    distinct: int | None = None
    errors: list[Diagnostic] = field(default_factory=list)
    notices: list[Diagnostic] = field(default_factory=list)
    templates: tuple[plan.Template, ...] = ()
    _counted: frozenset[int] | None = None
    _repetition: int = 0
    _order: list[int] = field(default_factory=list)
    _next: int = 0

    def __post_init__(self) -> None:
        """Rank the rows for the first time."""
        self.templates = tuple(
            template for template in self.build.templates if self.source.name in template.sources
        )
        self._order = self._ranked(0)
        if self.max_rows is not None:
            self._order = self._order[: self.max_rows]
            self._counted = frozenset(self._order)

    def _ranked(self, repetition: int) -> list[int]:
        """The rows that count, in the order of a repetition."""
        scope = Scope.mixture(self.build.mixture.seed)
        order = rank(self.rows, scope, self.source.name, repetition)
        return [row for row in order if self._counted is None or row in self._counted]

    def settle(self) -> None:
        """Let later repetitions draw from the rows of the present units alone: a quota is met."""
        self._counted = frozenset(unit.row for unit in self.units)
        self._next = len(self._order)

    @property
    def is_dry(self) -> bool:
        """Whether the current repetition has no rows left."""
        return self._next >= len(self._order)

    def start_over(self) -> bool:
        """Begin the next repetition; False where no row survived the first one."""
        if self._repetition == 0:
            self.distinct = len(self.units)
        if not self.distinct:
            return False
        self._repetition += 1
        self._order = self._ranked(self._repetition)
        self._next = 0
        return True

    def tasks(self, num_units: int) -> list[tuple[list[int], EncodeTask]]:
        """Tasks for about `num_units` further units of this repetition, each with its rows."""
        wanted = self._order[self._next : self._next + num_units]
        self._next += len(wanted)
        starts = range(0, len(wanted), CHUNK_ROWS)
        chunks = [wanted[start : start + CHUNK_ROWS] for start in starts]
        return [(chunk, self._task(chunk)) for chunk in chunks]

    def _task(self, indices: Sequence[int]) -> EncodeTask:
        return EncodeTask(
            source=self.source,
            split=self.rows.split,
            templates=self.templates,
            tokenizer=self.build.tokenizer,
            format=self.build.format,
            seed=self.build.mixture.seed,
            repetition=self._repetition,
            evaluation=False,
            rows=self.rows.pick(indices),
        )

    def accept(self, indices: Sequence[int], encoded: Encoded) -> None:
        """Take in the result of a task over the rows `indices`."""
        self.errors.extend(encoded.errors)
        self.notices.extend(encoded.notices)
        ends = encoded.offsets.tolist()
        rows = encoded.row.tolist()
        first = 0
        for chunk_row, row in enumerate(indices):
            start = first
            while first < len(rows) and rows[first] == chunk_row:
                first += 1
            if first > start:
                tokens = ends[first] - ends[start]
                self.units.append(Unit(row, self._repetition, encoded, start, first, tokens))
            elif chunk_row in encoded.drops:
                self.fates.append((row, encoded.drops[chunk_row], len(self.units)))

    def delivered_fates(self, num_units: int) -> tuple[set[int], dict[int, Drop]]:
        """Rows that the first `num_units` units deliver, and rows that fell on the way to them."""
        delivered = {unit.row for unit in self.units[:num_units]}
        dropped: dict[int, Drop] = {}
        for row, drop, before in self.fates:
            # A row that fell after the last unit asked for was, for the ledger, never asked for.
            reached = before < num_units or (before == num_units and self._ran_dry(num_units))
            if reached and row not in delivered:
                dropped.setdefault(row, drop)
        return delivered, dropped

    def _ran_dry(self, num_units: int) -> bool:
        """Whether every row of the first repetition was tried to find `num_units` units."""
        return self.distinct is not None and num_units >= self.distinct


def fill(
    supplies: Sequence[Supply], wants: Sequence[int], engine: LocalEngine, *, repeat: bool
) -> Iterable[int]:
    """Encode until every supply has as many units as wanted, or has no more to give.

    Args:
        supplies: One a source.
        wants: Units wanted of each, in all.
        engine: What runs the tasks.
        repeat: Whether a supply may start over when its rows are used up.

    Yields:
        Rows encoded since the last value, for progress.
    """
    while True:
        owners: list[tuple[Supply, list[int]]] = []
        tasks: list[EncodeTask] = []
        for supply, want in zip(supplies, wants, strict=True):
            missing = want - len(supply.units)
            if missing <= 0 or supply.errors:
                continue
            if supply.is_dry and not (repeat and supply.start_over()):
                if supply.distinct is None:
                    supply.distinct = len(supply.units)
                continue
            for indices, task in supply.tasks(missing):
                owners.append((supply, indices))
                tasks.append(task)
        if not tasks:
            return
        num_rows = sum(len(task.rows) for task in tasks)
        for (supply, indices), encoded in zip(
            owners, engine.map(encode, tasks, num_rows=num_rows), strict=True
        ):
            supply.accept(indices, encoded)
            yield len(indices)
