"""Columns of encoded examples: where each lies in the store, whose it is, how long it is.

In: columns as they come from making. Out: the same columns in another order, joined or cut. About
22 bytes an example: a column of zeros takes no memory, and three of the eight mostly are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "Array",
    "Examples",
    "SegmentName",
    "pointers",
    "renumbered",
    "split_pointers",
    "squeezed",
    "stable_order",
]

Array = npt.NDArray[Any]
_HALF = np.uint64(32)


class SegmentName(NamedTuple):
    """Where a segment lies in the store: its family and its name."""

    family: str
    name: str


@dataclass(slots=True)
class Examples:
    """Columns of n examples; the parts of one row's example stand together, part 0 first.

    Attributes:
        row: Index into the source's rows, uint32 [n].
        repetition: How often the row was delivered before, uint32 [n].
        prompt: Which prompt phrased it, counted through all templates, uint16 [n].
        part: 0, or 1, 2, ... for the later parts of an example that was cut, uint16 [n].
        pointer: Its segment << 32 | its entry there, uint64 [n].
        tokens: Its tokens, uint32 [n].
        trained: Those of them that are trained, uint32 [n].
        trimmed: Tokens that overflow cut off, uint32 [n].
    """

    row: Array
    repetition: Array
    prompt: Array
    part: Array
    pointer: Array
    tokens: Array
    trained: Array
    trimmed: Array

    def __len__(self) -> int:
        """The number of examples."""
        return len(self.row)

    @staticmethod
    def names() -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(_TYPES)

    @staticmethod
    def none() -> "Examples":
        """No examples."""
        return Examples(*(np.zeros(0, type_) for type_ in _TYPES.values()))

    @staticmethod
    def joined(pieces: Sequence["Examples"]) -> "Examples":
        """The examples of all pieces, one after another, which are emptied: at least one piece."""
        if len(pieces) == 1:
            return pieces[0]
        joined = Examples.none()
        for name in _TYPES:
            column = np.concatenate([piece.release(name) for piece in pieces])
            setattr(joined, name, squeezed(column))
        return joined

    def release(self, name: str) -> Array:
        """Gives up a column: what is returned is all that is left of it."""
        column: Array = getattr(self, name)
        setattr(self, name, column[:0].copy())
        return column

    def between(self, begin: int, end: int) -> "Examples":
        """The examples from `begin` on and before `end`, without copying."""
        return Examples(*(getattr(self, name)[begin:end] for name in _TYPES))

    def pick(self, which: Array) -> "Examples":
        """The examples at `which`: indices, or a bool for each."""
        return Examples(*(squeezed(getattr(self, name)[which]) for name in _TYPES))

    def first(self, num_examples: int) -> "Examples":
        """The first so many, all of which are given up here."""
        if num_examples == len(self):
            return self
        return Examples(*(squeezed(self.release(name)[:num_examples].copy()) for name in _TYPES))


_TYPES = {
    "row": np.uint32,
    "repetition": np.uint32,
    "prompt": np.uint16,
    "part": np.uint16,
    "pointer": np.uint64,
    "tokens": np.uint32,
    "trained": np.uint32,
    "trimmed": np.uint32,
}


def squeezed(column: Array) -> Array:
    """The column; where all of it is 0, as one number that is seen n times."""
    if column.any():
        return column
    return np.broadcast_to(column.dtype.type(0), column.shape)


def pointers(segments: Array, entries: Array) -> Array:
    """Pointers to entries of segments, uint64: sorted, they stand as the store is read."""
    return (segments.astype(np.uint64) << _HALF) | entries.astype(np.uint64)


def renumbered(pointers_: Array, numbers: Sequence[int]) -> Array:
    """The pointers where each segment has another number, by its present one."""
    segments, entries = split_pointers(pointers_)
    return pointers(np.array(numbers, np.uint64)[segments], entries)


def split_pointers(pointers_: Array) -> tuple[Array, Array]:
    """The segments and the entries that pointers name, uint32 each."""
    return (pointers_ >> _HALF).astype(np.uint32), pointers_.astype(np.uint32)


def stable_order(values: Array) -> Array:
    """What sorts uint32 values, equal ones in their order, uint32: five times `argsort`'s speed."""
    keys = (values.astype(np.uint64) << _HALF) | np.arange(len(values), dtype=np.uint64)
    keys.sort()
    return keys.astype(np.uint32)
