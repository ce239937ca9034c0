"""Greedy: of rows that are near one another, which stay.

In: rows in their drawn order, with their bands and their sets of shingles. Out: for each row the
one that it goes for, or that it stays. One after another: a row goes where it is near a row that
stays, so no row that stays is near another, and none goes for a row that is not near itself. Rows
are compared only where they share a band, and their sets decide. 8 us a row, and 3 a comparison.
"""

from array import array
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from taskc.compiler.resemblance.minhash import Uint32s
from taskc.compiler.resemblance.shingles import Shingles
from taskc.compiler.resemblance.words import Uint64s

__all__ = ["MAX_COMPARED", "MAX_IN_BUCKET", "STAYS", "greedy", "sharing", "similarity"]

STAYS = -1
# Where a great many rows are a little less alike than asked, each would be compared with each.
MAX_IN_BUCKET = 64  # rows that stay, by which others are found through one band
MAX_COMPARED = 32  # rows that one row is compared with, those that share most bands first

Int32s = npt.NDArray[np.int32]


def similarity(one: Uint64s, other: Uint64s) -> float:
    """Common shingles over all shingles of two sets, which are not both empty."""
    num_common = len(set(one.tolist()).intersection(other.tolist()))
    return num_common / (len(one) + len(other) - num_common)


def sharing(bands: Uint32s) -> npt.NDArray[np.bool_]:
    """Whether each row shares a band with another one, bool [n]."""
    shared = np.zeros(len(bands), np.bool_)
    for column in bands.T:
        ranked = np.sort(column)
        twice = np.unique(ranked[1:][ranked[1:] == ranked[:-1]])
        if len(twice):
            places = np.minimum(np.searchsorted(twice, column), len(twice) - 1)
            shared |= twice[places] == column
    return shared


def greedy(bands: Uint32s, sets: Shingles, near: float) -> Int32s:
    """Returns for each row the row that it goes for, or `STAYS`, int32 [n].

    Args:
        bands: Of each row, in drawn order, uint32 [n, b].
        sets: Their shingles, each once, no row without any.
        near: How alike rows are that are near one another, from 0 to 1.
    """
    buckets = _Buckets(bands)
    found = np.full(len(bands), STAYS, np.int32)
    for row in range(len(bands)):
        own = set(sets.set_of(row).tolist())
        for other in buckets.neighbours(row):
            if _is_near(own, sets.set_of(other), near):
                found[row] = other
                break
        else:
            buckets.add(row)
    return found


def _is_near(own: set[int], other: Uint64s, near: float) -> bool:
    small, large = sorted((len(own), len(other)))
    if small / large < near:
        return False
    num_common = len(own.intersection(other.tolist()))
    return num_common / (small + large - num_common) >= near


class _Buckets:
    """Rows that stay, by the bands that they share with others."""

    def __init__(self, bands: Uint32s) -> None:
        self._numbers = np.full(bands.shape, STAYS, np.int32)
        rooms = [np.zeros(0, np.int64)]
        num_buckets = 0
        for at, column in enumerate(bands.T):
            _, places, sizes = np.unique(column, return_inverse=True, return_counts=True)
            is_shared = sizes > 1
            numbers = np.full(len(sizes), STAYS, np.int32)
            numbers[is_shared] = np.arange(np.count_nonzero(is_shared)) + num_buckets
            num_buckets += int(np.count_nonzero(is_shared))
            self._numbers[:, at] = numbers[places]
            rooms.append(np.minimum(sizes[is_shared], MAX_IN_BUCKET))
        room = np.concatenate(rooms)
        ends = np.cumsum(room)
        # Arrays of the standard library: one number at a time they cost half of what numpy's do.
        self._starts = array("q", (ends - room).tobytes())
        self._ends = array("q", ends.astype(np.int64).tobytes())
        self._next = array("q", self._starts)
        self._rows = array("i", bytes(4 * int(ends[-1]) if len(ends) else 0))

    def _buckets_of(self, row: int) -> Iterator[int]:
        return (number for number in self._numbers[row].tolist() if number >= 0)

    def neighbours(self, row: int) -> list[int]:
        """Rows that stay and share a band with `row`: those first that share the most."""
        num_shared: dict[int, int] = {}
        for bucket in self._buckets_of(row):
            for other in self._rows[self._starts[bucket] : self._next[bucket]]:
                num_shared[other] = num_shared.get(other, 0) + 1
        ranked = sorted(num_shared, key=lambda other: (-num_shared[other], other))
        return ranked[:MAX_COMPARED]

    def add(self, row: int) -> None:
        """Lets others find `row`."""
        for bucket in self._buckets_of(row):
            at = self._next[bucket]
            if at < self._ends[bucket]:
                self._rows[at] = row
                self._next[bucket] = at + 1
