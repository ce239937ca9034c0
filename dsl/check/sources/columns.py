"""Columns that a source reads against those that its files have, as the lock tells them.

In: a source's `fields` or schema, and the lock's entry of it. Out: what is said where they differ.
A column that no row has, and one of a type that the values can't be read as, are errors; what only
some rows lack is a warning, since a build may read other splits. Whether a value fits is decided as
when rows are read (`compiler/rows/conform`): an int where a float is declared, cells of text as
any scalar, keys of a record that its type does not name left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from taskc.dsl.check.sources.locked import update_help
from taskc.dsl.check.sources.shapes import Shape
from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.lock.entries import LockedSource
from taskc.dsl.lock.notation import read_type, written
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Name
from taskc.dsl.model.types import (
    Choice,
    Float,
    Int,
    List,
    Optional,
    Record,
    Text,
    Type,
    Unknown,
)
from taskc.dsl.spelling import did_you_mean
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import either, listed

__all__ = ["LockedReader", "Misfit", "check_columns", "misfit"]

# Their cells are texts, read as the type of their column where one is declared.
_OF_CELLS = frozenset({"csv", "tsv"})
_MAX_SHOWN_CHARS = 40  # of a type in a message of one line


@dataclass(frozen=True, slots=True)
class LockedReader:
    """A source that reads columns, and what is needed to speak of them.

    Attributes:
        name: The source's name.
        entry: What the lock says of it.
        node: Its `fields`.
        schema: Its schema.
        unit: Its package.
    """

    name: Name
    entry: LockedSource
    node: ast.Fields | None
    schema: program.Schema | None
    unit: Unit
    report: Reporter


class Misfit(NamedTuple):
    """Where a value of the files is not of the type that is asked for.

    Attributes:
        path: From the column to the part that does not fit: "[].text".
        given: What the files hold there; "nothing" where the part is missing.
        wanted: What is asked for there.
        may_be_none: Only that some row holds none is in the way.
    """

    path: str
    given: str
    wanted: Type
    may_be_none: bool


def check_columns(reader: LockedReader, found: Shape) -> None:
    """Compares the columns that a source declares with those that its files have.

    Args:
        reader: The source.
        found: Its shape.
    """
    entry = reader.entry
    if entry.columns is None:
        return
    wanted = found.columns
    if wanted is None:
        produced = {let.name for let in found.lets}
        fields = {} if reader.schema is None else reader.schema.fields
        wanted = {field: type_ for field, type_ in fields.items() if field not in produced}
    for column, type_ in wanted.items():
        text = entry.columns.get(column)
        if text is None:
            _check_absent(column, type_, reader)
            continue
        wrong = misfit(read_type(text), type_, is_cell=entry.connector in _OF_CELLS)
        if wrong is not None:
            _report_misfit(column, wrong, reader)


def _check_absent(column: str, type_: Type, reader: LockedReader) -> None:
    """A column that no row has; of a schema's optional field nothing is said."""
    columns = reader.entry.columns or {}
    files = (f"columns: {listed(columns)}", _as_locked(reader))
    near = did_you_mean(column, columns)
    helps = (f"did you mean {either(near)}?",) if near else ()
    changed = f"if the files have changed, {update_help(reader.name, reader.unit)}"
    if not isinstance(type_, Optional):
        reader.report.report(
            "T0552",
            _place(column, reader),
            f"the files of `{reader.name.text}` have no column `{column}`",
            label="in no row of its files",
            secondary=_origin(column, reader),
            notes=files,
            helps=(*helps, changed),
        )
    elif reader.node is not None:
        reader.report.report(
            "T0554",
            _place(column, reader),
            f"no row of `{reader.name.text}` has a `{column}`",
            label="always none",
            notes=files,
            helps=helps or ("take it out, or name the column that is meant",),
        )


