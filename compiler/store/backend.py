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

    def write(self, path: str, buffers: Sequence[Buffer]) -> None:
        """Puts an object there in one step, in place of one that was there."""

    def names(self, folder: str) -> list[str]:
        """The names of the objects in a folder, sorted."""

    def remove(self, path: str) -> None:
        """Removes an object; it may be gone already."""

    def objects(self) -> Iterator[StoredObject]:
        """Yields every object."""

    def in_use(self) -> AbstractContextManager[None]:
        """Says as long as the block runs that what is used from now on is needed."""

    def in_use_since(self) -> float:
        """When the oldest block of `in_use` that runs now began; infinity: there is none."""

    def sweep(self) -> int:
        """Removes what killed processes left half written; returns how many files."""
