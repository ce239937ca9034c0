"""Vendoring: every input of specs into one folder, with a manifest of digests.

In: checked specs and a folder. Out: copies at FOLDER/PACKAGE/INPUT, and `vendor.json`, written last
and in one step. Packages that are imported are vendored with those that were named, since a build
reads both. Where a package has a lock, only what is as it was locked is copied. What an earlier run
copied and nothing reads any more is removed.
"""

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from taskc.api import sound_packages
from taskc.compiler import plan
from taskc.compiler.lock.comparing import Locked, source_differences, tokenizer_differences
from taskc.compiler.lower_inputs import InputLowering
from taskc.compiler.places import error_at
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.connect.reading import split_files
from taskc.compiler.rows.findings import Findings
from taskc.compiler.store.objects import Store
from taskc.compiler.turns import hub
from taskc.compiler.turns import tokenizer as tokenizers
from taskc.compiler.vendor.copying import copied
from taskc.compiler.vendor.manifest import (
    FILE_NAME,
    VendoredPackage,
    VendoredSource,
    VendoredSplit,
    VendoredTokenizer,
    VendorError,
    VendorManifest,
    read,
)
from taskc.compiler.vendor.places import described, root_for
from taskc.dsl.checker import Checked
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.errors import has_errors
from taskc.dsl.lock.entries import FILE_NAME as LOCK_NAME
from taskc.dsl.lock.entries import Lock
from taskc.dsl.lock.text import LockTextError, parse
from taskc.dsl.model import program

__all__ = ["Vendored", "check_folder", "clash", "vendor"]

# Told of an input and a file of it.
Progress = Callable[[str, str], None]


@dataclass(slots=True)
class Vendored:
    """What came of vendoring.

    Attributes:
        manifest: What the folder holds now.
        num_files: Files that the specs read.
        num_copied: Those of them that were not there already.
        num_bytes: Of all files.
        diagnostics: What could not be copied, and why.
    """

    manifest: VendorManifest
    num_files: int = 0
    num_copied: int = 0
    num_bytes: int = 0
    diagnostics: list[Diagnostic] = field(default_factory=list)


def check_folder(folder: Path) -> str:
    """Says why a folder can't be vendored into; "" where it can: new, empty, or vendored before."""
    if not folder.exists():
        return ""
    if not folder.is_dir():
        return f"{folder} is a file"
    if any(folder.iterdir()) and not (folder / FILE_NAME).exists():
        return f"{folder} holds other files"
    try:
        if (folder / FILE_NAME).exists():
            read(folder)
    except VendorError as error:
        return str(error)
    return ""


def clash(checked: Checked) -> str:
    """Says of two packages that their inputs would have one place; "" where there are none."""
    folders: dict[str, str] = {}
    for package in _reached(sound_packages(checked)):
        other = folders.setdefault(package.name, package.folder)
        if other != package.folder:
            return f"two packages are called `{package.name}`: {other} and {package.folder}"
    return ""


def vendor(
    checked: Checked,
    folder: Path,
    *,
    store: Store | None = None,
    progress: Progress = lambda _input, _file: None,
) -> Vendored:
    """Copies the inputs of the packages without error, and of what they import.

    Args:
        checked: The specs.
        folder: Where copies go; `check_folder` has nothing against it.
        store: Knows digests of files.
        progress: Told of every file.
    """
    before = read(folder) if (folder / FILE_NAME).exists() else VendorManifest()
    result = Vendored(before)
    packages = dict(before.packages)
    for package in _reached(sound_packages(checked)):
        lowering = InputLowering(checked.program, package)
        run = _Vendoring(lowering, folder, result, store=store, progress=progress)
        packages[package.name] = run.package(before.packages.get(package.name))
    result.manifest = VendorManifest(packages=packages)
    _remove_stale(folder, before, result.manifest)
    _write(folder / FILE_NAME, result.manifest.as_text())
    return result


def _reached(packages: Iterable[program.Package]) -> Iterator[program.Package]:
    """Every package and what they import, each once."""
    seen: set[int] = set()
    waiting = list(packages)
    while waiting:
        package = waiting.pop(0)
        if id(package) not in seen:
            seen.add(id(package))
            yield package
            waiting += package.imports.values()


