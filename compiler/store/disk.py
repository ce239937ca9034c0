"""A store's objects as files of a local folder.

In: paths within the store and bytes. Out: files that are there whole or not at all: each is written
under a temporary name, which is locked while its process lives, and renamed. A file's time of
modification is the time of its last use, since its content never changes; `clean` goes by it.
No file is fsynced by itself: docs/decisions/0054.
"""

import ctypes
import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from taskc.compiler.store.backend import Buffer, Content, StoredObject

__all__ = ["Disk"]

_TEMPORARY = "temporary"
_IN_USE = "in-use"
_USED_AGAIN_S = 60  # an object's time of use is this coarse: a read costs no write of its inode
_SWEPT_AFTER_S = 60  # a younger temporary file may not have its lock yet
_SWEPT_UNLOCKED_S = 86_400  # where the file system has no locks, age alone has to say it
_READ_WHOLE_BYTES = 1 << 16  # below, a copy costs less than a map
_MAX_TRIES = 16


@dataclass(slots=True)
class Disk:
    """A folder of objects."""

    root: Path
    _swept: bool = field(default=False, init=False)

    def read(self, path: str) -> Content | None:
        """Opens an object as a memory map, or as bytes where it is small; None: not there."""
        place = self.root / path
        try:
            handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            stat = os.fstat(handle)
            content = _content(place, handle, stat.st_size)
            now_ns = time.time_ns()
            stamp = _stamp(stat)
            if now_ns - stat.st_mtime_ns > _USED_AGAIN_S * 1_000_000_000:
                with suppress(OSError):  # a store of someone else's, or one that is read-only
                    os.utime(handle, ns=(now_ns, now_ns))
                    stamp = _stamp(os.fstat(handle))
        finally:
            os.close(handle)
        return Content(content, stamp)

    def write(self, path: str, buffers: Sequence[Buffer]) -> tuple[int, ...]:
        """Puts a file there in one step, in place of one that was there; returns its stamp.

        Raises:
            OSError: If the folder can't be written, or is full.
        """
        self._sweep()
        with self._temporary_file() as (handle, temporary):
            with os.fdopen(handle, "wb", closefd=False) as opened:
                opened.writelines(buffers)
            stamp = _stamp(os.fstat(handle))
            _renamed(temporary, self.root / path)
        return stamp

    def names(self, folder: str) -> list[str]:
        """The names of the objects in a folder, sorted."""
        try:
            return sorted(os.listdir(self.root / folder))  # noqa: PTH208 - no path is needed
        except (FileNotFoundError, NotADirectoryError):
            return []

    def remove(self, path: str, *, used_s: float | None = None) -> None:
        """Removes an object, and the folders that it leaves empty.

        Args:
            path: Which one; it may be gone already.
            used_s: Leave it if it was used since.

        Raises:
            OSError: If the system doesn't let it be removed.
        """
        place = self.root / path
        with suppress(FileNotFoundError):
            if used_s is not None and place.stat().st_mtime > used_s:
                return
            place.unlink()
        with suppress(OSError):  # not empty, or gone
            place.parent.rmdir()
            place.parent.parent.rmdir()

    def objects(self) -> Iterator[StoredObject]:
        """Yields every object; one that goes meanwhile is left out."""
        for folder, folders, names in os.walk(self.root):
            if Path(folder) == self.root:
                folders[:] = [each for each in folders if each not in {_TEMPORARY, _IN_USE}]
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):
                    stat = path.stat()
                    inner = path.relative_to(self.root).as_posix()
                    yield StoredObject(inner, stat.st_size, stat.st_mtime)

    def sync(self) -> None:
        """Returns when what was written is on the disk: one call for the whole file system.

        Raises:
            OSError: If the system can't write it.
        """
        try:
            handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            library = ctypes.CDLL(None, use_errno=True)
            if library.syncfs(handle) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(self.root))
        finally:
            os.close(handle)

    @contextmanager
    def in_use(self) -> Iterator[str]:
        """Says as long as the block runs that what is used from now on is needed; gives its sign.

        Raises:
            OSError: If the folder can't be written.
        """
        with self._locked_file(self.root / _IN_USE) as (_, path):
            yield path.name

    def sees(self, sign: str) -> bool:
        """Whether the file of a running block of `in_use` is seen from here."""
        return (self.root / _IN_USE / sign).exists()

    def in_use_since(self) -> float:
        """The least `used_s` of what a running block of `in_use` needs; infinity: none runs."""
        since = float("inf")
        for path, stat in _files(self.root / _IN_USE):
            if _is_abandoned(path, stat):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            else:
                # What was used shortly before keeps its time when it is used again.
                since = min(since, stat.st_mtime - _USED_AGAIN_S)
        return since

    def sweep(self) -> int:
        """Removes what killed processes left half written; returns how many files."""
        num_removed = 0
        for path, stat in _files(self.root / _TEMPORARY):
            if _is_abandoned(path, stat):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                    num_removed += 1
        return num_removed

    def _sweep(self) -> None:
        """Sweeps at a process's first write: readers need not pay for it."""
        if not self._swept:
            self._swept = True
            self.sweep()

    @contextmanager
    def _temporary_file(self) -> Iterator[tuple[int, Path]]:
        with self._locked_file(self.root / _TEMPORARY) as locked:
            yield locked

    @contextmanager
    def _locked_file(self, folder: Path) -> Iterator[tuple[int, Path]]:
        """Makes a file whose lock says that its process is alive; it is gone afterwards."""
        while True:
            path = folder / secrets.token_hex(8)
            handle = _created(path)
            try:
                with suppress(OSError):  # no locks here: the file's age has to do
                    fcntl.flock(handle, fcntl.LOCK_EX)
                if not os.fstat(handle).st_nlink:  # swept between its making and its lock
                    continue
                yield handle, path
                return
            finally:
                os.close(handle)
                path.unlink(missing_ok=True)


def _stamp(stat: os.stat_result) -> tuple[int, ...]:
    """What says of a file that it is the one that was seen, unchanged."""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _created(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    for _ in range(_MAX_TRIES):
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
    raise FileNotFoundError(f"the folder {path.parent} goes as often as it is made")


def _renamed(temporary: Path, place: Path) -> None:
    for _ in range(_MAX_TRIES):
        try:
            temporary.rename(place)
            return
        except FileNotFoundError:  # the first of its folder, or `clean` has removed the empty one
            place.parent.mkdir(parents=True, exist_ok=True)
    raise FileNotFoundError(f"the folder {place.parent} goes as often as it is made")


def _content(path: Path, handle: int, size_bytes: int) -> memoryview:
    if size_bytes < _READ_WHOLE_BYTES:
        return memoryview(os.read(handle, _READ_WHOLE_BYTES))
    import pyarrow as pa

    # Python's own map keeps its file open, and a build may have thousands; Arrow's does not.
    with pa.memory_map(str(path)) as opened:
        return memoryview(opened.read_buffer())


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - as above
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        path = folder / name
        with suppress(FileNotFoundError):
            yield path, path.stat()


def _is_abandoned(path: Path, stat: os.stat_result) -> bool:
    """Whether the process that made a locked file is dead."""
    age_s = time.time() - stat.st_mtime
    if age_s < _SWEPT_AFTER_S:
        return False
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # gone, or not ours
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return age_s > _SWEPT_UNLOCKED_S
    else:
        return True
    finally:
        os.close(handle)
