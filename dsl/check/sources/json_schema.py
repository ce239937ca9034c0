"""`fields from "row.schema.json"`: columns out of a JSON Schema.

In: a statement, and the file that it names. Out: columns with types. Only what says a type is read
(`type`, `enum`, `properties`, `required`, `items`, `additionalProperties` left aside); what has no
type of the language (`anyOf` of several, references) is refused, so that no column is read as
something else than its author wrote.
"""

import posixpath
from collections.abc import Mapping

from taskc.dsl.check.sources.connectors import check_path_text
from taskc.dsl.check.sources.files import fill
from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model.types import BOOL, FLOAT, INT, TEXT, Choice, List, Record, Type, optional
from taskc.dsl.text.source_text import Span

__all__ = ["columns_from"]

_SCALARS: dict[str, Type] = {"string": TEXT, "integer": INT, "number": FLOAT, "boolean": BOOL}


class _UntypedError(Exception):
    """A part of the schema without a type here; its words say which and why."""


def columns_from(node: ast.Fields, unit: Unit, report: Reporter) -> dict[str, Type] | None:
    """The columns that the file declares; None where it was reported."""
    text = node.schema_path
    assert text is not None
    if not check_path_text(text, unit, report, with_split=False):
        return None
    filled = fill(text, unit, split="")
    if filled is None:
        return None
    path = posixpath.normpath(posixpath.join(unit.folder.path, filled))
    schema = _load(path, text.span, unit, report)
    if schema is None:
        return None
    try:
        found = _type(schema, "the row")
    except _UntypedError as error:
        report.report(
            "T0237",
            text.span,
            f"`{posixpath.basename(path)}` has a part without a type here",
            label="cannot be read as columns",
            notes=(str(error),),
            helps=("write the columns here: `fields { name: type }`",),
        )
        return None
    if not isinstance(found, Record):
        report.report(
            "T0237",
            text.span,
            f"`{posixpath.basename(path)}` does not describe a row",
            label="not an object",
            helps=("a row is an object: `type: object` with its `properties`",),
        )
        return None
    return dict(found.fields)


def _load(path: str, span: Span, unit: Unit, report: Reporter) -> Mapping[str, object] | None:
    """The file's JSON object; None where it was reported."""
    import json

    try:
        found = json.loads(unit.read(path))
    except OSError:
        words, note = f"`{path}` cannot be read", "the path starts at the folder of this file"
    except (ValueError, RecursionError) as error:
        words, note = f"`{path}` is not JSON", str(error)
    else:
        if isinstance(found, dict):
            return found
        words, note = f"`{path}` is not a JSON Schema", "a schema is an object"
    report.report("T0236", span, words, label="read for the columns", notes=(note,))
    return None


def _type(schema: object, what: str) -> Type:
    if not isinstance(schema, dict):
        raise _UntypedError(f"{what}: a schema is an object")
    if "enum" in schema:
        return _choice(schema["enum"], what)
    names = schema.get("type")
    if isinstance(names, list):
        return _union(schema, names, what)
    if names == "array":
        return List(_type(schema.get("items", {}), f"an item of {what}"))
    if names == "object":
        return _record(schema, what)
    if isinstance(names, str) and names in _SCALARS:
        return _SCALARS[names]
    raise _UntypedError(f"{what}: no `type` that the language has")


def _union(schema: dict[str, object], names: list[object], what: str) -> Type:
    """`["string", "null"]` is an optional text."""
    others = [name for name in names if name != "null"]
    if len(others) != 1:
        raise _UntypedError(f"{what}: a column has one type")
    inner = _type({**schema, "type": others[0]}, what)
    return optional(inner) if "null" in names else inner


def _choice(values: object, what: str) -> Type:
    if not isinstance(values, list):
        raise _UntypedError(f"{what}: `enum` is a list")
    texts = [value for value in values if isinstance(value, str)]
    rest = [value for value in values if not isinstance(value, str)]
    if not texts or any(value is not None for value in rest):
        raise _UntypedError(f"{what}: a choice is among texts")
    choice = Choice(tuple(dict.fromkeys(texts)))
    return optional(choice) if rest else choice


def _record(schema: dict[str, object], what: str) -> Type:
    properties = schema.get("properties")
    required = schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise _UntypedError(f"{what}: an object needs its `properties`")
    fields = []
    for name, inner in properties.items():
        type_ = _type(inner, f"`{name}`")
        fields.append((str(name), type_ if name in required else optional(type_)))
    return Record(tuple(fields))
