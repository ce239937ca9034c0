"""Types as written become types.

In: a type node. Out: the type; a part that is wrong is reported and becomes `Unknown`. `path` and
`cluster` are for parameters only: a row holds neither.
"""

from typing import assert_never

from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model.expressions import Name
from taskc.dsl.model.types import (
    BOOL,
    CLUSTER,
    FLOAT,
    INT,
    PATH,
    TEXT,
    UNKNOWN,
    Choice,
    List,
    Optional,
    Record,
    Type,
    Unknown,
)
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import listed, suggestion

__all__ = ["fields_of", "type_of"]

_ROW_TYPES: dict[str, Type] = {"text": TEXT, "int": INT, "float": FLOAT, "bool": BOOL}
_PARAM_TYPES: dict[str, Type] = {"path": PATH, "cluster": CLUSTER}

# What other languages call these types.
_ELSEWHERE = {
    "str": "text",
    "string": "text",
    "integer": "int",
    "number": "float",
    "double": "float",
    "boolean": "bool",
    "array": "list[...]",
    "enum": "choice(...)",
    "any": "the type that its values have",
    "dict": "{ name: type }",
    "object": "{ name: type }",
}


def type_of(node: ast.TypeNode, report: Reporter, *, for_param: bool = False) -> Type:
    """The type that a node writes.

    Args:
        node: As written.
        report: Takes what is wrong.
        for_param: `path` and `cluster` may stand here.
    """
    match node:
        case ast.NamedType(name=name):
            return _named(name, report, for_param=for_param)
        case ast.ListType(item=item):
            return List(type_of(item, report))
        case ast.ChoiceType():
            return _choice(node, report)
        case ast.RecordType(fields=fields):
            return Record(tuple(fields_of(fields, report, "this record").items()))
        case ast.OptionalType():
            return _optional(node, report, for_param=for_param)
        case _:
            assert_never(node)


def fields_of(nodes: tuple[ast.FieldNode, ...], report: Reporter, what: str) -> dict[str, Type]:
    """Fields by name in declared order; reports one that stands twice."""
    found: dict[str, Type] = {}
    places: dict[str, Span] = {}
    for node in nodes:
        type_ = type_of(node.type, report)
        name = node.name.text
        if name in found:
            report.report(
                "T0121",
                node.name.span,
                f"the field `{name}` stands twice in {what}",
                label="again here",
                secondary=((places[name], "first here"),),
            )
            continue
        found[name] = type_
        places[name] = node.name.span
    return found


def _named(name: Name, report: Reporter, *, for_param: bool) -> Type:
    known = _ROW_TYPES | _PARAM_TYPES
    found = known.get(name.text)
    if found is None:
        helps, fix = suggestion(name.text, known, name.span)
        if name.text.lower() in _ELSEWHERE:
            helps, fix = (f"here it is `{_ELSEWHERE[name.text.lower()]}`",), None
        report.report(
            "T0226",
            name.span,
            f"unknown type `{name.text}`",
            label="not a type",
            notes=(f"types: {listed(_ROW_TYPES)}, choice(...), list[...], {{ name: type }}",),
            helps=helps,
            fix=fix,
        )
        return UNKNOWN
    if name.text in _PARAM_TYPES and not for_param:
        report.report(
            "T0227",
            name.span,
            f"`{name.text}` is for parameters: a row has no such value",
            label="not a type of a field",
            helps=("a file's name in a row is a `text`",) if name.text == "path" else (),
        )
        return UNKNOWN
    return found


def _choice(node: ast.ChoiceType, report: Reporter) -> Type:
    places: dict[str, Span] = {}
    for value in node.values:
        if value.text in places:
            report.report(
                "T0227",
                value.span,
                f"the choice has `{value.text}` twice",
                label="again here",
                secondary=((places[value.text], "first here"),),
            )
        places.setdefault(value.text, value.span)
    if not places:
        report.report(
            "T0227",
            node.span,
            "a choice needs its values",
            label="empty",
            helps=("list them: `choice(yes, no)`",),
        )
        return UNKNOWN
    return Choice(tuple(places))


def _optional(node: ast.OptionalType, report: Reporter, *, for_param: bool) -> Type:
    inner = type_of(node.inner, report, for_param=for_param)
    return inner if isinstance(inner, Unknown) else Optional(inner)
