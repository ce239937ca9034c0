"""What a source reads, as a text that is equal for equal files.

In: a source and the parameters of its package. Out: split -> pattern with every name filled in,
relative to the working directory. Patterns are compared as written: two globs that meet on disk are
not seen here.
"""

import posixpath

from taskc.dsl.check.sources.connectors import SPLIT
from taskc.dsl.check.units import Unit
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Attribute, Expression, Piece, Reference, Text
from taskc.dsl.model.types import Path

__all__ = ["files_of", "fill", "patterns_of"]

_URL = "://"  # stands in no path of this machine


def files_of(source: program.Source, unit: Unit) -> dict[str, str]:
    """Split -> what it reads; carved splits are left out, and what cannot be told."""
    connector = source.connector
    if connector.path is None or not connector.kind:
        return {}
    found: dict[str, str] = {}
    for split in source.splits:
        if split.carve is not None:
            continue
        path = fill(connector.path, unit, split=split.file_name)
        if path is None:
            continue
        if connector.kind == "hf":
            path = f"hf:{path}:{connector.arguments.get('config') or ''}:{split.file_name}"
        elif connector.kind == "plugin":
            path = f"plugin:{sorted(connector.arguments.items())}:{path}:{split.file_name}"
        elif _URL not in path:
            path = posixpath.normpath(posixpath.join(source.folder, path))
        found[split.name] = path
    return found


def patterns_of(
    connector: program.Connector, splits: tuple[program.Split, ...], unit: Unit
) -> dict[str, str]:
    """Split -> its path or glob relative to its data root, as the lock has it.

    "" where a name has no value, and for an absolute path: a lock holds nothing that is true of one
    machine only.
    """
    if connector.path is None:
        return {}
    found = {}
    for split in splits:
        if split.carve is None:
            path = fill(_below_root(connector.path, unit), unit, split=split.file_name) or ""
            if _URL not in path:
                path = "" if posixpath.isabs(path) else path and posixpath.normpath(path)
            found[split.name] = path
            if connector.kind in {"hf", "plugin"}:  # its path is that of every split
                found[split.name] += f":{split.file_name}"
    return found


def _below_root(text: Text, unit: Unit) -> Text:
    """The part of a path after the parameter that is its data root, where it starts with one."""
    first, *rest = text.parts
    if isinstance(first, Piece):
        return text
    param = _param(first.expression, unit)
    if param is None or not isinstance(param.type, Path):
        return text
    if rest and isinstance(rest[0], Piece):
        rest[0] = Piece(rest[0].text.lstrip("/"), rest[0].span)
    return Text(tuple(rest), text.span)


def fill(text: Text, unit: Unit, *, split: str) -> str | None:
    """The text with names filled in; None where one has no value."""
    filled: list[str] = []
    for position, part in enumerate(text.parts):
        if isinstance(part, Piece):
            filled.append(part.text)
            continue
        value = _value(part.expression, unit, split, is_first=position == 0)
        if value is None:
            return None
        filled.append(value)
    return "".join(filled)


def _value(expression: Expression, unit: Unit, split: str, *, is_first: bool) -> str | None:
    match expression:
        case Reference(name=name) if name == SPLIT and name not in unit.params:
            return split
        case _:
            param = _param(expression, unit)
    if param is None or param.value is None:
        return None
    if is_first and isinstance(param.type, Path) and _URL not in str(param.value):
        # A path starts where its parameter was declared, not where it is used.
        relative = posixpath.relpath(posixpath.join(param.base, str(param.value)), unit.folder.path)
        return str(param.value) if posixpath.isabs(str(param.value)) else relative
    return str(param.value)


def _param(expression: Expression, unit: Unit) -> program.Param | None:
    """The parameter that a name in a path means."""
    match expression:
        case Reference(name=name):
            return unit.params.get(name)
        case Attribute(base=Reference(name=alias), name=name):
            return unit.imported_params.get(alias, {}).get(name.text)
        case _:
            return None
