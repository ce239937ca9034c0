"""The library does what its definition says, example by example, and fails as a row error."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.rows.values.functions import LIBRARY
from taskc.compiler.rows.values.operators import RowError
from taskc.dsl.model.functions import FUNCTIONS

EXAMPLES = [
    pytest.param(example, id=example.expression)
    for function in FUNCTIONS.values()
    for example in function.examples
]

ERRORS = [
    ("words(none)", "`words` takes a text, not none"),
    ('replace("a", "", "b")', "`replace` of an empty text"),
    ('split("a", "")', "`split` at an empty text"),
    ('join(["a", 1], "")', "`join` takes a text, not an int"),
    ('join("ab", "")', "`join` takes a list, not a text"),
    ('truncate_words("a", -1)', "the count of `truncate_words` is negative"),
    ('truncate_chars("a", -1)', "the count of `truncate_chars` is negative"),
    ('truncate_chars("a", true)', "`truncate_chars` takes an int, not a bool"),
    ('normalize("a", form: "NFX")', "a normal form is NFC, NFD, NFKC or NFKD"),
    ("first(none)", "`first` takes a list, not none"),
    ("max([])", "`max` of an empty list"),
    ('max([1, "a"])', "`max` takes numbers, not a text"),
    ("min(true, 1)", "`min` takes numbers, not a bool"),
    ('sort(["a", 1])', "`sort` of a list that is not all texts takes numbers, not a text"),
    ('index([1], "1")', "`index`: the item is not in the list"),
    ("round(1e30)", "the result is an integer beyond 64 bits"),
    ("abs(-9223372036854775807 - 1)", "the result is an integer beyond 64 bits"),
    ('matches("a", "(" + "")', "the pattern can't be read: missing ): ("),
]

MORE = [
    ("unique([1, 1.0, true, 1])", [1, True]),
    ("unique([[1], [1.0], [2]])", [[1], [2]]),
    ("index([true, 1.0], 1)", 1),
    ("sort([2, 1.5])", [1.5, 2]),
    ("max(1, 2.5)", 2.5),
    ("max(3, 2.5)", 3.0),
    ("round(3.5)", 4),
    ("round(-2.5)", -2),
    ("round(7)", 7),
    ("round(2.675, 2)", 2.67),
    ("round(1234, -2)", 1200.0),
    ('truncate_words("a b c", 3)', "a b c"),
    ('truncate_words(" a  b c ", 2)', " a  b"),
    ('truncate_words(" ", 0)', " "),
    ('truncate_words("", 5)', ""),
    (r'extract("k: v", "(k)(x)?")', "k"),
    (r'extract("k: v", "(x)?k")', None),
    (r'matches("naïve é", "é$")', True),
    (r'extract("prix: 5€ net", "([0-9]+€)")', "5€"),
    ('capitalize("éa")', "Éa"),
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_of_the_definition(evaluate, example):
    """Every example that stands in the manual is true."""
    if example.is_error:
        with pytest.raises(RowError):
            evaluate(example.expression)
        return
    value = evaluate(example.expression)

    assert (example.value, type(example.value)) == (value, type(value))


def test_every_function_is_carried_out():
    """`choose` is the expression's own affair; all others stand in the table."""
    assert sorted(FUNCTIONS) == sorted([*LIBRARY, "choose"])


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_row_error(evaluate, text, message):
    """A value that a function does not take is said with its kind."""
    with pytest.raises(RowError) as raised:
        evaluate(text)

    assert message == raised.value.message


@pytest.mark.parametrize(("text", "expected"), MORE)
def test_value(evaluate, text, expected):
    """Edges that the definition implies."""
    value = evaluate(text)

    assert (expected, type(expected)) == (value, type(value))


@given(st.text(), st.integers(0, 6))
def test_truncated_words_are_the_first_words(text, count):
    """`truncate_words` keeps a head of the text, whose words are the first words."""
    kept = LIBRARY["truncate_words"](text, count)

    assert text.startswith(kept)
    assert text.split()[:count] == kept.split()


@given(st.text(st.characters(codec="utf-8")))
def test_normal_forms_are_unicodes(text):
    """The forms are the standard's, by the standard library's tables."""
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert unicodedata.normalize(form, text) == LIBRARY["normalize"](text, form=form)


@given(st.text(), st.text(min_size=1))
def test_join_undoes_split(text, separator):
    """Splitting keeps empty parts, so nothing is lost."""
    assert text == LIBRARY["join"](LIBRARY["split"](text, separator), separator)
