"""What a condition says about optional values."""

import pytest

from taskc.dsl.check.expressions.narrowing import known_values
from taskc.dsl.model import declarations as ast
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText


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
def test_known_values(text, when_true, when_false):
    """Paths are known not to be none exactly where the condition says so."""
    condition = condition_of(text)

    assert known_values(condition, holds=True) == when_true
    assert known_values(condition, holds=False) == when_false
