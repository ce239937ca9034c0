"""What a condition says about optional values."""

import pytest

from taskc.dsl.check.expressions import typer as typer_module
from taskc.dsl.check.expressions.narrowing import known_values
from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.check.expressions.typer import Typer
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model.types import UNKNOWN
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText


def known(text):
    """Returns what a condition says about fields of which nothing else is known."""
    fields = dict.fromkeys("abc", UNKNOWN)
    return Typer(Scope("the test", fields), Reporter()).condition(condition_of(text))


def condition_of(text):
    """Returns the syntax tree of a condition."""
    parsed = parse(SourceText("x.task", f"language 1\nsource x {{\n  where {text}\n}}\n"))
    [block] = [each for each in parsed.declarations if isinstance(each, ast.Block)]
    return block.statements[0].condition


@pytest.mark.parametrize(
    ("text", "when_true", "when_false"),
    [
        ("a != none", {"a"}, set()),
        ("a == none", set(), {"a"}),
        ("none != a.b", {"a.b"}, set()),
        ("not (a == none)", {"a"}, set()),
        ("a != none and b != none", {"a", "b"}, set()),
        ("a == none or b == none", set(), {"a", "b"}),
        ("a != none or b != none", set(), set()),
        ("a != none or a != none and c > 1", {"a"}, set()),
        ("not (a == none or b == none)", {"a", "b"}, set()),
        ("a[0] != none", set(), set()),
        ("a > 1", set(), set()),
    ],
)
def test_what_is_known(text, when_true, when_false):
    """Paths are known not to be none exactly where the condition says so."""
    found = known(text)

    assert (found.where_true, found.where_false) == (when_true, when_false)


CHAINS = {
    "ands": ("", "a != none", " and a != none"),
    "ors": ("", "a == none", " or a == none"),
    "negations": ("not (", "a != none", " and b) and c"),
    "both in turn": ("(", "a", " and b) or c"),
    "conditions of choices": ("(", "a != none", " and b if a and b else c)"),
}


@pytest.mark.parametrize("name", CHAINS)
def test_each_condition_is_looked_at_once(name, monkeypatch):
    """Twice as long a chain is twice the work, however its conditions are put together."""
    counts = []

    def counted(condition):
        counts[-1] += 1
        return known_values(condition)

    monkeypatch.setattr(typer_module, "known_values", counted)
    opening, first, link = CHAINS[name]
    for length in (0, 20, 40):
        counts.append(0)
        known(opening * length + first + link * length)

    assert counts[2] - counts[1] == counts[1] - counts[0] > 0
