"""The shape of a source's rows: raw columns in, fields of the shaped row out.

In: the `fields`, `let` and `where` of a source, and its schema. Out: the row's type, the raw
columns that are read, the lets and wheres with their types. Order of evaluation: every `let` as
written, then every `where`, then the rest; a `let` may replace a column and sees the old value on
its right.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from taskc.dsl.check.expressions.narrowing import known_values
from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.check.expressions.settle import settle
from taskc.dsl.check.expressions.typer import Typer
from taskc.dsl.check.expressions.values import check_choice_values, leaves
from taskc.dsl.check.expressions.words import a_type, listed, suggestion
from taskc.dsl.check.statements import Statements
from taskc.dsl.check.types import fields_of
from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Expression, Literal
from taskc.dsl.model.types import (
    UNKNOWN,
    Choice,
    Cluster,
    List,
    NoneType,
    Optional,
    Path,
    Text,
    Type,
    fits,
)
from taskc.dsl.model.walk import names_read
from taskc.dsl.text.source_text import Span

__all__ = ["Shape", "shape"]


@dataclass(slots=True)
class Shape:
    """What is known about the rows of a source.

    Attributes:
        columns: Raw columns with declared types; None where no text declares them.
        row: Fields of the shaped row.
        reads: Raw columns that were read by an expression.
        facts: Fields that are never none after the wheres.
        scope: Names that later statements of the source may use.
    """

    columns: dict[str, Type] | None
    row: dict[str, Type]
    scope: Scope
    is_open: bool
    lets: list[program.Let] = field(default_factory=list)
    wheres: list[program.Where] = field(default_factory=list)
    reads: set[str] = field(default_factory=set)
    facts: frozenset[str] = frozenset()

    def typer(self, report: Reporter) -> Typer:
        """A typer for statements after the wheres."""
        return Typer(self.scope, report, self.facts)


def shape(
    statements: Statements,
    schema: program.Schema | None,
    unit: Unit,
    report: Reporter,
    *,
    is_blurred: bool,
) -> Shape:
    """Finds the shape of a source's rows.

    Args:
        statements: Of the source.
        schema: That it conforms to, if any.
        unit: Its package.
        report: Takes what is wrong.
        is_blurred: Something about the fields is not known for a reason already reported.
    """
    node = statements.one(ast.Fields)
    columns = _columns(node, report)
    lets = statements.many(ast.Let)
    raw = _raw(columns, schema, {let.name.text for let in lets})
    scope = Scope(
        subject=f"source `{statements.block.name.text}`",
        fields=raw,
        is_open=columns is None or is_blurred,
        params=unit.params,
        imported=unit.imported_params,
        origin=None if node is None else (node.span, "its columns are declared here"),
    )
    found = Shape(columns, {}, scope, is_open=columns is None and schema is None)
    produced: dict[str, ast.Let] = {}
    for let in lets:
        _add_let(let, found, raw, produced, schema, report)
    for where in statements.many(ast.Where):
        _add_where(where, found, produced, report)
    found.row = _row(found, raw, produced, schema, statements, report)
    unit.used_params |= scope.used_params
    return found


def _columns(node: ast.Fields | None, report: Reporter) -> dict[str, Type] | None:
    if node is None or node.schema_path is not None:
        return None
    return fields_of(node.fields, report, "source")


def _raw(
    columns: dict[str, Type] | None, schema: program.Schema | None, produced: set[str]
) -> dict[str, Type]:
    """What names mean before the first `let`; of a column that one replaces, nothing is known."""
    if columns is not None:
        return dict(columns)
    if schema is None:
        return {}
    return {n: UNKNOWN if n in produced else type_ for n, type_ in schema.fields.items()}


# ---- let and where -------------------------------------------------------------------------------


def _note_reads(found: Shape, produced: Mapping[str, object]) -> None:
    """Keeps the raw columns among the names that were just read."""
    scope = found.scope
    found.reads |= scope.read - produced.keys()
    scope.read.clear()


def _add_let(
    let: ast.Let,
    found: Shape,
    raw: dict[str, Type],
    produced: dict[str, ast.Let],
    schema: program.Schema | None,
    report: Reporter,
) -> None:
    name = let.name.text
    type_ = Typer(found.scope, report).infer(let.value)
    _note_reads(found, produced)
    before = produced.get(name)
    if before is not None and name not in names_read(let.value):
        _report_lost_let(let, before, report)
    if schema is not None and name in schema.fields:
        wanted = schema.fields[name]
        _check_fits(let, type_, wanted, schema, report)
        type_ = wanted
    elif isinstance(type_, NoneType | Path | Cluster):
        _report_not_a_value(let, type_, report)
        type_ = UNKNOWN
    raw[name] = type_
    produced[name] = let
    found.lets.append(program.Let(name, settle(let.value, found.scope), type_, let.span))


def _report_lost_let(let: ast.Let, before: ast.Let, report: Reporter) -> None:
    report.report(
        "T0114",
        let.name.span,
        f"`let {let.name.text}` throws an earlier value away",
        label="again here, without using it",
        secondary=((before.name.span, "first here"),),
    )


def _report_not_a_value(let: ast.Let, type_: Type, report: Reporter) -> None:
    report.report(
        "T0227",
        let.value.span,
        f"a field cannot be {a_type(type_)}",
        label=f"this is {a_type(type_)}",
    )


def _check_fits(
    let: ast.Let, given: Type, wanted: Type, schema: program.Schema, report: Reporter
) -> None:
    inner = wanted.inner if isinstance(wanted, Optional) else wanted
    if isinstance(inner, Choice):
        what = f"`{let.name.text}` of schema `{schema.name}`"
        if not check_choice_values(let.value, inner, report, what=what):
            return
        if _is_of_literals(let.value):
            return
    if fits(given, wanted):
        return
    report.report(
        "T0220",
        let.value.span,
        f"`{let.name.text}` must be {a_type(wanted)}, not {a_type(given)}",
        label=f"this is {given}" if len(str(given)) < 60 else f"this is {a_type(given)}",  # noqa: PLR2004
        secondary=((schema.span, f"schema `{schema.name}` wants {_short(wanted)}"),),
        helps=_fit_helps(given, wanted, let.name.text),
    )


def _is_of_literals(expression: Expression) -> bool:
    """Whether the value is always one of the texts that are written out."""
    return all(isinstance(leaf, Literal) for leaf in leaves(expression))


def _short(type_: Type) -> str:
    words = str(type_)
    return words if len(words) < 60 else a_type(type_)  # noqa: PLR2004 # a label stays on its line


def _fit_helps(given: Type, wanted: Type, name: str) -> tuple[str, ...]:
    match given, wanted:
        case Text(), Choice(values=values):
            return (
                f'map its values: `let {name} = {{...: "{values[0]}"}}[{name}]`',
                f"or declare the column: `fields {{ {name}: {_short(wanted)} }}`",
            )
        case Optional(inner=inner), _ if fits(inner, wanted):
            return (f"say what stands for none: `... if {name} != none else ...`",)
        case _, List(item=item) if fits(given, item):
            return ("make a list of it: `[...]`",)
        case _:
            return ()


def _add_where(
    where: ast.Where, found: Shape, produced: Mapping[str, object], report: Reporter
) -> None:
    typer = found.typer(report)
    typer.condition(where.condition)
    _note_reads(found, produced)
    found.facts |= known_values(where.condition, holds=True)
    condition = settle(where.condition, found.scope)
    found.wheres.append(program.Where(condition, where.span))


# ---- the shaped row ------------------------------------------------------------------------------


def _row(
    found: Shape,
    raw: dict[str, Type],
    produced: Mapping[str, ast.Let],
    schema: program.Schema | None,
    statements: Statements,
    report: Reporter,
) -> dict[str, Type]:
    """The row's fields: the schema's, or every column and let."""
    names = dict(raw) if schema is None else dict(schema.fields)
    if schema is not None and found.columns is not None:
        place = statements.one(ast.Fields)
        assert place is not None
        for name, wanted in schema.fields.items():
            if name not in produced:
                _check_column(name, wanted, found.columns, schema, statements, report)
    for name, type_ in names.items():
        if name in found.facts and isinstance(type_, Optional):
            names[name] = type_.inner
    return names


def _check_column(
    name: str,
    wanted: Type,
    columns: Mapping[str, Type],
    schema: program.Schema,
    statements: Statements,
    report: Reporter,
) -> None:
    given = columns.get(name)
    node = statements.one(ast.Fields)
    assert node is not None
    if given is None:
        if isinstance(wanted, Optional):
            return
        near, _ = suggestion(name, columns, None)
        report.report(
            "T0222",
            _name_place(statements),
            f"`{name}` of schema `{schema.name}` is provided by nothing",
            label=f"lacks `{name}`",
            secondary=((schema.span, "the schema"), (node.span, "the columns")),
            notes=(f"columns: {listed(columns)}",),
            helps=tuple(each.replace("did you mean", "is it") for each in near)
            or (f"add `let {name} = ...`",),
        )
        return
    if fits(given, wanted):
        return
    place = next(each for each in node.fields if each.name.text == name)
    report.report(
        "T0221",
        place.type.span,
        f"the column `{name}` must be {a_type(wanted)}, not {a_type(given)}",
        label=f"declared as {_short(given)}",
        secondary=((schema.span, f"schema `{schema.name}` wants {_short(wanted)}"),),
        helps=_fit_helps(given, wanted, name),
    )


def _name_place(statements: Statements) -> Span:
    return statements.block.name.span
