"""Conditions by column: what row by row gives, or a closer look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.rows.values.by_column import CloserLookError, compile_by_column
from taskc.compiler.rows.values.evaluate import Env, compile_expression
from taskc.compiler.rows.values.operators import RowError

NAMES = ("a", "b")
CONSTANTS = ("0", "1", "-1.5", '"x"', '""', "true", "none")
values = st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text("xy", max_size=2)
rows = st.lists(st.fixed_dictionaries({"a": values}, optional={"b": values | st.just([])}))


def joined(signs, left, right=None):
    """Expressions of two sides in brackets."""
    return st.tuples(left, st.sampled_from(signs), left if right is None else right).map(
        lambda parts: "({} {} {})".format(*parts)
    )


sides = st.sampled_from([*NAMES, *CONSTANTS, "len(a)", "len(b)"])
comparisons = joined(["<", "<=", ">", ">="], sides) | joined(
    ["==", "!="], sides, st.sampled_from(CONSTANTS)
)
conditions = st.recursive(
    comparisons | st.sampled_from(NAMES),
    lambda inner: joined(["and", "or"], inner) | inner.map("(not {})".format),
    max_leaves=4,
)


def by_row(expression, rows):
    """The value of each row; None where one has none."""
    evaluate = compile_expression(expression)
    try:
        return [evaluate(Env(dict(row), lambda _name: 0)) for row in rows]
    except RowError:
        return None


@given(conditions, rows)
def test_the_same_as_row_by_row(parse, condition, rows):
    """Wherever no closer look is wanted; a constant below zero is asked row by row."""
    expression = parse(condition)
    evaluate = compile_by_column(expression)
    if evaluate is None:
        assert "-1.5" in condition
        return
    try:
        found = evaluate(rows)
    except CloserLookError:
        return

    assert repr(found) == repr(by_row(expression, rows))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("len(a) > 0", [True, False]),
        ('a == "x" or b >= 2', [True, True]),
        ("not (b != none and b < 2)", [False, True]),
    ],
)
def test_common_conditions_need_no_closer_look(parse, condition, expected):
    """Texts and numbers of the kinds that they are compared with."""
    evaluate = compile_by_column(parse(condition))

    assert evaluate([{"a": "x", "b": 1}, {"a": "", "b": 2}]) == expected


@pytest.mark.parametrize(
    ("condition", "row"),
    [("len(a) > 0", {"a": 1}), ("a > 0", {"a": "x"}), ("a and a", {"a": 1}), ("a > 0", {})],
)
def test_mistakes_need_a_closer_look(parse, condition, row):
    """A row without a value for the condition is found by asking row by row."""
    with pytest.raises(CloserLookError):
        compile_by_column(parse(condition))([row])


@pytest.mark.parametrize("condition", ['lower(a) == "x"', "a in [1, 2]", "choose(a, b)"])
def test_others_are_asked_row_by_row(parse, condition):
    """Functions, membership and draws."""
    assert compile_by_column(parse(condition)) is None
