"""Whom a template serves, and the rows that it is written against.

In: the names after `for`. Out: sources, and each distinct row type with the place where it is
declared. A template for a schema is checked once against the schema, however many sources have it.
"""

from dataclasses import dataclass, field

from taskc.dsl.check.names import resolve
from taskc.dsl.check.sources.locked import fields_beside
from taskc.dsl.check.units import Declared, Unit, Workspace
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.types import Type
from taskc.dsl.text.source_text import Span

__all__ = ["Row", "Served", "find_served"]


@dataclass(slots=True)
class Row:
    """A row type that a template meets.

    Attributes:
        name: The schema or source that has it: "source `a`".
        inferred: Fields whose types the lock tells.
    """

    name: str
    fields: dict[str, Type]
    is_open: bool
    origin: tuple[Span, str]
    inferred: frozenset[str] = frozenset()


@dataclass(slots=True)
class Served:
    """Sources that a template serves and their distinct rows."""

    sources: list[program.Source] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    is_complete: bool = True  # every name was found


def find_served(
    block: ast.Block, declared: Declared, unit: Unit, workspace: Workspace, report: Reporter
) -> Served:
    """The sources behind the names after `for`.

    Args:
        block: The template.
        declared: Marked where a name is not found or broken.
        unit: Its package.
        workspace: Sources of a schema may stand in any package.
        report: Takes unknown names.
    """
    served = Served()
    places: dict[str, Span] = {}
    for name in block.serves:
        if name.text in places:
            report.report(
                "T0418",
                name.span,
                f"`{name.text}` stands twice in this list",
                label="again here",
                secondary=((places[name.text], "first here"),),
            )
            continue
        places[name.text] = name.span
        found = resolve(name, unit, ("source", "schema", "cluster"), report)
        if found is None:
            declared.is_broken = True
            served.is_complete = False
            continue
        home, target = found
        declared.is_broken |= target.is_broken
        _add(served, home, target, unit, workspace)
    served.sources = list({id(source): source for source in served.sources}.values())
    served.rows = _distinct(served.rows)
    return served


def _add(served: Served, home: Unit, target: Declared, unit: Unit, workspace: Workspace) -> None:
    name = target.name.text
    match target.kind:
        case "schema":
            schema = home.schemas[name]
            origin = (schema.span, "the template is written against this schema")
            served.rows.append(Row(f"schema `{name}`", schema.fields, target.is_broken, origin))
            served.sources += workspace.conforming.get(id(schema), [])
        case "source":
            _add_source(served, home.sources[name], unit)
        case "cluster":
            for source in home.clusters[name].sources:
                _add_source(served, source, unit)
        case _:
            pass


def _add_source(served: Served, source: program.Source, unit: Unit) -> None:
    served.sources.append(source)
    words = "its fields are declared here"
    if source.schema is not None:
        words = f"its fields come from schema `{source.schema.name}`"
    elif source.inferred is not None:
        words = "its fields are those of its files, as they were locked"
    row = Row(
        f"source `{source.name}`",
        fields_beside(source, unit.params),
        source.is_open,
        (source.span, words),
        source.inferred or frozenset(),
    )
    served.rows.append(row)


def _distinct(rows: list[Row]) -> list[Row]:
    """One row of each type, the first that was met."""
    found: dict[tuple[object, ...], Row] = {}
    for row in rows:
        found.setdefault((row.is_open, *row.fields.items()), row)
    return list(found.values())
