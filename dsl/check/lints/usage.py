"""What is declared and used by nothing.

In: a package with builds, and what its mixtures select. Out: lints. What has an error is left out:
it may be unused because of it.
"""

from collections.abc import Mapping

from taskc.dsl.check.mixtures.held_out import Member, Selection
from taskc.dsl.check.units import Declared, Unit, Workspace
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Name
from taskc.dsl.model.reads import (
    prompt_reads,
    source_reads,
    take_reads,
    template_reads,
    text_reads,
)

__all__ = ["check_usage"]


def check_usage(
    unit: Unit, workspace: Workspace, selections: Mapping[int, Selection], report: Reporter
) -> None:
    """Reports what nothing of the package uses."""
    if unit.is_lossy or _has_broken(unit):
        return  # what is missing may be what used it
    mixed = _mixed(unit, selections)
    served = _served(unit)
    for declared, _ in unit.blocks("source"):
        source = unit.sources[declared.name.text]
        if id(source) not in mixed:
            _report(report, "T0701", declared, "is in no mixture", "mixed by nothing")
            continue
        if id(source) not in served:
            _report(report, "T0703", declared, "has no template", "no prompt to phrase its rows")
        if not source.license:
            _report(report, "T0705", declared, "has no licence", "no `license` here")
    for declared, block in unit.blocks("template"):
        _check_template(unit.templates[declared.name.text], declared, block, mixed, report)
    read = _fields_read(unit)
    _check_fields(unit, mixed, read, report)
    _check_schema_fields(unit, workspace, read, report)
    _check_names(unit, report)


def _has_broken(unit: Unit) -> bool:
    tables = (unit.shared, *unit.own.values())
    return any(declared.is_broken for table in tables for declared in table.values())


def _report(report: Reporter, code: str, declared: Declared, words: str, label: str) -> None:
    name = declared.name
    kind = "parameter" if declared.kind == "param" else declared.kind
    report.report(code, name.span, f"{kind} `{name.text}` {words}", label=label)


# ---- sources and templates -----------------------------------------------------------------------


def _mixed(unit: Unit, selections: Mapping[int, Selection]) -> set[int]:
    """Sources that a mixture names, held-out ones included."""
    found: set[int] = set()
    for mixture in unit.mixtures.values():
        selection = selections.get(id(mixture))
        if selection is not None:
            _add_selected(selection, found)
        found |= {id(source) for source in mixture.held_out_sources}
    return found


def _add_selected(selection: Selection, found: set[int]) -> None:
    waiting: list[Member] = list(selection.members)
    found |= {id(source) for source, _ in selection.takes}
    while waiting:
        member = waiting.pop()
        found |= {id(source) for source in member.sources}
        if member.selection is not None:
            waiting += member.selection.members
            found |= {id(source) for source, _ in member.selection.takes}


def _served(unit: Unit) -> set[int]:
    return {
        id(source)
        for home in unit.reachable()
        for template in home.templates.values()
        for source in template.serves
    }


def _check_template(
    template: program.Template,
    declared: Declared,
    block: ast.Block,
    mixed: set[int],
    report: Reporter,
) -> None:
    if not any(id(source) in mixed for source in template.serves):
        words = "serves nothing that is mixed" if template.serves else "serves nothing"
        _report(report, "T0702", declared, words, "used by no build")
        return
    shown = set().union(*(prompt_reads(template, each) for each in template.prompts))
    in_texts = set().union(
        *(text_reads(turn.text) for each in template.prompts for turn in each.turns)
    )
    if template.options is not None and not in_texts & {"answer", "options"}:
        report.report(
            "T0709",
            template.options.span,
            f"no prompt of template `{template.name}` shows its options",
            label="shown by nothing",
            helps=('show them: `{options}`, and ask for `-> "{answer}"`',),
        )
    for statement in block.statements:
        if isinstance(statement, ast.Let) and statement.name.text not in shown:
            _report_let(statement, report)


def _report_let(let: ast.Let, report: Reporter) -> None:
    report.report(
        "T0712",
        let.name.span,
        f"`let {let.name.text}` is read by nothing",
        label="computed for nothing",
    )


# ---- fields --------------------------------------------------------------------------------------


def _check_fields(unit: Unit, mixed: set[int], read: dict[int, set[str]], report: Reporter) -> None:
    """Fields that neither a statement of the source nor a template reads."""
    for declared, block in unit.blocks("source"):
        source = unit.sources[declared.name.text]
        node = next((each for each in block.statements if isinstance(each, ast.Fields)), None)
        if node is None or id(source) not in mixed or source.schema is not None:
            continue
        if id(source) not in read:
            continue  # no template serves it: that is said already
        names = read[id(source)] | source_reads(source)
        for each in node.fields:
            if each.name.text not in names:
                _report_field(each.name, f"source `{source.name}`", report)


def _check_schema_fields(
    unit: Unit, workspace: Workspace, read: dict[int, set[str]], report: Reporter
) -> None:
    for declared in unit.shared.values():
        if not isinstance(declared.node, ast.Schema):
            continue
        schema = unit.schemas[declared.name.text]
        sources = workspace.conforming.get(id(schema), [])
        names: set[str] = set()
        for source in sources:
            names |= read.get(id(source), set()) | source_reads(source)
        if not sources or not any(id(source) in read for source in sources):
            continue
        for each in declared.node.fields:
            if each.name.text not in names:
                _report_field(each.name, f"schema `{schema.name}`", report)


def _report_field(name: Name, owner: str, report: Reporter) -> None:
    report.report(
        "T0704",
        name.span,
        f"the field `{name.text}` of {owner} is read by nothing",
        label="declared and not read",
        notes=("a declared column is part of what makes two rows the same",),
    )


def _fields_read(unit: Unit) -> dict[int, set[str]]:
    """Source -> names that templates and mixtures read of its rows."""
    found: dict[int, set[str]] = {}
    for home in unit.reachable():
        for template in home.templates.values():
            names = template_reads(template)
            for source in template.serves:
                found.setdefault(id(source), set()).update(names)
    for mixture in unit.mixtures.values():
        for take in mixture.takes:
            found.setdefault(id(take.source), set()).update(take_reads(take))
    return found


# ---- other names ---------------------------------------------------------------------------------


def _check_names(unit: Unit, report: Reporter) -> None:
    """Schemas, clusters, mixtures, tokenizers, parameters and imports that nothing speaks of."""
    for declared in unit.shared.values():
        if declared.kind == "param":
            if declared.name.text not in unit.used_params and not declared.is_used:
                _report(report, "T0707", declared, "is used by nothing", "set for nothing")
        elif declared.kind != "source" and not declared.is_used:
            _report(report, "T0711", declared, "is used by nothing", "no build depends on it")
    dotted = {name.partition(".")[0] for name in unit.used_params if "." in name}
    used = unit.used_imports | dotted | _imports_in_play(unit)
    for alias, node in unit.folder.aliases.items():
        if alias not in used:
            report.report(
                "T0708",
                node.span,
                f"nothing of the import `{alias}` is used",
                label="imported for nothing",
            )


def _imports_in_play(unit: Unit) -> set[str]:
    """Imports whose templates serve sources of the package: they need not be named."""
    own = {id(source) for source in unit.sources.values()}
    found = set()
    for alias, home in unit.imports.items():
        templates = (
            [] if home is None else [t for u in home.reachable() for t in u.templates.values()]
        )
        if any(id(source) in own for template in templates for source in template.serves):
            found.add(alias)
    return found
