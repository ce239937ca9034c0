"""The store: objects by kind and key, each there whole or not at all.

In: bytes under a key that names everything they were made from. Out: the same bytes, checked on
their way in, or nothing: what was never made, was cleaned away or is damaged is made again. Layout
`URL/v2/KIND/KK/KEY/NAME`, KK the key's first two characters; an object ends in a trailer of 32
bytes (`_TRAILER`). A small object is read in 15 us and written in 80; checksums take 0.6 s per GB
where the processor knows SHA-256, and what a process wrote itself it does not check again.
"""

import errno
import os
import platform
import struct
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from taskc.compiler.store.backend import Backend, Buffer, StoredObject
from taskc.compiler.store.disk import Disk
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.errors import TaskcError
from taskc.dsl.report import render

__all__ = ["Store", "StoreError"]

_VERSION = "v2"
_OBJECT = "object"  # the name under a key that has one object
_MAGIC = b"taskc\x00v2"
_DIGEST_BYTES = 16  # the first of a SHA-256
_TRAILER = struct.Struct(f"<8sQ{_DIGEST_BYTES}s")  # magic, bytes of the content, their digest
_CANNOT_BE_WRITTEN = "T1002"
_MAX_REQUESTS = 16  # at a time, of a store at a URL
_FULL = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


class StoreError(TaskcError):
    """The store is full or can't be used; nothing that a stage could do about it.

    Attributes:
        diagnostic: What to show.
    """

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__([diagnostic], render([diagnostic], {}, style="human", color=False))
        self.diagnostic = diagnostic

    def __reduce__(self) -> tuple[type["StoreError"], tuple[Diagnostic]]:
        """Lets it come out of a worker process."""
        return StoreError, (self.diagnostic,)


