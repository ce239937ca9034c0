"""Schemas: record types that sources conform to and templates are written against.

In: `schema` declarations. Out: their fields with types. Whether rows have them is seen when they
are read.
"""

from taskc.dsl.check.types import fields_of
from taskc.dsl.check.units import Unit, marking
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program

__all__ = ["check_schemas"]


def check_schemas(unit: Unit, report: Reporter) -> None:
    """Fills the unit's schemas."""
    for declared in list(unit.shared.values()):
        node = declared.node
        if not isinstance(node, ast.Schema):
            continue
        with marking(declared, report):
            fields = fields_of(node.fields, report, "this schema")
            is_cut = unit.has_syntax_error(node.span)
            if not fields and not is_cut:
                report.report(
                    "T0227",
                    node.name.span,
                    f"schema `{node.name.text}` has no fields",
                    label="empty",
                    helps=("add a line such as `question: text`",),
                )
        declared.is_broken |= is_cut
        schema = program.Schema(
            node.name.text,
            fields,
            node.doc or "",
            node.name.span,
            {each.name.text: each.span for each in node.fields},
        )
        unit.schemas[node.name.text] = schema
