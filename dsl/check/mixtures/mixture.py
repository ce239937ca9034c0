"""Mixtures: a `mixture` block becomes sources, quotas and rates.

In: blocks, and every package's clusters and sources. Out: mixtures. A mixture that another one
contains is checked first, whatever the order written.
"""

from taskc.dsl.check.expressions.constants import Outcome
from taskc.dsl.check.forms import FormReader
from taskc.dsl.check.mixtures.compared import check_decontaminate, check_dedup
from taskc.dsl.check.mixtures.held_out import (
    HeldOut,
    Member,
    Selection,
    find_held_out,
    without_held_out,
)
from taskc.dsl.check.mixtures.requires import Bound, Interval, check_requires
from taskc.dsl.check.mixtures.settings import (
    check_fewshot,
    check_rate,
    check_templates_setting,
    check_total,
)
from taskc.dsl.check.mixtures.takes import check_take
from taskc.dsl.check.names import resolve
from taskc.dsl.check.sources.splits import TRAIN
from taskc.dsl.check.statements import Statements
from taskc.dsl.check.units import Declared, Unit, Workspace, marking
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Expression, QualifiedName
from taskc.dsl.model.forms import Kind
from taskc.dsl.model.quantities import SOURCES
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import counted, listed

__all__ = ["MixtureChecker"]