class Store:
    """Objects by kind and key; picklable: a worker opens it again from its URL.

    Attributes:
        url: A local folder, absolute, or a URL that fsspec knows.
        fallback: Takes what is written where this one can't be written, and is read besides.
        is_writable: False once a write was refused.
        sign: What a build that runs has put there for its workers to see; "": nothing.
        findings: Warnings since they were last taken; see `take_findings`.
    """

    def __init__(
        self, url: str, fallback: "Store | None", *, is_writable: bool = True, sign: str = ""
    ) -> None:
        self.url, self._backend = _backend(url)
        self.fallback = fallback
        self.is_writable = is_writable
        self.sign = sign
        self.findings: list[Diagnostic] = []
        self._sound: dict[str, tuple[int, ...]] = {}  # stamps of what was checked, or written

    @staticmethod
    def open(
        url: str | os.PathLike[str], *, fallback: str | os.PathLike[str] | None = None
    ) -> "Store":
        """Opens a store, which need not exist yet; nothing is written.

        Args:
            url: A folder or a URL.
            fallback: A private folder. A store that can't be written is read all the same; what a
                build makes then goes there. None: what is `put` is not kept, with a warning, and
                `add`, whose callers read again, is an error.

        Raises:
            StoreError: If fsspec doesn't know the URL, or lacks a library for it.
        """
        spare = None if fallback is None else Store(os.fspath(fallback), None)
        return Store(os.fspath(url), spare)

    def __reduce__(self) -> tuple[object, ...]:
        """Where it is, and whether it can be written; not what this process has seen of it."""
        return _opened, (self.url, self.fallback, self.is_writable, self.sign)

    def __repr__(self) -> str:
        """As it is opened."""
        return f"Store({self.url!r})"

    # ---- one object under a key ----------------------------------------------------------------

    def get(self, kind: str, key: str) -> bytes | None:
        """The object under a key; None: there is none, or it was damaged and is removed.

        Raises:
            StoreError: If the store can't be read.
        """
        content = self.read(kind, key, _OBJECT)
        return None if content is None else bytes(content)

    def get_each(self, kind: str, keys: Sequence[str]) -> list[bytes | None]:
        """As `get` for each key, in their order; of a store at a URL several at a time.

        Raises:
            StoreError: If the store can't be read.
        """
        if "://" not in self.url:
            return [self.get(kind, key) for key in keys]
        with ThreadPoolExecutor(_MAX_REQUESTS) as threads:
            return list(threads.map(lambda key: self.get(kind, key), keys))

    def put(self, kind: str, key: str, content: Buffer | Sequence[Buffer]) -> None:
        """Puts an object under a key, in place of one that was there.

        Raises:
            StoreError: If the store is full or can't be used.
        """
        buffers = _buffers(content)
        self._write(_path(kind, key, _OBJECT), [*buffers, _trailer(buffers)])

    # ---- several objects under a key -----------------------------------------------------------

    def add(self, kind: str, key: str, content: Buffer | Sequence[Buffer]) -> str:
        """Adds an object under a key and returns its name: the digest of its content, 32 hex.

        Raises:
            StoreError: If the store is full or can't be used.
        """
        buffers = _buffers(content)
        trailer = _trailer(buffers)
        name = str(_TRAILER.unpack(trailer)[2].hex())
        if not self._write(_path(kind, key, name), [*buffers, trailer]):
            raise StoreError(_not_shared("what is made cannot be kept in it", self.url))
        return name

    def names(self, kind: str, key: str) -> list[str]:
        """The names of the objects under a key, sorted.

        Raises:
            StoreError: If the store can't be read.
        """
        with self._told():
            names = self._backend.names(_folder(kind, key))
        if self.fallback is not None:
            return sorted({*names, *self.fallback.names(kind, key)})
        return names

    def read(self, kind: str, key: str, name: str) -> memoryview | None:
        """An object's content, a read-only memory map where that costs less; None: as `get`.

        Raises:
            StoreError: If the store can't be read.
        """
        path = _path(kind, key, name)
        with self._told():
            content = self._backend.read(path)
        if content is not None:
            if content.stamp is not None and self._sound.get(path) == content.stamp:
                return content.content[: -_TRAILER.size]
            if _is_sound(content.content):
                if content.stamp is not None:
                    self._sound[path] = content.stamp
                return content.content[: -_TRAILER.size]
            self._remove_damaged(path)
        return None if self.fallback is None else self.fallback.read(kind, key, name)

    def sync(self) -> None:
        """Returns when all that was written outlives a power cut; a build's last word to it.

        Without it nothing is wrong, only made again: what a power cut tears is a miss.

        Raises:
            StoreError: If the system can't write it.
        """
        if self.is_writable:
            with self._told():
                self._backend.sync()

    # ---- what is said about it -----------------------------------------------------------------

    def take_findings(self) -> list[Diagnostic]:
        """Returns the warnings since the last call: a worker's travel back with its results."""
        found = self.findings
        self.findings = []
        return found if self.fallback is None else found + self.fallback.take_findings()

    def absorb(self, findings: Iterable[Diagnostic]) -> None:
        """Takes over what a worker's copy had to say: each kind of warning is said once."""
        for finding in findings:
            self.is_writable &= finding.code != _CANNOT_BE_WRITTEN
            self._say(finding)

    # ---- for those who clean -------------------------------------------------------------------

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keeps `taskc clean` from removing what is used from now on, as long as the block runs.

        A build needs it: it finds an object at its start and reads it again at its end. On a URL
        that is no local folder nothing keeps it.
        """
        with ExitStack() as leases:
            with suppress(OSError):  # a store that nobody here can write is not cleaned from here
                self.sign = leases.enter_context(self._backend.in_use())
            try:
                yield
            finally:
                self.sign = ""

    def check_sign(self) -> None:
        """Looks whether this is the store of the build that it was sent by, and not a namesake.

        Raises:
            StoreError: If it is not: another machine has a folder of its own by that name.
        """
        with self._told():
            is_seen = not self.sign or self._backend.sees(self.sign)
        if not is_seen:
            where = f"`{platform.node()}` has another folder of that name"
            raise StoreError(_not_shared(where, self.url))

    def in_use_since(self) -> float:
        """The least `used_s` of what a running `in_use` needs; infinity: none runs."""
        with self._told():
            return self._backend.in_use_since()

    def objects(self) -> Iterator[StoredObject]:
        """Yields every object, in no order.

        Raises:
            StoreError: If the store can't be read.
        """
        with self._told():
            yield from self._backend.objects()

    def remove(self, stored: StoredObject) -> None:
        """Removes an object, unless it was used since it was listed.

        Raises:
            StoreError: If the store doesn't let it be removed.
        """
        with self._told():
            self._backend.remove(stored.path, used_s=stored.used_s)

    def sweep(self) -> int:
        """Removes what killed processes left half written; returns how many files.

        Raises:
            StoreError: If the store can't be read.
        """
        with self._told():
            return self._backend.sweep()

    # ---- inside --------------------------------------------------------------------------------

    def _write(self, path: str, buffers: Sequence[Buffer]) -> bool:
        """Writes an object; returns whether there was a place for it."""
        if self.is_writable:
            try:
                stamp = self._backend.write(path, buffers)
            except OSError as error:
                if error.errno not in _READ_ONLY:
                    self._raise(error)
                self._say_read_only(error)
            else:
                if stamp is not None:
                    self._sound[path] = stamp
                return True
        return self.fallback is not None and self.fallback._write(path, buffers)  # noqa: SLF001 - of the same class

    def _say_read_only(self, error: OSError) -> None:
        self.is_writable = False
        self._report(
            _CANNOT_BE_WRITTEN,
            "the store cannot be written: what is made now is made again next time",
            notes=(f"store `{self.url}`: {_reason(error)}",),
            helps=("keep a store of your own: `--store DIR`",),
        )

    def _remove_damaged(self, path: str) -> None:
        self._sound.pop(path, None)
        try:
            self._backend.remove(path)
            outcome = "it is removed and made again"
        except OSError:  # read-only: it stays a miss
            outcome = "it is made again"
        self._report(
            "T1003",
            f"an object of the store is damaged: {outcome}",
            notes=(f"store `{self.url}`, object `{path}`",),
            helps=("if it happens again, look at the disk",),
        )

    def _report(
        self, code: str, message: str, *, notes: tuple[str, ...], helps: tuple[str, ...]
    ) -> None:
        self._say(_finding(code, message, notes=notes, helps=helps))

    def _say(self, finding: Diagnostic) -> None:
        if all(finding.code != said.code for said in self.findings):
            self.findings.append(finding)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what the system says into what the user can mend."""
        try:
            yield
        except OSError as error:
            self._raise(error)

    def _raise(self, error: OSError) -> NoReturn:
        notes = (f"store `{self.url}`: {_reason(error)}",)
        if error.errno in _FULL:
            helps = (
                "remove what is unused: `taskc clean --max-size 20GB`",
                "or keep the store on a larger disk: `--store DIR`",
            )
            found = _finding("T1001", "no space is left for the store", notes=notes, helps=helps)
            raise StoreError(found) from error
        raise StoreError(_unusable(notes)) from error


