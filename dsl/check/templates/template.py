"""Templates: a `template` block becomes prompts that every source it serves can fill.

In: blocks, and the sources of every package. Out: templates. The body is checked once for each
distinct row among those served; what is wrong for all of them is one report, what is wrong for some
names them.
"""

from dataclasses import dataclass, field

from taskc.dsl.check.expressions.scopes import Refusal, Scope
from taskc.dsl.check.expressions.settle import settle
from taskc.dsl.check.expressions.typer import Typer
from taskc.dsl.check.statements import Statements
from taskc.dsl.check.templates.braces import check_braces
from taskc.dsl.check.templates.glued import check_glued
from taskc.dsl.check.templates.options import Options, check_options
from taskc.dsl.check.templates.prompts import (
    PromptNode,
    Scopes,
    check_labels,
    check_prompt,
    texts_of,
)
from taskc.dsl.check.templates.served import Row, Served, find_served
from taskc.dsl.check.templates.shown import check_shown
from taskc.dsl.check.templates.wording import Written, check_same_texts, check_wording
from taskc.dsl.check.units import Unit, Workspace, marking
from taskc.dsl.diagnostics import Diagnostic, Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.types import TEXT, Type
from taskc.dsl.model.walk import names_read
from taskc.dsl.text.source_text import Span

__all__ = ["check_templates"]

_UNKNOWN_FIELD = "T0312"
_MISSING_IN_ONE = "T0313"


@dataclass(slots=True)
class _Body:
    """What a template says, as found for one row."""

    options: Options | None = None
    prompts: list[program.Prompt] = field(default_factory=list)
    lets: list[program.Let] = field(default_factory=list)
    wheres: list[program.Where] = field(default_factory=list)


def check_templates(unit: Unit, workspace: Workspace, report: Reporter) -> None:
    """Fills the unit's templates."""
    written: list[Written] = []
    for declared, block in unit.blocks("template"):
        with marking(declared, report):
            statements = Statements(block, report)
            declared.is_broken |= statements.has_broken
            served = find_served(block, declared, unit, workspace, report)
            whole = _Whole(statements, served, unit)
            unit.templates[declared.name.text] = _template(whole, report)
        sources = frozenset(id(source) for source in served.sources)
        written.append(Written(block.name.text, whole.nodes, whole.options, sources))
    check_same_texts(written, report)


class _Whole:
    """A template as written, with what it serves."""

    def __init__(self, statements: Statements, served: Served, unit: Unit) -> None:
        self.statements = statements
        self.served = served
        self.unit = unit
        self.name = statements.block.name.text
        path = statements.block.span.path
        self.source = next(f.source for f in unit.folder.files if f.source.path == path)
        self.options = statements.one(ast.Options)
        self.nodes: list[PromptNode] = [
            each for each in statements.statements if isinstance(each, ast.Prompt | ast.Dialogue)
        ]


def _template(whole: _Whole, report: Reporter) -> program.Template:
    if not whole.statements.has_broken:
        check_labels(whole.nodes, report)
    check_wording(whole.nodes, report)
    for node in whole.nodes:
        check_shown(node, whole.options, report)
    body = _check_rows(whole, report)
    return program.Template(
        whole.name,
        tuple(whole.served.sources),
        body.options,
        tuple(body.prompts),
        tuple(body.lets),
        tuple(body.wheres),
        whole.statements.block.name.span,
    )


# ---- one body, several rows ----------------------------------------------------------------------


def _check_rows(whole: _Whole, report: Reporter) -> _Body:
    """Checks the body for each row, and reports what was found once."""
    rows = whole.served.rows
    if not rows:
        return _Body()
    found: list[list[Diagnostic]] = []
    bodies: list[_Body] = []
    for row in rows:
        own = Reporter()
        bodies.append(_check_body(whole, row, own))
        found.append(own.diagnostics)
    if len(rows) == 1:
        report.diagnostics.extend(found[0])
    else:
        _merge(found, rows, whole.name, report)
    return bodies[0]


def _merge(found: list[list[Diagnostic]], rows: list[Row], template: str, report: Reporter) -> None:
    """One report for each finding, however many rows have it."""
    where: dict[tuple[str, Span | None], list[tuple[Row, Diagnostic]]] = {}
    for row, diagnostics in zip(rows, found, strict=True):
        for each in diagnostics:
            place = each.primary.span if each.primary else None
            where.setdefault((each.code, place), []).append((row, each))
    for (code, place), findings in where.items():
        first = findings[0][1]
        if code == _UNKNOWN_FIELD and len(findings) < len(rows):
            _report_missing(place, first, [row for row, _ in findings], template, report)
        else:
            report.diagnostics.append(first)


