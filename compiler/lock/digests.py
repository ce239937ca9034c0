"""Digests of input files: the one place that asks what a file holds.

In: paths. Out: the SHA-256 of each, from the store where it knows the file and nothing about it has
changed, else by reading it.
"""

from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path

from taskc.compiler.store.files import file_digests
from taskc.compiler.store.objects import Store

__all__ = ["digests_of"]


def digests_of(paths: Sequence[str], store: Store | None) -> list[str | OSError]:
    """Returns the SHA-256 of each file, hexadecimal, or why it can't be read.

    Args:
        paths: Local paths, or URLs where there is a store.
        store: Knows files that were read before; None: every file is read.
    """
    if store is not None:
        found = file_digests(store, paths, cut_lines=False)
        return [each if isinstance(each, OSError) else each.sha256 for each in found]
    return [_digest_of(Path(path)) for path in paths]


def _digest_of(path: Path) -> str | OSError:
    try:
        with path.open("rb") as opened:
            return file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        return error
