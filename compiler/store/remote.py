"""A store's objects at a URL that fsspec knows: S3 and its kin, `memory://`.

In: paths within the store and bytes. Out: objects, put there in one request each, which an object
store carries out whole or not at all. Listings are never taken from fsspec's cache: another machine
may have written since. Such a place is not told of reading, so `clean` goes by the time of writing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from taskc.compiler.store.backend import Buffer, Content, StoredObject

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["WHEN", "Remote", "as_os_error", "written_s"]

WHEN = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")


@dataclass(slots=True)
class Remote:
    """A folder of objects at a URL.

    Attributes:
        system: fsspec's file system.
        root: The folder within it.
    """

    system: "AbstractFileSystem"
    root: str

    def read(self, path: str) -> Content | None:
        """The object's bytes; None: it is not there."""
        with as_os_error():
            try:
                return Content(memoryview(self.system.cat_file(f"{self.root}/{path}")), None)
            except FileNotFoundError:
                return None

    def write(self, path: str, buffers: Sequence[Buffer]) -> None:
        """Puts an object there in one request, in place of one that was there.

        Raises:
            OSError: If the place refuses.
        """
        place = f"{self.root}/{path}"
        content = b"".join(buffers)
        with as_os_error():
            try:
                self.system.pipe_file(place, content)
            except FileNotFoundError:  # a place with real folders; or there is no such bucket
                if not self.system.exists(self._top()):
                    raise
                self.system.makedirs(place.rpartition("/")[0], exist_ok=True)
                self.system.pipe_file(place, content)

    def _top(self) -> str:
        """The bucket, which is not ours to make: its name may be a typing mistake."""
        start = len(self.root) - len(self.root.lstrip("/"))
        return self.root[:start] + self.root[start:].partition("/")[0]

    def names(self, folder: str) -> list[str]:
        """The names of the objects in a folder, sorted."""
        place = f"{self.root}/{folder}"
        with as_os_error():
            self.system.invalidate_cache()
            try:
                found = self.system.ls(place, detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        return sorted(str(each).rpartition("/")[2] for each in found)

    def remove(self, path: str, *, used_s: float | None = None) -> None:  # noqa: ARG002 - of no use to it
        """Removes an object; it may be gone already.

        Raises:
            OSError: If the place refuses.
        """
        with as_os_error(), suppress(FileNotFoundError):
            self.system.rm_file(f"{self.root}/{path}")

    def objects(self) -> Iterator[StoredObject]:
        """Yields every object."""
        with as_os_error():
            self.system.invalidate_cache()
            found = self.system.find(self.root, detail=True)
        skipped = len(self.system._strip_protocol(self.root)) + 1  # noqa: SLF001 - fsspec has no other name for it
        for place, info in found.items():
            yield StoredObject(place[skipped:], int(info.get("size") or 0), written_s(info))

    def sync(self) -> None:
        """Nothing: what is there is there to stay."""

    @contextmanager
    def in_use(self) -> Iterator[str]:
        """Nothing: a lock that outlives no process is not to be had over a network."""
        yield ""

    def sees(self, sign: str) -> bool:  # noqa: ARG002 - there are none
        """A URL means the same everywhere."""
        return True

    def in_use_since(self) -> float:
        """Infinity: see `in_use`."""
        return float("inf")

    def sweep(self) -> int:
        """Nothing is ever half written."""
        return 0


@contextmanager
def as_os_error() -> Iterator[None]:
    """Turns what a file system's own library raises into the one error that callers know.

    Raises:
        OSError: For any failure of the network or the service.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # every library behind fsspec has exceptions of its own
        raise OSError(f"{type(error).__name__}: {error}") from error


def written_s(info: dict[str, object]) -> float:
    """When an object was written; now, where its place doesn't say."""
    when = next((info[name] for name in WHEN if info.get(name) is not None), None)
    match when:
        case datetime():
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        case int() | float():
            return float(when)
        case _:
            return datetime.now(UTC).timestamp()
