"""Following: one row through the choices among all rows of its source.

In: what `load` tells of each choice before it carries it out. Out: which of them the row met, in
order: the row that was kept in its place by `dedup`, the split that `carve` moved it to, its rank
for `limit`. The choices themselves are `load`'s; who won is asked of the functions that it asks.
"""

from dataclasses import dataclass
from typing import assert_never

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.keys import Scope
from taskc.compiler.resemblance.greedy import STAYS
from taskc.compiler.rows.choices import deduplicated
from taskc.compiler.rows.load import Bools
from taskc.compiler.rows.row_keys import Ids, RowKeys, drawn_order
from taskc.compiler.tracing.row import range_of

__all__ = ["Carved", "Choice", "Deduplicated", "Following", "Limited", "Near", "index_of", "words"]


Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Deduplicated:
    """`dedup` met rows with one key.

    Attributes:
        is_kept: Whether the row is the one of them that stays.
        num_alike: How many rows have the key.
        winner: File and number of the one that stays.
    """

    at: plan.Place
    is_kept: bool
    num_alike: int
    winner: tuple[str, int]

    @property
    def is_left(self) -> bool:
        """Whether the row is still in its split."""
        return self.is_kept


@dataclass(frozen=True, slots=True)
class Near:
    """`dedup ... near` compared the row with others.

    Attributes:
        near: How alike rows are that don't both stay.
        winner: File and number of the row that stays in its place; None: it stays itself.
    """

    at: plan.Place
    near: float
    winner: tuple[str, int] | None

    @property
    def is_left(self) -> bool:
        """Whether the row is still in its split."""
        return self.winner is None


@dataclass(frozen=True, slots=True)
class Carved:
    """`carve` moved some rows; `is_moved` says whether the row is among them."""

    at: plan.Place
    name: str
    is_moved: bool

    @property
    def is_left(self) -> bool:
        """Whether the row is still in its split."""
        return not self.is_moved


@dataclass(frozen=True, slots=True)
class Limited:
    """`limit` kept the first rows of a drawn order.

    Attributes:
        is_kept: Whether the row is among them.
        rank: Its place in that order, from 1.
        num_rows: How many rows the order has.
        limit: How many are kept.
    """

    at: plan.Place
    is_kept: bool
    rank: int
    num_rows: int
    limit: int

    @property
    def is_left(self) -> bool:
        """Whether the row is still in its split."""
        return self.is_kept


Choice = Deduplicated | Near | Carved | Limited


class Following:
    """A row on its way; `load` calls it.

    Attributes:
        split: Where the row is now: `carve` moves it.
        file: Name of its file.
        number: Its number there.
        ordinal: Its position among equal rows; None until the row is seen.
        choices: What it met, in order.
    """

    def __init__(self, split: str, file: str, number: int) -> None:
        self.split = split
        self.file = file
        self.number = number
        self.ordinal: int | None = None
        self.choices: list[Choice] = []

    def loaded(self, rows: RowKeys) -> None:
        """A split's rows, after `where`."""
        row = self._row(rows)
        if row is not None:
            self.ordinal = int(rows.ordinals_of(np.array([row]))[0])

    def deduplicated(self, dedup: plan.Dedup, rows: RowKeys, keys: Ids, kept: Bools) -> None:
        """`dedup` is about to leave the rows that are `kept`."""
        row = self._row(rows)
        if row is None:
            return
        alike = np.flatnonzero((keys == keys[row]).all(axis=1))
        if len(alike) == 1:
            return
        ordinals = rows.ordinals_of(alike)
        wins = deduplicated(rows.source, keys[alike], rows.ids[alike], ordinals)
        winner = rows.place(int(alike[np.flatnonzero(wins)[0]]))
        found = Deduplicated(dedup.at, bool(kept[row]), len(alike), winner)
        self.choices.append(found)

    def near(self, dedup: plan.Dedup, rows: RowKeys, goes_for: Int64s) -> None:
        """`dedup ... near` is about to drop each row that goes for another one."""
        row = self._row(rows)
        if row is None:
            return
        winner = int(goes_for[row])
        place = None if winner == STAYS else rows.place(winner)
        self.choices.append(Near(dedup.at, dedup.near or 0.0, place))

    def carved(self, carve: plan.CarvedSplit, rows: RowKeys, moves: Bools) -> None:
        """`carve` is about to move the rows that `moves` says."""
        row = self._row(rows)
        if row is None:
            return
        self.choices.append(Carved(carve.at, carve.name, bool(moves[row])))
        if moves[row]:
            self.split = carve.name

    def limited(self, limit: int, at: plan.Place, rows: RowKeys, kept: Bools) -> None:
        """`limit` is about to leave the rows that are `kept`."""
        row = self._row(rows)
        if row is None:
            return
        draws = rows.draws(Scope.source(), 0, "limit")
        order = drawn_order(draws, rows.ids, rows.ordinals)
        rank = int(np.flatnonzero(order == row)[0]) + 1
        self.choices.append(Limited(at, bool(kept[row]), rank, len(rows), limit))

    def _row(self, rows: RowKeys) -> int | None:
        if rows.split != self.split:
            return None
        return index_of(rows, self.file, self.number)


def index_of(rows: RowKeys, file: str, number: int) -> int | None:
    """The index of a row among those that are left; None where it is not."""
    names = [each.name for each in rows.inputs.files]
    if file not in names:
        return None
    place = range_of(rows.inputs, names.index(file), number)
    line = number - rows.inputs.ranges[place].first_number
    found = np.flatnonzero((rows.ranges == place) & (rows.lines == line))
    return int(found[0]) if len(found) else None


def words(choice: Choice) -> str:
    """What a choice did to a row that it took away, after the row's name."""
    match choice:
        case Deduplicated(at=at, winner=(file, number)):
            return f"is dropped by `dedup` at {at}: row {file}:{number} has its key and stays"
        case Near(at=at, near=near, winner=winner):
            file, number = winner or ("", 0)
            row = f"row {file}:{number} is as near as {near:g} and stays"
            return f"is dropped by `dedup` at {at}: {row}"
        case Carved(at=at, name=name):
            return f"was carved out into split {name!r} at {at}"
        case Limited(at=at, rank=rank, num_rows=num_rows, limit=limit):
            order = f"number {rank:,} of {num_rows:,} in the drawn order"
            return f"is dropped by `limit` at {at}: it is {order}, {limit:,} stay"
        case _:
            assert_never(choice)
