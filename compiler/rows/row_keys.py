"""Rows as keys and pointers: what is held of every row that is left, 24 bytes each.

In: ids and places, as `survey` found them. Out: columns of numpy, picked from together, and the
draws and places of rows. The values stay in the files: `reread.py` gets them again where they are
wanted. Ordinals take four bytes more a row, only where rows are equal; the strata of a quota take
twelve, only where there is one.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from taskc.compiler.keys import Scope, canonical
from taskc.compiler.quotas.strata import Strata
from taskc.compiler.rows.growing import shrunk
from taskc.compiler.rows.ranges import SplitInputs

__all__ = [
    "Ids",
    "RowKeys",
    "RowNumbers",
    "drawn",
    "drawn_order",
    "first_halves",
    "id_halves",
    "mixed",
    "rows_among",
    "rows_equal_to",
]

Ids: TypeAlias = npt.NDArray[np.uint8]  # [n, 16]
RowNumbers: TypeAlias = npt.NDArray[Any]  # indices of rows, or a bool for each row
Uint32s: TypeAlias = npt.NDArray[np.uint32]
Uint64s: TypeAlias = npt.NDArray[np.uint64]

_CHUNK_ROWS = 8_192  # rows whose ids stand as Python objects at a time
_SEARCHED_ROWS = 1 << 17


@dataclass(slots=True)
class RowKeys:
    """The rows of one source and split that are left, in file order.

    Attributes:
        source, split: Whose rows they are.
        inputs: The files they stand in.
        ids: Row ids, uint8 [n, 16].
        ranges: Index into `inputs.ranges` of each row, uint32 [n].
        lines: Place of each row within its range, from 0, uint32 [n]: the line for line formats,
            blank lines counted; else the row.
        ordinals: Position of each row among equal rows of source and split, in file order, uint32
            [n]; None where all are 0.
        strata: The group and the rank of each row, where a quota of the build asks for them.
    """

    source: str
    split: str
    inputs: SplitInputs
    ids: Ids
    ranges: Uint32s
    lines: Uint32s
    ordinals: Uint32s | None = None
    strata: Strata | None = None

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.ids)

    def pick(self, rows: RowNumbers) -> "RowKeys":
        """Returns the rows at `rows`: indices in any order, or a bool for each row."""
        return RowKeys(
            self.source,
            self.split,
            self.inputs,
            self.ids[rows],
            self.ranges[rows],
            self.lines[rows],
            None if self.ordinals is None else self.ordinals[rows],
            None if self.strata is None else self.strata.pick(rows),
        )

    def keep(self, kept: npt.NDArray[np.bool_]) -> None:
        """Leaves only the rows that are `kept`, in place."""
        self.ids = shrunk(self.ids, kept)
        self.ranges = shrunk(self.ranges, kept)
        self.lines = shrunk(self.lines, kept)
        if self.ordinals is not None:
            self.ordinals = shrunk(self.ordinals, kept)
        if self.strata is not None:
            self.strata.keep(kept)

    def ordinals_of(self, rows: RowNumbers) -> Uint32s:
        """The ordinals of `rows`, uint32."""
        if self.ordinals is None:
            return np.zeros(len(self.ranges[rows]), np.uint32)
        return self.ordinals[rows]

    def draws(
        self, scope: Scope, repetition: int, draw_name: str, rows: RowNumbers | None = None
    ) -> Uint64s:
        """Returns a draw for each row, uint64; see `Scope.draws`. About 0.5 us a row.

        Args:
            scope: The source's scope or a mixture's.
            repetition: How often the rows were delivered before.
            draw_name: One of the names in docs/keys.md.
            rows: Which rows; None: all.
        """
        ids = self.ids if rows is None else self.ids[rows]
        ordinals = self.ordinals if rows is None else self.ordinals_of(rows)
        return drawn(scope, self.source, ids, ordinals, repetition, draw_name)

    def place(self, row: int) -> tuple[str, int]:
        """The name of the file in which a row stands, and its number there, for messages."""
        found = self.inputs.ranges[int(self.ranges[row])]
        return self.inputs.files[found.file].name, found.first_number + int(self.lines[row])

    def numbers(self, rows: RowNumbers) -> npt.NDArray[np.int64]:
        """Number of each of `rows` in its file, from 1, int64."""
        first = np.array([found.first_number for found in self.inputs.ranges], np.int64)
        numbers: npt.NDArray[np.int64] = first[self.ranges[rows]] + self.lines[rows]
        return numbers

    def file_indices(self, rows: RowNumbers) -> npt.NDArray[np.int32]:
        """Index into `inputs.files` of each of `rows`, int32."""
        files = np.array([found.file for found in self.inputs.ranges], np.int32)
        indices: npt.NDArray[np.int32] = files[self.ranges[rows]]
        return indices


def drawn(  # noqa: PLR0917 - the order is that of `Scope.draws`
    scope: Scope,
    declaration: str,
    ids: Ids,
    ordinals: Uint32s | None,
    repetition: int,
    draw_name: str,
) -> Uint64s:
    """Returns a draw for each row, uint64 [n], with few Python objects at a time."""
    draws = np.empty(len(ids), np.uint64)
    for start in range(0, len(ids), _CHUNK_ROWS):
        chunk = slice(start, start + _CHUNK_ROWS)
        rows = _drawing(ids[chunk], None if ordinals is None else ordinals[chunk])
        found = scope.draw_bytes(declaration, rows, repetition, draw_name)
        draws[chunk] = np.frombuffer(found, ">u8")
    return draws


def _drawing(ids: Ids, ordinals: Uint32s | None) -> list[bytes]:
    """Each row's id and the canonical bytes of its ordinal, which is 0 of almost all."""
    none = np.frombuffer(canonical(0), np.uint8)
    rows = np.empty((len(ids), ids.shape[1] + len(none)), np.uint8)
    rows[:, : ids.shape[1]] = ids
    rows[:, ids.shape[1] :] = none
    found: list[bytes] = rows.view(f"V{rows.shape[1]}").reshape(-1).tolist()
    if ordinals is not None:
        for row in np.flatnonzero(ordinals).tolist():
            found[row] = ids[row].tobytes() + canonical(int(ordinals[row]))
    return found