class MixtureChecker:
    """Checks the mixtures of every package, inner ones first.

    Attributes:
        selections: What each mixture selects, by identity.
    """

    def __init__(self, workspace: Workspace, report: Reporter) -> None:
        self.workspace = workspace
        self.report = report
        self.selections: dict[int, Selection] = {}
        self._open: list[tuple[Declared, QualifiedName | None]] = []

    def check(self, unit: Unit) -> None:
        """Fills the unit's mixtures."""
        for declared, block in unit.blocks("mixture"):
            self._ensure(declared, block, unit)

    def _ensure(self, declared: Declared, block: ast.Block, unit: Unit) -> program.Mixture:
        name = declared.name.text
        if name not in unit.mixtures:
            self._open.append((declared, None))
            with marking(declared, self.report):
                unit.mixtures[name] = self._mixture(declared, block, unit)
            self._open.pop()
        return unit.mixtures[name]

    def _mixture(self, declared: Declared, block: ast.Block, unit: Unit) -> program.Mixture:
        report = self.report
        before = len(report.diagnostics)
        statements = Statements(block, report)
        declared.is_broken |= statements.has_broken
        held_out = find_held_out(
            statements.one(ast.Holdout), declared, unit, self.workspace, report
        )
        selection = self._select(statements, declared, unit)
        takes = self._takes(statements, declared, selection, unit)
        kept = without_held_out(selection, held_out, report)
        taken = {id(take.source) for take in takes}
        sources = self._sources(kept, taken, unit)
        reader = FormReader(unit, report)
        rate = check_rate(statements.one(ast.Rate), selection, reader)
        total = check_total(statements.one(ast.Total), reader)
        everything = [*sources, *(take.source for take in takes)]
        if not declared.is_broken and len(report.diagnostics) == before:
            self._check_whole(statements, everything, held_out)
        mixture = program.Mixture(
            name=block.name.text,
            doc=block.doc or "",
            sources=tuple(sources),
            takes=takes,
            clusters=_clusters_of(everything, unit),
            held_out=tuple(held_out.clusters),
            rate=rate,
            total=total,
            templates=check_templates_setting(statements.one(ast.Templates), reader),
            fewshot=check_fewshot(statements.one(ast.Fewshot), reader),
            repeat=_whole(statements.one(ast.Repeat), Kind.COUNT, "`repeat at most`", reader, 0),
            dedup=check_dedup(
                statements.many(ast.MixtureDedup),
                everything,
                _held_out_sources(held_out, unit),
                reader,
            ),
            decontaminate=check_decontaminate(
                statements.many(ast.Decontaminate),
                everything,
                _held_out_sources(held_out, unit),
                reader,
            ),
            requires=check_requires(
                statements.many(ast.Require),
                [source.name for source in everything],
                _fixed(sources, takes, total, selection),
                unit,
                report,
            ),
            seed=_whole(statements.one(ast.Seed), Kind.WHOLE, "`seed`", reader, 0),
            span=block.name.span,
            members={member.name: tuple(s.name for s in some) for member, some in kept},
            nested=self._nested(selection, unit),
            held_out_sources=_held_out_sources(held_out, unit),
            spans=statements.spans(),
        )
        self.selections[id(mixture)] = selection
        declared.is_broken |= any(self.workspace.is_broken(source) for source in everything)
        return mixture

    # ---- what is selected ------------------------------------------------------------------------

    def _select(self, statements: Statements, declared: Declared, unit: Unit) -> Selection:
        selection = Selection(statements.block.name.text)
        node = statements.one(ast.MixtureFrom)
        if node is None:
            return selection
        if node.all_clusters:
            self._select_all(node, selection, declared, unit)
        seen: dict[str, Span] = {}
        for name in node.names:
            if name.text in seen:
                self._report_twice(name, seen[name.text])
                continue
            seen[name.text] = name.span
            member = self._member(name, declared, unit)
            if member is not None:
                selection.members.append(member)
        _check_member_names(selection.members, self.report)
        return selection

    def _report_twice(self, name: QualifiedName, first: Span) -> None:
        self.report.report(
            "T0409",
            name.span,
            f"`{name.text}` stands twice in this mixture",
            label="again here",
            secondary=((first, "first here"),),
            helps=("to give it more weight, write `rate shares({...})`",),
        )

    def _select_all(
        self, node: ast.MixtureFrom, selection: Selection, declared: Declared, unit: Unit
    ) -> None:
        excluded = set()
        for name in node.excluded:
            found = resolve(name, unit, ("cluster",), self.report)
            if found is None:
                declared.is_broken = True
                continue
            excluded.add(id(found[0].clusters[found[1].name.text]))
        for home in unit.reachable():
            for cluster in home.clusters.values():
                owner = home.shared[cluster.name]
                owner.is_used = True
                if id(cluster) not in excluded:
                    declared.is_broken |= owner.is_broken
                    selection.members.append(
                        Member(cluster.name, "cluster", list(cluster.sources), node.span)
                    )
        if not selection.members and not unit.is_lossy:
            self.report.report(
                "T0405",
                node.span,
                "there are no clusters to mix",
                label="all of none",
                helps=("declare one: `cluster name { sources a, b }`",),
            )

    def _member(self, name: QualifiedName, declared: Declared, unit: Unit) -> Member | None:
        found = resolve(name, unit, ("cluster", "source", "mixture"), self.report)
        if found is None:
            declared.is_broken = True
            return None
        home, target = found
        declared.is_broken |= target.is_broken and target.kind != "mixture"
        match target.kind:
            case "cluster":
                sources = list(home.clusters[target.name.text].sources)
                return Member(target.name.text, "cluster", sources, name.span)
            case "source":
                source = home.sources[target.name.text]
                return Member(source.name, "source", [source], name.span)
            case _:
                return self._nested_member(name, home, target, declared)

    def _nested_member(
        self, name: QualifiedName, home: Unit, target: Declared, declared: Declared
    ) -> Member | None:
        if any(each is target for each, _ in self._open):
            self._report_circle(name, target)
            return None
        assert isinstance(target.node, ast.Block)
        self._open[-1] = (declared, name)
        mixture = self._ensure(target, target.node, home)
        declared.is_broken |= target.is_broken
        sources = [*mixture.sources, *(take.source for take in mixture.takes)]
        selection = self.selections.get(id(mixture))
        return Member(mixture.name, "mixture", sources, name.span, selection)

    def _report_circle(self, name: QualifiedName, target: Declared) -> None:
        start = next(i for i, (each, _) in enumerate(self._open) if each is target)
        circle = self._open[start:]
        for declared, _ in circle:
            declared.is_broken = True
        path = " -> ".join([*(each.name.text for each, _ in circle), target.name.text])
        self.report.report(
            "T0408",
            name.span,
            f"mixture `{target.name.text}` contains itself",
            label="closes the circle",
            secondary=tuple((place.span, "contains the next") for _, place in circle[:-1] if place),
            notes=(path,) if len(circle) > 1 else (),
        )

    def _takes(
        self, statements: Statements, declared: Declared, selection: Selection, unit: Unit
    ) -> tuple[program.Take, ...]:
        found = []
        places: dict[int, Span] = {}
        named = {
            id(source): member.span
            for member in selection.members
            if member.kind == "source"
            for source in member.sources
        }
        for node in statements.many(ast.Take):
            take = check_take(node, declared, unit, self.report)
            if take is None:
                declared.is_broken = True
                continue
            place = node.source.span
            before = places.get(id(take.source)) or named.get(id(take.source))
            if before is not None:
                self._report_taken_twice(take.source.name, place, before)
            places[id(take.source)] = place
            selection.takes.append((take.source, place))
            found.append(take)
        return tuple(found)

    def _report_taken_twice(self, name: str, again: Span, first: Span) -> None:
        self.report.report(
            "T0409",
            again,
            f"source `{name}` stands twice in this mixture",
            label="again here",
            secondary=((first, "first here"),),
            helps=("one `take` says how many of its rows there are",),
        )

    def _sources(
        self, kept: list[tuple[Member, list[program.Source]]], taken: set[int], unit: Unit
    ) -> list[program.Source]:
        """Each source once, in the order of declaration; a `take` decides for its own source."""
        found = {id(s): s for _, some in kept for s in some if id(s) not in taken}
        return unit.in_order(found.values())

    def _nested(self, selection: Selection, unit: Unit) -> dict[str, program.Mixture]:
        inner = {
            id(each): mixture
            for home in unit.reachable()
            for mixture in home.mixtures.values()
            if (each := self.selections.get(id(mixture))) is not None
        }
        return {
            member.name: inner[id(member.selection)]
            for member in selection.members
            if member.selection is not None and id(member.selection) in inner
        }

    # ---- the whole -------------------------------------------------------------------------------

    def _check_whole(
        self, statements: Statements, sources: list[program.Source], held_out: HeldOut
    ) -> None:
        node = statements.one(ast.MixtureFrom)
        place = node.span if node else statements.block.name.span
        if not sources and (node is not None or statements.many(ast.Take)):
            self._report_nothing_left(place, held_out)
            return
        _check_same_names(sources, place, self.report)
        if node is not None and not any(_is_trained(source) for source in sources):
            self.report.report(
                "T0405",
                place,
                "no source of this mixture has a split to train on",
                label="nothing to train on",
                notes=(f"sources: {listed(source.name for source in sources)}",),
            )

    def _report_nothing_left(self, place: Span, held_out: HeldOut) -> None:
        self.report.report(
            "T0405",
            place,
            "nothing is left to train on",
            label="everything here is held out",
            secondary=((held_out.span, "held out here"),) if held_out.span else (),
        )


