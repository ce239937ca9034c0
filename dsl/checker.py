"""The checker: from paths to a checked program and every mistake on the way.

In: paths, values for parameters, a file system. Out: `Checked`: the program without its broken
parts, and the diagnostics, sorted. Passes run in a fixed order, each over every package, so that a
package sees what those that it imports have found; a pass never raises for a user's mistake.
"""

import gc
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from taskc.dsl.check.builds.build import check_builds
from taskc.dsl.check.builds.runs import check_runs
from taskc.dsl.check.clusters import check_clusters
from taskc.dsl.check.lints.allowed import without_allowed
from taskc.dsl.check.lints.polarity import check_polarity
from taskc.dsl.check.lints.usage import check_usage
from taskc.dsl.check.mixtures.mixture import MixtureChecker
from taskc.dsl.check.names import collect
from taskc.dsl.check.params import check_given, check_params
from taskc.dsl.check.schemas import check_schemas
from taskc.dsl.check.sources.locked import check_stale, load_lock
from taskc.dsl.check.sources.source import check_sources
from taskc.dsl.check.templates.template import check_templates
from taskc.dsl.check.tests import check_tests
from taskc.dsl.check.tokenizers import check_tokenizers
from taskc.dsl.check.units import Declared, Unit, Workspace
from taskc.dsl.diagnostics import Diagnostic, Reporter, Severity
from taskc.dsl.model import program
from taskc.dsl.model.declarations import Block, Schema
from taskc.dsl.packages import Disk, FileSystem, Folder, Loaded, load

__all__ = ["Checked", "check"]

_T = TypeVar("_T")

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Checked:
    """A program and what was found about it.

    Attributes:
        program: Everything that is without error.
        diagnostics: By file, offset and code.
    """

    program: program.Program
    diagnostics: tuple[Diagnostic, ...]

    @property
    def has_errors(self) -> bool:
        """Whether any finding is an error."""
        return any(found.severity is Severity.ERROR for found in self.diagnostics)


def check(
    paths: Sequence[str],
    *,
    params: Mapping[str, str] = _NOTHING,
    files: FileSystem | None = None,
    with_locks: bool = True,
) -> Checked:
    """Checks every package at or below `paths`, and those that they import.

    Args:
        paths: Files (their directories are meant) or directories.
        params: Values from outside, by parameter name, as text.
        files: Where files are read from; the disk by default.
        with_locks: Whether a lock beside the specs is believed; not where it is about to be made.
    """
    report = Reporter()
    was_enabled = gc.isenabled()
    gc.disable()  # it would walk the growing program again and again: 0.32 s instead of 0.18
    try:
        disk = files or Disk()
        loaded = load(paths, disk, report)
        workspace = Workspace(_units(loaded, disk))
        if with_locks:
            for unit in workspace.units:
                load_lock(unit, loaded.texts, report)
        _run_passes(workspace, params, report)
        for unit in workspace.units:
            check_stale(unit, loaded.texts, report)
    finally:
        if was_enabled:
            gc.enable()
    packages = tuple(_package(unit) for unit in workspace.units if unit.folder.is_root)
    kept = without_allowed(loaded, report.diagnostics)
    diagnostics = tuple(sorted(kept, key=lambda found: found.sort_key))
    return Checked(program.Program(packages, loaded.texts), diagnostics)


def _run_passes(workspace: Workspace, params: Mapping[str, str], report: Reporter) -> None:
    units = workspace.units
    for unit in units:
        collect(unit, report)
    check_given(units, params, report)
    built = _built(units)
    for unit in units:
        check_params(unit, params, report, must_have_values=id(unit) in built)
    for unit in units:
        check_schemas(unit, report)
    for unit in units:
        check_sources(unit, workspace, report)
    for unit in units:
        check_clusters(unit, report)
    for unit in units:
        check_templates(unit, workspace, report)
    for unit in units:
        check_tokenizers(unit, report)
    mixtures = MixtureChecker(workspace, report)
    for unit in units:
        mixtures.check(unit)
    for unit in units:
        check_builds(unit, workspace, report)
    for unit in units:
        check_runs(unit, report)
        check_tests(unit, report)
    for unit in units:
        if unit.folder.is_root and unit.own.get("build"):
            check_usage(unit, workspace, mixtures.selections, report)
            check_polarity(unit, report)


# ---- packages ------------------------------------------------------------------------------------


def _units(loaded: Loaded, files: FileSystem) -> list[Unit]:
    """One unit a folder, imports joined."""
    units: dict[str, Unit] = {}
    for folder in loaded.folders:
        package = program.Package(folder.name, folder.path)
        unit = Unit(folder, package, _is_lossy(folder), files.read)
        for alias, path in folder.imports.items():
            unit.imports[alias] = None if path is None else units[path]
            if path is not None:
                unit.package.imports[alias] = units[path].package
        units[folder.path] = unit
    return list(units.values())


def _is_lossy(folder: Folder) -> bool:
    """Whether a declaration may have been lost to a syntax error."""
    if folder.is_lossy:
        return True
    for file in folder.files:
        if any(
            isinstance(each, Block | Schema) and not each.name.text for each in file.declarations
        ):
            return True
        spans = [declaration.span for declaration in file.declarations]  # in order
        starts = [span.start for span in spans]
        for found in file.diagnostics:
            if found.severity is not Severity.ERROR or found.primary is None:
                continue
            start = found.primary.span.start
            number = bisect_right(starts, start) - 1
            if number < 0 or start >= spans[number].end:
                return True
    return False


def _built(units: Sequence[Unit]) -> set[int]:
    """Packages that a build reaches."""
    return {id(each) for unit in units if unit.own.get("build") for each in unit.reachable()}


def _package(unit: Unit) -> program.Package:
    """The package with what is without error, for the program."""
    _fill(unit, set())
    return unit.package


def _fill(unit: Unit, done: set[int]) -> None:
    if id(unit) in done:
        return
    done.add(id(unit))
    package, shared = unit.package, unit.shared
    package.params = {n: p for n, p in _whole(unit.params, shared).items() if p is not None}
    package.schemas = _whole(unit.schemas, shared)
    package.sources = _whole(unit.sources, shared)
    package.clusters = _whole(unit.clusters, shared)
    package.mixtures = _whole(unit.mixtures, shared)
    package.tokenizers = _whole(unit.tokenizers, shared)
    package.templates = _whole(unit.templates, unit.own.get("template", {}))
    package.builds = _whole(unit.builds, unit.own.get("build", {}))
    for imported in unit.imports.values():
        if imported is not None:
            _fill(imported, done)


def _whole(meanings: dict[str, _T], names: Mapping[str, Declared]) -> dict[str, _T]:
    """The meanings of declarations without error."""
    return {name: meaning for name, meaning in meanings.items() if not names[name].is_broken}
