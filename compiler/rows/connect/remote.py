"""Input files at URLs that fsspec knows: S3 and its kin, HTTP, `memory://`.

In: a URL, perhaps with wildcards. Out: the URLs of files, and their bytes. Whatever the library
behind a URL raises comes out as an `OSError` with words in it. Nothing is copied to a disk: what is
read twice goes over the network twice.
"""

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["files_at", "is_url", "opened", "root_of"]

_MAGIC = "*?["
_BUFFER_BYTES = 1 << 20
# Fetched beyond what is asked for. s3fs would take 50 MiB, and a range is read of a file in 4.
_AHEAD_BYTES = 4 << 20
_WITHOUT_LISTING = ("http://", "https://")  # `?` is no wildcard there, and there are no folders


def is_url(path: str) -> bool:
    """Whether a path is a URL, and not a place on this machine."""
    return "://" in path


def root_of(pattern: str) -> str:
    """The part of a URL before its first wildcard, up to a slash: provenance is relative to it."""
    ends = [pattern.find(mark) for mark in _MAGIC if mark in pattern]
    return pattern[: min(ends, default=len(pattern))].rpartition("/")[0]


def files_at(pattern: str) -> list[str]:
    """Returns the URLs of the files that a pattern means, in no order.

    Raises:
        OSError: If they can't be listed; a `FileNotFoundError` where there is none.
        ImportError: If a library is missing that the kind of URL needs.
        ValueError: If fsspec doesn't know the kind of URL.
    """
    from fsspec.core import url_to_fs

    system, place = url_to_fs(pattern)
    with _with_words():
        if pattern.startswith(_WITHOUT_LISTING) or not any(mark in place for mark in _MAGIC):
            # `isfile` would take any failure for a "no".
            if system.info(place)["type"] != "file":
                raise FileNotFoundError(errno.ENOENT, "no such file")
            return [pattern]
        found = system.glob(place, detail=True)
        return [
            str(system.unstrip_protocol(each))
            for each, info in found.items()
            if info["type"] == "file"
        ]


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Opens a file, on this machine or at a URL, for reading bytes.

    Raises:
        OSError: If it can't be opened or read.
    """
    if not is_url(path):
        with Path(path).open("rb") as local:
            yield local
        return
    from fsspec.core import url_to_fs

    system, place = url_to_fs(path)
    with _with_words():
        raw = _Raw(system, place)
    with io.BufferedReader(raw, _BUFFER_BYTES) as buffered:
        yield cast("BinaryIO", buffered)


class _Raw(io.RawIOBase):
    """A file of fsspec whose failures are all `OSError`."""

    def __init__(self, system: "AbstractFileSystem", place: str) -> None:
        super().__init__()
        self._file: Any = system.open(place, "rb", block_size=_AHEAD_BYTES)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Where its place allows it."""
        return bool(self._file.seekable())

    def readinto(self, buffer: Any) -> int:
        """Reads into a buffer and returns how many bytes."""
        with _with_words():
            content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a place in the file."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Where in the file it is."""
        return int(self._file.tell())

    def close(self) -> None:
        """Closes it."""
        if not self.closed:
            self._file.close()
        super().close()


@contextmanager
def _with_words() -> Iterator[None]:
    """Turns what the library behind a URL raises into the error of a file that can't be read."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise OSError(errno.EIO, str(error) or type(error).__name__) from error
    except Exception as error:  # every library behind fsspec has exceptions of its own
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error