def _report_misfit(column: str, wrong: Misfit, reader: LockedReader) -> None:
    what = f"`{column}{wrong.path}`"
    wanted = _short(str(wrong.wanted))
    if wrong.may_be_none:
        reader.report.report(
            "T0554",
            _place(column, reader),
            f"some rows of `{reader.name.text}` have no {what}",
            label=f"{wanted} is declared",
            secondary=_origin(column, reader),
            notes=(f"the files hold {wrong.given}", _as_locked(reader)),
            helps=(f"write `?` behind the type: `{wanted}?`",),
        )
        return
    reader.report.report(
        "T0553",
        _place(column, reader),
        f"{what} is declared as {wanted}, the files hold {wrong.given}"[:100],
        label="of another type in the files",
        secondary=_origin(column, reader),
        notes=(_as_locked(reader),),
        helps=(f"if the files have changed, {update_help(reader.name, reader.unit)}",),
    )


def _place(column: str, reader: LockedReader) -> Span:
    """Where a column is asked for: in `fields`, else at the source's name."""
    if reader.node is None:
        return reader.name.span
    for each in reader.node.fields:
        if each.name.text == column:
            return each.span
    return Span(
        reader.node.span.path, reader.node.span.start, reader.node.span.start + len("fields")
    )


def _origin(column: str, reader: LockedReader) -> tuple[tuple[Span, str], ...]:
    schema = reader.schema
    if reader.node is not None or schema is None or column not in schema.field_spans:
        return ()
    return ((schema.field_spans[column], f"schema `{schema.name}` asks for it"),)


def _as_locked(reader: LockedReader) -> str:
    return f"as `{reader.unit.lock_path}` has them"


# ---- types ---------------------------------------------------------------------------------------


def misfit(given: Type, wanted: Type, *, is_cell: bool) -> Misfit | None:
    """The first part of a type that some row can't be read as; None where every row can.

    Args:
        given: What the files hold.
        wanted: What is declared.
        is_cell: The files hold cells of text.
    """
    if not is_cell:
        return _misfit_at("", given, wanted)
    inner = wanted.inner if isinstance(wanted, Optional) else wanted
    if isinstance(inner, List | Record):
        return Misfit("", "cells of text", wanted, may_be_none=False)
    return None


def _misfit_at(path: str, given: Type, wanted: Type) -> Misfit | None:
    if isinstance(given, Unknown) or isinstance(wanted, Unknown):
        return None
    match given, wanted:
        case Optional(inner=inner), Optional(inner=into):
            return _misfit_at(path, inner, into)
        case Optional(inner=inner), _:
            inside = _misfit_at(path, inner, wanted)
            return inside or Misfit(path, _short(written(given)), wanted, may_be_none=True)
        case _, Optional(inner=into):
            return _misfit_at(path, given, into)
        case List(item=item), List(item=into):
            return _misfit_at(f"{path}[]", item, into)
        case Record(), Record():
            return _record_misfit(path, dict(given.fields), wanted)
        case (Int(), Float()) | (Text(), Choice()):
            return None
        case _:
            if given == wanted:
                return None
            return Misfit(path, _short(written(given)), wanted, may_be_none=False)


def _record_misfit(path: str, given: Mapping[str, Type], wanted: Record) -> Misfit | None:
    """Keys that the type does not name are left out when rows are read."""
    partly = None
    for name, type_ in wanted.fields:
        here = f"{path}.{name}"
        if name not in given:
            found = None if isinstance(type_, Optional) else _lacking(here, type_)
        else:
            found = _misfit_at(here, given[name], type_)
        if found is not None and not found.may_be_none:
            return found
        partly = partly or found
    return partly


def _lacking(path: str, wanted: Type) -> Misfit | None:
    """A part of a record that no row has."""
    if isinstance(wanted, Optional):
        return None
    return Misfit(path, "nothing", wanted, may_be_none=False)


def _short(words: str) -> str:
    if len(words) <= _MAX_SHOWN_CHARS:
        return words
    return f"{words[: _MAX_SHOWN_CHARS - 3]}..."
