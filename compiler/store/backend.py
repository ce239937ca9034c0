"""What a store needs of the place where its objects lie: a local folder, or an object store.

In: nothing. Out: the protocol that `disk` and `remote` fulfil, and the values that they hand over.
Paths are relative to the store's own version folder, with forward slashes.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Backend", "Buffer", "Content", "StoredObject"]

Buffer = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Content:
    """What stands in an object.

    Attributes:
        content: Its bytes, a memory map where that costs less.
        stamp: Equal stamps say that it is the object of another read, unchanged; None: unknown.
    """

    content: memoryview
    stamp: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object without its content.

    Attributes:
        path: Within the store.
        size_bytes: With its trailer.
        used_s: When it was used last, in seconds since the epoch; where the place can't be told of
            reading, when it was written.
    """

    path: str
    size_bytes: int
    used_s: float


class Backend(Protocol):
    """A place of objects."""

    def read(self, path: str) -> Content | None:
        """The object's bytes; None: it is not there."""

    def write(self, path: str, buffers: Sequence[Buffer]) -> tuple[int, ...] | None:
        """Puts an object there in one step, in place of one that was there; returns its stamp."""

    def names(self, folder: str) -> list[str]:
        """The names of the objects in a folder, sorted."""

    def remove(self, path: str, *, used_s: float | None = None) -> None:
        """Removes an object, which may be gone; with `used_s` only if it was not used since."""

    def objects(self) -> Iterator[StoredObject]:
        """Yields every object."""

    def sync(self) -> None:
        """Returns when what was written is on the disk."""

    def in_use(self) -> AbstractContextManager[str]:
        """Says as long as the block runs that what is used from now on is needed.

        The block is given a sign, which `sees` knows wherever this place is seen; "": there is
        none.
        """

    def sees(self, sign: str) -> bool:
        """Whether a sign that a running block of `in_use` was given is seen from here."""

    def in_use_since(self) -> float:
        """The least `used_s` of what a running block of `in_use` needs; infinity: none runs."""

    def sweep(self) -> int:
        """Removes what killed processes left half written; returns how many files."""
