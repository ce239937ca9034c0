"""Statements of a source, and connectors: `jsonl("{data}/x.jsonl")`.

In: a cursor behind the statement's keyword, and the offset at which that starts. Out: the node.
What is read is known before anything is read, so a connector computes nothing: its arguments are
constants and texts with placeholders, no expressions.
"""

from taskc.dsl.model.declarations import (
    Dedup,
    Fields,
    From,
    License,
    Limit,
    Metric,
    References,
    SplitItem,
    Splits,
)
from taskc.dsl.model.expressions import (
    Argument,
    Call,
    DictDisplay,
    Expression,
    ListDisplay,
    Literal,
    Name,
    Reference,
    Text,
    Unary,
)
from taskc.dsl.text.rules.cursor import Cursor
from taskc.dsl.text.rules.expressions import CONSTANTS, call, close, expression, key, number
from taskc.dsl.text.rules.literals import plain_text
from taskc.dsl.text.rules.texts import text, text_as_written
from taskc.dsl.text.rules.types import fields

__all__ = [
    "dedup",
    "from_connector",
    "license_",
    "limit",
    "metric",
    "references",
    "row_fields",
    "splits",
]


def from_connector(cursor: Cursor, start: int) -> From:
    """Reads what follows `from` in a source or a tokenizer."""
    read, texts = connector(cursor)
    return From(read, texts, cursor.span_from(start))


def splits(cursor: Cursor, start: int) -> Splits:
    """Reads what follows `splits` in a source: names, each with `= value` or without."""
    items = [_split(cursor, "a split after `splits`")]
    while cursor.take(","):
        items.append(_split(cursor, "a split after the comma"))
    return Splits(tuple(items), cursor.span_from(start))


def _split(cursor: Cursor, what: str) -> SplitItem:
    name = cursor.name(what)
    value = None
    if cursor.take("="):
        value = expression(cursor, f'`"name"` or `carve(split, n)` for the split `{name.text}`')
    return SplitItem(name, value, cursor.span_from(name.span.start))


def row_fields(cursor: Cursor, start: int) -> Fields:
    """Reads what follows `fields`: `{ name: type ... }` or `from "row.schema.json"`."""
    if cursor.take_word("from"):
        path = text(cursor, "the path of a JSON Schema after `fields from`")
        return Fields((), path, cursor.span_from(start))
    if cursor.kind != "{":
        cursor.fail_expected("T0019", "`{` or `from`", "after `fields`")
    return Fields(fields(cursor), None, cursor.span_from(start))


def limit(cursor: Cursor, start: int) -> Limit:
    """Reads what follows `limit`: a number of rows."""
    return Limit(expression(cursor, "a number of rows after `limit`"), cursor.span_from(start))


def dedup(cursor: Cursor, start: int) -> Dedup:
    """Reads what follows `dedup`: `by key [near similarity]`."""
    cursor.expect_word("by", "after `dedup`")
    key = expression(cursor, "what to compare after `dedup by`")
    near = None
    if cursor.take_word("near"):
        near = expression(cursor, "a similarity after `near`")
    return Dedup(key, near, cursor.span_from(start))


def metric(cursor: Cursor, start: int) -> Metric:
    """Reads what follows `metric`: `name` or `name(arguments)`."""
    if cursor.kind == "name" and cursor.next_kind == "(":
        read = call(cursor)
        return Metric(read.function, read.arguments, cursor.span_from(start))
    return Metric(cursor.name("a metric after `metric`"), (), cursor.span_from(start))


def references(cursor: Cursor, start: int) -> References:
    """Reads what follows `references`: a list of texts."""
    value = expression(cursor, "a list of texts after `references`")
    return References(value, cursor.span_from(start))


def license_(cursor: Cursor, start: int) -> License:
    """Reads what follows `license`: a text."""
    if cursor.kind not in ("string", "broken"):
        cursor.fail_expected("T0018", "the licence as a text after `license`")
    return License(plain_text(cursor), cursor.span_from(start))


