"""Inputs as they are against inputs as they were locked.

In: a plan, or single entries. Out: a diagnostic for each kind of difference of each split: files
whose bytes differ, files that are gone, files that came. Rows are not read: equal digests are
equal rows.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from taskc.compiler import plan
from taskc.compiler.lock.digests import digests_of
from taskc.compiler.places import error_at
from taskc.compiler.rows.connect.hub import is_on_hub
from taskc.compiler.rows.connect.reading import split_files
from taskc.compiler.rows.findings import Findings
from taskc.compiler.store.objects import Store
from taskc.compiler.turns import tokenizer as tokenizers
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.lock.entries import (
    FILE_NAME,
    Lock,
    LockedSource,
    LockedTokenizer,
    kept_options,
)
from taskc.dsl.lock.text import LockTextError, parse

__all__ = [
    "Locked",
    "build_differences",
    "changed_spec",
    "source_differences",
    "tokenizer_differences",
]

_MAX_LISTED = 5  # files in a diagnostic


@dataclass(frozen=True, slots=True)
class Locked:
    """What a message says of an entry.

    Attributes:
        name: What is locked, in words: "source `a`".
        folder: The package's folder, whose lock it is.
        key: The entry's name.
        at: Where the spec reads it.
    """

    name: str
    folder: str
    key: str
    at: plan.Place

    @property
    def mend(self) -> str:
        """What to do where the new state of the files is the right one."""
        return (
            f"get back what was locked, or lock it anew: "
            f"`taskc lock {self.folder} --update {self.key}`"
        )


@dataclass(slots=True)
class _Differences:
    """Files of one split or tokenizer that are not as they were locked."""

    changed: list[tuple[str, str, str]] = field(default_factory=list)  # name, expected, found
    gone: list[tuple[str, str]] = field(default_factory=list)  # name, expected
    new: list[str] = field(default_factory=list)


# ---- a build -------------------------------------------------------------------------------------


def build_differences(build: plan.BuildPlan, *, store: Store | None) -> list[Diagnostic]:
    """Returns what a build would read otherwise than it was locked; nothing where all is equal.

    Args:
        build: Its sources are compared in the splits that it reads.
        store: Knows digests of files.
    """
    locks = _Locks()
    found: list[Diagnostic] = []
    for source in build.sources:
        key = source.name.rpartition(".")[2]  # a package before it is there to tell two apart
        what = Locked(f"source `{source.name}`", locks.folder(source.at), key, source.connector.at)
        lock = locks.read(what, found)
        if lock is None:
            continue
        if key not in lock.sources:
            found.append(_not_locked(what))
            continue
        found += source_differences(what, lock.sources[key], source.connector, store=store)
    name = build.tokenizer.name
    what = Locked(f"tokenizer `{name}`", locks.folder(build.tokenizer.at), name, build.tokenizer.at)
    lock = locks.read(what, found)
    if lock is not None and name not in lock.tokenizers:
        found.append(_not_locked(what))
    elif lock is not None:
        found += tokenizer_differences(what, lock.tokenizers[name], build.tokenizer, store=store)
    return found


@dataclass(slots=True)
class _Locks:
    """The locks of the packages that a build reads, each read once; None where there is none."""

    known: dict[str, Lock | None] = field(default_factory=dict)

    @staticmethod
    def folder(at: plan.Place) -> str:
        return posixpath.dirname(at.path) or "."

    def read(self, what: Locked, found: list[Diagnostic]) -> Lock | None:
        if what.folder not in self.known:
            path = Path(what.folder, FILE_NAME)
            try:
                self.known[what.folder] = parse(path.read_bytes())
            except (OSError, LockTextError):  # the second was said when the spec was checked
                self.known[what.folder] = None
                found.append(_no_lock(what))
        return self.known[what.folder]


def _no_lock(what: Locked) -> Diagnostic:
    return error_at(
        "T0530",
        what.at,
        f"there is no lock that {what.name} could be compared with"[:100],
        label="not locked",
        notes=(f"looked for `{posixpath.normpath(posixpath.join(what.folder, FILE_NAME))}`",),
        helps=(f"write it: `taskc lock {what.folder}`",),
    )


def _not_locked(what: Locked, split: str = "") -> Diagnostic:
    of = f"the split `{split}` of {what.name}" if split else what.name
    mend = f"taskc lock {what.folder}" + (f" --update {what.key}" if split else "")
    return error_at(
        "T0530",
        what.at,
        f"the lock has no entry for {of}"[:100],
        label="not locked",
        helps=(f"add it: `{mend}`",),
    )


def changed_spec(what: Locked, changes: tuple[str, ...]) -> Diagnostic:
    """The finding about a source whose entry was made for another `from`, options or splits.

    Args:
        what: Words for the message.
        changes: What was otherwise, a line each.
    """
    return error_at(
        "T0534",
        what.at,
        f"{what.name} is not read as it was locked"[:100],
        label="has changed since it was locked",
        notes=changes,
        helps=(f"lock it anew: `taskc lock {what.folder} --update {what.key}`",),
    )


# ---- an entry ------------------------------------------------------------------------------------


def source_differences(
    what: Locked, entry: LockedSource, connector: plan.Connector, *, store: Store | None
) -> list[Diagnostic]:
    """Returns where the files of a source are not those of its entry.

    Args:
        what: Words for the messages.
        entry: What was locked.
        connector: What is read, with the splits that are compared.
        store: Knows digests of files.
    """
    changes = tuple(_changed_reading(entry, connector))
    if changes:
        return [changed_spec(what, changes)]
    found: list[Diagnostic] = []
    for split in connector.patterns:
        locked = entry.splits.get(split)
        if locked is None:
            found.append(_not_locked(what, split))
            continue
        if is_on_hub(connector):
            continue  # the commit pins its files
        quiet = Findings(what.key, what.at)  # files that are not there are differences
        paths = {file.name: file.path for file in split_files(connector, split, quiet, store)}
        if not paths and (connector.kind == "hf" or not locked.files):
            found += quiet.diagnostics()  # that the hub can't be reached is no difference
            continue
        found += _diagnostics(what, f"split `{split}`", _compared(locked.files, paths, store))
    return found


def _changed_reading(entry: LockedSource, connector: plan.Connector) -> Iterator[str]:
    """How files were read that are read otherwise now."""
    if entry.connector != connector.kind:
        yield f"it was locked as `{entry.connector}`"
        return
    options = kept_options(connector.options)
    names = (entry.options.keys() | options.keys()) - {"revision"}  # what it gives is compared
    for name in sorted(names):
        if entry.options.get(name) != options.get(name):
            yield f"`{name}` was `{entry.options.get(name, 'not given')}`"


def tokenizer_differences(
    what: Locked, entry: LockedTokenizer, spec: plan.Tokenizer, *, store: Store | None
) -> list[Diagnostic]:
    """Returns where the files of a tokenizer are not those of its entry.

    Args:
        what: Words for the messages.
        entry: What was locked.
        spec: What is read.
        store: Knows digests of files.
    """
    files = tokenizers.input_files(spec).values()
    paths = {path.name: str(path) for path in files if path.is_file()}
    if spec.kind == "hf" and not paths:
        return []  # the build says why it can't be had
    return list(_diagnostics(what, "tokenizer", _compared(entry.files, paths, store)))


def _compared(
    locked: Mapping[str, str], paths: Mapping[str, str], store: Store | None
) -> _Differences:
    differences = _Differences()
    both = sorted(locked.keys() & paths.keys())
    digests = digests_of([paths[name] for name in both], store)
    for name, digest in zip(both, digests, strict=True):
        if isinstance(digest, OSError):
            differences.changed.append((name, locked[name], (digest.strerror or "nothing").lower()))
        elif digest != locked[name]:
            differences.changed.append((name, locked[name], digest))
    differences.gone = [(name, locked[name]) for name in sorted(locked.keys() - paths.keys())]
    differences.new = sorted(paths.keys() - locked.keys())
    return differences


def _diagnostics(what: Locked, place: str, differences: _Differences) -> Iterator[Diagnostic]:
    """One finding for each kind of difference."""
    if differences.changed:
        num = _counted(len(differences.changed))
        yield error_at(
            "T0531",
            what.at,
            f"{num} of {what.name} {_is(num)} not as locked"[:100],
            label="its bytes have changed",
            notes=_changed_notes(place, differences.changed),
            helps=(what.mend,),
        )
    if differences.gone:
        num = _counted(len(differences.gone))
        yield error_at(
            "T0532",
            what.at,
            f"{num} of {what.name} that {_was(num)} locked {_is(num)} not there"[:100],
            label="missing",
            notes=_listed(
                f"{place}, file `{name}`: expected SHA-256 {expected}, found no file"
                for name, expected in differences.gone
            ),
            helps=(what.mend,),
        )
    if differences.new:
        num = _counted(len(differences.new))
        yield error_at(
            "T0533",
            what.at,
            f"{num} of {what.name} {_was(num)} not there when it was locked"[:100],
            label="more than was locked",
            notes=_listed(f"{place}, file `{name}`: expected no file" for name in differences.new),
            helps=(what.mend,),
        )


def _changed_notes(place: str, changed: list[tuple[str, str, str]]) -> tuple[str, ...]:
    """What was expected and what was found: of one file in lines of their own."""
    if len(changed) == 1:
        ((name, expected, found),) = changed
        return f"{place}, file `{name}`", f"expected SHA-256 {expected}", f"found SHA-256 {found}"
    return _listed(
        f"{place}, file `{name}`: expected SHA-256 {expected}, found {found}"
        for name, expected, found in changed
    )


def _counted(num_files: int) -> str:
    return "a file" if num_files == 1 else f"{num_files:_} files"


def _is(num: str) -> str:
    return "is" if num == "a file" else "are"


def _was(num: str) -> str:
    return "was" if num == "a file" else "were"


def _listed(lines: Iterator[str]) -> tuple[str, ...]:
    found = list(lines)
    num_more = len(found) - _MAX_LISTED
    more = (f"and {_counted(num_more)} more",) if num_more > 0 else ()
    return (*found[:_MAX_LISTED], *more)
