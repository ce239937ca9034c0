"""Where an artefact stands: a folder of this machine, or a place at a URL.

In: the folder of artefacts and the names of package and build. Out: what stands there now, and a
folder to fill that takes its place in one step. A place where no artefact can stand says so before
any work is done.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from taskc.compiler.writing.publish import published
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.errors import TaskcError
from taskc.dsl.report import render
from taskc.runtime import artifact

__all__ = ["Folder", "OutputError", "Place", "place_at", "place_below", "refused", "unusable"]

_FULL = {errno.ENOSPC, errno.EDQUOT}


class OutputError(TaskcError):
    """The artefact can't be put into its place; what stood there stands there still.

    Attributes:
        diagnostic: What to show.
    """

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__([diagnostic], render([diagnostic], {}, style="human", color=False))
        self.diagnostic = diagnostic


class Place(Protocol):
    """Where an artefact stands or will stand."""

    @property
    def path(self) -> Path | str:
        """The place as `taskc.open` takes it: a folder, or a URL."""

    def read(self, name: str) -> bytes | None:
        """A file of the artefact that stands there; None: there is none."""

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether files of these names and sizes in bytes stand there."""

    def check(self) -> None:
        """Looks whether an artefact may stand there.

        Raises:
            OutputError: If it can't.
        """

    def filled(self) -> AbstractContextManager[Path]:
        """Gives an empty folder, which takes the place when the block ends without an error.

        Raises:
            OutputError: If the artefact can't be written, or may not stand there.
        """


def place_below(out: str | os.PathLike[str], package: str, build: str) -> Place:
    """The place of a build's artefact below the folder of artefacts, or its URL."""
    if "://" not in os.fspath(out):
        return Folder(Path(out, package, build))
    return place_at(f"{os.fspath(out).rstrip('/')}/{package}/{build}")


def place_at(path: str | os.PathLike[str]) -> Place:
    """The place that an artefact's own path or URL says."""
    if "://" not in os.fspath(path):
        return Folder(Path(path))
    from taskc.compiler.writing.remote import Remote

    return Remote(os.fspath(path))


class Folder:
    """A folder of this machine.

    Attributes:
        path: Where.
    """

    def __init__(self, path: Path) -> None:
        self.path: Path | str = path
        self._path = path

    def read(self, name: str) -> bytes | None:
        """See `Place`."""
        try:
            return (self._path / name).read_bytes()
        except OSError:
            return None

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """See `Place`."""
        try:
            return all((self._path / name).stat().st_size == size for name, size in sizes.items())
        except OSError:
            return False

    def check(self) -> None:
        """See `Place`: nothing is written, so a disk may still turn out to be full."""
        try:
            reason = _reason_against(self._path)
        except OSError as error:
            raise OutputError(unusable(self.path, _words(error))) from error
        if reason:
            raise OutputError(unusable(self.path, reason))

    @contextmanager
    def filled(self) -> Iterator[Path]:
        """See `Place`."""
        self.check()
        try:
            with published(self._path) as folder:
                yield folder
        except OSError as error:
            raise OutputError(refused(self.path, error)) from error


def refused(
    path: Path | str, error: OSError, *, notes: tuple[str, ...] = (), helps: tuple[str, ...] = ()
) -> Diagnostic:
    """What to say where the system refuses to write an artefact.

    Args:
        path: Where it was to stand.
        error: What the system said.
        notes: What to say besides.
        helps: What mends it, before what mends any.
    """
    if error.errno not in _FULL:
        return unusable(path, _words(error), *notes)
    return Diagnostic(
        code="T1020",
        severity=CODES["T1020"].severity,
        message="no space is left for the artefact",
        primary=None,
        notes=(f"it was to stand at `{path}`; what stood there before stands there still", *notes),
        helps=helps
        or (
            "the disk must hold an artefact twice while it is written: make room",
            "or build onto a larger disk: `--out DIR`",
        ),
    )


def _reason_against(place: Path) -> str:
    """Why no artefact may stand at a place; "": it may.

    Raises:
        OSError: If the system doesn't let it be looked at.
    """
    if place.is_dir():
        is_artifact = (place / artifact.MANIFEST).is_file()
        if not is_artifact and any(place.iterdir()):
            return "a folder with other files stands there, which would be lost"
    above = next(folder for folder in place.absolute().parents if folder.exists())
    if place.exists() and not place.is_dir():
        above = place
    if not above.is_dir():
        return f"`{above}` is a file"
    if not os.access(above, os.W_OK | os.X_OK):
        return f"the folder `{above}` cannot be written"
    return ""


def unusable(path: Path | str, *reasons: str) -> Diagnostic:
    """What to say of a place where no artefact can stand."""
    return Diagnostic(
        code="T1021",
        severity=CODES["T1021"].severity,
        message="the artefact cannot be put into its place",
        primary=None,
        notes=(f"it was to stand at `{path}`", *reasons),
        helps=("choose another folder of artefacts: `--out DIR`",),
    )


def _words(error: OSError) -> str:
    words = (error.strerror or str(error) or type(error).__name__).lower()
    return f"`{error.filename}`: {words}" if error.filename is not None else words