# ---- connectors ----------------------------------------------------------------------------------


def connector(cursor: Cursor) -> tuple[Call, dict[str, Text]]:
    """Reads `name(arguments)` whose arguments are constants and texts with placeholders.

    Returns:
        The call, in which a text argument is a literal with its placeholders as written, and the
        texts by position ("0", "1", ...) or name.
    """
    function = cursor.name("a connector such as `jsonl(...)`")
    opening = cursor.span()
    cursor.tight.add(cursor.index)
    cursor.expect("(", f"after the connector `{function.text}`")
    arguments: list[Argument] = []
    texts: dict[str, Text] = {}
    while cursor.kind != ")":
        argument, read = _connector_argument(cursor, function)
        if read:
            texts[argument.name.text if argument.name else str(len(arguments))] = read
        arguments.append(argument)
        if not cursor.take(","):
            break
    close(cursor, ")", f"the arguments of `{function.text}`", opening, ",")
    return Call(function, tuple(arguments), cursor.span_from(function.span.start)), texts


def _connector_argument(cursor: Cursor, function: Name) -> tuple[Argument, Text | None]:
    start = cursor.start
    name = None
    if cursor.kind in ("name", "word") and cursor.next_kind == ":":
        name = cursor.word("an argument")
        cursor.advance()
    if cursor.kind in ("string", "broken"):
        read = text(cursor, "a text")
        value = Literal(text_as_written(cursor, read), read.span)
        return Argument(name, value, cursor.span_from(start)), read
    what = f"an argument of `{function.text}`"
    return Argument(name, _constant(cursor, what), cursor.span_from(start)), None


def _constant(cursor: Cursor, what: str) -> Expression:
    """Reads a number, a word, a name, a raw text, or a list or keys of these and plain texts."""
    span, kind = cursor.span(), cursor.kind
    if kind == "-" and cursor.next_kind == "number":
        cursor.advance()
        cursor.tight.add(cursor.index)
        return Unary("-", number(cursor), cursor.span_from(span.start))
    if kind == "number":
        return number(cursor)
    if kind in ("string", "raw", "broken"):
        return Literal(plain_text(cursor), span, raw=kind == "raw")
    if kind == "[":
        return _constant_list(cursor)
    if kind == "{":
        return _constant_keys(cursor)
    if kind == "word" and cursor.value in CONSTANTS:
        value = CONSTANTS[cursor.value]
        cursor.advance()
        return Literal(value, span)
    if kind != "name":
        helps = ("a connector takes constants, parameters and texts with placeholders",)
        cursor.fail_expected("T0017", what, helps=helps)
    name = cursor.name(what)
    return Reference(name.text, span)


def _constant_list(cursor: Cursor) -> ListDisplay:
    opening = cursor.span()
    cursor.enter()
    cursor.advance()
    items: list[Expression] = []
    while cursor.kind != "]":
        items.append(_constant(cursor, "a constant or `]` in this list"))
        if not cursor.take(","):
            break
    close(cursor, "]", "this list", opening, ",")
    cursor.leave()
    return ListDisplay(tuple(items), cursor.span_from(opening.start))


def _constant_keys(cursor: Cursor) -> DictDisplay:
    opening = cursor.span()
    cursor.braces[cursor.index] = "dict"
    cursor.enter()
    cursor.advance()
    entries: list[tuple[Name, Expression]] = []
    while True:
        name = key(cursor, "a key")
        cursor.expect(":", f"after the key `{name.text}`")
        entries.append((name, _constant(cursor, f"a constant for the key `{name.text}`")))
        if not cursor.take(",") or cursor.kind == "}":
            break
    close(cursor, "}", "these keys and values", opening, ",")
    cursor.leave()
    return DictDisplay(tuple(entries), cursor.span_from(opening.start))
