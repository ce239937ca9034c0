"""A place of artefacts at a URL that fsspec knows: S3 and its kin.

In: a URL. Out: an artefact there, under a folder of its own, with a manifest beside that folder
that says which one counts. The artefact is put together on this machine's disk and copied; the
manifest goes last, in one request, so whoever reads it sees the old artefact or the new one
(docs/decisions/0071). What it replaces goes then.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from taskc.compiler.store.remote import as_os_error, written_s
from taskc.compiler.writing.place import OutputError, refused, unusable
from taskc.runtime import artifact

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["Remote"]

_ABANDONED_AFTER_S = 86_400  # a version without a manifest may still be on its way until then
_ATTEMPTS = 3
_MAX_REQUESTS = 16  # at a time


class Remote:
    """A place at a URL; see `Place`.

    Attributes:
        path: The URL.
    """

    def __init__(self, url: str) -> None:
        self.path: Path | str = url.rstrip("/")
        self._url = url.rstrip("/")

    # ---- what stands there ---------------------------------------------------------------------

    def read(self, name: str) -> bytes | None:
        """See `Place`."""
        try:
            system, root = self._opened()
            manifest = _content(system, f"{root}/{artifact.MANIFEST}")
            if manifest is None or name == artifact.MANIFEST:
                return manifest
            return _content(system, f"{root}/{artifact.version_folder(manifest)}/{name}")
        except (OSError, OutputError):
            return None

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """See `Place`."""
        try:
            system, root = self._opened()
            manifest = _content(system, f"{root}/{artifact.MANIFEST}")
            if manifest is None:
                return False
            found = _sizes(system, f"{root}/{artifact.version_folder(manifest)}")
        except (OSError, OutputError):
            return False
        return all(found.get(name) == size for name, size in sizes.items())

    # ---- what will stand there -----------------------------------------------------------------

    def check(self) -> None:
        """See `Place`: a file of a moment is written, since nothing else tells of one's rights."""
        system, root = self._opened()
        probe = f"{root}/.writing-{token_hex(8)}"
        try:
            with as_os_error():
                system.pipe_file(probe, b"")
                system.rm_file(probe)
        except OSError as error:
            raise OutputError(refused(self.path, error)) from error

    @contextmanager
    def filled(self) -> Iterator[Path]:
        """See `Place`."""
        self.check()
        with TemporaryDirectory(prefix="taskc-") as staging:
            folder = Path(staging, "artifact")
            folder.mkdir()
            try:
                yield folder
            except OSError as error:
                notes = (f"it is put together in `{staging}` before it goes there",)
                helps = ("name a folder of a larger disk in the environment: `TMPDIR`",)
                raise OutputError(refused(self.path, error, notes=notes, helps=helps)) from error
            try:
                self._publish(folder)
            except OSError as error:
                raise OutputError(refused(self.path, error)) from error

    def _publish(self, folder: Path) -> None:
        """Copies the files of an artefact, then its manifest, then removes what it replaces."""
        system, root = self._opened()
        manifest = (folder / artifact.MANIFEST).read_bytes()
        version = f"{root}/{artifact.version_folder(manifest)}"
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
        before = _content(system, f"{root}/{artifact.MANIFEST}")
        # Again only where another build replaced the same version at the same time.
        for _ in range(_ATTEMPTS):
            here = [str(folder / name) for name in sizes]
            with as_os_error():
                system.put(here, [f"{version}/{name}" for name in sizes])
            if _sizes(system, version) != sizes:
                continue
            with as_os_error():
                system.pipe_file(f"{root}/{artifact.MANIFEST}", manifest)
            _sweep(system, root, manifest, before)
            if _sizes(system, version) == sizes:
                return
        raise OSError(f"the files below {self._url} are not those that were written there")

    def _opened(self) -> tuple["AbstractFileSystem", str]:
        """The file system as fsspec has it, and the place within it.

        Raises:
            OutputError: If fsspec doesn't know the URL, or lacks a library for it.
        """
        from fsspec.core import url_to_fs

        try:
            system, root = url_to_fs(self._url)
        except (ImportError, ValueError) as error:
            raise OutputError(unusable(self.path, str(error))) from error
        return system, str(root).rstrip("/")


def _content(system: "AbstractFileSystem", path: str) -> bytes | None:
    with as_os_error():
        try:
            content: bytes = system.cat_file(path)
        except FileNotFoundError:
            return None
        return content


def _sizes(system: "AbstractFileSystem", folder: str) -> dict[str, int]:
    """The files below a folder, by their path within it, and their sizes in bytes."""
    with as_os_error():
        system.invalidate_cache()
        found = system.find(folder, detail=True)
    skipped = len(system._strip_protocol(folder)) + 1  # noqa: SLF001 - fsspec has no other name for it
    return {place[skipped:]: int(info.get("size") or 0) for place, info in found.items()}


def _sweep(system: "AbstractFileSystem", root: str, manifest: bytes, before: bytes | None) -> None:
    """Removes the version that was replaced, and those that killed builds left long ago.

    What can't be removed costs space and nothing else.
    """
    kept = artifact.version_folder(manifest)
    replaced = "" if before is None else artifact.version_folder(before)
    abandoned_s = datetime.now(UTC).timestamp() - _ABANDONED_AFTER_S
    with suppress(OSError), as_os_error():
        system.invalidate_cache()
        if _content(system, f"{root}/{artifact.MANIFEST}") != manifest:
            return  # another build was faster: what goes is its to say
        for version, files in _versions(system, root).items():
            if version != kept and (version == replaced or max(files.values()) < abandoned_s):
                # One by one, since a list would be searched for wildcards.
                with ThreadPoolExecutor(_MAX_REQUESTS) as threads:
                    list(threads.map(system.rm_file, files))


def _versions(system: "AbstractFileSystem", root: str) -> dict[str, dict[str, float]]:
    """The files of each version by its folder, with the times when they were written."""
    skipped = len(system._strip_protocol(root)) + 1  # noqa: SLF001 - as above
    prefix = artifact.version_folder(b"").partition("-")[0]
    found: dict[str, dict[str, float]] = {}
    for place, info in system.find(root, detail=True).items():
        version, slash, _ = place[skipped:].partition("/")
        if slash and version.startswith(f"{prefix}-"):
            found.setdefault(version, {})[place] = written_s(info)
    return found
