"""Which statements stand in which block, and the rest of a tokenizer's.

In: nothing. Out: for each kind of block, a table from the keyword of a statement to the function
that reads what follows it. The order of a table is the order in which a message lists the
statements.
"""

from collections.abc import Callable, Mapping
from typing import Final

from taskc.dsl.model.declarations import (
    AddToken,
    Names,
    Prompt,
    Setting,
    SpecialToken,
    Statement,
    TestText,
    Use,
)
from taskc.dsl.text.rules import mixtures, sources, statements, templates
from taskc.dsl.text.rules.cursor import Cursor
from taskc.dsl.text.rules.literals import plain_text

__all__ = ["BLOCKS", "Rule"]

Rule = Callable[[Cursor, int], Statement]


def _names(keyword: str) -> Callable[[Cursor, int], Names]:
    return lambda cursor, start: statements.names(cursor, start, keyword)


def _use(keyword: str) -> Callable[[Cursor, int], Use]:
    return lambda cursor, start: statements.use(cursor, start, keyword)


def _setting(keyword: str) -> Callable[[Cursor, int], Setting]:
    return lambda cursor, start: statements.setting(cursor, start, keyword)


def _prompt(keyword: str) -> Callable[[Cursor, int], Prompt]:
    return lambda cursor, start: templates.prompt(cursor, start, keyword)


def _test_text(keyword: str) -> Callable[[Cursor, int], TestText]:
    return lambda cursor, start: templates.test_text(cursor, start, keyword)


def _special_token(role: str) -> Callable[[Cursor, int], SpecialToken]:
    """Reads what follows `eos`, `bos` or `pad`: a text."""

    def read(cursor: Cursor, start: int) -> SpecialToken:
        if cursor.kind not in ("string", "broken"):
            cursor.fail_expected("T0018", f"the token as a text after `{role}`")
        span = cursor.span()
        return SpecialToken(role, plain_text(cursor), span, cursor.span_from(start))

    return read


def _add_token(cursor: Cursor, start: int) -> AddToken:
    """Reads what follows `add`: a name and a text."""
    name = cursor.name("a name after `add`")
    if cursor.kind not in ("string", "broken"):
        cursor.fail_expected("T0018", f"the token as a text after `add {name.text}`")
    span = cursor.span()
    return AddToken(name, plain_text(cursor), span, cursor.span_from(start))


BLOCKS: Final[Mapping[str, Mapping[str, Rule]]] = {
    "source": {
        "from": sources.from_connector,
        "splits": sources.splits,
        "fields": sources.row_fields,
        "let": statements.let,
        "where": statements.where,
        "limit": sources.limit,
        "dedup": sources.dedup,
        "metric": sources.metric,
        "references": sources.references,
        "license": sources.license_,
    },
    "cluster": {"sources": _names("sources"), "related": _names("related")},
    "template": {
        "options": templates.options,
        "prompt": _prompt("prompt"),
        "inverse": _prompt("inverse"),
        "dialogue": templates.dialogue,
        "let": statements.let,
        "where": statements.where,
    },
    "test": {
        "row": templates.test_row,
        "prompt": templates.test_prompt,
        "input": _test_text("input"),
        "target": _test_text("target"),
    },
    "mixture": {
        "from": mixtures.mixture_from,
        "holdout": mixtures.holdout,
        "rate": mixtures.rate,
        "take": mixtures.take,
        "templates": mixtures.templates,
        "fewshot": mixtures.fewshot,
        "repeat": mixtures.repeat,
        "total": mixtures.total,
        "dedup": mixtures.dedup,
        "decontaminate": mixtures.decontaminate,
        "require": mixtures.require,
        "seed": statements.seed,
    },
    "tokenizer": {
        "from": sources.from_connector,
        "eos": _special_token("eos"),
        "bos": _special_token("bos"),
        "pad": _special_token("pad"),
        "add": _add_token,
    },
    "build": {
        "mixture": _use("mixture"),
        "tokenizer": _use("tokenizer"),
        "format": _setting("format"),
        "pack": _setting("pack"),
        "splits": statements.split_names,
    },
    "train": {
        "data": _use("data"),
        "model": statements.model,
        "recipe": _setting("recipe"),
        "seed": statements.seed,
    },
    "evaluate": {
        "run": _use("run"),
        "model": statements.model,
        "clusters": _names("clusters"),
        "splits": statements.split_names,
        "method": _setting("method"),
    },
}
