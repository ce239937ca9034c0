"""Spread: the rows of a source in the order in which a quota takes them.

In: the stratum, the merit and the rank of each row; how the quota is spread. Out: the first rows of
the order, where some are known to have fallen. Each group takes turns, by `turns.py`, and in a
group of groups each of these again; a turn of a stratum takes the best row that is left of it, so
what falls is replaced out of its own stratum, and more rows are only ever added at the end. Ranking
costs a sort; then about 20 ns a row and sequence that is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.keys import RowKey, Scope
from taskc.compiler.quotas.strata import Path, Strata
from taskc.compiler.quotas.turns import places
from taskc.compiler.sequences.weights import WEIGHT_PARTS, root

__all__ = ["Share", "Spread", "Taken"]

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class Taken(NamedTuple):
    """The first rows of the order.

    Attributes:
        rows: Those that are left, in order, uint32.
        fallen: Rows that fell on the way there, and perhaps some behind it, uint32.
        before: How many of `rows` come before the turn that each fallen row had, int64.
    """

    rows: Array
    fallen: Array
    before: Ints


class Share(NamedTuple):
    """What a stratum has, and what it was to give.

    Attributes:
        path: Its groups.
        num_rows: Rows that it has, fallen ones too.
        num_fallen: Those of them that fell.
        due: What its weight comes to, of the rows asked for; strata that lack some leave it to
            others.
    """

    path: Path
    num_rows: int
    num_fallen: int
    due: int


@dataclass(slots=True)
class _Level:
    """Groups at one depth, numbered so that those of one parent stand together, in their order.

    Attributes:
        parent: The group around each, int64 [k].
        weights: What each weighs beside those of its parent.
    """

    parent: Ints
    weights: list[int]

    def place(self, group: Ints, turn: Ints, num_left: Ints, most: int) -> Ints:
        """The place of turns among those of their parents.

        Args:
            group: The group that has the turn, rising.
            turn: Which of its turns it is, from 0.
            num_left: Rows that each group of the level can give.
            most: How many rows of each parent are asked for.
        """
        starts = np.flatnonzero(np.diff(self.parent, prepend=-1))
        ends = np.append(starts[1:], len(self.parent))
        parent = self.parent[group]
        found = turn * (ends - starts)[parent] + group - starts[parent]  # where weights are equal
        for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            weights = self.weights[start:end]
            if len(set(weights)) == 1:
                continue
            own = slice(*np.searchsorted(parent, [number, number + 1]).tolist())
            rows = num_left[start:end]
            firsts = np.cumsum(rows + 1) - (rows + 1)
            found[own] = places(weights, rows, most)[firsts[group[own] - start] + turn[own]]
        return found


class Spread:
    """The order of one source's rows.

    Args:
        take: The quota.
        strata: Columns of the rows.
        order: The rows in the order of their draw "rank".
        source: Name of the source.
        scope: The mixture's.
    """

    def __init__(
        self, take: plan.Take, strata: Strata, order: Array, *, source: str, scope: Scope
    ) -> None:
        self._take = take
        present = np.unique(strata.stratum).tolist()
        self._paths = _in_order([strata.paths[at] for at in present], source, scope)
        number = np.zeros(len(strata.paths), np.uint32)
        by_path = {path: index for index, path in enumerate(self._paths)}
        number[present] = [by_path[strata.paths[at]] for at in present]
        best_first = order[np.argsort(-strata.merit[order], kind="stable")]
        stratum = number[strata.stratum[best_first]]
        by_stratum = np.argsort(stratum, kind="stable")
        self._rows: Array = best_first[by_stratum]
        self._stratum: Array = stratum[by_stratum].astype(np.uint32)
        self._levels = _levels(self._paths, np.bincount(self._stratum), take)

    def taken(self, fallen: Bools, most: int) -> Taken:
        """The first `most` rows of the order without those that are `fallen`."""
        rows, group = self._rows, self._stratum
        is_left = ~fallen[rows]
        turn = _left_before(group, is_left)
        for level in reversed(self._levels):
            near = np.flatnonzero(turn < most + ~is_left)
            rows, group, is_left, turn = rows[near], group[near], is_left[near], turn[near]
            num_left = np.bincount(group[is_left], minlength=len(level.parent))
            place = level.place(group, turn, num_left, most)
            group = level.parent[group]
            # A row that fell stands before the one that has its turn.
            order = np.lexsort((is_left, place, group))
            rows, group, is_left = rows[order], group[order], is_left[order]
            turn = _left_before(group, is_left)
        near = np.flatnonzero(turn < most + ~is_left)
        rows, is_left, turn = rows[near], is_left[near], turn[near]
        return Taken(rows[is_left], rows[~is_left], turn[~is_left])

    def shares(self, fallen: Bools, num_wanted: int) -> list[Share]:
        """What each stratum has, and what it was to give of the rows that are wanted."""
        num_rows = np.bincount(self._stratum).tolist()
        gone = fallen[self._rows]
        num_fallen = np.bincount(self._stratum[gone], minlength=len(num_rows)).tolist()
        due = [float(num_wanted)]
        for level in self._levels:
            whole = np.bincount(level.parent, np.array(level.weights, np.float64)).tolist()
            due = [
                due[parent] * weight / whole[parent]
                for parent, weight in zip(level.parent.tolist(), level.weights, strict=True)
            ]
        return [
            Share(path, rows, fell, round(share))
            for path, rows, fell, share in zip(self._paths, num_rows, num_fallen, due, strict=True)
        ]


def _in_order(paths: Sequence[Path], source: str, scope: Scope) -> list[Path]:
    """The groups by their draws, those in one group together."""
    keys = {group.key for path in paths for group in path}
    draw = {key: scope.draw(source, RowKey(key, 0), 0, "stratum") for key in keys}
    return sorted(paths, key=lambda path: [(draw[group.key], group.key) for group in path])


def _levels(paths: Sequence[Path], num_rows: Ints, take: plan.Take) -> list[_Level]:
    """The groups of each depth, the outermost first."""
    found = []
    around = np.zeros(len(paths), np.int64)
    for depth in range(len(take.by_keys)):
        names = [path[: depth + 1] for path in paths]
        is_new = [index == 0 or names[index - 1] != name for index, name in enumerate(names)]
        group = np.cumsum(is_new) - 1
        counts = np.bincount(group, num_rows).astype(np.int64)
        found.append(_Level(around[np.flatnonzero(is_new)], _weights(counts, take)))
        around = group
    return found


def _weights(counts: Ints, take: plan.Take) -> list[int]:
    """What groups of so many rows weigh."""
    if take.by_tau is None:
        return [1] * len(counts)
    return [int(root(count, take.by_tau) * WEIGHT_PARTS) for count in counts.tolist()]


def _left_before(group: Ints, is_left: Bools) -> Ints:
    """How many rows that are left stand before each in its group; groups stand together."""
    before: Ints = np.cumsum(is_left) - is_left
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    sizes = np.diff(starts, append=len(group))
    found: Ints = before - np.repeat(before[starts], sizes)
    return found
