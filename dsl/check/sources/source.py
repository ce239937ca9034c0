"""Sources: a `source` block becomes a typed source.

In: blocks. Out: sources, each with what could be found of it. A source with a mistake keeps its
name and has open rows, so that nothing is said of fields that the mistake may have cost.
"""

from taskc.dsl.check.expressions.constants import Outcome
from taskc.dsl.check.expressions.settle import settle
from taskc.dsl.check.forms import FormReader
from taskc.dsl.check.names import resolve
from taskc.dsl.check.sources.columns import LockedReader, check_columns
from taskc.dsl.check.sources.connectors import check_connector, names_folder, pin
from taskc.dsl.check.sources.files import files_of, patterns_of
from taskc.dsl.check.sources.locked import locked_columns, locked_source
from taskc.dsl.check.sources.shapes import Shape, shape
from taskc.dsl.check.sources.splits import check_splits
from taskc.dsl.check.statements import Statements
from taskc.dsl.check.units import Declared, Unit, Workspace, marking
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.lock.entries import LockedSource
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Expression, Text
from taskc.dsl.model.forms import METRICS, Kind
from taskc.dsl.model.types import TEXT, List, Type, fits, is_text
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import a_type, listed, suggestion

__all__ = ["check_sources"]


def check_sources(unit: Unit, workspace: Workspace, report: Reporter) -> None:
    """Fills the unit's sources, and what they read."""
    for declared, block in unit.blocks("source"):
        with marking(declared, report):
            source = _source(block, declared, unit, report)
        if declared.is_broken:
            source.is_open = True
        workspace.own(source, unit, declared)
        workspace.files[id(source)] = files_of(source, unit)
        unit.sources[declared.name.text] = source


def _source(block: ast.Block, declared: Declared, unit: Unit, report: Reporter) -> program.Source:
    statements = Statements(block, report)
    schema, is_blurred = _schema(block, declared, unit, report)
    is_blurred |= statements.has_broken
    connector = _connector(statements, unit, report)
    splits = check_splits(statements.one(ast.Splits), connector, block.name.span, unit, report)
    patterns = {} if connector is None else patterns_of(connector, splits, unit)
    locked = locked_source(block.name, connector, patterns, unit, report)
    _pin(statements, connector, unit, locked, report)
    found = shape(
        statements, schema, unit, report, is_blurred=is_blurred, locked=locked_columns(locked, unit)
    )
    if locked is not None and not is_blurred:
        node = statements.one(ast.Fields)
        check_columns(LockedReader(block.name, locked, node, schema, unit, report), found)
    if statements.has_broken:
        declared.is_broken = True
    dedup = _dedup(statements, found, unit, report)
    references = _references(statements, found, report)
    limit = statements.one(ast.Limit)
    count = None if limit is None else _count(limit.count, "`limit`", unit, report)
    license_ = statements.one(ast.License)
    unit.used_params |= found.scope.used_params
    return program.Source(
        name=block.name.text,
        doc=block.doc or "",
        connector=connector or _no_connector(block),
        splits=splits,
        schema=schema,
        columns=found.columns,
        reads=_reads(found, schema, statements),
        row=found.row,
        is_open=found.is_open or is_blurred,
        lets=tuple(found.lets),
        wheres=tuple(found.wheres),
        dedup=dedup,
        limit=count,
        limit_span=None if limit is None else limit.span,
        metric=_metric(statements, report),
        references=None if references is None else settle(references.value, found.scope),
        references_span=None if references is None else references.span,
        license="" if license_ is None else license_.text,
        folder=unit.folder.path,
        span=block.name.span,
        field_spans=_field_spans(schema, statements),
        patterns=patterns,
        inferred=found.inferred,
    )


def _pin(
    statements: Statements,
    connector: program.Connector | None,
    unit: Unit,
    locked: LockedSource | None,
    report: Reporter,
) -> None:
    node = statements.one(ast.From)
    if connector is None or connector.path is None or names_folder(connector.path, unit):
        return
    if node is not None:
        revision = "" if locked is None else locked.revision
        pin(node, connector.kind, connector.arguments, revision, report)


