"""Copies of input files, hashed as they are made.

In: a path or an fsspec URL, and where the copy goes. Out: its SHA-256. A copy is there whole or not
at all. A local file whose copy is there already is not copied again; what a URL holds is only known
when it is read, so it is read.
"""

import os
from hashlib import sha256
from pathlib import Path

from taskc.compiler.lock.digests import digests_of
from taskc.compiler.rows.connect.remote import is_url, opened
from taskc.compiler.store.objects import Store

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
    if not is_url(path) and target.is_file():
        ours, theirs = digests_of([path, str(target)], store)
        if isinstance(ours, str) and ours == theirs:
            return ours, False
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    digest = sha256()
    try:
        with temporary.open("wb") as written:
            with opened(path) as read:
                while block := read.read(_BLOCK_BYTES):
                    digest.update(block)
                    written.write(block)
            written.flush()
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest(), True
