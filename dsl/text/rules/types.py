"""Types as written: `text`, `list[text]`, `choice(a, b)`, `{ field: type ... }`, `type?`.

In: a cursor at a type, or at the fields of a record. Out: nodes; whether a type exists is asked
later.
"""

from taskc.dsl.diagnostics import Edit, Fix, Safety
from taskc.dsl.model.declarations import (
    ChoiceType,
    FieldNode,
    ListType,
    NamedType,
    OptionalType,
    RecordType,
    TypeNode,
)
from taskc.dsl.model.expressions import Name
from taskc.dsl.text.rules.cursor import Cursor
from taskc.dsl.text.rules.expressions import close, key
from taskc.dsl.text.source_text import Span

__all__ = ["field", "fields", "refuse_commas", "type_node"]


def type_node(cursor: Cursor, what: str) -> TypeNode:
    """Reads a type; `what` says of what, in the message if there is none."""
    start = cursor.start
    node = _base_type(cursor, what)
    if cursor.take("?"):
        return OptionalType(node, cursor.span_from(start))
    return node


def _base_type(cursor: Cursor, what: str) -> TypeNode:
    if cursor.kind == "{":
        return _record(cursor)
    if cursor.kind != "name":
        notes = ("types: text, int, float, bool, choice(...), list[...], {...}, path, cluster",)
        cursor.fail_expected("T0024", what, notes=notes)
    if cursor.value == "list" and cursor.next_kind == "[":
        return _list(cursor)
    if cursor.value == "choice" and cursor.next_kind == "(":
        return _choice(cursor)
    name = cursor.name(what)
    return NamedType(name, name.span)


def _list(cursor: Cursor) -> ListType:
    start = cursor.start
    cursor.advance()
    opening = cursor.span()
    cursor.tight.add(cursor.index)
    cursor.enter()
    cursor.advance()
    item = type_node(cursor, "the type of the list's items")
    close(cursor, "]", "this list type", opening)
    cursor.leave()
    return ListType(item, cursor.span_from(start))


def _choice(cursor: Cursor) -> ChoiceType:
    start = cursor.start
    cursor.advance()
    opening = cursor.span()
    cursor.tight.add(cursor.index)
    cursor.advance()
    values: list[Name] = []
    while not values or cursor.kind != ")":
        values.append(key(cursor, "a value of this choice"))
        if not cursor.take(","):
            break
    close(cursor, ")", "this choice", opening, ",")
    return ChoiceType(tuple(values), cursor.span_from(start))


def _record(cursor: Cursor) -> RecordType:
    start = cursor.start
    return RecordType(fields(cursor), cursor.span_from(start))


def fields(cursor: Cursor) -> tuple[FieldNode, ...]:
    """Reads `{ name: type ... }`."""
    opening = cursor.span()
    cursor.braces[cursor.index] = "fields"
    cursor.enter()
    cursor.expect("{", "before the fields")
    read: list[FieldNode] = []
    commas: list[Span] = []
    while cursor.kind in ("name", "word", ",") and not cursor.at_statement():
        if cursor.kind == ",":
            commas.append(cursor.span())
            cursor.advance()
        else:
            read.append(field(cursor))
    close(cursor, "}", "these fields", opening)
    cursor.leave()
    if commas:
        refuse_commas(cursor, commas)
    return tuple(read)


def refuse_commas(cursor: Cursor, commas: list[Span], what: str = "fields") -> None:
    """Reports the commas that stand between fields, or the like, all as one mistake."""
    cursor.reporter.report(
        "T0027",
        commas[0],
        f"{what} stand without commas between them",
        label="no comma here",
        helps=("take the commas away",),
        fix=Fix(tuple(Edit(comma, "") for comma in commas), Safety.SAFE),
    )


def field(cursor: Cursor) -> FieldNode:
    """Reads `name: type`."""
    name = cursor.name("a field's name")
    cursor.expect(":", f"after the field `{name.text}`")
    node = type_node(cursor, f"a type for the field `{name.text}`")
    return FieldNode(name, node, name.span.to(node.span))
