"""Walks over expressions: names that are read, and equality apart from places."""

from itertools import combinations

import pytest

from taskc.dsl.model import declarations as ast
from taskc.dsl.model.walk import fingerprint, names_read
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

DIFFERENT = [
    "a",
    "b",
    "1",
    "1.0",
    "true",
    '"1"',
    "none",
    "-a",
    "not a",
    "a.b",
    "a[b]",
    "f(a)",
    "f(a, b)",
    "f(x: a)",
    "f(y: a)",
    "a + b",
    "b + a",
    "a - b",
    "a == b",
    "a in b",
    "a in 1..2",
    "a if b else c",
    "[a]",
    "[a, b]",
    "{a: b}",
    "{b: b}",
    "[a for a in b]",
    "[a for b in b]",
    "[a for a in b if a]",
]


def expression_of(text):
    """Returns the syntax tree of an expression."""
    parsed = parse(SourceText("x.task", f"language 1\nsource x {{\n  let x = {text}\n}}\n"))
    [block] = [each for each in parsed.declarations if isinstance(each, ast.Block)]
    return block.statements[0].value


@pytest.mark.parametrize("text", DIFFERENT)
def test_equal_wherever_it_stands(text):
    """Spaces and places do not make another expression."""
    assert fingerprint(expression_of(text)) == fingerprint(expression_of(f"   ({text})"))


def test_different_expressions_have_different_fingerprints():
    """No two of these mean the same; in Python 1, 1.0 and true would be equal."""
    prints = [fingerprint(expression_of(text)) for text in DIFFERENT]

    for left, right in combinations(range(len(prints)), 2):
        assert prints[left] != prints[right], (DIFFERENT[left], DIFFERENT[right])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a + b.c[d]", {"a", "b", "d"}),
        ("[x.y + z for x in xs if x.ok == w]", {"z", "xs", "w"}),
        ("[x for x in x]", {"x"}),
        ("{k: v}[key]", {"v", "key"}),
        ("f(a, n: b) if not c else 1", {"a", "b", "c"}),
        ("a in low..high", {"a", "low", "high"}),
    ],
)
def test_names_read(text, names):
    """A comprehension's variable is no name of the row, but what it goes through is."""
    assert names_read(expression_of(text)) == names