def _opened(url: str, fallback: Store | None, is_writable: bool, sign: str) -> Store:  # noqa: FBT001 - called by pickle
    return Store(url, fallback, is_writable=is_writable, sign=sign)


def _backend(url: str) -> tuple[str, Backend]:
    """Returns the URL in the form that every process understands, and what carries it out."""
    path = url.removeprefix("file://").removeprefix("local://")
    if path != url or "://" not in url:
        folder = str(Path(path).absolute())
        return folder, Disk(Path(folder, _VERSION))
    from fsspec.core import url_to_fs

    from taskc.compiler.store.remote import Remote

    try:
        system, root = url_to_fs(url)
    except (ImportError, ValueError) as error:
        helps = ("install what is missing: `pip install 'taskc-lang[s3]'`",)
        is_s3 = url.startswith(("s3://", "s3a://"))
        found = _unusable((f"store `{url}`: {error}",), helps if is_s3 else ())
        raise StoreError(found) from error
    return url, Remote(system, f"{root.rstrip('/')}/{_VERSION}")


def _folder(kind: str, key: str) -> str:
    assert key.isalnum(), f"a key is a digest, not {key!r}"
    return f"{kind}/{key[:2]}/{key}"


def _path(kind: str, key: str, name: str) -> str:
    return f"{_folder(kind, key)}/{name}"


def _buffers(content: Buffer | Sequence[Buffer]) -> list[memoryview]:
    """Buffers as bytes, whatever their items are."""
    several: Iterable[Buffer] = [content] if isinstance(content, bytes | memoryview) else content
    return [memoryview(each).cast("B") for each in several]


def _trailer(buffers: Sequence[memoryview]) -> bytes:
    digest = sha256()
    for buffer in buffers:
        digest.update(buffer)
    return _TRAILER.pack(_MAGIC, sum(map(len, buffers)), digest.digest()[:_DIGEST_BYTES])


def _is_sound(content: memoryview) -> bool:
    """Whether an object is as it was written: not torn, no byte another."""
    size_bytes = len(content) - _TRAILER.size
    if size_bytes < 0:
        return False
    return bytes(content[size_bytes:]) == _trailer([content[:size_bytes]])


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _unusable(notes: tuple[str, ...], helps: tuple[str, ...] = ()) -> Diagnostic:
    helps = (*helps, "see that it can be reached, or keep the store elsewhere: `--store URL`")
    return _finding("T1004", "the store cannot be used", notes=notes, helps=helps)


def _not_shared(reason: str, url: str) -> Diagnostic:
    helps = ("keep it where every machine reads and writes the same: `--store URL`",)
    notes = (f"store `{url}`: {reason}",)
    return _finding("T1007", "the machines do not share the store", notes=notes, helps=helps)


def _finding(
    code: str, message: str, *, notes: tuple[str, ...], helps: tuple[str, ...]
) -> Diagnostic:
    return Diagnostic(
        code=code,
        severity=CODES[code].severity,
        message=message,
        primary=None,
        notes=notes,
        helps=helps,
    )
