"""A folder that is there whole or not at all, whatever moment the process is killed at.

In: a place and something that fills a folder. Out: the folder, durable, at that place. The folder
is made beside the place under a hidden name, every file and folder of it is fsynced, and then one
system call puts it there: a rename where nothing stood, else an exchange of the two names
(renameat2, Linux 3.15), after which the old one is removed. Why not two renames or a symbolic link:
docs/decisions/0031.
"""

import ctypes
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["published"]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}


@contextmanager
def published(place: Path) -> Iterator[Path]:
    """Yields an empty folder to fill, which replaces `place` when the block ends without an error.

    Several processes may publish to one place: the last one stays. What a killed one left behind is
    removed by the next.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    _sweep(place)
    staging, lock = _staging(place)
    try:
        yield staging
        _sync(staging)
        _put(staging, place)
        _sync_folder(place.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)  # unfinished, or the one that stood there before
        os.close(lock)


def _prefix(place: Path) -> str:
    return f".{place.name}.taskc-"


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.taskc.aside")


def _staging(place: Path) -> tuple[Path, int]:
    """Makes a locked folder beside `place`; the lock says that its process is alive."""
    while True:
        folder = place.with_name(f"{_prefix(place)}{secrets.token_hex(8)}")
        folder.mkdir()  # not tempfile's: those are private, an artefact follows the umask
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():  # not swept between its making and its lock
            return folder, lock
        os.close(lock)


def _sweep(place: Path) -> None:
    """Removes what killed processes left beside `place`: folders that nobody holds locked."""
    if _aside(place).exists() and not place.exists():
        _aside(place).rename(place)  # killed between the two renames of `_swap`
    for folder in place.parent.glob(f"{_prefix(place)}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:  # gone since the listing
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)


def _sync(folder: Path) -> None:
    """Makes the folders durable; files are synced as they are written."""
    for path, _, _ in os.walk(folder, topdown=False):
        _sync_folder(Path(path))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put(staging: Path, place: Path) -> None:
    """Gives `staging` the name `place` in one step; what stood there is then called `staging`."""
    while True:
        try:
            staging.rename(place)  # succeeds where nothing or an empty folder stands
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
        else:
            return
        try:
            _exchange(staging, place)
        except FileNotFoundError:  # removed since: rename it after all
            continue
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            _swap(staging, place)
        return


def _exchange(one: Path, other: Path) -> None:
    """Exchanges two names in one system call.

    Raises:
        FileNotFoundError: If one of them is gone.
        OSError: If the file system or the C library can't.
    """
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(one), None, str(other))


def _swap(staging: Path, place: Path) -> None:
    """Exchanges the names in two steps, where one is not to be had (NFS, for one).

    A process killed between them leaves the old folder whole under its hidden name, and the next
    publication puts it back.
    """
    aside = _aside(place)
    shutil.rmtree(aside, ignore_errors=True)
    place.rename(aside)
    staging.rename(place)
    shutil.rmtree(aside, ignore_errors=True)
