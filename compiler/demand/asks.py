"""Asks: rows wanted in some order, made range by range, and put back into that order.

In: rows of one source and split, each with a repetition. Out: a task for every range that holds
some of them, and when all have come back the examples in the order of the rows asked for. A file is
read once an ask, whatever the order; what is asked for depends on no worker. About 0.2 us a row and
30 bytes an example while an ask is open.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from taskc.compiler import plan
from taskc.compiler.demand.columns import (
    Array,
    Examples,
    SegmentName,
    pointers,
    squeezed,
    stable_order,
)
from taskc.compiler.examples import Drop
from taskc.compiler.rows.growing import GrowingColumn
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.store.objects import Store
from taskc.compiler.turns.fast import EngineName
from taskc.compiler.turns.make import Made, MakeTask
from taskc.compiler.work import Work
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Ask", "EngineFailedError", "Fallen", "Maker"]


class EngineFailedError(Exception):
    """The faster engine was found wrong: what it made must all be made again by the reference."""


@dataclass(slots=True)
class Maker:
    """What makes examples of one source's rows, and what is known of all that were made.

    Attributes:
        build: The build that asks.
        source: The source.
        rows: Its rows in one split.
        store: Where encoded examples are.
        evaluation: Whether every prompt of every template is wanted of a row.
        engine: What encodes texts.
        segments: Those that hold the examples, numbered as pointers number them.
        drops: Why rows fell, numbered as `Fallen.drop` numbers them.
        errors: Mistakes in rows; any of them stops the build.
        notices: Warnings to show once.
        work: What was done for it.
    """

    build: plan.BuildPlan
    source: plan.Source
    rows: RowKeys
    store: Store
    evaluation: bool
    engine: EngineName = "tokenizers"
    segments: dict[SegmentName, int] = field(default_factory=dict)
    drops: dict[Drop, int] = field(default_factory=dict)
    errors: list[Diagnostic] = field(default_factory=list)
    notices: list[Diagnostic] = field(default_factory=list)
    work: Work = field(default_factory=Work)

    @property
    def templates(self) -> tuple[plan.Template, ...]:
        """The templates that serve the source."""
        return tuple(t for t in self.build.templates if self.source.name in t.sources)

    def task(
        self,
        range_: int,
        rows: Array,
        repetitions: Array,
        choices: Array | None = None,
        prompts: Array | None = None,
    ) -> MakeTask:
        """The task of one range: rows in file order, each with a repetition; see `MakeTask`."""
        inputs = self.rows.inputs
        found = inputs.ranges[range_]
        return MakeTask(
            source=self.source,
            split=self.rows.split,
            templates=self.templates,
            tokenizer=self.build.tokenizer,
            format=self.build.format,
            seed=self.build.mixture.seed,
            evaluation=self.evaluation,
            file=inputs.files[found.file],
            range=found,
            lines=self.rows.lines[rows],
            ids=self.rows.ids[rows],
            ordinals=self.rows.ordinals_of(rows),
            repetitions=repetitions,
            store=self.store,
            choices=choices,
            prompts=prompts,
            engine=self.engine,
        )


@dataclass(slots=True)
class Fallen:
    """Rows that gave no example, in the order in which they were asked for.

    Attributes:
        row: uint32 [n].
        drop: Index into the maker's `drops`, uint16 [n].
        before: Units that came before it in the order asked for, uint32 [n].
    """

    row: Array
    drop: Array
    before: Array

    def __len__(self) -> int:
        """The number of rows that fell."""
        return len(self.row)

    def pick(self, rows: Array) -> "Fallen":
        """The rows at `rows`: indices, or a bool for each."""
        return Fallen(self.row[rows], self.drop[rows], self.before[rows])

    @staticmethod
    def joined(pieces: Sequence["Fallen"]) -> "Fallen":
        """The rows of all pieces, one after another."""
        return Fallen(
            np.concatenate([np.zeros(0, np.uint32), *(piece.row for piece in pieces)]),
            np.concatenate([np.zeros(0, np.uint16), *(piece.drop for piece in pieces)]),
            np.concatenate([np.zeros(0, np.uint32), *(piece.before for piece in pieces)]),
        )

    def counted(self, drops: Iterable[Drop]) -> list[tuple[Drop, int]]:
        """How many rows fell for each reason, in the order in which reasons first occurred.

        Args:
            drops: The maker's, in their order.
        """
        found, first, counts = np.unique(self.drop, return_index=True, return_counts=True)
        by_number = list(drops)
        return [(by_number[found[i]], int(counts[i])) for i in np.argsort(first).tolist()]


class Ask:
    """Rows that are asked for together.

    Attributes:
        num_tasks: Ranges that hold some of them.
    """

    def __init__(
        self,
        maker: Maker,
        rows: Array,
        repetitions: Array,
        *,
        choices: Array | None = None,
        prompts: Array | None = None,
    ) -> None:
        """Groups the rows by range.

        Args:
            maker: What makes their examples.
            rows: Indices of rows, in the order in which they are wanted, uint32 [n].
            repetitions: The repetition of each, uint32 [n].
            choices: Which of its prompts is wanted of each, uint16 [n]; see `MakeTask`.
            prompts: The prompt that is wanted of each, uint16 [n]; see `MakeTask`.
        """
        self._maker = maker
        self._rows = rows
        self._repetitions = repetitions
        self._choices = choices
        self._prompts = prompts
        # Rows are numbered in file order, so this is an order by range and line.
        self._by_place = stable_order(rows)
        ranges = maker.rows.ranges[rows[self._by_place]]
        self._borders = np.append(np.flatnonzero(np.diff(ranges, prepend=-1)), len(rows)).tolist()
        self._ranges = ranges[self._borders[:-1]].tolist()
        self._made = {name: GrowingColumn(type_) for name, type_ in _COLUMNS.items()}
        self._fallen: list[tuple[Array, Array]] = []
        self.num_tasks = len(self._ranges)

    def __len__(self) -> int:
        """The number of rows asked for, a row of several repetitions counted as often."""
        return len(self._rows)

    def tasks(self) -> Iterator[MakeTask]:
        """Yields the tasks, in the order of ranges."""
        for index, range_ in enumerate(self._ranges):
            asked = self._asked(index)
            yield self._maker.task(
                range_,
                self._rows[asked],
                self._repetitions[asked],
                None if self._choices is None else self._choices[asked],
                None if self._prompts is None else self._prompts[asked],
            )

    def _asked(self, index: int) -> Array:
        """Where in the order asked for the rows of a task stand."""
        return self._by_place[self._borders[index] : self._borders[index + 1]]

    def accept(self, index: int, made: Made) -> int:
        """Takes in what came of a task; returns how many rows it had.

        Raises:
            EngineFailedError: If the task found its engine wrong.
        """
        self._maker.store.absorb(made.about_store)
        if made.engine_failed:
            raise EngineFailedError
        maker = self._maker
        maker.errors += made.errors
        maker.notices += made.notices
        maker.work.add(
            Work(
                num_rows_read=made.num_rows_read,
                num_encoded=made.num_encoded,
                num_reused=made.num_reused,
            )
        )
        asked = self._asked(index)
        names = [SegmentName(made.family, name) for name in made.segments]
        numbers = [maker.segments.setdefault(name, len(maker.segments)) for name in names]
        columns: tuple[Array, ...] = (
            asked[made.candidate],
            made.part,
            made.prompt,
            pointers(np.array(numbers, np.uint64)[made.segment], made.entry),
            made.num_tokens,
            made.num_trained,
            made.trimmed,
        )
        for name, column in zip(_COLUMNS, columns, strict=True):
            self._made[name].extend(column)
        if made.drops:
            drops = [maker.drops.setdefault(drop, len(maker.drops)) for drop in made.drops.values()]
            fallen = np.fromiter(made.drops, np.int64, len(made.drops))
            self._fallen.append((asked[fallen], np.array(drops, np.uint16)))
        return len(asked)

    def answer(self, num_before: int) -> tuple[Examples, Fallen]:
        """All examples and all rows that fell, in the order asked for; can be had once.

        Args:
            num_before: Units that came before this ask.
        """
        position = self._taken("position")
        # Parts of one row stand in order already, and a stable order keeps them.
        order = stable_order(position)
        position = position[order]
        columns = {"row": self._rows[position], "repetition": self._repetitions[position]}
        columns |= {name: self._taken(name)[order] for name in list(self._made)}
        fallen = self._answered_fallen(position[columns["part"] == 0], num_before)
        return Examples(**{name: squeezed(column) for name, column in columns.items()}), fallen

    def _taken(self, name: str) -> Array:
        return self._made.pop(name).finished()

    def _answered_fallen(self, units: Array, num_before: int) -> Fallen:
        """The rows that fell; `units` are the positions of those that did not."""
        position = np.concatenate([np.zeros(0, np.uint32), *(at for at, _ in self._fallen)])
        drop = np.concatenate([np.zeros(0, np.uint16), *(drop for _, drop in self._fallen)])
        order = stable_order(position)
        position = position[order]
        before = np.searchsorted(units, position) + num_before
        return Fallen(row=self._rows[position], drop=drop[order], before=before.astype(np.uint32))


_COLUMNS: dict[str, type[np.generic]] = {
    "position": np.uint32,
    "part": np.uint16,
    "prompt": np.uint16,
    "pointer": np.uint64,
    "tokens": np.uint32,
    "trained": np.uint32,
    "trimmed": np.uint32,
}
