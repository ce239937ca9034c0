"""Builds: a `build` block becomes everything that one artefact is made from.

In: blocks, and what the other passes found. Out: builds whose every need is met: mixture,
tokenizer, format, pack, and the templates in play. In play are those of the build's package and of
the packages that it imports.
"""

from dataclasses import replace

from taskc.dsl.check.builds.formats import check_exemplars, check_format, check_limits, check_pack
from taskc.dsl.check.builds.trained import TrainedRows
from taskc.dsl.check.forms import FormReader
from taskc.dsl.check.names import resolve
from taskc.dsl.check.sources.splits import TRAIN
from taskc.dsl.check.statements import Statements
from taskc.dsl.check.units import Declared, Unit, Workspace, marking
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import listed, suggestion

__all__ = ["check_builds"]


def check_builds(unit: Unit, workspace: Workspace, report: Reporter) -> None:
    """Fills the unit's builds."""
    for declared, block in unit.blocks("build"):
        with marking(declared, report):
            build = _build(block, declared, unit, workspace, report)
        if build is None:
            declared.is_broken = True
        else:
            unit.builds[declared.name.text] = build


def _build(
    block: ast.Block, declared: Declared, unit: Unit, workspace: Workspace, report: Reporter
) -> program.Build | None:
    statements = Statements(block, report)
    declared.is_broken |= statements.has_broken
    mixture = _mixture(statements, declared, unit, report)
    tokenizer = _tokenizer(statements, declared, unit, report)
    reader = FormReader(unit, report)
    settings = {each.keyword: each for each in statements.many(ast.Setting)}
    format_ = None
    if "format" in settings:
        format_ = check_format(settings["format"], tokenizer, reader)
    pack = check_pack(settings["pack"], reader) if "pack" in settings else None
    if format_ is not None and pack is not None:
        check_limits(format_, pack, report)
    if format_ is not None and mixture is not None:
        check_exemplars(format_, mixture, report)
    sources = [] if mixture is None else _sources(mixture)
    evaluated = [] if mixture is None else _evaluated(mixture, sources, unit)
    splits = _splits(statements.one(ast.Splits), evaluated, declared, workspace, report)
    are_rows_known = not declared.is_broken  # what a template says does not change who reads what
    templates = _templates(unit, declared, [*sources, *evaluated])
    if mixture is not None and are_rows_known:
        trained = TrainedRows(mixture, declared, workspace, report)
        if TRAIN in splits and not declared.is_broken:
            trained.check_targets(sources, templates)
        trained.check_overlaps(sources, evaluated)
    if mixture is None or tokenizer is None or format_ is None or pack is None:
        return None
    return program.Build(
        name=block.name.text,
        doc=block.doc or "",
        mixture=mixture,
        tokenizer=tokenizer,
        format=format_,
        pack=pack,
        splits=splits,
        templates=tuple(templates),
        evaluated=tuple(evaluated),
        span=block.name.span,
    )


def _use(statements: Statements, keyword: str) -> ast.Use | None:
    return statements.keyed(ast.Use, keyword)


def _mixture(
    statements: Statements, declared: Declared, unit: Unit, report: Reporter
) -> program.Mixture | None:
    node = _use(statements, "mixture")
    found = None if node is None else resolve(node.name, unit, ("mixture",), report)
    if found is None:
        return None
    home, target = found
    declared.is_broken |= target.is_broken
    return home.mixtures.get(target.name.text)


def _tokenizer(
    statements: Statements, declared: Declared, unit: Unit, report: Reporter
) -> program.Tokenizer | None:
    node = _use(statements, "tokenizer")
    found = None if node is None else resolve(node.name, unit, ("tokenizer",), report)
    if found is None:
        return None
    home, target = found
    declared.is_broken |= target.is_broken
    if isinstance(target.node, ast.Block) and not target.node.complete:
        return None  # which tokens it has is not known
    return home.tokenizers.get(target.name.text)


def _sources(mixture: program.Mixture) -> list[program.Source]:
    """Sources that are trained on."""
    taken = [take.source for take in mixture.takes]
    return list({id(s): s for s in (*mixture.sources, *taken)}.values())


def _evaluated(
    mixture: program.Mixture, sources: list[program.Source], unit: Unit
) -> list[program.Source]:
    """Sources that the other splits are taken from: the mixture's and the held-out ones."""
    found = {id(s): s for s in (*sources, *mixture.held_out_sources)}
    return unit.in_order(found.values())


def _splits(
    node: ast.Splits | None,
    evaluated: list[program.Source],
    declared: Declared,
    workspace: Workspace,
    report: Reporter,
) -> tuple[str, ...]:
    """The splits to deliver; each must be some source's."""
    if node is None:
        return (TRAIN,)
    known = list(dict.fromkeys(split.name for source in evaluated for split in source.splits))
    is_sure = bool(evaluated) and not any(workspace.is_broken(source) for source in evaluated)
    found: dict[str, Span] = {}
    for item in node.items:
        name = item.name
        if name.text in found:
            report.report(
                "T0506",
                name.span,
                f"the split `{name.text}` stands twice",
                label="again here",
                secondary=((found[name.text], "first here"),),
            )
        elif is_sure and not declared.is_broken and name.text not in known:
            helps, fix = suggestion(name.text, known, name.span)
            report.report(
                "T0609",
                name.span,
                f"no source of this build has a split `{name.text}`",
                label="not a split",
                notes=(f"splits: {listed(known)}",),
                helps=helps,
                fix=fix,
            )
        if item.value is not None:
            report.report(
                "T0507",
                item.value.span,
                "a build only names splits",
                label="the files of a split stand in its source",
                helps=(f"move it to the source: `splits {name.text} = ...`",),
            )
        found.setdefault(name.text, name.span)
    return tuple(found)


def _templates(
    unit: Unit, declared: Declared, sources: list[program.Source]
) -> list[program.Template]:
    """Templates in play that serve a source of the build, cut to those sources."""
    wanted = {id(source) for source in sources}
    found = []
    for home in unit.reachable():
        for name, template in home.templates.items():
            serves = tuple(source for source in template.serves if id(source) in wanted)
            if not serves:
                continue
            own = home.own["template"][name]
            own.is_used = True
            declared.is_broken |= own.is_broken
            found.append(replace(template, serves=serves))
    return unit.in_order(found)
