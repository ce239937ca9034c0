"""Likenesses: the shingles of the evaluation rows, to be compared with training rows.

In: shingles of evaluation rows. Out: an index of them by bands; and for training rows, the
evaluation rows that they are near. Bands only suggest: shingles decide. 8 bytes a band and row, 8 a
shingle.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from taskc.compiler.decontamination.hits import Hits
from taskc.compiler.decontamination.stored import Columns
from taskc.compiler.decontamination.texts import Texts
from taskc.compiler.resemblance.greedy import MAX_COMPARED, MAX_IN_BUCKET, similarity
from taskc.compiler.resemblance.minhash import bands, bands_for
from taskc.compiler.resemblance.shingles import Shingles, shingles
from taskc.compiler.resemblance.words import WordHashes

__all__ = ["LikenessIndex"]

Uint32s = npt.NDArray[np.uint32]


@dataclass(slots=True)
class LikenessIndex:
    """The evaluation rows by their bands.

    Attributes:
        near: How alike rows are that are near.
        sets: The shingles of each evaluation row, each once.
        values: For each band the numbers of the rows that have shingles, rising, uint32 [b, r].
        rows: And whose number it is, uint32 [b, r].
    """

    near: float
    sets: Shingles
    values: Uint32s
    rows: Uint32s
    _known: WordHashes = field(default_factory=WordHashes)

    @classmethod
    def of(cls, sets: Shingles, near: float) -> "LikenessIndex":
        """Indexes evaluation rows.

        Args:
            sets: Their shingles, each once; rows in an order that is no accident of files, since
                it decides who is compared where many could be.
            near: How alike rows are that are near.
        """
        filled = np.flatnonzero(np.diff(sets.offsets)).astype(np.uint32)
        columns = bands(sets, bands_for(near))[filled].T
        order = np.argsort(columns, axis=1, kind="stable")
        return cls(near, sets, np.take_along_axis(columns, order, axis=1), filled[order])

    def head(self) -> dict[str, Any]:
        """What the store keeps beside the columns."""
        return {"near": self.near}

    def columns(self) -> Columns:
        """What the store keeps as columns."""
        sets = self.sets
        return {
            "hashes": sets.hashes,
            "offsets": sets.offsets,
            "values": self.values,
            "rows": self.rows,
        }

    @classmethod
    def opened(cls, head: dict[str, Any], columns: Columns) -> "LikenessIndex":
        """What `head` and `columns` gave."""
        sets = Shingles(columns["hashes"], columns["offsets"])
        return cls(head["near"], sets, columns["values"], columns["rows"])

    def __len__(self) -> int:
        """The number of rows that can be near."""
        return int(self.rows.shape[1])

    def shared(self, found: Texts) -> Hits:
        """The evaluation rows that rows are near, of those that they share most bands with."""
        rows, numbers = found.by_row()
        own = shingles(rows, self._known).as_sets()
        columns = bands(own, bands_for(self.near)).T
        starts = np.stack(
            [np.searchsorted(v, c) for v, c in zip(self.values, columns, strict=True)]
        )
        stops = np.stack(
            [np.searchsorted(v, c, "right") for v, c in zip(self.values, columns, strict=True)]
        )
        stops = np.minimum(stops, starts + MAX_IN_BUCKET)
        hits = Hits()
        for row in np.flatnonzero((stops > starts).any(axis=0)).tolist():
            self._compare(own.set_of(row), starts[:, row], stops[:, row], numbers[row], hits)
        return hits

    def _compare(
        self,
        own: npt.NDArray[np.uint64],
        starts: npt.NDArray[np.int64],
        stops: npt.NDArray[np.int64],
        row: int,
        hits: Hits,
    ) -> None:
        """Compares one row with those that share a band with it."""
        suggested = [
            self.rows[band, start:stop]
            for band, (start, stop) in enumerate(zip(starts, stops, strict=True))
        ]
        others, num_shared = np.unique(np.concatenate(suggested), return_counts=True)
        most = np.argsort(-num_shared, kind="stable")[:MAX_COMPARED]
        for other in sorted(others[most].tolist()):
            likeness = similarity(own, self.sets.set_of(other))
            if likeness >= self.near:
                hits.row.append(row)
                hits.field_index.append(0)
                hits.words.append("")
                hits.num_words.append(0)
                hits.similarity.append(likeness)
                hits.evaluated.append(other)