def _report_missing(
    place: Span | None, first: Diagnostic, rows: list[Row], template: str, report: Reporter
) -> None:
    name = first.message.split("`")[1]
    lacking = rows[0]
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    report.report(
        _MISSING_IN_ONE,
        place,
        f"{lacking.name}{more} has no field `{name}`",
        label="not a field of every source here",
        secondary=tuple((row.origin[0], "served by this template") for row in rows),
        notes=(f"fields of {lacking.name}: {', '.join(lacking.fields)}",),
        helps=(
            f"give it one: `let {name} = ...` in {lacking.name}",
            f"or write a template of its own and leave it out of `{template}`",
        ),
    )


# ---- one row -------------------------------------------------------------------------------------


def _check_body(whole: _Whole, row: Row, report: Reporter) -> _Body:
    body = _Body()
    statements, unit = whole.statements, whole.unit
    fields: dict[str, Type] = dict(row.fields)
    scope = Scope(
        subject=f"template `{whole.name}`",
        fields=fields,
        code=_UNKNOWN_FIELD,
        is_open=row.is_open or not whole.served.is_complete or statements.has_broken,
        params=unit.params,
        imported=unit.imported_params,
        origin=row.origin,
        is_shared=len(whole.served.rows) > 1,
        inferred=row.inferred,
    )
    for let in statements.many(ast.Let):
        type_ = Typer(scope, report).infer(let.value)
        if names_read(let.value) & scope.inferred:
            scope.inferred |= {let.name.text}
        fields[let.name.text] = type_
        body.lets.append(program.Let(let.name.text, settle(let.value, scope), type_, let.span))
    scopes = Scopes(scope, scope)
    for where in statements.many(ast.Where):
        known = Typer(scope, report, scopes.facts).condition(where.condition)
        scopes.facts |= known.where_true
        body.wheres.append(program.Where(settle(where.condition, scope), where.span))
    if whole.options is not None:
        body.options = check_options(whole.options, Typer(scope, report, scopes.facts))
    scopes.text = _text_scope(scope, whole.options)
    silent = Typer(scopes.text, Reporter())
    names = {*fields, *scopes.text.specials}
    for each in whole.nodes:
        check_glued(texts_of(each), silent.infer, report)
        check_braces(texts_of(each), names, whole.source, report)
    body.prompts = [
        check_prompt(each, position, scopes, report) for position, each in enumerate(whole.nodes)
    ]
    unit.used_params |= scope.used_params | scopes.text.used_params
    return body


def _text_scope(scope: Scope, options: ast.Options | None) -> Scope:
    """The scope of texts: the row's, and what the options add."""
    specials: dict[str, Type] = {}
    refused: dict[str, Refusal] = {}
    if options is None and scope.is_open:
        pass  # they may be columns
    elif options is None:
        helps = ('add the choices: `options label { yes: "Yes"  no: "No" }`',)
        for name in ("options", "answer"):
            message = f"`{{{name}}}` needs an `options` block"
            refused[name] = Refusal("T0302", message, "this template has no options", helps)
    else:
        specials["answer"] = TEXT
        style = options.style.text if options.style else "dashes"
        if style == "none":
            message = "`{options}` has nothing to show: options are `as none`"
            helps = ("leave `{options}` out, or show them `as dashes`",)
            refused["options"] = Refusal("T0309", message, "no options are shown", helps)
        else:
            specials["options"] = TEXT
        if style in ("letters", "numbers"):
            specials["answer.text"] = TEXT
        else:
            message = "`answer.text` is for options `as letters` or `as numbers`"
            helps = ("write `{answer}`: it is the option's own words",)
            refused["answer.text"] = Refusal("T0323", message, "the same as `answer`", helps)
    return Scope(
        subject=scope.subject,
        fields=scope.fields,
        code=scope.code,
        is_open=scope.is_open,
        params=scope.params,
        imported=scope.imported,
        specials=specials,
        origin=scope.origin,
        refused=refused,
        is_shared=scope.is_shared,
        inferred=scope.inferred,
    )
