"""The table of library functions agrees with itself: signatures, defaults, examples."""

import pytest

from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.check.expressions.typer import Typer
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model.functions import FUNCTIONS
from taskc.dsl.model.types import FLOAT, TEXT, Int, List, NoneType, Optional, fits, join
from taskc.dsl.model.types import Text as TextType
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

EXAMPLES = [(function, example) for function in FUNCTIONS.values() for example in function.examples]
PYTHON = {str: TEXT, float: FLOAT}


def expression_of(text):
    """Returns the syntax tree of an expression."""
    source = SourceText("x.task", f"language 1\nsource x {{\n  let x = {text}\n}}\n")
    parsed = parse(source)

    assert parsed.diagnostics == ()
    [block] = [each for each in parsed.declarations if isinstance(each, ast.Block)]
    [let] = block.statements
    return let.value


@pytest.mark.parametrize(("function", "example"), EXAMPLES, ids=lambda each: str(each)[:40])
def test_examples_have_a_type(function, example):
    """Each example parses, has a type, and its value is of that type."""
    report = Reporter()
    found = Typer(Scope("the example", {}), report).infer(expression_of(example.expression))

    assert report.diagnostics == []
    if not example.is_error:
        assert is_of(example.value, found)
    assert function.name in example.expression


def is_of(value, type_):
    """Whether a Python value is of a type."""
    match type_:
        case Optional(inner=inner):
            return value is None or is_of(value, inner)
        case List(item=item):
            return isinstance(value, list) and all(is_of(each, item) for each in value)
        case TextType():
            return isinstance(value, str)
        case Int():
            return isinstance(value, int) and not isinstance(value, bool)
        case NoneType():
            return value is None
        case _:
            return isinstance(value, int | float | bool)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_every_function_is_told(function):
    """A function has a sentence, two examples, and says its signatures as a user reads them."""
    assert function.doc[0].isupper()
    assert function.doc.endswith(".")
    assert len(function.examples) >= 2
    assert all(usage.startswith(f"{function.name}(") for usage in function.usages)
    assert len(function.signatures) <= 2


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_signatures_can_be_told_apart(function):
    """Named arguments have defaults, and come last; only the last positional one repeats."""
    for signature in function.signatures:
        named = [parameter.named for parameter in signature.parameters]

        assert named == sorted(named)
        assert all(parameter.default for parameter in signature.parameters if parameter.named)
        assert not (signature.variadic and any(named))


def test_numbers_join():
    """`max(1, 2.5)` is a float: an int is one as well."""
    assert fits(join(FLOAT, FLOAT), FLOAT)