def _is_trained(source: program.Source) -> bool:
    return any(split.name == TRAIN for split in source.splits)


def _check_same_names(sources: list[program.Source], place: Span, report: Reporter) -> None:
    """Keys are made of names: two sources of one name would draw the same rows."""
    seen: dict[str, program.Source] = {}
    for source in sources:
        before = seen.setdefault(source.name, source)
        if before is not source:
            report.report(
                "T0413",
                place,
                f"two sources of this mixture are called `{source.name}`",
                label="both are in here",
                secondary=((before.span, "one"), (source.span, "the other")),
                helps=("rename one: rows are chosen by a hash of the source's name",),
            )


def _check_member_names(members: list[Member], report: Reporter) -> None:
    """Shares go by names; that sources have names of their own is looked at elsewhere."""
    seen: dict[str, Member] = {}
    for member in members:
        before = seen.setdefault(member.name, member)
        if before is not member and {before.kind, member.kind} != {"source"}:
            report.report(
                "T0413",
                member.span,
                f"two parts of this mixture are called `{member.name}`",
                label="one more of this name",
                secondary=((before.span, "the other"),) if before.span != member.span else (),
                helps=(f"rename one, or bring it in by a mixture: `mixture other_{member.name}`",),
            )


def _clusters_of(sources: list[program.Source], unit: Unit) -> dict[str, tuple[str, ...]]:
    """Source name -> the clusters that it is in, among those that the package can name."""
    found: dict[int, list[str]] = {id(source): [] for source in sources}
    for home in unit.reachable():
        for cluster in home.clusters.values():
            for source in cluster.sources:
                if id(source) in found:
                    found[id(source)].append(cluster.name)
    return {source.name: tuple(found[id(source)]) for source in sources}


def _held_out_sources(held_out: HeldOut, unit: Unit) -> tuple[program.Source, ...]:
    found = {id(s): s for cluster in held_out.clusters.values() for s in cluster.sources}
    return tuple(unit.in_order(found.values()))


def _fixed(
    sources: list[program.Source],
    takes: tuple[program.Take, ...],
    total: program.Total,
    selection: Selection,
) -> dict[str, Bound]:
    """Figures that the quotas or the total decide: with takes alone, the numbers of examples."""
    if takes and not sources and not selection.members and total.unit == "epochs":
        return {} if any(take.at_most for take in takes) else _fixed_by(takes, total)
    if total.span is not None and total.unit == "examples":
        words = f"the total is {counted(total.count, 'example')}"
        return {"examples": Bound(Interval(total.count, total.count), total.span, words)}
    return {}


def _fixed_by(takes: tuple[program.Take, ...], total: program.Total) -> dict[str, Bound]:
    """Numbers of examples where every source has its quota."""
    epochs = f" in {total.count} epochs" if total.count > 1 else ""
    count = total.count * sum(take.count for take in takes)
    words = f"the takes add up to {counted(count, 'example')}{epochs}"
    found = {"examples": Bound(Interval(count, count), takes[-1].span, words)}
    for take in takes:
        own = total.count * take.count
        words = f"the take is {counted(own, 'example')}{epochs}"
        name = f"{SOURCES}.{take.source.name}.examples"
        found[name] = Bound(Interval(own, own), take.span, words)
    return found


def _whole(
    node: ast.Repeat | ast.Seed | None,
    kind: Kind,
    what: str,
    reader: FormReader,
    default: int,
) -> int:
    if node is None:
        return default
    expression: Expression = node.count if isinstance(node, ast.Repeat) else node.value
    found = reader.scalar(kind, expression, what)
    return found if isinstance(found, int) and not isinstance(found, Outcome) else default
