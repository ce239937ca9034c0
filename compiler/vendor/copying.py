"""Copies of input files, hashed as they are made.

In: a path or an fsspec URL, and where the copy goes. Out: its SHA-256. A copy is there whole or not
at all. A local file whose copy is there already is not copied again; what a URL holds is only known
when it is read, so it is read.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from taskc.compiler.lock.digests import digests_of
from taskc.compiler.store.objects import Store
from taskc.compiler.store.remote import as_os_error

__all__ = ["copied"]

_BLOCK_BYTES = 1 << 20


def copied(path: str, target: Path, *, store: Store | None) -> tuple[str, bool]:
    """Returns the SHA-256 of a file that is at `target` now, and whether it had to be copied.

    Args:
        path: A local path, or a URL that fsspec knows.
        target: Where the copy goes; its folder is made.
        store: Knows digests of files.

    Raises:
        OSError: If it can't be read or written.
    """
    if "://" not in path and target.is_file():
        ours, theirs = digests_of([path, str(target)], store)
        if isinstance(ours, str) and ours == theirs:
            return ours, False
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    digest = sha256()
    try:
        with temporary.open("wb") as written:
            for block in _blocks(path):
                digest.update(block)
                written.write(block)
            written.flush()
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest(), True


def _blocks(path: str) -> Iterator[bytes]:
    if "://" not in path:
        with Path(path).open("rb") as opened:
            while block := opened.read(_BLOCK_BYTES):
                yield block
        return
    with as_os_error(), _remote(path) as opened:
        while block := opened.read(_BLOCK_BYTES):
            yield block


def _remote(url: str) -> AbstractContextManager[BinaryIO]:
    import fsspec

    opened: AbstractContextManager[BinaryIO] = fsspec.open(url, "rb")
    return opened
