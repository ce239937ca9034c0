"""Sweeps: builds made once for each value of a parameter.

In: specs, a parameter, and its values or all that its type has. Out: a plan for each build and
value, with a place of its own (`BUILD@NAME=VALUE`), and what checking with each value found. A
build whose package has nothing to do with the parameter is planned once. The specs are checked for
each value, since a value decides what is wrong with them. Examples that two values have in common
are made once: all builds share the store.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from taskc.dsl.errors import TaskcError
from taskc.dsl.model import types
from taskc.dsl.model.program import Package, Param

if TYPE_CHECKING:
    from taskc.compiler.plan import BuildPlan
    from taskc.dsl.checker import Checked

__all__ = ["Sweep", "SweepError", "Swept", "plan_sweep"]


class SweepError(TaskcError):
    """A parameter that can't be swept."""

    def __init__(self, words: str) -> None:
        super().__init__((), f"error: {words}")


class Sweep(NamedTuple):
    """A parameter and the values that it takes in turn, as written; none: all that it can have."""

    name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Swept:
    """What came of a sweep.

    Attributes:
        checked: The program with the first value, and what was found with any of them, each once.
        plans: A plan for each build and value, value after value.
        left_out: Builds whose package has an error with a value: PACKAGE/BUILD@NAME=VALUE.
        values: The value of each plan; "" where it has nothing to do with the parameter.
    """

    checked: "Checked"
    plans: "tuple[BuildPlan, ...]"
    left_out: tuple[str, ...]
    values: tuple[str, ...]


def plan_sweep(
    paths: Sequence[str],
    params: Mapping[str, str],
    swept: Sweep,
    *,
    only: str | None = None,
    sample: int | None = None,
) -> Swept:
    """Plans builds once for each value of a parameter.

    Args:
        paths: Files or folders.
        params: Values of the other parameters, as written.
        swept: The parameter.
        only: Name of the one build that is wanted.
        sample: At most so many input rows of each source and split.

    Raises:
        SweepError: If the parameter is set as well, or its values must be named and are not.
    """
    from taskc.checking import check

    if swept.name in params:
        raise SweepError(f"`{swept.name}` is set and swept")
    values = swept.values or _every_value(check(paths, params=params), swept.name)
    each = {value: check(paths, params={**params, swept.name: value}) for value in values}
    # With a value that does not fit, the package has no such parameter.
    depending = {
        package.folder
        for checked in each.values()
        for package in checked.program.packages
        if _depends(package, swept.name)
    }
    plans: dict[str, tuple[BuildPlan, str]] = {}
    left_out = []
    for value, checked in each.items():
        variant = f"{swept.name}={quote(value, safe='')}"
        for package, name, plan in _planned(checked, only, sample):
            own = (variant, value) if package.folder in depending else ("", "")
            title = f"{package.name}/{name}{'@' if own[0] else ''}{own[0]}"
            if plan is None:
                left_out.append(title)
            else:
                kept = plan.model_copy(update={"variant": own[0]})
                plans.setdefault(f"{package.folder} {title}", (kept, own[1]))
    found = [finding for checked in each.values() for finding in checked.diagnostics]
    return Swept(
        replace(each[values[0]], diagnostics=tuple(dict.fromkeys(found))),
        tuple(plan for plan, _ in plans.values()),
        tuple(dict.fromkeys(left_out)),
        tuple(value for _, value in plans.values()),
    )


def _planned(
    checked: "Checked", only: str | None, sample: int | None
) -> "Iterator[tuple[Package, str, BuildPlan | None]]":
    """Yields each build that is wanted: its package, its name, and its plan if it is sound."""
    from taskc.api import lower_sound, sound_packages

    sound = sound_packages(checked)
    for package in checked.program.packages:
        wanted = [build for build in package.builds if only in {None, build}]
        if not any(package is each for each in sound):
            yield from ((package, build, None) for build in wanted)
            continue
        alone = replace(checked, program=replace(checked.program, packages=(package,)))
        for plan in lower_sound(alone, only=only, sample=sample).builds:
            yield package, plan.name, plan


def _depends(package: Package, name: str) -> bool:
    """Whether a package, or one that it imports, declares the parameter."""
    return name in package.params or any(
        _depends(imported, name) for imported in package.imports.values()
    )


# ---- values ------------------------------------------------------------------------------------


def _every_value(checked: "Checked", name: str) -> tuple[str, ...]:
    """All values of a parameter: of a choice, a bool, or the package's clusters."""
    for package, param in _declared(checked.program.packages, name):
        type_ = param.type.inner if isinstance(param.type, types.Optional) else param.type
        match type_:
            case types.Choice(values=values):
                return tuple(values)
            case types.Bool():
                return ("false", "true")
            case types.Cluster():
                return tuple(_clusters(package))
            case _:
                raise SweepError(f"say which values `{name}` takes\nhelp: `--sweep {name}=A,B`")
    raise SweepError(f"there is no parameter `{name}` to sweep, or it has no value to begin with")


def _declared(packages: Sequence[Package], name: str) -> Iterator[tuple[Package, Param]]:
    """Yields a parameter's declarations, with their packages."""
    for package in packages:
        if name in package.params:
            yield package, package.params[name]
        yield from _declared(list(package.imports.values()), name)


def _clusters(package: Package) -> Iterator[str]:
    """Yields a package's clusters, or where it has none those that it imports.

    A package with clusters of its own has imported another's for its templates: held out, those of
    the other would take nothing from its mixtures.
    """
    if package.clusters:
        yield from package.clusters
        return
    for alias, imported in package.imports.items():
        yield from (f"{alias}.{cluster}" for cluster in imported.clusters)
