"""The supply of a quota over strata: its rows come as `quotas.spread` orders them.

In: a source's training rows with their strata. Out: units, as of any supply. A row that falls gives
its turn to the next of its stratum, so which turn a unit has is known when all before it are made:
what is missing among the first N is asked for until nothing is, and units are put into the order of
their turns. An ask holds no row that could turn out not to be wanted. Each of them costs a sequence
over the rows; where few fall there are two or three.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from taskc.compiler import plan
from taskc.compiler.demand.asks import Ask, Fallen
from taskc.compiler.demand.columns import Array, Examples, squeezed
from taskc.compiler.demand.supply import Supply
from taskc.compiler.quotas.spread import Share, Spread
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.store.objects import Store

__all__ = ["QuotaSupply", "supply_of"]


def supply_of(
    build: plan.BuildPlan,
    source: plan.Source,
    rows: RowKeys,
    store: Store,
    *,
    take: plan.Take | None,
    **means: Any,
) -> Supply:
    """The supply of a source.

    Args:
        build: The build that asks.
        source: The source.
        rows: Its training rows; with their strata, where there is a `take`.
        store: Where encoded examples are.
        take: The quota that says in which order its rows are taken; None: its rows' keys say so.
        means: What else a `Supply` works with.
    """
    if take is None:
        return Supply(build, source, rows, store, **means)
    return QuotaSupply(build, source, rows, store, take=take, **means)


class QuotaSupply(Supply):
    """Examples of a source of which a quota is taken, spread over groups or by merit."""

    def __init__(
        self,
        build: plan.BuildPlan,
        source: plan.Source,
        rows: RowKeys,
        store: Store,
        *,
        take: plan.Take,
        **means: Any,
    ) -> None:
        """Orders the rows.

        Args:
            build: The build that asks.
            source: The source.
            rows: Its training rows, with their strata.
            store: Where encoded examples are.
            take: The quota.
            means: What else a `Supply` works with.
        """
        super().__init__(build, source, rows, store, **means)
        assert rows.strata is not None, "rows are loaded for the quota that they are taken by"
        self._spread = Spread(take, rows.strata, self._order, source=source.name, scope=self._scope)
        self._is_chosen = False  # whether the quota is met, and other repetitions draw from it
        self._rows_asked: Array = np.zeros(0, np.uint32)
        self._begin()

    def _begin(self) -> None:
        """Begins a pass: every row may be asked for, and may fall."""
        self._is_tried = np.zeros(len(self.rows), np.bool_)
        self._is_fallen = np.zeros(len(self.rows), np.bool_)
        self._first_unit = self._num_made
        self._first_example = len(self.examples)
        self._first_fallen = len(self._fallen)

    # ---- what is asked for -----------------------------------------------------------------------

    def ask(self, num_units: int, *, repeat: bool) -> Ask | None:
        """The next ask on the way to so many units in all; None: nothing is left to ask for."""
        if self._is_chosen:
            return super().ask(num_units, repeat=repeat)
        self._num_wanted = max(self._num_wanted, num_units)
        self._missing = num_units - self._num_made
        if self._missing <= 0 or self.errors:
            return None
        rows = self._untried(num_units)
        while not len(rows) and (self._pass + 1) % self._num_choices:
            self._next_pass()
            self._begin()
            rows = self._untried(num_units)
        self.is_exhausted |= not len(rows)
        self._rows_asked = rows
        return self._asked([rows]) if len(rows) else None

    def _untried(self, num_units: int) -> Array:
        """The rows that the first units would be made of and that were not asked for yet."""
        rows = self._spread.taken(self._is_fallen, num_units - self._first_unit).rows
        return rows[~self._is_tried[rows]]

    def accept(self, ask: Ask) -> None:
        """Takes in an ask whose tasks have all come back."""
        super().accept(ask)
        if not self._is_chosen:
            self._is_tried[self._rows_asked] = True
            self._is_fallen[self._rows_asked] = True  # a row without such a prompt does so silently
            self._is_fallen[self.examples.row[self._first_example :]] = False
            self._put_in_order(Fallen.joined(self._fallen[self._first_fallen :]))

    def _put_in_order(self, own: Fallen) -> None:
        """Puts the units of this pass in the order of their turns, and says where rows fell."""
        most = self._num_wanted - self._first_unit
        taken = self._spread.taken(self._is_fallen, most)
        place = np.full(len(self.rows), most, np.int64)
        place[taken.rows] = np.arange(len(taken.rows))
        begin = self._first_example
        moved = np.argsort(place[self.examples.row[begin:]], kind="stable") + begin
        order = np.concatenate([np.arange(begin), moved])
        columns = (getattr(self.examples, name)[order] for name in Examples.names())
        self.examples = Examples(*map(squeezed, columns))
        self._unit_tokens = np.zeros(0, np.int64)

        place[taken.fallen] = np.arange(len(taken.fallen))
        in_turn = np.argsort(place[own.row], kind="stable")
        before = np.full(len(self.rows), most, np.int64)
        before[taken.fallen] = taken.before
        own.before = (before[own.row] + self._first_unit).astype(np.uint32)
        self._fallen[self._first_fallen :] = [own.pick(in_turn)]

    def settle(self) -> None:
        """Lets later repetitions draw from the rows of the present units alone: a quota is met."""
        super().settle()
        self._is_chosen = True

    # ---- what it comes to ------------------------------------------------------------------------

    def rank_of(self, row: int) -> int:
        """The place of a row in the order of the first repetition, from 1."""
        taken = self._spread.taken(self._is_fallen, len(self.rows))
        own = np.flatnonzero(taken.rows == row)
        if len(own):
            return int(own[0]) + 1
        return int(taken.before[taken.fallen == row][0]) + 1

    def shares(self, num_wanted: int) -> Sequence[Share]:
        """What each stratum has, and what it was to give of the units that are wanted."""
        return self._spread.shares(self._is_fallen, num_wanted)
