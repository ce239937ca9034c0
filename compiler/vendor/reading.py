"""A build from a vendored folder: the same plan, its paths in the folder, its files as pinned.

In: a plan and the folder. Out: a plan that reads nothing outside of it, or diagnostics: an input
that was not vendored, or for another path; a copy that is gone or was changed. Every copy that the
build reads is hashed first.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from taskc.compiler import plan
from taskc.compiler.lock.digests import digests_of
from taskc.compiler.places import error_at
from taskc.compiler.rows.connect.reading import split_files
from taskc.compiler.rows.findings import Findings
from taskc.compiler.store.objects import Store
from taskc.compiler.vendor.manifest import (
    VendoredPackage,
    VendoredSource,
    VendoredTokenizer,
    VendorError,
    VendorManifest,
    read,
)
from taskc.compiler.vendor.places import described, pattern_below
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["from_vendored"]

_MAX_LISTED = 5  # files in a diagnostic


def from_vendored(
    build: plan.BuildPlan, folder: Path, *, store: Store | None
) -> tuple[plan.BuildPlan, list[Diagnostic]]:
    """Returns the plan that reads a build's inputs from a vendored folder, and what is wrong.

    Args:
        build: What is to be built.
        folder: Where `taskc vendor` has put its inputs.
        store: Knows digests of files.
    """
    try:
        manifest = read(folder)
    except VendorError as error:
        return build, [
            error_at(
                "T0537",
                build.at,
                "the vendored folder cannot be used",
                label="to be built from it",
                notes=(str(error),),
                helps=("make it: `taskc vendor PATH --to DIR`",),
            )
        ]
    vendored = _Vendored(folder, manifest, store)
    sources = tuple(vendored.source(source) for source in build.sources)
    tokenizer = vendored.tokenizer(build.tokenizer)
    moved = build.model_copy(update={"sources": sources, "tokenizer": tokenizer})
    return moved, vendored.found


@dataclass(frozen=True, slots=True)
class _Input:
    """An input as messages name it, and where the spec reads it."""

    name: str
    package: str
    at: plan.Place


class _Vendored:
    """A folder that plans are led into.

    Attributes:
        found: What is wrong with the inputs so far.
    """

    def __init__(self, folder: Path, manifest: VendorManifest, store: Store | None) -> None:
        self.folder = folder
        self.manifest = manifest
        self.store = store
        self.found: list[Diagnostic] = []

    def source(self, source: plan.Source) -> plan.Source:
        """The source, read from the folder; as it was where something is wrong."""
        what = _Input(f"source `{source.name}`", _package(source.at), source.connector.at)
        key = source.name.rpartition(".")[2]  # a package before it is there to tell two apart
        entry = self._package(what).sources.get(key)
        if entry is None:
            self._report_not_vendored(what, f"the folder has no {what.name}")
            return source
        connector = self._connector(source.connector, entry, what)
        return source.model_copy(update={"connector": connector})

    def _connector(
        self, connector: plan.Connector, entry: VendoredSource, what: _Input
    ) -> plan.Connector:
        patterns, roots = {}, {}
        for split in connector.patterns:
            vendored = entry.splits.get(split)
            pattern = described(connector, split)
            if vendored is None:
                self._report_not_vendored(what, f"the split `{split}` is not among its files")
                continue
            if vendored.pattern != pattern:
                note = f"the split `{split}` was vendored from `{vendored.pattern}`"
                self._report_not_vendored(what, note)
                continue
            roots[split] = posixpath.join(self.folder.as_posix(), vendored.root)
            every = "**/*" if connector.kind == "hf" else pattern
            patterns[split] = pattern_below(roots[split], every)
            self._check(what, f"split `{split}`", roots[split], vendored.files)
        found = {"patterns": patterns, "roots": roots, "kind": _kind(connector, entry)}
        moved = connector.model_copy(update=found)
        if not self.found:
            self._check_no_others(moved, entry, what)
        return moved

    def _check_no_others(
        self, connector: plan.Connector, entry: VendoredSource, what: _Input
    ) -> None:
        """A file that was not copied may match a pattern all the same."""
        for split in connector.patterns:
            files = split_files(connector, split, Findings(what.name, what.at))
            names = {file.name for file in files}
            others = sorted(names - entry.splits[split].files.keys())
            wrong = [f"split `{split}`, file `{name}`: expected no file" for name in others]
            self._report_changed(what, wrong)

    def tokenizer(self, spec: plan.Tokenizer) -> plan.Tokenizer:
        """The tokenizer, read from the folder; as it was where something is wrong."""
        what = _Input(f"tokenizer `{spec.name}`", _package(spec.at), spec.at)
        entry: VendoredTokenizer | None = self._package(what).tokenizers.get(spec.name)
        if entry is None:
            self._report_not_vendored(what, f"the folder has no {what.name}")
            return spec
        path = posixpath.join(self.folder.as_posix(), entry.path)
        kind = "folder" if spec.kind == "hf" else spec.kind  # a copy is no longer the hub's
        beside = path if kind == "folder" else posixpath.dirname(path)
        self._check(what, "tokenizer", beside, entry.files)
        return spec.model_copy(update={"path": path, "kind": kind})

    def _package(self, what: _Input) -> VendoredPackage:
        return self.manifest.packages.get(what.package, VendoredPackage())

    # ---- what is wrong -------------------------------------------------------------------------

    def _report_not_vendored(self, what: _Input, note: str) -> None:
        self.found.append(
            error_at(
                "T0535",
                what.at,
                f"{what.name} was not vendored as it is read here"[:100],
                label="not in the folder",
                notes=(note,),
                helps=("vendor again: `taskc vendor PATH --to DIR`",),
            )
        )

    def _check(self, what: _Input, place: str, root: str, files: Mapping[str, str]) -> None:
        """Compares the copies with the manifest."""
        paths = {name: posixpath.normpath(posixpath.join(root, name)) for name in sorted(files)}
        digests = digests_of(list(paths.values()), self.store)
        wrong = [
            f"{place}, file `{name}`: expected SHA-256 {files[name]}, found {_words(digest)}"
            for name, digest in zip(paths, digests, strict=True)
            if digest != files[name]
        ]
        self._report_changed(what, wrong)

    def _report_changed(self, what: _Input, wrong: list[str]) -> None:
        if not wrong:
            return
        num_more = len(wrong) - _MAX_LISTED
        more = (f"and {num_more:_} more",) if num_more > 0 else ()
        self.found.append(
            error_at(
                "T0536",
                what.at,
                f"vendored files of {what.name} are not as they were copied"[:100],
                label="its copies have changed",
                notes=(*wrong[:_MAX_LISTED], *more),
                helps=("vendor again: `taskc vendor PATH --to DIR`",),
            )
        )


def _kind(connector: plan.Connector, entry: VendoredSource) -> str:
    """How copies are read: those of a data set of the hub by what they are, without its library."""
    if connector.kind != "hf":
        return connector.kind
    names = [name for split in entry.splits.values() for name in split.files]
    return "parquet" if all(name.endswith(".parquet") for name in names) else "arrow"


def _words(digest: str | OSError) -> str:
    match digest:
        case FileNotFoundError():
            return "no file"
        case OSError():
            return (digest.strerror or "nothing that can be read").lower()
        case _:
            return digest


def _package(at: plan.Place) -> str:
    """The name of the package whose spec a place is in: its folder's."""
    return Path(posixpath.dirname(at.path) or ".").resolve().name or "root"
