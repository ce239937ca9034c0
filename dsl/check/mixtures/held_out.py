"""Held-out clusters: what must not be trained on, and the proof that it is not reached.

In: the `holdout` of a mixture and what the mixture selects. Out: the selected sources without those
held out, and a report where the spec asks for a held-out source by name. Held out are the sources
of the named clusters, those of related clusters (both ways, one step), and every source that reads
a file and split of theirs.
"""

from dataclasses import dataclass, field

from taskc.dsl.check.names import as_qualified, resolve
from taskc.dsl.check.units import Declared, Unit, Workspace
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Expression, Literal, Name, QualifiedName, Reference
from taskc.dsl.model.types import Cluster, Optional
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import a_type, either

__all__ = ["HeldOut", "Member", "Selection", "find_held_out", "without_held_out"]


@dataclass(slots=True)
class Selection:
    """What a mixture selects, as written.

    Attributes:
        takes: Sources of `take`, with the place of their names.
    """

    name: str
    members: list["Member"] = field(default_factory=list)
    takes: list[tuple[program.Source, Span]] = field(default_factory=list)


@dataclass(slots=True)
class Member:
    """A name in `from`: a cluster, a source, or a mixture with its own selection."""

    name: str
    kind: str
    sources: list[program.Source]
    span: Span
    selection: Selection | None = None


@dataclass(slots=True)
class HeldOut:
    """What is held out.

    Attributes:
        clusters: The named clusters.
        reasons: Source (by identity) -> why it is held out, in words.
    """

    clusters: dict[str, program.Cluster] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    span: Span | None = None


# ---- which ---------------------------------------------------------------------------------------


def find_held_out(
    node: ast.Holdout | None,
    declared: Declared,
    unit: Unit,
    workspace: Workspace,
    report: Reporter,
) -> HeldOut:
    """The clusters that a mixture holds out, and every source that goes with them."""
    found = HeldOut()
    if node is None:
        return found
    found.span = node.span
    homes: dict[str, Unit] = {}
    for value in node.values:
        named = _cluster(value, declared, unit, report)
        if named is not None:
            home, cluster = named
            found.clusters[cluster.name] = cluster
            homes[cluster.name] = home
    for name, cluster in found.clusters.items():
        for source in cluster.sources:
            found.reasons.setdefault(id(source), f"it is in cluster `{name}`")
    for name in found.clusters:
        for related in _related(name, homes[name], unit):
            words = f"it is in cluster `{related.name}`, which is related to `{name}`"
            for source in related.sources:
                found.reasons.setdefault(id(source), words)
    _add_readers_of_same_rows(found, unit, workspace)
    return found


def _cluster(
    value: Expression, declared: Declared, unit: Unit, report: Reporter
) -> tuple[Unit, program.Cluster] | None:
    """The cluster that a name or a parameter means; None for none, or where it was reported."""
    if isinstance(value, Literal) and value.value is None:
        return None
    if isinstance(value, Reference):
        known = unit.shared.get(value.name)
        if known is not None and known.kind == "param":
            known.is_used = True
            return _param_cluster(value, declared, unit, report)
    name = as_qualified(value)
    if name is None:
        report.report(
            "T0229",
            value.span,
            "`holdout` takes clusters' names",
            label="not a name",
            helps=_name_helps(value),
        )
        return None
    return _named_cluster(name, declared, unit, report)


def _name_helps(value: Expression) -> tuple[str, ...]:
    if isinstance(value, Literal) and isinstance(value.value, str):
        return (f"write it without quotes: `{value.value}`",)
    return ("or a parameter: `param held_out: cluster? = none`",)


def _param_cluster(
    value: Reference, declared: Declared, unit: Unit, report: Reporter
) -> tuple[Unit, program.Cluster] | None:
    unit.used_params.add(value.name)
    param = unit.params.get(value.name)
    if param is None:
        declared.is_broken = True
        return None
    inner = param.type.inner if isinstance(param.type, Optional) else param.type
    if not isinstance(inner, Cluster):
        report.report(
            "T0229",
            value.span,
            f"`holdout` takes a cluster, and `{param.name}` is {a_type(param.type)}",
            label="not a cluster",
            secondary=((param.span, "declared here"),),
            helps=(f"declare it as `param {param.name}: cluster? = none`",),
        )
        return None
    if param.value is None:
        return None
    parts = tuple(Name(part, value.span) for part in str(param.value).split("."))
    return _named_cluster(QualifiedName(parts, value.span), declared, unit, report)


