"""Judging: of rows in an order, which go for which, by their words.

In: a hash of each row's words, its bands and the order in which rows are judged; and whoever reads
rows again. Out: for each row the one that it goes for, or that it stays. Rows of the same words
need no reading; of the rest those that share a band are read again, and their shingles decide.
Beside the bands 8 bytes a shingle of those rows stand in memory.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from taskc.compiler.resemblance.greedy import STAYS, greedy, sharing, similarity
from taskc.compiler.resemblance.minhash import Uint32s
from taskc.compiler.resemblance.shingles import Shingles
from taskc.compiler.rows.row_keys import Ids, id_halves

__all__ = ["Judged", "judged", "of_equal_keys"]

Int64s = npt.NDArray[np.int64]


class Judged(NamedTuple):
    """What became of rows.

    Attributes:
        goes_for: The row that each one goes for, or `STAYS`, int64 [n].
        likeness: How alike the two are, float64 [n]; 1 where their words are the same.
    """

    goes_for: Int64s
    likeness: npt.NDArray[np.float64]


def judged(
    keys: Ids,
    bands: Uint32s,
    order: Int64s,
    near: float,
    sets_of: Callable[[Int64s], Shingles],
) -> Judged:
    """Judges rows one after another: what stands later in the order changes nothing before it.

    Args:
        keys: Hash of each row's words, uint8 [n, 16].
        bands: Of each row, uint32 [n, b].
        order: All rows, those first that are judged first, int64 [n].
        near: How alike rows are that are near one another.
        sets_of: Reads the shingles of some rows, which it is given in file order.
    """
    goes_for = of_equal_keys(keys, order)
    likeness = np.ones(len(order))
    order = order[goes_for[order] == STAYS]
    order = order[sharing(bands[order])]
    if len(order):
        # Read in file order, compared in the order of judgement.
        sets = sets_of(np.sort(order)).pick(np.argsort(np.argsort(order)))
        found = greedy(bands[order], sets, near)
        goes = np.flatnonzero(found != STAYS)
        goes_for[order[goes]] = order[found[goes]]
        for row in goes.tolist():
            other = int(found[row])
            likeness[order[row]] = similarity(sets.set_of(row), sets.set_of(other))
    return _ultimate(goes_for, likeness)


def of_equal_keys(keys: Ids, order: Int64s) -> Int64s:
    """For each row the first one of the same key in the order, or `STAYS` where that is itself."""
    first, second = id_halves(keys[order])
    alike = np.lexsort((second, first))  # stable: of equal keys the first in order stands first
    first, second = first[alike], second[alike]
    is_new = np.ones(len(alike), np.bool_)
    is_new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    leaders = alike[np.flatnonzero(is_new)][np.cumsum(is_new) - 1]
    found = np.empty(len(order), np.int64)
    found[order[alike]] = np.where(is_new, STAYS, order[leaders])
    return found


def _ultimate(goes_for: Int64s, likeness: npt.NDArray[np.float64]) -> Judged:
    """A row that goes for one of the same words goes for the row that this one goes for."""
    gone = np.flatnonzero(goes_for != STAYS)
    leaders = goes_for[gone]
    later = goes_for[leaders]
    gone, leaders, later = (each[later != STAYS] for each in (gone, leaders, later))
    goes_for[gone] = later
    likeness[gone] = likeness[leaders]
    return Judged(goes_for, likeness)
