"""MinHash: signatures that are alike where sets of shingles are, cut into bands for a table.

In: shingles. Out: for each row some 32-bit numbers, one a band. Two rows whose sets resemble each
other by J share a given minimum with the chance J (Broder 1997), and so one band of r minima at
least with 1 - (1 - J^r)^b; bands and their length are chosen so that 99 of 100 pairs share one that
are as near as asked. 2 us a row of 20 words, 5 of 100; rows are told apart by their shingles alone.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from math import ceil, log, log1p

import numpy as np
import numpy.typing as npt

from taskc.compiler.resemblance.shingles import MULTIPLIER, Shingles, shingles
from taskc.compiler.resemblance.words import WordHashes
from taskc.compiler.rows.growing import GrowingColumn

__all__ = ["Bands", "Signing", "Uint32s", "bands", "bands_for"]

_MISSED = 0.01  # of pairs that are just as near as asked
_MAX_HASHES = 128
_MAX_LENGTH = 16

Uint32s = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Bands:
    """How a signature is cut: `count` bands of `length` minima each."""

    count: int
    length: int


def bands_for(similarity: float) -> Bands:
    """The bands by which rows are found that are this near: the longest that 128 minima allow.

    Longer bands suggest fewer pairs that are not near. Below 0.04 even bands of one minimum are too
    few, and more is missed.
    """
    for length in range(_MAX_LENGTH, 0, -1):
        count = _num_bands(similarity**length)
        if count * length <= _MAX_HASHES:
            return Bands(count, length)
    return Bands(_MAX_HASHES, 1)


def _num_bands(chance: float) -> int:
    """How many bands it takes to find a pair that shares each with this chance."""
    if not 0 < chance < 1:
        return 1 if chance else _MAX_HASHES + 1
    return ceil(log(_MISSED) / log1p(-chance))


def bands(rows: Shingles, cut: Bands) -> Uint32s:
    """A number for each row and band, uint32 [n, b]; those of a row without shingles are all 0."""
    found = np.zeros((len(rows), cut.count), np.uint32)
    filled = np.flatnonzero(np.diff(rows.offsets))
    if not len(filled):
        return found
    starts = rows.offsets[filled]
    halves = (rows.hashes >> np.uint64(32)).astype(np.uint32)
    permuted = np.empty_like(halves)
    factors, masks = _permutations()
    number = 0
    for band in range(cut.count):
        folded = np.zeros(len(filled), np.uint64)
        for _ in range(cut.length):
            np.multiply(halves, factors[number], out=permuted)
            np.bitwise_xor(permuted, masks[number], out=permuted)
            folded ^= np.minimum.reduceat(permuted, starts)
            folded *= np.uint64(MULTIPLIER)
            number += 1
        found[filled, band] = folded >> np.uint64(32)
    return found


class Signing:
    """The bands of rows on their way, a chunk at a time.

    Args:
        near: How alike rows are that are to be found.
    """

    def __init__(self, near: float) -> None:
        self._cut = bands_for(near)
        self._known = WordHashes()
        self._waiting: list[list[str]] = []
        self._bands = GrowingColumn(np.uint32, (self._cut.count,))

    def note(self, words: list[str]) -> None:
        """Takes the words of the next row."""
        self._waiting.append(words)

    def sign(self) -> None:
        """Makes the bands of the rows since the last call."""
        self._bands.extend(bands(shingles(self._waiting, self._known), self._cut))
        self._waiting.clear()

    def column(self) -> Uint32s:
        """The bands of all rows, uint32 [n, b]."""
        return self._bands.finished()


@cache
def _permutations() -> tuple[Uint32s, Uint32s]:
    """Of the i-th minimum an odd factor and a mask: BLAKE2b of `minhash/i`, four bytes each."""
    drawn = b"".join(
        blake2b(f"minhash/{number}".encode(), digest_size=8).digest()
        for number in range(_MAX_HASHES)
    )
    halves = np.frombuffer(drawn, ">u4").astype(np.uint32).reshape(-1, 2)
    return halves[:, 0] | np.uint32(1), halves[:, 1]
