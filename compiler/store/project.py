"""Where the store of a project is.

In: paths of specs. Out: `.taskc/store` in the nearest folder at or above them that has a
`taskc.toml` or a `.git`, else in the specs' own folder, so that the packages of one project share
what they make. `.taskc/` tells git to leave it out.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from taskc.compiler.store.objects import Store

__all__ = ["open_store", "opened_store", "project_folder", "store_folder"]

_MARKS = ("taskc.toml", ".git")
_OWN = ".taskc"


def project_folder(paths: Sequence[str | os.PathLike[str]]) -> Path:
    """The folder of the project that specs belong to, absolute.

    Args:
        paths: Folders or files, of one project, which need not exist; none: the working folder.
    """
    folders = [_folder(Path(path).resolve()) for path in paths] or [Path.cwd()]
    common = Path(os.path.commonpath(folders))
    for folder in (common, *common.parents):
        if any((folder / mark).exists() for mark in _MARKS):
            return folder
    return common


def store_folder(paths: Sequence[str | os.PathLike[str]]) -> Path:
    """Where the project's store is, or would be, if it is asked for by no other name."""
    return project_folder(paths) / _OWN / "store"


def open_store(
    paths: Sequence[str | os.PathLike[str]],
    *,
    url: str | None = None,
    fallback: str | os.PathLike[str] | None = None,
) -> Store:
    """Opens the store that a build of these specs uses.

    Args:
        paths: Folders or files of specs.
        url: Another store than the project's own; None: the project's own.
        fallback: As in `Store.open`.

    Raises:
        StoreError: As in `Store.open`.
    """
    if url is not None:
        return Store.open(url, fallback=fallback)
    folder = store_folder(paths)
    with suppress(OSError):  # where it can't be written, the store says so
        _keep_out_of_git(folder.parent)
    return Store.open(folder, fallback=fallback)


@contextmanager
def opened_store(
    paths: Sequence[str | os.PathLike[str]], *, url: str | None = None, has_fallback: bool = True
) -> Iterator[Store]:
    """Opens the store of a build; where it can't be written, what is made is kept for the block.

    Args:
        paths: Folders or files of specs.
        url: Another store than the project's own; None: the project's own.
        has_fallback: Whether what a store refuses is kept in a folder of this machine; of no use
            where other machines make it.

    Raises:
        StoreError: As in `Store.open`.
    """
    with TemporaryDirectory(prefix="taskc-") as spare:
        yield open_store(paths, url=url, fallback=spare if has_fallback else None)


def _folder(path: Path) -> Path:
    return path.parent if path.suffix == ".task" or path.is_file() else path


def _keep_out_of_git(own: Path) -> None:
    ignore = own / ".gitignore"
    if not ignore.exists():
        own.mkdir(parents=True, exist_ok=True)
        ignore.write_text("*\n", encoding="utf-8")