def _field_spans(schema: program.Schema | None, statements: Statements) -> dict[str, Span]:
    """Where types are declared: the source's own `fields` before its schema."""
    spans = {} if schema is None else dict(schema.field_spans)
    node = statements.one(ast.Fields)
    return spans | {each.name.text: each.span for each in (() if node is None else node.fields)}


def _schema(
    block: ast.Block, declared: Declared, unit: Unit, report: Reporter
) -> tuple[program.Schema | None, bool]:
    """The schema after `:`, and whether it is not known for a reason already reported."""
    if block.schema is None:
        return None, False
    found = resolve(block.schema, unit, ("schema",), report)
    if found is None:
        declared.is_broken = True
        return None, True
    home, schema = found
    if schema.is_broken:
        declared.is_broken = True
    return home.schemas.get(schema.name.text), schema.is_broken


def _connector(statements: Statements, unit: Unit, report: Reporter) -> program.Connector | None:
    node = statements.one(ast.From)
    return None if node is None else check_connector(node, unit, report)


def _no_connector(block: ast.Block) -> program.Connector:
    """What stands in a broken source: it never reaches the program."""
    return program.Connector("", Text((), block.name.span), {}, block.name.span)


def _count(expression: Expression, what: str, unit: Unit, report: Reporter) -> int | None:
    found = FormReader(unit, report).scalar(Kind.COUNT, expression, what)
    return found if isinstance(found, int) and not isinstance(found, Outcome) else None


def _dedup(
    statements: Statements, found: Shape, unit: Unit, report: Reporter
) -> program.Dedup | None:
    node = statements.one(ast.Dedup)
    if node is None:
        return None
    type_ = found.typer(report).infer(node.key)
    near = None
    if node.near is not None:
        value = FormReader(unit, report).scalar(Kind.FRACTION, node.near, "`near`")
        near = float(value) if isinstance(value, int | float) else None
        _check_near(node, type_, report)
    _note_reads(found)
    return program.Dedup(settle(node.key, found.scope), near, node.span)


def _check_near(node: ast.Dedup, type_: Type, report: Reporter) -> None:
    """Nearness is a matter of words: the key must be made of texts."""
    if fits(type_, TEXT) or fits(type_, List(TEXT)):
        return
    report.report(
        "T0204",
        node.key.span,
        f"`near` compares texts, not {a_type(type_)}",
        label=f"this is {a_type(type_)}",
        helps=("name the texts: `dedup by [question, answer] near 0.8`",),
    )


def _references(statements: Statements, found: Shape, report: Reporter) -> ast.References | None:
    node = statements.one(ast.References)
    if node is None:
        return None
    type_ = found.typer(report).value(node.value)
    _note_reads(found)
    if not fits(type_, List(TEXT)):
        report.report(
            "T0509",
            node.value.span,
            f"references are a list of texts, not {a_type(type_)}",
            label=f"this is {a_type(type_)}",
            helps=("make a list of it: `[answer]`",) if is_text(type_) else (),
        )
    return node


def _note_reads(found: Shape) -> None:
    """Raw columns that were read after the lets: those that no `let` produced."""
    produced = {let.name for let in found.lets}
    found.reads |= found.scope.read - produced
    found.scope.read.clear()


def _reads(
    found: Shape, schema: program.Schema | None, statements: Statements
) -> tuple[str, ...] | None:
    """The raw columns that the source reads, sorted; None = all of them."""
    if found.columns is not None:
        return tuple(sorted(found.columns))
    if schema is None:
        return None
    produced = {let.name.text for let in statements.many(ast.Let)}
    return tuple(sorted(found.reads | (schema.fields.keys() - produced)))


def _metric(statements: Statements, report: Reporter) -> str:
    node = statements.one(ast.Metric)
    if node is None:
        return ""
    name = node.name
    if name.text not in METRICS:
        helps, fix = suggestion(name.text, METRICS, name.span)
        report.report(
            "T0508",
            name.span,
            f"unknown metric `{name.text}`",
            label="not a metric",
            notes=(f"metrics: {listed(METRICS)}",),
            helps=helps,
            fix=fix,
        )
    elif node.arguments:
        report.report(
            "T0118",
            node.arguments[0].span,
            f"`{name.text}` takes no arguments",
            label="one too many",
        )
    return name.text
