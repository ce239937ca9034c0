"""Locking: one `taskc.lock` a package, entries added, kept or written anew.

In: checked specs, and which entries are to be written anew. Out: for each package what changed, and
its lock's file, replaced in one step. Entries that stay are compared with what stands on disk. A
package with an error is not locked; a source that can't be read keeps the entry that it had.
"""

import os
import posixpath
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from taskc.api import sound_packages
from taskc.compiler import plan
from taskc.compiler.lock.comparing import (
    Locked,
    changed_spec,
    source_differences,
    tokenizer_differences,
)
from taskc.compiler.lock.reading import read_source, read_tokenizer
from taskc.compiler.lower_inputs import InputLowering
from taskc.compiler.store.objects import Store
from taskc.dsl.check.sources.locked import entry_changes, read_lock
from taskc.dsl.checker import Checked
from taskc.dsl.diagnostics import Diagnostic, Reporter
from taskc.dsl.lock.entries import FILE_NAME, Lock, LockedSource, LockedTokenizer
from taskc.dsl.lock.text import as_text
from taskc.dsl.model import program

__all__ = ["LockedPackage", "Update", "lock_each", "lock_path", "unknown_names"]

# Names of the entries that are written anew; "all" of them, with those that nothing declares.
Update = Collection[str] | Literal["all"]
# Told of a source, a split, and how many of its rows were read since the last call.
Progress = Callable[[str, str, int], None]


@dataclass(slots=True)
class LockedPackage:
    """What became of a package's lock.

    Attributes:
        package: The package's name.
        path: Its lock.
        lock: What stands in it now.
        is_written: Whether the file changed.
        added: Entries that were not there, as "source a" or "tokenizer b"; so the next three.
        changed: Entries that are others than before.
        removed: Entries of what is declared no more.
        unchanged: All others.
        notes: Columns whose types are left open, a line each.
        diagnostics: What does not fit, and what could not be read.
    """

    package: str
    path: str
    lock: Lock = field(default_factory=Lock)
    is_written: bool = False
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def note_entry(self, name: str, before: object | None, now: object) -> None:
        """Writes down what became of an entry that was written anew."""
        if before is None:
            self.added.append(name)
        else:
            (self.unchanged if before == now else self.changed).append(name)


def lock_path(package: program.Package) -> str:
    """Where a package's lock stands, or will."""
    return posixpath.normpath(posixpath.join(package.folder, FILE_NAME))


def unknown_names(checked: Checked, names: Collection[str]) -> list[str]:
    """Returns the names that are neither declared by a package nor in its lock."""
    known: set[str] = set()
    for package in checked.program.packages:
        known |= package.sources.keys() | package.tokenizers.keys()
        found = read_lock(lock_path(package), _read, {}, Reporter())
        if found is not None:
            known |= found[0].sources.keys() | found[0].tokenizers.keys()
    return sorted(set(names) - known)


def lock_each(
    checked: Checked,
    *,
    update: Update = (),
    store: Store | None = None,
    progress: Progress = lambda _source, _split, _rows: None,
) -> Iterator[LockedPackage]:
    """Locks the packages without error, one after another.

    Args:
        checked: Specs, checked without their locks.
        update: Which entries are written anew; those that are missing are added in any case.
        store: Keeps digests of files.
        progress: Told of every chunk of rows.
    """
    for package in sound_packages(checked):
        locking = _Locking(checked.program, package, update, store, progress)
        if locking.is_needed():
            yield locking.run()


