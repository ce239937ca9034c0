"""Shingles: the sets of short runs of words by which rows resemble each other.

In: the words of each row. Out: a 64-bit number for each run of `SHINGLE_WORDS` words; a row of
fewer words has one shingle, made of all of them. Two rows resemble each other as much as their sets
do: common shingles over all shingles (Jaccard; Broder 1997). 1 us for a row of 20 words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from taskc.compiler.resemblance.words import Uint64s, WordHashes

__all__ = ["SHINGLE_WORDS", "Shingles", "run_hashes", "shingles"]

SHINGLE_WORDS = 3
MULTIPLIER = 0x9E3779B97F4A7C15

Int64s = npt.NDArray[np.int64]


@dataclass(slots=True)
class Shingles:
    """The shingles of rows: those of row i are `hashes[offsets[i]:offsets[i + 1]]`.

    Attributes:
        hashes: uint64 [s].
        offsets: int64 [n + 1].
    """

    hashes: Uint64s
    offsets: Int64s

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.offsets) - 1

    def as_sets(self) -> "Shingles":
        """The same, each shingle of a row once, rising."""
        rows = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        order = np.lexsort((self.hashes, rows))
        hashes, rows = self.hashes[order], rows[order]
        is_new = np.ones(len(hashes), bool)
        is_new[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
        counts = np.bincount(rows[is_new], minlength=len(self))
        return Shingles(hashes[is_new], offsets_of(counts))

    def set_of(self, row: int) -> Uint64s:
        """The shingles of one row."""
        return self.hashes[self.offsets[row] : self.offsets[row + 1]]

    def pick(self, rows: Int64s) -> "Shingles":
        """The shingles of the rows at `rows`, in that order."""
        counts = np.diff(self.offsets)[rows]
        return Shingles(self.hashes[spread(self.offsets[rows], counts)], offsets_of(counts))

    @staticmethod
    def joined(pieces: Sequence["Shingles"]) -> "Shingles":
        """The rows of all pieces, one after another."""
        counts = [np.diff(piece.offsets) for piece in pieces]
        hashes = [np.empty(0, np.uint64), *(piece.hashes for piece in pieces)]
        return Shingles(
            np.concatenate(hashes), offsets_of(np.concatenate([np.empty(0, np.int64), *counts]))
        )


def shingles(rows: Sequence[list[str]], known: WordHashes) -> Shingles:
    """The shingles of rows.

    Args:
        rows: The words of each.
        known: Hashes of words that occurred before.
    """
    num_words = np.fromiter(map(len, rows), np.int64, len(rows))
    hashes = known.of(list(chain.from_iterable(rows)))
    starts = offsets_of(num_words)
    counts = np.maximum(num_words - SHINGLE_WORDS + 1, np.minimum(num_words, 1))
    offsets = offsets_of(counts)
    found = np.empty(int(offsets[-1]), np.uint64)
    long = np.flatnonzero(num_words >= SHINGLE_WORDS)
    found[spread(offsets[long], counts[long])] = run_hashes(hashes, SHINGLE_WORDS)[
        spread(starts[long], counts[long])
    ]
    for size in range(1, SHINGLE_WORDS):
        short = np.flatnonzero(num_words == size)
        if len(short):
            found[offsets[short]] = run_hashes(hashes, size)[starts[short]]
    return Shingles(found, offsets)


def run_hashes(hashes: Uint64s, size: int) -> Uint64s:
    """A number for each run of `size` words, uint64 [n - size + 1].

    Args:
        hashes: A number for each word, uint64 [n].
        size: From 1.
    """
    num_runs = max(len(hashes) - size + 1, 0)
    found = np.zeros(num_runs, np.uint64)
    for at in range(size):
        found *= np.uint64(MULTIPLIER)
        found += hashes[at : at + num_runs]
    return found


def offsets_of(counts: npt.NDArray[np.int64]) -> Int64s:
    """Where each of some stretches starts that stand one after another, int64 [n + 1]."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def spread(starts: Int64s, counts: Int64s) -> Int64s:
    """All indices of some stretches: `start` to `start + count` of each, in order."""
    offsets = offsets_of(counts)
    return np.repeat(starts - offsets[:-1], counts) + np.arange(int(offsets[-1]))
