"""The shape of a source's rows: raw columns in, fields of the shaped row out.

In: the `fields`, `let` and `where` of a source, and its schema. Out: the row's type, the raw
columns that are read, the lets and wheres with their types. Order of evaluation: every `let` as
written, then every `where`, then the rest; a `let` may replace a column and sees the old value on
its right.
"""

from dataclasses import dataclass, field

from taskc.dsl.check.expressions.narrowing import path_of
from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.check.expressions.settle import settle
from taskc.dsl.check.expressions.typer import Typer
from taskc.dsl.check.expressions.values import check_choice_values, leaves
from taskc.dsl.check.sources.json_schema import columns_from
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
from taskc.dsl.spelling import did_you_mean
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import a_type, listed

__all__ = ["Shape", "shape"]


@dataclass(slots=True)
class Shape:
    """What is known about the rows of a source.

    Attributes:
        columns: Raw columns with declared types; None where no text declares them.
        row: Fields of the shaped row.
        reads: Raw columns that were read by an expression.
        facts: Fields that are never none after the wheres.
        inferred: Fields whose types the lock tells; None where it tells none of the row.
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
    inferred: frozenset[str] | None = None

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
    locked: dict[str, Type] | None = None,
) -> Shape:
    """Finds the shape of a source's rows.

    Args:
        statements: Of the source.
        schema: That it conforms to, if any.
        unit: Its package.
        report: Takes what is wrong.
        is_blurred: Something about the fields is not known for a reason already reported.
        locked: The columns of the files as the lock has them: they stand where no text declares
            any.
    """
    node = statements.one(ast.Fields)
    columns = _columns(node, unit, report)
    is_blurred |= node is not None and columns is None
    if columns is not None or is_blurred:
        locked = None
    lets = statements.many(ast.Let)
    raw, inferred = _raw(columns, locked, schema, {let.name.text for let in lets})
    scope = Scope(
        subject=f"source `{statements.block.name.text}`",
        fields=raw,
        is_open=(columns is None and locked is None) or is_blurred,
        params=unit.params,
        imported=unit.imported_params,
        origin=None if node is None else (_keyword(node), "its columns are declared here"),
        notes=() if locked is None else (f"columns as `{unit.lock_path}` has them",),
        inferred=inferred,
    )
    is_open = columns is None and locked is None and schema is None
    found = Shape(columns, {}, scope, is_open=is_open)
    shaper = _Shaper(found, raw, schema, report)
    for let in lets:
        shaper.add_let(let)
    for where in statements.many(ast.Where):
        shaper.add_where(where)
    if node is not None and columns is not None and schema is not None:
        shaper.check_columns(node, columns, schema, statements.block.name.span)
    found.row = shaper.row()
    if locked is not None and schema is None:
        found.inferred = scope.inferred & found.row.keys()
    unit.used_params |= scope.used_params
    return found


def _keyword(node: ast.Fields) -> Span:
    """The word `fields`: the statement may go over many lines."""
    return Span(node.span.path, node.span.start, node.span.start + len("fields"))


def _columns(node: ast.Fields | None, unit: Unit, report: Reporter) -> dict[str, Type] | None:
    if node is None:
        return None
    if node.schema_path is not None:
        return columns_from(node, unit, report)
    return fields_of(node.fields, report, "this source")


def _raw(
    columns: dict[str, Type] | None,
    locked: dict[str, Type] | None,
    schema: program.Schema | None,
    produced: set[str],
) -> tuple[dict[str, Type], frozenset[str]]:
    """What names mean before the first `let`, and those of them whose types the lock tells.

    Of a column that a `let` replaces with a field of the schema, the schema says nothing.
    """
    if columns is not None:
        return dict(columns), frozenset()
    fields = {} if schema is None else schema.fields
    declared = {name: type_ for name, type_ in fields.items() if name not in produced}
    if locked is not None:
        return locked | declared, frozenset(locked.keys() - declared.keys())
    return {name: UNKNOWN if name in produced else fields[name] for name in fields}, frozenset()


# ---- let and where -------------------------------------------------------------------------------


class _Shaper:
    """Adds the statements of one source to its shape, in the order of evaluation."""

    def __init__(
        self, found: Shape, raw: dict[str, Type], schema: program.Schema | None, report: Reporter
    ) -> None:
        self.found = found
        self.names = raw  # the scope's fields: each `let` adds to them
        self.schema = schema
        self.report = report
        self.produced: dict[str, ast.Let] = {}

    def _note_reads(self) -> None:
        """Keeps the raw columns among the names that were just read."""
        scope = self.found.scope
        self.found.reads |= scope.read - self.produced.keys()
        scope.read.clear()

    def add_let(self, let: ast.Let) -> None:
        """Types a `let`; its right side sees the old value of its name."""
        found, name = self.found, let.name.text
        found.scope.is_before_wheres = True
        type_ = Typer(found.scope, self.report).infer(let.value)
        found.scope.is_before_wheres = False
        self._note_reads()
        before = self.produced.get(name)
        if before is not None and name not in names_read(let.value):
            _report_lost_let(let, before, self.report)
        if self.schema is not None and name in self.schema.fields:
            wanted = self.schema.fields[name]
            _check_fits(let, type_, wanted, self.schema, self.report)
            type_ = wanted
        elif isinstance(type_, NoneType | Path | Cluster):
            _report_not_a_value(let, type_, self.report)
            type_ = UNKNOWN
        self._note_inferred(let)
        self.names[name] = type_
        self.produced[name] = let
        found.lets.append(program.Let(name, settle(let.value, found.scope), type_, let.span))

    def _note_inferred(self, let: ast.Let) -> None:
        """A field that is made of what the lock tells has a type that the lock tells."""
        scope, name = self.found.scope, let.name.text
        is_declared = self.schema is not None and name in self.schema.fields
        if not is_declared and names_read(let.value) & scope.inferred:
            scope.inferred |= {name}
        else:
            scope.inferred -= {name}

    def add_where(self, where: ast.Where) -> None:
        """Types a `where`, and keeps what it says about optional fields."""
        found = self.found
        known = found.typer(self.report).condition(where.condition)
        self._note_reads()
        found.facts |= known.where_true
        condition = settle(where.condition, found.scope)
        found.wheres.append(program.Where(condition, where.span))

    def row(self) -> dict[str, Type]:
        """The shaped row's fields: the schema's, or every column and let."""
        fields = dict(self.names) if self.schema is None else dict(self.schema.fields)
        for name, type_ in fields.items():
            if name in self.found.facts and isinstance(type_, Optional):
                fields[name] = type_.inner
        return fields

    def check_columns(
        self, node: ast.Fields, columns: dict[str, Type], schema: program.Schema, place: Span
    ) -> None:
        """Every field of the schema is a column of its type, or comes from a `let`."""
        for name, wanted in schema.fields.items():
            if name in self.produced:
                continue
            given = columns.get(name)
            if given is None and not isinstance(wanted, Optional):
                _report_lacking(name, node, columns, (schema, place), self.report)
            elif given is not None and not fits(given, wanted):
                _report_column(node, name, (given, wanted), schema, self.report)


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
        label=f"this is {a_type(given)}",
        secondary=((schema.span, f"schema `{schema.name}` wants {_short(wanted)}"),),
        helps=_fit_helps(given, wanted, let.name.text, path_of(let.value)),
    )


def _is_of_literals(expression: Expression) -> bool:
    """Whether the value is always one of the texts that are written out."""
    return all(isinstance(leaf, Literal) for leaf in leaves(expression))


def _short(type_: Type) -> str:
    words = str(type_)
    return words if len(words) < 60 else a_type(type_)  # noqa: PLR2004 # a label stays on its line


def _fit_helps(given: Type, wanted: Type, name: str, path: str = "") -> tuple[str, ...]:
    match given, wanted:
        case Text(), Choice(values=values):
            return (
                f'map its values: `let {name} = {{...: "{values[0]}"}}[{name}]`',
                f"or declare the column: `fields {{ {name}: {_short(wanted)} }}`",
            )
        case Optional(inner=inner), _ if fits(inner, wanted):
            shown = path or "..."
            return (f"say what stands for none: `{shown} if {shown} != none else ...`",)
        case _, List(item=item) if fits(given, item):
            return ("make a list of it: `[...]`",)
        case _:
            return ()


# ---- columns against the schema ------------------------------------------------------------------


def _report_lacking(
    name: str,
    node: ast.Fields,
    columns: dict[str, Type],
    owner: tuple[program.Schema, Span],
    report: Reporter,
) -> None:
    schema, place = owner
    near = did_you_mean(name, columns)
    report.report(
        "T0222",
        place,
        f"`{name}` of schema `{schema.name}` is provided by nothing",
        label=f"lacks `{name}`",
        secondary=((schema.span, "the schema"), (_keyword(node), "the columns")),
        notes=(f"columns: {listed(columns)}",),
        helps=tuple(f"take it from `{other}`: `let {name} = {other}`" for other in near[:1])
        or (f"add `let {name} = ...`",),
    )


def _report_column(
    node: ast.Fields,
    name: str,
    types: tuple[Type, Type],
    schema: program.Schema,
    report: Reporter,
) -> None:
    given, wanted = types
    place = next((each.type.span for each in node.fields if each.name.text == name), node.span)
    report.report(
        "T0221",
        place,
        f"the column `{name}` must be {a_type(wanted)}, not {a_type(given)}",
        label=f"declared as {_short(given)}",
        secondary=((schema.span, f"schema `{schema.name}` wants {_short(wanted)}"),),
        helps=_fit_helps(given, wanted, name),
    )
