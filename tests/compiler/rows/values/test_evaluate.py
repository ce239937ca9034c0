"""Expressions give one value, or say why there is none; Python's surprises are not ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.rows.values.evaluate import Env, compile_text, placeholder
from taskc.compiler.rows.values.operators import RowError

FIELDS = {
    "a": "text",
    "n": 3,
    "x": 2.5,
    "yes": True,
    "nothing": None,
    "items": ["a", "b"],
    "record": {"name": "Ann", "ages": [1, 2]},
    "big": 2**63 - 1,
    "huge": 1e308,
}

VALUES = [
    ("1 + 2", 3),
    ("1 + 2.0", 3.0),
    ('"a" + "b"', "ab"),
    ("[1] + [2]", [1, 2]),
    ("n - 5", -2),
    ("-n", -3),
    ("2 * x", 5.0),
    ("4 / 2", 2.0),
    ("1 / 3", 1 / 3),
    ("n == 3", True),
    ("n == 3.0", True),
    ("1 == true", False),
    ("yes == true", True),
    ('n == "3"', False),
    ("[1, true] == [1.0, 1]", False),
    ("[1, 2] == [1.0, 2]", True),
    ('{a: 1} == {"a": 1.0}', True),
    ("nothing == none", True),
    ("a != none", True),
    ("nothing != nothing", False),
    ("1 < 2.5", True),
    ('"a" < "b"', True),
    ('"B" < "a"', True),
    ("2 >= 2", True),
    ('"b" in items', True),
    ("1 in [true]", False),
    ("1 in [1.0]", True),
    ('"ex" in a', True),
    ('"" in a', True),
    ("n in 3..5", True),
    ("n not in 1..2", True),
    ("x in 1..3", True),
    ('"c" not in items', True),
    ("yes and not yes", False),
    ("yes or nothing", True),
    ("not yes and nothing", False),
    ("1 if yes else 1 / 0", 1),
    ('{e: "entailment", n: "neutral"}["n"]', "neutral"),
    ('{e: n + 1}["e"]', 4),
    ("items[1]", "b"),
    ("record.name", "Ann"),
    ("record.ages[0]", 1),
    ('record["name"]', "Ann"),
    ("[i + a for i in items]", ["atext", "btext"]),
    ('[i for i in items if i != "a"]', ["b"]),
    ("[len(i) for i in []]", []),
    ("[[j for j in items] for i in items]", [["a", "b"], ["a", "b"]]),
]

ERRORS = [
    ("missing", "the row has no field `missing`"),
    ("items[2]", "index 2 is outside a list of 2"),
    ("items[-1]", "index -1 is outside a list of 2"),
    ("items[true]", "a list's index is an int, not a bool"),
    ("items[1.0]", "a list's index is an int, not a float"),
    ('{a: 1}["b"]', 'there is no key "b"'),
    ("{a: 1}[n]", "a record's key is a text, not an int"),
    ("a[0]", "`[...]` takes a list or a record, not a text"),
    ("record.age", "the record has no field `age`"),
    ("a.name", "`.name` takes a record, not a text"),
    ("1 / 0", "division by zero"),
    ("1 / 0.0", "division by zero"),
    ("big + 1", "the result is an integer beyond 64 bits"),
    ("big * big", "the result is an integer beyond 64 bits"),
    ("-(-big - 1)", "the result is an integer beyond 64 bits"),
    ("huge * 10", "the result is beyond the floats"),
    ("huge / 0.1", "the result is beyond the floats"),
    ('1 + "a"', "`+` takes two numbers, two texts or two lists, not an int and a text"),
    ("a + nothing", "`+` takes two numbers, two texts or two lists, not a text and none"),
    ("yes + 1", "`+` takes two numbers, two texts or two lists, not a bool and an int"),
    ("yes * 2", "`*` takes numbers, not a bool"),
    ("-a", "`-` takes numbers, not a text"),
    ('1 < "a"', "`<` takes two numbers or texts, not an int and a text"),
    ("nothing < 1", "`<` takes numbers, not none"),
    ("yes >= yes", "`>=` takes numbers, not a bool"),
    ("1 in a", "only a text can be `in` a text, not an int"),
    ("1 in record", "the right of `in` is a list, a text or a range, not a record"),
    ("a in 1..2", "`in` a range takes numbers, not a text"),
    ("n and yes", "`and` takes a bool, not an int"),
    ("yes and n", "`and` takes a bool, not an int"),
    ("nothing or yes", "`or` takes a bool, not none"),
    ("not nothing", "`not` takes a bool, not none"),
    ("1 if n else 2", "`if` takes a bool, not an int"),
    ("[i for i in a]", "`for` takes a list, not a text"),
    ("[i for i in items if i]", "`if` takes a bool, not a text"),
    ("len(nothing)", "`len` takes a text or a list, not none"),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_value(evaluate, text, expected):
    """An expression has the value the manual gives, of the kind it gives."""
    value = evaluate(text, **FIELDS)

    assert (expected, type(expected)) == (value, type(value))


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_row_error(evaluate, text, message):
    """Where there is no value, the message says which operation met what."""
    with pytest.raises(RowError) as raised:
        evaluate(text, **FIELDS)

    assert message == raised.value.message


def test_a_comprehension_leaves_the_row_alone(parse, evaluate):
    """Its variable hides a field inside and nothing outside."""
    assert ["a", "b"] == evaluate("[n for n in items]", **FIELDS)
    assert [["a", 3], ["b", 3]] == evaluate("[[i, n] for i in items]", **FIELDS)


def test_choose_takes_what_the_draw_says(evaluate):
    """The draw's high bits choose; the other arguments are not evaluated."""
    text = 'choose("a", "b", 1 / 0)'
    third = 2**64 // 3

    assert "a" == evaluate(text, draw=lambda _: 0)
    assert "a" == evaluate(text, draw=lambda _: third)
    assert "b" == evaluate(text, draw=lambda _: third + 1)
    with pytest.raises(RowError, match="division by zero"):
        evaluate(text, draw=lambda _: 2**64 - 1)


def test_choose_asks_for_its_own_draw(evaluate):
    """The draw is named after the clause and the place in it."""
    asked = []
    evaluate("choose(1, 2)", draw=lambda name: asked.append(name) or 0)

    assert ["choose/x/1"] == asked


def test_text_fills_its_placeholders(parse):
    """Literal pieces and values, in order."""
    text = plan.TemplateText(parts=("n = ", parse("n"), ", ", parse("x * 2"), "{", parse("a"), "}"))

    assert "n = 3, 5.0{text}" == compile_text(text)(Env(FIELDS, lambda _: 0))
    assert "" == compile_text(plan.TemplateText(parts=()))(Env({}, lambda _: 0))


def test_a_dotted_name_comes_before_a_field(parse):
    """`answer.text` is what the stage gave under that name, though `answer` is a text."""
    text = plan.TemplateText(parts=(parse("answer"), " ", parse("answer.text")))
    values = {"answer": "A", "answer.text": "yes"}

    assert "A yes" == compile_text(text)(Env(values, lambda _: 0))


@pytest.mark.parametrize("value", [True, None, ["a"], {"a": 1}])
def test_placeholders_take_texts_and_numbers(value):
    """A list, a bool or none would be shown in some language's notation; the spec says which."""
    with pytest.raises(RowError, match="a placeholder takes a text or a number"):
        placeholder(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_shown_shortest(number):
    """What is shown reads back as the same float, and never looks like an int."""
    shown = placeholder(number)

    assert number == float(shown)
    assert set(shown) & set(".e")