class _Vendoring:
    """The copying of one package's inputs."""

    def __init__(
        self,
        lowering: InputLowering,
        folder: Path,
        result: Vendored,
        *,
        store: Store | None,
        progress: Progress,
    ) -> None:
        package = lowering.package
        self.lowering = lowering
        self.name = package.name
        self.declared = package
        self.folder = folder
        self.result = result
        self.store = store
        self.progress = progress
        self.lock = _lock(package)

    def package(self, before: VendoredPackage | None) -> VendoredPackage:
        """The entry of the package; an input that can't be copied keeps the one that it had."""
        old = before or VendoredPackage()
        sources = {
            name: self._source(name, source) or old.sources.get(name)
            for name, source in self.declared.sources.items()
        }
        found = {
            name: self._tokenizer(self.lowering.tokenizer(each)) or old.tokenizers.get(name)
            for name, each in self.declared.tokenizers.items()
        }
        return VendoredPackage(
            sources={name: entry for name, entry in sources.items() if entry is not None},
            tokenizers={name: entry for name, entry in found.items() if entry is not None},
        )

    # ---- sources -------------------------------------------------------------------------------

    def _source(self, name: str, source: program.Source) -> VendoredSource | None:
        connector = self.lowering.connector(
            source, [split for split in source.splits if split.carve is None]
        )
        findings = Findings(name, connector.at)
        files = {
            split: split_files(connector, split, findings, self.store)
            for split in connector.patterns
        }
        found = findings.diagnostics() or self._source_differences(name, connector)
        if has_errors(found):
            self.result.diagnostics += found
            return None
        splits = {}
        for split, each in files.items():
            root = _root(posixpath.join(self.name, name), connector, split, each)
            digests = self._copied(name, connector, each, root)
            if digests is None:
                return None
            pattern = described(connector, split)
            splits[split] = VendoredSplit(pattern=pattern, root=root, files=digests)
        return VendoredSource(splits=splits)

    def _copied(
        self, name: str, connector: plan.Connector, files: Iterable[InputFile], root: str
    ) -> dict[str, str] | None:
        """Copies the files of a split; None where one can't be."""
        digests = {}
        for file in files:
            self.progress(name, file.name)
            target = posixpath.normpath(posixpath.join(root, file.name))
            digest = self._copy(file.path, target, connector.at, file.name)
            if digest is None:
                return None
            digests[file.name] = digest
        return digests

    def _source_differences(self, name: str, connector: plan.Connector) -> list[Diagnostic]:
        """Where a source is not as it was locked; nothing where it was not."""
        if self.lock is None or name not in self.lock.sources:
            return []
        what = Locked(f"source `{name}`", self.declared.folder, name, connector.at)
        return source_differences(what, self.lock.sources[name], connector, store=self.store)

    # ---- tokenizers ----------------------------------------------------------------------------

    def _tokenizer(self, spec: plan.Tokenizer) -> VendoredTokenizer | None:
        if spec.kind == "hf":
            try:
                hub.fetched(spec, tokenizers.FILES)
            except hub.HubError as problem:
                self.result.diagnostics.append(tokenizers.of_hub(spec, problem))
                return None
        if self.lock is not None and spec.name in self.lock.tokenizers:
            what = Locked(f"tokenizer `{spec.name}`", self.declared.folder, spec.name, spec.at)
            found = tokenizer_differences(
                what, self.lock.tokenizers[spec.name], spec, store=self.store
            )
            if has_errors(found):
                self.result.diagnostics += found
                return None
        place = posixpath.join(self.name, spec.name)
        first, *beside = tokenizers.input_files(spec).values()
        digests = {}
        for path in (first, *(each for each in beside if each.is_file())):
            self.progress(spec.name, path.name)
            target = posixpath.join(place, path.name)
            digest = self._copy(str(path), target, spec.at, path.name)
            if digest is None:
                return None
            digests[path.name] = digest
        named = place if spec.kind != "file" else posixpath.join(place, first.name)
        return VendoredTokenizer(path=named, files=digests)

    # ---- files ---------------------------------------------------------------------------------

    def _copy(self, path: str, target: str, at: plan.Place, name: str) -> str | None:
        """Copies one file; returns its digest, None where it can't be read."""
        try:
            digest, is_new = copied(path, self.folder / target, store=self.store)
        except OSError as error:
            if error.filename is not None and str(self.folder) in str(error.filename):
                raise  # the folder can't be written: nothing of it can be vendored
            reason = (error.strerror or str(error)).lower()
            self.result.diagnostics.append(
                error_at(
                    "T0512",
                    at,
                    f"the file cannot be read: {reason}"[:100],
                    label="read from here",
                    notes=(f"file `{name}`",),
                )
            )
            return None
        self.result.num_files += 1
        self.result.num_copied += is_new
        self.result.num_bytes += (self.folder / target).stat().st_size
        return digest


def _root(place: str, connector: plan.Connector, split: str, files: Sequence[InputFile]) -> str:
    """The data root of a split in a source's own folder."""
    names = [file.name for file in files]
    # Splits below one root have names of their own; those of other roots may be called alike.
    if len(set(connector.roots.values())) > 1:
        place = posixpath.join(place, split)
    if connector.kind == "hf":  # no pattern says which of its files are this split's
        return root_for(posixpath.join(place, split), names)
    if names in (["."], [""]):  # the data root is the file itself
        return posixpath.join(place, posixpath.basename(files[0].path))
    return root_for(place, [*names, described(connector, split)])


def _lock(package: program.Package) -> Lock | None:
    """The package's lock; what is wrong with it was said when the specs were checked."""
    try:
        return parse(Path(package.folder, LOCK_NAME).read_bytes())
    except (OSError, LockTextError):
        return None


# ---- the folder ----------------------------------------------------------------------------------


def _files(manifest: VendorManifest) -> set[str]:
    """Every file that a manifest speaks of, relative to its folder."""
    found = set()
    for package in manifest.packages.values():
        for source in package.sources.values():
            for split in source.splits.values():
                found |= {posixpath.normpath(f"{split.root}/{name}") for name in split.files}
        for tokenizer in package.tokenizers.values():
            is_folder = posixpath.basename(tokenizer.path) not in tokenizer.files
            folder = tokenizer.path if is_folder else posixpath.dirname(tokenizer.path)
            found |= {posixpath.join(folder, name) for name in tokenizer.files}
    return found


def _remove_stale(folder: Path, before: VendorManifest, now: VendorManifest) -> None:
    """Removes what was copied once and is in the manifest no more, and folders left empty."""
    for name in sorted(_files(before) - _files(now)):
        path = folder / name
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == folder:
                break
            with suppress(OSError):  # it holds something else
                parent.rmdir()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
