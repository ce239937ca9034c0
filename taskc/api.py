"""The public functions, each a thin shell over the rooms: check, plan, build, render, open.

In: paths and parameters. Out: values; a mistake in a spec or its input is a `TaskcError` that
carries the diagnostics, except in `check`, which returns them. A wrong argument (a build that the
specs don't have) is a `ValueError`. Rooms are imported where they are used: `check` loads the
language and nothing else.
"""

import os
import posixpath
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from taskc.dsl.diagnostics import Diagnostic, Severity
from taskc.dsl.errors import TaskcError, has_errors
from taskc.workers import ENGINES, EngineKind, Workers

if TYPE_CHECKING:
    from taskc.compiler.build import Built
    from taskc.compiler.plan import BuildPlan, Plan
    from taskc.compiler.progress import Step
    from taskc.dsl.checker import Checked
    from taskc.dsl.model.program import Package, ParamValue
    from taskc.dsl.text.source_text import SourceText
    from taskc.rendering import Rendered
    from taskc.runtime.reader import Artifact

__all__ = ["build", "check", "open", "plan", "render", "sweep"]

PathLike = str | os.PathLike[str]
Params = Mapping[str, "ParamValue | os.PathLike[str]"]
Progress = Callable[[str, "Step"], None]  # told of a build's name and what came to pass in it

_NO_PARAMS: Params = MappingProxyType({})
_ONE_A_CORE = Workers()


def check(path: PathLike, *, params: Params = _NO_PARAMS) -> list[Diagnostic]:
    """Returns errors and warnings in the specs at `path`, sorted by place; no data is read.

    Lints, which are about what can be built, are `taskc lint`'s.

    Args:
        path: A folder, with all packages below it, or one `.task` file.
        params: Values of parameters by name.
    """
    return list(_checked([path], params).diagnostics)


def plan(path: PathLike, *, build: str | None = None, params: Params = _NO_PARAMS) -> "Plan":
    """Returns what will run, with every default filled in.

    Args:
        path: A folder or a `.task` file.
        build: Name of the one build that is wanted; None = all.
        params: Values of parameters by name.

    Raises:
        TaskcError: If the specs have an error.
        ValueError: If they have no such build.
    """
    checked = _checked([path], params)
    _raise_errors(checked.diagnostics, checked.program.texts)
    lowered = lower_sound(checked, only=build)
    if build is not None and not lowered.builds:
        raise ValueError(_no_such_build(build, lower_sound(checked)))
    return lowered


