"""Runs: every run of n words of the evaluation rows, to be looked up from training rows.

In: the words of evaluation rows, numbered by a vocabulary. Out: an index of their runs by 64-bit
hashes; and for texts of training rows, the runs that they share. A hash only finds: words decide,
number by number. Runs that stand in more than so many rows don't count and are listed. 24 bytes a
run, 4 a word; looking up takes 15 us for a text of 35 words.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from taskc.compiler.decontamination.hits import Hits
from taskc.compiler.decontamination.stored import Columns
from taskc.compiler.decontamination.texts import Texts
from taskc.compiler.resemblance.shingles import Int64s, offsets_of, run_hashes, spread
from taskc.compiler.resemblance.words import Uint64s

__all__ = ["Numbered", "RunIndex"]

UNKNOWN = 0xFFFFFFFF  # the number of a word that no evaluation row has

Uint32s = npt.NDArray[np.uint32]


@dataclass(slots=True)
class Numbered:
    """Texts whose words are numbered.

    Attributes:
        words: Number of each word, uint32 [w].
        offsets: Where each text starts, int64 [t + 1].
        row: Whose it is, never falling, uint32 [t].
        vocabulary: The number of every word that occurs.
        num_rows: How many rows there are, those without a word among them.
    """

    words: Uint32s
    offsets: Int64s
    row: Uint32s
    vocabulary: dict[str, int]
    num_rows: int

    @staticmethod
    def of(found: Texts) -> "Numbered":
        """Numbers the words of texts by a vocabulary of their own; rows are the task's."""
        vocabulary: dict[str, int] = {}
        numbers = [vocabulary.setdefault(word, len(vocabulary)) for word in found.flat()]
        row = np.array(found.row, np.uint32)
        words = np.array(numbers, np.uint32)
        return Numbered(words, found.offsets(), row, vocabulary, found.num_rows)

    @staticmethod
    def joined(pieces: list["Numbered"], first_rows: list[int]) -> "Numbered":
        """All texts, numbered by one vocabulary.

        Args:
            pieces: In order.
            first_rows: What is added to the rows of each.
        """
        vocabulary: dict[str, int] = {}
        columns: list[Uint32s] = [np.empty(0, np.uint32)]
        rows: list[Uint32s] = [np.empty(0, np.uint32)]
        sizes = [np.empty(0, np.int64)]
        for piece, first in zip(pieces, first_rows, strict=True):
            numbers = np.array(
                [vocabulary.setdefault(word, len(vocabulary)) for word in piece.vocabulary],
                np.uint32,
            )
            columns.append(numbers[piece.words])
            rows.append(piece.row + np.uint32(first))
            sizes.append(np.diff(piece.offsets))
        return Numbered(
            np.concatenate(columns),
            offsets_of(np.concatenate(sizes)),
            np.concatenate(rows),
            vocabulary,
            sum(piece.num_rows for piece in pieces),
        )


