"""Statements of a mixture.

In: a cursor behind the statement's keyword, and the offset at which that starts. Out: the node.
"""

from taskc.dsl.diagnostics import deletion
from taskc.dsl.model.declarations import (
    Decontaminate,
    Fewshot,
    Holdout,
    MixtureDedup,
    MixtureFrom,
    Rate,
    Repeat,
    Require,
    Take,
    Templates,
    Total,
)
from taskc.dsl.model.expressions import Attribute, Call, Expression, QualifiedName, Reference
from taskc.dsl.text.rules.cursor import Cursor
from taskc.dsl.text.rules.expressions import amount, call, expression, number
from taskc.dsl.text.rules.statements import one_of
from taskc.dsl.text.source_text import Span

__all__ = [
    "UNITS",
    "decontaminate",
    "dedup",
    "fewshot",
    "holdout",
    "mixture_from",
    "rate",
    "repeat",
    "require",
    "take",
    "templates",
    "total",
]

UNITS = ("tokens", "examples", "epochs")


def mixture_from(cursor: Cursor, start: int) -> MixtureFrom:
    """Reads what follows `from`: `all clusters [except names]` or names."""
    if cursor.at_word("all") and cursor.next_value == "clusters":
        cursor.advance()
        cursor.advance()
        excluded: tuple[QualifiedName, ...] = ()
        if cursor.take_word("except"):
            excluded = cursor.qualified_names("a name after `except`")
        return MixtureFrom(
            all_clusters=True, names=(), excluded=excluded, span=cursor.span_from(start)
        )
    names = cursor.qualified_names("`all clusters` or a name after `from`")
    return MixtureFrom(all_clusters=False, names=names, excluded=(), span=cursor.span_from(start))


def holdout(cursor: Cursor, start: int) -> Holdout:
    """Reads what follows `holdout`: clusters or parameters between commas."""
    values = [expression(cursor, "a cluster or a parameter after `holdout`")]
    while cursor.take(","):
        values.append(expression(cursor, "a cluster or a parameter after the comma"))
    return Holdout(tuple(values), cursor.span_from(start))


def _form_call(cursor: Cursor, what: str) -> Call:
    """Reads `name(arguments)`."""
    if cursor.kind == "name" and cursor.next_kind != "(":
        name = cursor.name(what)
        cursor.expect("(", f"after `{name.text}`")
    if cursor.kind != "name":
        cursor.fail_expected("T0016", what)
    return call(cursor)


def rate(cursor: Cursor, start: int) -> Rate:
    """Reads what follows `rate`: a call such as `proportional(cap: 3_000)`."""
    read = _form_call(cursor, "a rate such as `equal()` after `rate`")
    return Rate(read, cursor.span_from(start))


def take(cursor: Cursor, start: int) -> Take:
    """Reads what follows `take`: `[at most] N from source [by call] [best E]`."""
    at_most = cursor.at_word("at") and cursor.next_value == "most"
    if at_most:
        cursor.advance()
        cursor.advance()
    count = expression(cursor, "a number of examples after `take`")
    cursor.expect_word("from", "after the number of this `take`")
    source = cursor.qualified_name("a source after `from`")
    by = best = None
    if cursor.take_word("by"):
        by = _form_call(cursor, "`temperature(...)` or `balance(...)` after `by`")
    if cursor.take_word("best"):
        best = expression(cursor, "what is best after `best`")
    return Take(count, at_most, source, by, best, cursor.span_from(start))


def templates(cursor: Cursor, start: int) -> Templates:
    """Reads what follows `templates`: `one`, `all`, `none`, a number, or a template's name."""
    if cursor.kind == "number":
        return Templates(number(cursor), cursor.span_from(start))
    if cursor.at_word("none"):
        none = cursor.word("`none`")
        return Templates(Reference("none", none.span), cursor.span_from(start))
    name = cursor.qualified_name("`one`, `all`, `none`, a number or a template after `templates`")
    value: Expression = Reference(name.parts[0].text, name.parts[0].span)
    for part in name.parts[1:]:
        value = Attribute(value, part, name.span)
    return Templates(value, cursor.span_from(start))


def fewshot(cursor: Cursor, start: int) -> Fewshot:
    """Reads what follows `fewshot`: `K` or `A..B`."""
    value = amount(cursor, "a number or a range such as `0..5` after `fewshot`")
    return Fewshot(value, cursor.span_from(start))


def repeat(cursor: Cursor, start: int) -> Repeat:
    """Reads what follows `repeat`: `at most R`."""
    cursor.expect_word("at", "after `repeat`")
    cursor.expect_word("most", "after `repeat at`")
    count = expression(cursor, "a number after `repeat at most`")
    return Repeat(count, cursor.span_from(start))


def total(cursor: Cursor, start: int) -> Total:
    """Reads what follows `total`: a number and its unit."""
    count = expression(cursor, "a number after `total`")
    unit = one_of(cursor, UNITS, "a unit after the number of this `total`")
    return Total(count, unit, cursor.span_from(start))


def dedup(cursor: Cursor, start: int) -> MixtureDedup:
    """Reads what follows `dedup`: `fields [near similarity]`."""
    if cursor.at_word("by") and _is_before_fields(cursor):
        _skip_by(cursor)
    fields = expression(cursor, "a list of fields after `dedup`")
    near = None
    if cursor.take_word("near"):
        near = expression(cursor, "a similarity after `near`")
    return MixtureDedup(fields, near, cursor.span_from(start))


def _is_before_fields(cursor: Cursor) -> bool:
    """Whether the word at the cursor is no field, as fields follow it on its line."""
    text, end = cursor.source.text, cursor.span().end
    line_end = text.find("\n", end)
    rest = text[end : line_end if line_end != -1 else None]
    return cursor.next_kind in ("name", "[") and cursor.next_value in rest


def _skip_by(cursor: Cursor) -> None:
    """Goes past the `by` that a source's `dedup` has."""
    word = cursor.span()
    cursor.advance()
    cursor.reporter.report(
        "T0027",
        word,
        "no `by` stands between `dedup` and the fields of a mixture",
        label="one word too many",
        notes=("a source has one key, `dedup by KEY`; a mixture compares fields, `dedup FIELDS`",),
        helps=("take the `by` away",),
        fix=deletion(Span(cursor.path, word.start, cursor.start)),
    )


def decontaminate(cursor: Cursor, start: int) -> Decontaminate:
    """Reads what follows `decontaminate`: `fields against splits by call`."""
    fields = expression(cursor, "a list of fields after `decontaminate`")
    cursor.expect_word("against", "after the fields of this `decontaminate`")
    splits = [cursor.name("a split after `against`")]
    while cursor.take(","):
        splits.append(cursor.name("a split after the comma"))
    cursor.expect_word("by", "after the splits of this `decontaminate`")
    by = _form_call(cursor, "`ngrams(n)` or `near(j)` after `by`")
    return Decontaminate(fields, tuple(splits), by, cursor.span_from(start))


def require(cursor: Cursor, start: int) -> Require:
    """Reads what follows `require`: a condition over what is delivered."""
    condition = expression(cursor, "a condition after `require`")
    return Require(condition, cursor.span_from(start))