def build(
    path: PathLike,
    *,
    build: str | None = None,
    params: Params = _NO_PARAMS,
    out: PathLike = "artifacts",
    engine: EngineKind = "local",
    address: str = "",
    jobs: int | None = None,
    store: PathLike | None = None,
    locked: bool = False,
) -> "Artifact":
    """Builds one artefact below `out` and opens it; what was made before is not made again.

    Args:
        path: A folder or a `.task` file.
        build: Name of the build; None where the specs have exactly one.
        params: Values of parameters by name.
        out: The folder of artefacts, or a URL that fsspec knows; this one lies at
            OUT/PACKAGE/BUILD.
        engine: What runs the work: "local", processes of this machine, or "ray", a cluster (the
            extra `ray`); the content is the same.
        address: The cluster's address; "" = the one that this process is connected to.
        jobs: Number of worker processes; None = as many as there are cores to use.
        store: A folder or fsspec URL that keeps what was made; None = the project's own,
            `.taskc/store`.
        locked: Whether an input that differs from `taskc.lock`, or is not in it, is an error.

    Raises:
        TaskcError: If the specs, their inputs or the tokenizer have an error.
        ValueError: If there is no such build, several to choose from, or no such engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"there is no engine {engine!r}; there are: {', '.join(ENGINES)}")
    checked = _checked([path], params)
    wanted = _one_build(checked, build)
    workers = Workers(engine, address, jobs)
    (built,) = build_each((wanted,), [path], out=out, workers=workers, store=store, locked=locked)
    if built.path is None:
        _raise_errors([*checked.diagnostics, *built.diagnostics], checked.program.texts)
    assert built.path is not None, "a build without errors has a path"
    return open(built.path)


def sweep(
    path: PathLike,
    param: str,
    values: "Sequence[ParamValue] | None" = None,
    *,
    build: str | None = None,
    params: Params = _NO_PARAMS,
    out: PathLike = "artifacts",
    jobs: int | None = None,
    store: PathLike | None = None,
) -> "dict[str, Artifact]":
    """Builds one artefact for each value of a parameter; what they have in common is made once.

    Args:
        path: A folder or a `.task` file.
        param: Name of the parameter.
        values: Its values; None = all that a choice, a bool or a cluster can have.
        build: Name of the build; None where the specs have exactly one.
        params: Values of other parameters by name.
        out: The folder of artefacts; each lies at OUT/PACKAGE/BUILD@PARAM=VALUE.
        jobs: Number of worker processes; None = as many as there are cores to use.
        store: A folder or fsspec URL that keeps what was made; None = the project's own.

    Returns:
        The artefacts by value, as `--set` writes it.

    Raises:
        TaskcError: If the specs have an error with any value, an input or the tokenizer has one, or
            the parameter can't be swept.
        ValueError: If there is no such build, or several to choose from.
    """
    from taskc.sweeping import Sweep, plan_sweep

    given = {name: _as_written(value) for name, value in params.items()}
    chosen = Sweep(param, tuple(_as_written(value) for value in values or ()))
    found = plan_sweep([os.fspath(path)], given, chosen, only=build)
    _raise_errors(found.checked.diagnostics, found.checked.program.texts)
    names = dict.fromkeys(f"{each.package}/{each.name}" for each in found.plans)
    if len(names) != 1 or "" in found.values:
        shown = ", ".join(names) or "none"
        raise ValueError(f"say which build is swept with `build=`; the specs have: {shown}")
    workers = Workers(jobs=jobs)
    artifacts = {}
    # Closed where a build fails: whoever keeps the error keeps no folder for temporary files.
    with closing(
        build_each(found.plans, [path], out=out, workers=workers, store=store)
    ) as each_built:
        for value, built in zip(found.values, each_built, strict=True):
            if built.path is None:
                _raise_errors(built.diagnostics, found.checked.program.texts)
            assert built.path is not None, "a build without errors has a path"
            artifacts[value] = open(built.path)
    return artifacts


def render(
    path: PathLike,
    template: str,
    row: Mapping[str, object],
    *,
    tokenizer: str | None = None,
    params: Params = _NO_PARAMS,
) -> "Rendered":
    """Returns one row as a template phrases it and a build encodes it: turns, ids, mask.

    Args:
        path: A folder or a `.task` file.
        template: "conclude.infer", or "conclude" for the prompt that the row draws by its key.
        row: The fields that the template reads, as the source hands them on (after `let`).
        tokenizer: Take a build with this tokenizer; None = the first build that uses the template.
        params: Values of parameters by name.

    Raises:
        TaskcError: If the specs, the tokenizer or the row have an error.
        ValueError: If no build uses the template, it has no such prompt, or the row gives no
            example.
    """
    from taskc import rendering

    checked = _checked([path], params)
    lowered = plan(path, params=params)
    rendered, findings = rendering.render(lowered, template, row, tokenizer=tokenizer)
    _raise_errors(findings, checked.program.texts)
    assert rendered is not None, "a row that is not rendered has an error"
    return rendered


def open(path: PathLike, *, verify: bool = True, cache: PathLike | None = None) -> "Artifact":
    """Opens the artefact in a local folder, or at a URL, from where it is fetched once.

    Args:
        path: The folder that holds manifest.json, or a URL of one that fsspec knows.
        verify: Whether to hash every file (about 1.3 GB/s a core); without it only names and sizes
            are compared. What is fetched is always hashed.
        cache: The folder that keeps what was fetched; None: `~/.cache/taskc/artifacts`.

    Raises:
        ArtifactError: If it is no artefact, of another version, damaged or incomplete.
    """
    from taskc.runtime import reader, remote

    return reader.open(path, verify=verify, cache=cache or remote.CACHE)


def lower_sound(
    checked: "Checked", *, only: str | None = None, sample: int | None = None
) -> "Plan":
    """Returns the plans of the builds whose packages have no error.

    A package is built whole or not at all: an error in one of its declarations may be what another
    one needed, and a wrong spec does not build. Packages that don't import it are not concerned.

    Args:
        checked: Program and findings.
        only: Name of the one build that is wanted.
        sample: At most so many input rows of each source and split.
    """
    from taskc.compiler.lower import lower

    packages = sound_packages(checked)
    return lower(replace(checked.program, packages=packages), only=only, sample=sample)


def sound_packages(checked: "Checked") -> "tuple[Package, ...]":
    """Returns the packages without an error, in themselves or in what they import."""
    wrong = {
        posixpath.dirname(finding.primary.span.path) or "."
        for finding in checked.diagnostics
        if finding.severity is Severity.ERROR and finding.primary is not None
    }
    packages = checked.program.packages
    return tuple(each for each in packages if not wrong & {p.folder for p in _reached(each)})


def _reached(package: "Package") -> "Iterator[Package]":
    """Yields a package and all that it imports; imports have no circle."""
    yield package
    for imported in package.imports.values():
        yield from _reached(imported)


def build_each(
    plans: "Sequence[BuildPlan]",
    paths: Sequence[PathLike],
    *,
    out: PathLike = "artifacts",
    workers: Workers = _ONE_A_CORE,
    store: PathLike | None = None,
    locked: bool = False,
    vendored: PathLike | None = None,
    progress: Progress = lambda _build, _step: None,
) -> "Generator[Built, None, None]":
    """Yields the outcome of each build in turn; one that fails does not stop the others.

    Args:
        plans: What to build.
        paths: Where their specs are: the project that they belong to has the store.
        out: The folder of artefacts, or its URL.
        workers: What runs the work, shared by all builds.
        store: Another store than the project's own.
        locked: Whether inputs must be those of the lock.
        vendored: A folder that `taskc vendor` filled: inputs are read from there alone.
        progress: Told of every step.
    """
    from functools import partial

    from taskc.compiler.build import Built
    from taskc.compiler.build import build as build_one
    from taskc.compiler.lock.comparing import build_differences
    from taskc.compiler.store.project import opened_store
    from taskc.compiler.vendor.reading import from_vendored

    url = None if store is None else os.fspath(store)
    with (
        opened_store(paths, url=url, has_fallback=workers.is_local) as opened,
        workers.started() as engine,
    ):
        for each in plans:
            plan = each
            differences: list[Diagnostic] = []
            if vendored is not None:
                plan, differences = from_vendored(each, Path(vendored), store=opened)
            if locked and not differences:
                differences = build_differences(plan, store=opened)
            if differences:
                yield Built(each.title, None, differences)
                continue
            told = partial(progress, each.title)
            yield build_one(plan, out=os.fspath(out), engine=engine, store=opened, progress=told)


def _checked(paths: Sequence[PathLike], params: Params) -> "Checked":
    from taskc import checking

    given = {name: _as_written(value) for name, value in params.items()}
    return checking.check([os.fspath(path) for path in paths], params=given)


def _as_written(value: "ParamValue | os.PathLike[str]") -> str:
    """Returns a value as `--set` would give it: in the words of the language."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _one_build(checked: "Checked", name: str | None) -> "BuildPlan":
    """Returns the plan of the build that is meant.

    Raises:
        TaskcError: If it is not there, and the specs have errors that may be why.
        ValueError: If it is not there, or there are several.
    """
    everything = lower_sound(checked)
    wanted = [each for each in everything.builds if name in {None, each.name}]
    if len(wanted) == 1:
        return wanted[0]
    _raise_errors(checked.diagnostics, checked.program.texts)
    if name is not None and not wanted:
        raise ValueError(_no_such_build(name, everything))
    names = ", ".join(f"{each.package}/{each.name}" for each in wanted) or "none"
    raise ValueError(f"say which build is wanted with `build=`; the specs have: {names}")


def _no_such_build(name: str, lowered: "Plan") -> str:
    names = ", ".join(each.name for each in lowered.builds) or "none"
    return f"the specs have no build {name!r}; they have: {names}"


def _raise_errors(diagnostics: Sequence[Diagnostic], texts: "Mapping[str, SourceText]") -> None:
    """Raises where a finding is an error, with the report that a person reads."""
    if has_errors(diagnostics):
        from taskc.dsl.report import render as report

        raise TaskcError(diagnostics, report(diagnostics, texts, style="human", color=False))
