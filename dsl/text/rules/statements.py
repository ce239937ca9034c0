"""Statements that stand in more than one kind of block.

In: a cursor behind the statement's keyword, and the offset at which that starts. Out: the
statement's node, its span from the keyword to its last token.
"""

from typing import NoReturn

from taskc.dsl.diagnostics import replacement
from taskc.dsl.model.declarations import Let, Names, Seed, Setting, SplitItem, Splits, Use, Where
from taskc.dsl.model.expressions import Expression, Literal, Name, Reference
from taskc.dsl.spelling import did_you_mean
from taskc.dsl.text.rules.cursor import Cursor
from taskc.dsl.text.rules.expressions import call, expression
from taskc.dsl.text.rules.literals import any_plain_text
from taskc.dsl.text.rules.texts import text, text_as_written

__all__ = [
    "form",
    "let",
    "model",
    "names",
    "one_of",
    "seed",
    "setting",
    "split_names",
    "use",
    "value",
    "where",
]


def value(cursor: Cursor, what: str) -> Expression:
    """Reads a text block or an expression, where a whole value stands."""
    if cursor.kind == "block":
        start = cursor.start
        return Literal(any_plain_text(cursor, what), cursor.span_from(start))
    return expression(cursor, what)


def let(cursor: Cursor, start: int) -> Let:
    """Reads what follows `let`: `name = value`."""
    name = cursor.name("a name after `let`")
    cursor.expect("=", f"after `let {name.text}`")
    read = value(cursor, f"the value of `{name.text}`")
    return Let(name, read, cursor.span_from(start))


def where(cursor: Cursor, start: int) -> Where:
    """Reads what follows `where`: a condition."""
    condition = expression(cursor, "a condition after `where`")
    return Where(condition, cursor.span_from(start))


def seed(cursor: Cursor, start: int) -> Seed:
    """Reads what follows `seed`: a number."""
    return Seed(expression(cursor, "a number after `seed`"), cursor.span_from(start))


def names(cursor: Cursor, start: int, keyword: str) -> Names:
    """Reads what follows `sources`, `related` or `clusters`: names between commas."""
    read = cursor.qualified_names(f"a name after `{keyword}`")
    return Names(keyword, read, cursor.span_from(start))


def split_names(cursor: Cursor, start: int) -> Splits:
    """Reads what follows `splits` in a build or an evaluation: names between commas."""
    read = [cursor.name("a split after `splits`")]
    while cursor.take(","):
        read.append(cursor.name("a split after the comma"))
    items = tuple(SplitItem(name, None, name.span) for name in read)
    return Splits(items, cursor.span_from(start))


def use(cursor: Cursor, start: int, keyword: str) -> Use:
    """Reads what follows `mixture`, `tokenizer`, `data` or `run`: one name."""
    read = cursor.qualified_name(f"a name after `{keyword}`")
    return Use(keyword, read, cursor.span_from(start))


def form(cursor: Cursor, what: str) -> Expression:
    """Reads `name` or `name(arguments)`."""
    if cursor.kind == "name" and cursor.next_kind == "(":
        return call(cursor)
    name = cursor.name(what)
    return Reference(name.text, name.span)


def setting(cursor: Cursor, start: int, keyword: str) -> Setting:
    """Reads what follows `format`, `pack`, `recipe` or `method`: `name` or `name(arguments)`."""
    read = form(cursor, f"a name or a call after `{keyword}`")
    return Setting(keyword, read, None, cursor.span_from(start))


def model(cursor: Cursor, start: int) -> Setting:
    """Reads what follows `model`: a text with placeholders, or as `setting`."""
    if cursor.kind not in ("string", "broken"):
        return setting(cursor, start, "model")
    read = text(cursor, "a path after `model`")
    written = Literal(text_as_written(cursor, read), read.span)
    return Setting("model", written, read, cursor.span_from(start))


def one_of(cursor: Cursor, words: tuple[str, ...], what: str) -> Name:
    """Reads one word of a closed list."""
    if cursor.kind not in ("name", "word") or cursor.value not in words:
        _fail_word(cursor, words, what)
    return cursor.word(what)


def _fail_word(cursor: Cursor, words: tuple[str, ...], what: str) -> NoReturn:
    listed = ", ".join(f"`{word}`" for word in words)
    near = did_you_mean(cursor.value, words) if cursor.kind in ("name", "word") else []
    cursor.fail_expected(
        "T0028",
        what,
        notes=(f"one of {listed}",),
        helps=(f"did you mean `{near[0]}`?",) if near else (),
        fix=replacement(cursor.span(), near[0]) if near else None,
    )