def mixed(keys: Uint64s) -> Uint64s:
    """Returns the keys after splitmix64's finaliser (Steele, Lea and Flood 2014), a bijection."""
    found = keys + np.uint64(0x9E3779B97F4A7C15)
    found ^= found >> np.uint64(30)
    found *= np.uint64(0xBF58476D1CE4E5B9)
    found ^= found >> np.uint64(27)
    found *= np.uint64(0x94D049BB133111EB)
    found ^= found >> np.uint64(31)
    return found


def first_halves(ids: Ids) -> Uint64s:
    """The first eight bytes of each id as a number that sorts as the bytes do."""
    return np.ascontiguousarray(ids).view(">u8").reshape(-1, 2)[:, 0].astype(np.uint64)


def rows_among(ids: Ids, wanted: Uint64s) -> npt.NDArray[np.int64]:
    """Indices of the rows whose ids begin with eight bytes that are among `wanted`, int64.

    Args:
        ids: Row ids, uint8 [n, 16].
        wanted: Numbers as of `first_halves`, rising.
    """
    # A table of the leading bits says "no" to almost every row, at a tenth of a search's cost.
    num_bits = min(max(len(wanted).bit_length() + 4, 8), 24)
    shift = np.uint64(64 - num_bits)
    table = np.zeros(1 << num_bits, bool)
    table[wanted >> shift] = True
    found = [np.empty(0, np.int64)]
    for start in range(0, len(ids), _SEARCHED_ROWS):
        chunk = first_halves(ids[start : start + _SEARCHED_ROWS])
        near = np.flatnonzero(table[chunk >> shift])
        if len(near):
            places = np.minimum(np.searchsorted(wanted, chunk[near]), len(wanted) - 1)
            found.append(near[wanted[places] == chunk[near]] + start)
    return np.concatenate(found)


def rows_equal_to(ids: Ids, others: Ids) -> npt.NDArray[np.int64]:
    """Indices of the rows whose ids are among those of others, rising, int64."""
    wanted = np.unique(first_halves(others))
    if not len(wanted):
        return np.empty(0, np.int64)
    near = rows_among(ids, wanted)
    exact = {bytes(each) for each in others[rows_among(others, np.unique(first_halves(ids[near])))]}
    return np.array([at for at in near.tolist() if bytes(ids[at]) in exact], np.int64)


def id_halves(ids: Ids) -> tuple[Uint64s, Uint64s]:
    """The first and the last eight bytes of each id as numbers that sort as the bytes do."""
    halves = np.ascontiguousarray(ids).view(">u8").reshape(-1, 2)
    return halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64)


def drawn_order(draws: Uint64s, ids: Ids, ordinals: Uint32s | None) -> npt.NDArray[np.int64]:
    """Returns the indices of rows sorted by (draw, row id, ordinal), int64 [n].

    Draws of different rows are almost never equal, so ids are only looked at where they are.
    """
    order = np.argsort(draws, kind="stable")
    ranked = draws[order]
    tied = np.flatnonzero(ranked[1:] == ranked[:-1])
    if not len(tied):
        return order
    places = np.unique(np.concatenate([tied, tied + 1]))
    rows = order[places]
    high, low = id_halves(ids[rows])
    tie_ordinals = np.zeros(len(rows), np.uint32) if ordinals is None else ordinals[rows]
    order[places] = rows[np.lexsort((tie_ordinals, low, high, draws[rows]))]
    return order
