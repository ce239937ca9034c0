"""Words that messages share: how a type, a list of names or a suggestion is said.

In: types and names. Out: pieces of messages, and the edit that follows a suggestion. Only what a
user reads; nothing is decided here.
"""

import re
from collections.abc import Iterable

from taskc.dsl.diagnostics import Fix, Safety, replacement
from taskc.dsl.model.types import (
    Bool,
    Choice,
    Cluster,
    Float,
    Int,
    List,
    NoneType,
    Optional,
    Path,
    Record,
    Text,
    Type,
    Unknown,
)
from taskc.dsl.spelling import did_you_mean
from taskc.dsl.text.source_text import Span

__all__ = ["a_type", "counted", "either", "key_text", "listed", "one_of", "quoted", "suggestion"]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def a_type(type_: Type) -> str:
    """A type in a sentence, short: "a text", "a list of texts"."""
    match type_:
        case Optional(inner=inner):
            return f"{a_type(inner)} or none"
        case List(item=Text() | Choice()):
            return "a list of texts"
        case List(item=Record()):
            return "a list of records"
        case List(item=Int() | Float() | Bool() as item):
            return f"a list of {item}s"
        case List():
            return "a list"
        case Int():
            return "an int"
        case Choice():
            return "a choice"
        case Record():
            return "a record"
        case NoneType():
            return "none"
        case Text() | Float() | Bool() | Path() | Cluster() | Unknown():
            return f"a {type_}"


def listed(names: Iterable[str], most: int = 20) -> str:
    """Names by comma, cut short where there are many."""
    known = list(names)
    if len(known) > most:
        return f"{', '.join(known[:most])}, and {len(known) - most} more"
    return ", ".join(known)


def either(names: Iterable[str]) -> str:
    """Names in backticks: "`a`, `b` or `c`"."""
    ticked = [f"`{name}`" for name in names]
    if len(ticked) < 2:  # noqa: PLR2004 # an alternative needs two
        return "".join(ticked)
    return f"{', '.join(ticked[:-1])} or {ticked[-1]}"


def one_of(words: Iterable[str]) -> str:
    """Words without backticks: "schema, source or cluster"."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 row", "2 rows"."""
    return f"{number:_} {noun}" + ("" if number == 1 else "s")


def quoted(text: str) -> str:
    """A text literal as it is written in a spec."""
    return '"' + "".join(_ESCAPES.get(character, character) for character in text) + '"'


def key_text(text: str) -> str:
    """A key or choice value as it is written: bare where it is a name, else in quotes."""
    return text if _IDENTIFIER.fullmatch(text) else quoted(text)


def suggestion(
    name: str, candidates: Iterable[str], span: Span | None, *, as_literal: bool = False
) -> tuple[tuple[str, ...], Fix | None]:
    """The help "did you mean" and its edit, where a candidate is near.

    The edit is safe only where there is a single candidate: then nothing else can have been meant.
    """
    near = did_you_mean(name, candidates)
    if not near:
        return (), None
    helps = (f"did you mean {either(near)}?",)
    if span is None:
        return helps, None
    written = quoted(near[0]) if as_literal else near[0]
    safety = Safety.SAFE if len(near) == 1 else Safety.DISPLAY
    return helps, replacement(span, written, safety)