def _named_cluster(
    name: QualifiedName, declared: Declared, unit: Unit, report: Reporter
) -> tuple[Unit, program.Cluster] | None:
    found = resolve(name, unit, ("cluster",), report)
    if found is None:
        declared.is_broken = True
        return None
    home, cluster = found
    declared.is_broken |= cluster.is_broken
    return home, home.clusters[cluster.name.text]


def _related(name: str, home: Unit, unit: Unit) -> list[program.Cluster]:
    """Clusters related to one: those it names, and those that name it."""
    own = home.clusters[name]
    wanted = set(own.related)
    found: list[program.Cluster] = []
    for each in {id(u): u for u in (*unit.reachable(), *home.reachable())}.values():
        found += [
            other
            for other in each.clusters.values()
            if other is not own and (other.name in wanted or name in other.related)
        ]
    return found


def _add_readers_of_same_rows(found: HeldOut, unit: Unit, workspace: Workspace) -> None:
    """Sources that read a file of a held-out one, under whatever name."""
    read: dict[str, str] = {}
    sources = [source for each in unit.reachable() for source in each.sources.values()]
    for source in sources:
        if id(source) in found.reasons:
            for path in workspace.files[id(source)].values():
                read.setdefault(path, source.name)
    for source in sources:
        for path in workspace.files[id(source)].values():
            if path in read:
                words = f"it reads the same rows as `{read[path]}`"
                found.reasons.setdefault(id(source), words)


# ---- without them --------------------------------------------------------------------------------


def without_held_out(
    selection: Selection, held_out: HeldOut, report: Reporter
) -> list[tuple[Member, list[program.Source]]]:
    """What each member selects, held-out sources removed; reports those asked for by name."""
    found = []
    for member in selection.members:
        _check_member(member, held_out, [f"mixture `{selection.name}`"], member.span, report)
        kept = [source for source in member.sources if id(source) not in held_out.reasons]
        found.append((member, kept))
    for source, place in selection.takes:
        if id(source) in held_out.reasons:
            _report_reached(
                source, [f"mixture `{selection.name}`"], (place, place), held_out, report
            )
    return found


def _check_member(
    member: Member, held_out: HeldOut, path: list[str], place: Span, report: Reporter
) -> None:
    """A held-out source that the spec names itself; those of clusters just go."""
    if member.kind == "source":
        for source in member.sources:
            if id(source) in held_out.reasons:
                _report_reached(source, path, (place, member.span), held_out, report)
    if member.selection is None:
        return
    inner = [*path, f"mixture `{member.name}`"]
    for each in member.selection.members:
        _check_member(each, held_out, inner, place, report)
    for source, inside in member.selection.takes:
        if id(source) in held_out.reasons:
            _report_reached(source, inner, (place, inside), held_out, report)


def _report_reached(
    source: program.Source,
    path: list[str],
    places: tuple[Span, Span],
    held_out: HeldOut,
    report: Reporter,
) -> None:
    """Reports at the name in the mixture itself; the name inside may be another mixture's."""
    place, inside = places
    secondary = [(inside, "asked for here")] if inside != place else []
    if held_out.span is not None:
        secondary.append((held_out.span, f"{either(held_out.clusters)} is held out here"))
    report.report(
        "T0401",
        place,
        f"held-out source `{source.name}` would be trained on",
        label="leads to it" if inside != place else "held out and asked for",
        secondary=tuple(secondary),
        notes=(
            f"`{source.name}` is held out: {held_out.reasons[id(source)]}",
            f"path: {' -> '.join([*path, f'source `{source.name}`'])}",
        ),
        helps=("take it out of the mixture, or do not hold it out",),
    )