@dataclass(slots=True)
class RunIndex:
    """The runs of `size` words that stand in evaluation rows.

    Attributes:
        size: Words of a run.
        vocabulary: The number of each word of an evaluation row.
        words: The words of all evaluation texts by their numbers, uint32 [w].
        hashes: Of the runs that count, rising, no two alike, uint64 [m].
        firsts: Which of `starts` belong to each of them, int64 [m + 1].
        starts: Where in `words` a run stands, uint32 [p].
        rows: In which evaluation row, uint32 [p].
        common_starts: Where in `words` a run stands that is too common to count, uint32 [c].
        common_rows: In how many rows each of them stands, uint32 [c].
    """

    size: int
    vocabulary: dict[str, int]
    words: Uint32s
    hashes: Uint64s
    firsts: Int64s
    starts: Uint32s
    rows: Uint32s
    common_starts: Uint32s
    common_rows: Uint32s
    _table: npt.NDArray[np.bool_] = field(init=False)
    _shift: np.uint64 = field(init=False)

    def __post_init__(self) -> None:
        """Makes the table that says "no" to almost every run, at a tenth of a search's cost."""
        num_bits = min(max(len(self.hashes).bit_length() + 4, 8), 24)
        self._shift = np.uint64(64 - num_bits)
        self._table = np.zeros(1 << num_bits, np.bool_)
        self._table[self.hashes >> self._shift] = True

    # ---- making it -----------------------------------------------------------------------------

    @classmethod
    def of(cls, evaluated: Numbered, *, size: int, max_rows: int) -> "RunIndex":
        """Indexes the runs of `size` words; those of more than `max_rows` rows don't count."""
        counts = np.maximum(np.diff(evaluated.offsets) - size + 1, 0)
        starts = spread(evaluated.offsets[:-1], counts).astype(np.uint32)
        hashes = run_hashes(_mixed(evaluated.words), size)[starts]
        order = np.argsort(hashes, kind="stable")  # within a run, rows stay in order
        hashes, starts = hashes[order], starts[order]
        rows = np.repeat(evaluated.row, counts)[order]
        is_new = np.ones(len(hashes), np.bool_)
        is_new[1:] = hashes[1:] != hashes[:-1]
        first = np.flatnonzero(is_new)
        sizes = np.diff(np.append(first, len(hashes)))
        is_new_row = is_new.copy()
        is_new_row[1:] |= rows[1:] != rows[:-1]
        num_rows = np.add.reduceat(is_new_row, first, dtype=np.uint32) if len(first) else sizes
        counts_not = num_rows > max_rows
        kept = np.repeat(~counts_not, sizes)
        return cls(
            size=size,
            vocabulary=evaluated.vocabulary,
            words=evaluated.words,
            hashes=hashes[first[~counts_not]],
            firsts=offsets_of(sizes[~counts_not]),
            starts=starts[kept],
            rows=rows[kept],
            common_starts=starts[first[counts_not]],
            common_rows=num_rows[counts_not].astype(np.uint32),
        )

    def head(self) -> dict[str, Any]:
        """What the store keeps beside the columns."""
        return {"size": self.size, "vocabulary": " ".join(self.vocabulary)}

    def columns(self) -> Columns:
        """What the store keeps as columns."""
        return {name: getattr(self, name) for name in _COLUMNS}

    @classmethod
    def opened(cls, head: dict[str, Any], columns: Columns) -> "RunIndex":
        """What `head` and `columns` gave."""
        vocabulary = {word: number for number, word in enumerate(head["vocabulary"].split())}
        return cls(head["size"], vocabulary, **{name: columns[name] for name in _COLUMNS})

    def __len__(self) -> int:
        """The number of runs that count."""
        return len(self.hashes)

    def common(self) -> list[tuple[str, int]]:
        """The runs that are too common to count, and in how many rows; the most common first."""
        spelled = list(self.vocabulary)
        found = [
            (" ".join(spelled[number] for number in self.words[at : at + self.size]), count)
            for at, count in zip(
                self.common_starts.tolist(), self.common_rows.tolist(), strict=True
            )
        ]
        return sorted(found, key=lambda run: (-run[1], run[0]))

    # ---- looking up ----------------------------------------------------------------------------

    def shared(self, found: Texts) -> Hits:
        """What texts share with evaluation rows: the longest stretches whose every run is shared.

        A stretch is told once for each evaluation row in which all its runs stand.
        """
        get = self.vocabulary.get
        numbers = np.array([get(word, UNKNOWN) for word in found.flat()], np.uint32)
        offsets = found.offsets()
        places, postings = self._postings(numbers, offsets)
        # Words decide: a run of other words with the same hash is none.
        at = np.arange(self.size)
        starts = self.starts[postings].astype(np.int64)
        is_same = (numbers[places[:, None] + at] == self.words[starts[:, None] + at]).all(axis=1)
        rows = self.rows[postings[is_same]]
        return _stretches(found, offsets, places[is_same], rows, self.size)

    def _postings(self, numbers: Uint32s, offsets: Int64s) -> tuple[Int64s, Int64s]:
        """Places of runs among the words whose hash is known, and the postings of each."""
        counts = np.maximum(np.diff(offsets) - self.size + 1, 0)
        places = spread(offsets[:-1], counts)
        num_unknown = offsets_of((numbers == UNKNOWN).astype(np.int64))
        places = places[num_unknown[places + self.size] == num_unknown[places]]
        hashes = run_hashes(_mixed(numbers), self.size)[places]
        near = self._table[hashes >> self._shift]
        places, hashes = places[near], hashes[near]
        if not len(places):
            return places, places
        found = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        known = self.hashes[found] == hashes
        places, found = places[known], found[known]
        num_postings = self.firsts[found + 1] - self.firsts[found]
        return np.repeat(places, num_postings), spread(self.firsts[found], num_postings)


_COLUMNS = ("words", "hashes", "firsts", "starts", "rows", "common_starts", "common_rows")


def _stretches(found: Texts, offsets: Int64s, places: Int64s, rows: Uint32s, size: int) -> Hits:
    """Joins runs that begin at one word after another and stand in the same evaluation row."""
    text = np.searchsorted(offsets, places, side="right") - 1
    order = np.lexsort((places, rows, text))
    places, rows, text = places[order], rows[order], text[order]
    is_first = np.ones(len(places), np.bool_)
    # A run that stands twice in an evaluation row has two postings.
    is_first[1:] = (rows[1:] != rows[:-1]) | (text[1:] != text[:-1]) | (np.diff(places) > 1)
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(places)) - 1 if len(first) else first
    hits = Hits()
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        own = int(text[begin])
        start = int(places[begin] - offsets[own])
        stop = int(places[end] - offsets[own]) + size
        hits.row.append(found.row[own])
        hits.field_index.append(found.field_index[own])
        hits.words.append(" ".join(found.words[own][start:stop]))
        hits.num_words.append(stop - start)
        hits.similarity.append(0.0)
        hits.evaluated.append(int(rows[begin]))
    return hits


def _mixed(numbers: Uint32s) -> Uint64s:
    """A hash of each number: the finaliser of splitmix64."""
    found = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return found ^ (found >> np.uint64(31))
