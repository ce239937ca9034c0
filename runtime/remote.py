"""Artefacts at URLs: brought here once, checked, and found here from then on.

In: a URL that fsspec knows, of a folder with a manifest.json. Out: a local folder with the same
files, every one of the size and SHA-256 that the manifest says. What is kept here is named by the
manifest, so two versions of one URL never mix, and processes that open one at the same time fetch
it once. A fetch that was broken off goes on where it stopped.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from taskc.runtime import artifact
from taskc.runtime.artifact import ArtifactError, FileFacts, Manifest

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["CACHE", "fetched", "is_url"]

CACHE = Path("~/.cache/taskc/artifacts")
_ATTEMPTS = 3
_MAX_FETCHES = 8  # files at a time


def is_url(path: str) -> bool:
    """Whether an artefact's path is a URL, and not a folder of this machine."""
    return "://" in path


def fetched(url: str, cache: Path = CACHE, *, verify: bool) -> Path:
    """Returns a local folder with the artefact's files; what is there already is not fetched.

    Args:
        url: The artefact's folder.
        cache: Where fetched artefacts are kept, a folder each.
        verify: Whether what is there already is hashed again; what is fetched always is.

    Raises:
        ArtifactError: If there is no artefact, or it can't be fetched, or isn't what its manifest
            says.
    """
    system, root = _opened(url)
    for attempt in range(_ATTEMPTS):
        system.invalidate_cache()
        manifest = _bytes(system, root, artifact.MANIFEST, url)
        try:
            return _Fetch(system, root, url, manifest, verify=verify).into(cache.expanduser())
        except ArtifactError:
            # A build may replace the artefact meanwhile: then the new one is wanted.
            if attempt == _ATTEMPTS - 1 or _bytes(system, root, artifact.MANIFEST, url) == manifest:
                raise
    raise AssertionError


class _Fetch:
    """One version of an artefact on its way here."""

    def __init__(
        self, system: "AbstractFileSystem", root: str, url: str, manifest: bytes, *, verify: bool
    ) -> None:
        self.system = system
        self.url = url
        self.manifest = manifest
        self.files = artifact.load(Manifest, manifest, f"{url}/{artifact.MANIFEST}").files
        self.verify = verify
        version = f"{root}/{artifact.version_folder(manifest)}"
        # A folder that was copied there as it is has its files beside the manifest.
        with _told(url):
            self.root = version if system.exists(f"{version}/{artifact.MANIFEST}") else root

    def into(self, cache: Path) -> Path:
        """Fetches what is missing; returns the artefact's folder."""
        folder = cache / hashlib.sha256(self.manifest).hexdigest()[:32]
        with _locked(folder):
            missing = [name for name, facts in self.files.items() if not self._has(folder, name)]
            with ThreadPoolExecutor(_MAX_FETCHES) as threads:
                for _ in threads.map(lambda name: self._fetch(folder, name), missing):
                    pass
            # May be written anew without another version: a new learning rate builds no data.
            _put(folder / artifact.RUN, _bytes(self.system, self.root, artifact.RUN, self.url))
            _put(folder / artifact.MANIFEST, self.manifest)
        return folder

    def _has(self, folder: Path, name: str) -> bool:
        """Whether a file is here, as the manifest has it."""
        path, facts = folder / name, self.files[name]
        if not path.is_file() or path.stat().st_size != facts.size_bytes:
            return False
        return not self.verify or artifact.sha256_of(path) == facts.sha256

    def _fetch(self, folder: Path, name: str) -> None:
        path, facts = folder / name, self.files[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.part")
        with _told(f"{self.url}/{name}"):
            self.system.get_file(f"{self.root}/{name}", str(partial))
        _check(f"{self.url}/{name}", partial, facts)
        partial.replace(path)


def _check(name: str, path: Path, facts: FileFacts) -> None:
    """Compares what was fetched with what the manifest says of it."""
    size_bytes = path.stat().st_size
    if size_bytes != facts.size_bytes:
        raise ArtifactError(name, "bytes", str(facts.size_bytes), str(size_bytes))
    found = artifact.sha256_of(path)
    if found != facts.sha256:
        raise ArtifactError(name, "sha256", facts.sha256, found)


def _put(path: Path, content: bytes) -> None:
    """Writes a small file in one step, where it isn't there as it is."""
    if path.is_file() and path.read_bytes() == content:
        return
    new = path.with_name(f"{path.name}.{uuid4().hex}")
    new.write_bytes(content)
    new.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lets one process at a time fetch a version; the others find it fetched."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _opened(url: str) -> tuple["AbstractFileSystem", str]:
    from fsspec.core import url_to_fs

    try:
        system, root = url_to_fs(url.rstrip("/"))
    except (ImportError, ValueError) as error:
        raise ArtifactError(url, "place", "a URL that fsspec knows", str(error)) from error
    return system, str(root).rstrip("/")


def _bytes(system: "AbstractFileSystem", root: str, name: str, url: str) -> bytes:
    with _told(f"{url}/{name}"):
        content: bytes = system.cat_file(f"{root}/{name}")
        return content


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turns what the library behind a URL raises into what callers know."""
    try:
        yield
    except FileNotFoundError as error:
        raise ArtifactError(name, "file", "to be there", "nothing") from error
    except Exception as error:  # every library behind fsspec has exceptions of its own
        words = str(error) or type(error).__name__
        raise ArtifactError(name, "file", "to be readable", words) from error