class _Locking:
    """The locking of one package."""

    def __init__(
        self,
        checked: program.Program,
        package: program.Package,
        update: Update,
        store: Store | None,
        progress: Progress,
    ) -> None:
        self.lowering = InputLowering(checked, package)
        self.package = package
        self.update = update
        self.store = store
        self.progress = progress
        self.result = LockedPackage(package.name, lock_path(package))

    def is_needed(self) -> bool:
        """Whether there is anything to lock, or a lock."""
        package = self.package
        return bool(package.sources or package.tokenizers) or Path(self.result.path).exists()

    def run(self) -> LockedPackage:
        result = self.result
        before = self._before()
        if before is None:
            return result
        old, text = before
        result.lock = Lock(
            sources=self._sources(old.sources), tokenizers=self._tokenizers(old.tokenizers)
        )
        self._note_rest("source", old.sources, result.lock.sources, self.package.sources)
        self._note_rest(
            "tokenizer", old.tokenizers, result.lock.tokenizers, self.package.tokenizers
        )
        now = as_text(result.lock)
        if now != text and (result.lock != Lock() or text):
            _replace(Path(result.path), now)
            result.is_written = True
        return result

    def _before(self) -> tuple[Lock, str] | None:
        """The lock as it was, and its text; None where it is unreadable and has to stay."""
        report = Reporter()
        texts = self.lowering.program.texts
        found = read_lock(self.result.path, _read, texts, report)
        if found is not None:
            return found[0], found[1].text
        if not report.diagnostics or self.update == "all":
            return Lock(), ""
        self.result.diagnostics += report.diagnostics
        return None

    def _is_anew(self, name: str) -> bool:
        return self.update == "all" or name in self.update

    def _note_rest(
        self,
        kind: str,
        old: Collection[str],
        now: dict[str, LockedSource] | dict[str, LockedTokenizer],
        declared: Collection[str],
    ) -> None:
        """Takes along entries of what is declared no more, or says that they are gone."""
        for name in sorted(set(old) - set(declared)):
            where = self.result.unchanged if name in now else self.result.removed
            where.append(f"{kind} {name}")

    # ---- sources -------------------------------------------------------------------------------

    def _sources(self, old: dict[str, LockedSource]) -> dict[str, LockedSource]:
        declared = self.package.sources
        found = {
            name: entry
            for name, entry in old.items()
            if name not in declared and not self._is_anew(name)
        }
        for name, source in declared.items():
            connector = self.lowering.connector(
                source, [split for split in source.splits if split.carve is None]
            )
            before = old.get(name)
            if before is None or self._is_anew(name):
                entry = self._read_source(name, source, connector, before)
            else:
                entry = before
                self._compare_source(name, source, connector, before)
            if entry is not None:
                found[name] = entry
        return found

    def _read_source(
        self,
        name: str,
        source: program.Source,
        connector: plan.Connector,
        before: LockedSource | None,
    ) -> LockedSource | None:
        read = read_source(
            name,
            connector,
            source.patterns,
            store=self.store,
            used=source.reads,
            progress=lambda split, rows: self.progress(name, split, rows),
        )
        self.result.diagnostics += read.diagnostics
        if read.entry is None:
            return before
        self.result.notes += (f"source {name}: {note}" for note in read.notes)
        self.result.note_entry(f"source {name}", before, read.entry)
        return read.entry

    def _compare_source(
        self, name: str, source: program.Source, connector: plan.Connector, entry: LockedSource
    ) -> None:
        what = Locked(f"source `{name}`", self.package.folder, name, connector.at)
        changes = tuple(entry_changes(entry, source.connector, source.patterns))
        if changes:
            self.result.diagnostics.append(changed_spec(what, changes))
            return
        differences = source_differences(what, entry, connector, store=self.store)
        self.result.diagnostics += differences
        if not differences:
            self.result.unchanged.append(f"source {name}")

    # ---- tokenizers ----------------------------------------------------------------------------

    def _tokenizers(self, old: dict[str, LockedTokenizer]) -> dict[str, LockedTokenizer]:
        declared = self.package.tokenizers
        found = {
            name: entry
            for name, entry in old.items()
            if name not in declared and not self._is_anew(name)
        }
        for name, tokenizer in declared.items():
            spec = self.lowering.tokenizer(tokenizer)
            before = old.get(name)
            if before is None or self._is_anew(name):
                entry = self._read_tokenizer(spec, before)
            else:
                entry = before
                self._compare_tokenizer(spec, before)
            if entry is not None:
                found[name] = entry
        return found

    def _read_tokenizer(
        self, spec: plan.Tokenizer, before: LockedTokenizer | None
    ) -> LockedTokenizer | None:
        entry, diagnostics = read_tokenizer(spec, store=self.store)
        self.result.diagnostics += diagnostics
        if entry is None:
            return before
        self.result.note_entry(f"tokenizer {spec.name}", before, entry)
        return entry

    def _compare_tokenizer(self, spec: plan.Tokenizer, entry: LockedTokenizer) -> None:
        what = Locked(f"tokenizer `{spec.name}`", self.package.folder, spec.name, spec.at)
        differences = tokenizer_differences(what, entry, spec, store=self.store)
        self.result.diagnostics += differences
        if not differences:
            self.result.unchanged.append(f"tokenizer {spec.name}")


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def _replace(path: Path, text: str) -> None:
    """Writes a file in one step; a link stays one, and a file keeps its permissions."""
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        if path.exists():
            temporary.chmod(path.stat().st_mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
