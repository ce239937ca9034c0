"""Values and their declared types: what fits, what it becomes, what is said where it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.rows.values.conform import (
    MismatchError,
    cell_converter,
    column_converter,
    converter,
    stays_as_it_is,
    type_name,
)

RECORD = plan.RecordType(
    fields={
        "name": plan.ScalarType(type="text"),
        "ages": plan.ListType(item=plan.ScalarType(type="int")),
        "note": plan.OptionalType(inner=plan.ScalarType(type="text")),
    }
)

FITS = [
    ("text", "a", "a"),
    ("int", 3, 3),
    ("float", 3, 3.0),
    ("float", 2.5, 2.5),
    ("bool", True, True),
    ("any", {"a": [1]}, {"a": [1]}),
    ("any", None, None),
    ("choice(a, b)", "b", "b"),
    ("list[float]", [1, 2.5], [1.0, 2.5]),
    ("int?", None, None),
    ("int?", 3, 3),
    ("list[text?]", ["a", None], ["a", None]),
]

MISFITS = [
    ("text", 3, "`f` is an int, text is declared"),
    ("text", None, "`f` is none, text is declared"),
    ("int", 3.0, "`f` is a float, int is declared"),
    ("int", "3", "`f` is a text, int is declared"),
    ("int", True, "`f` is a bool, int is declared"),
    ("float", True, "`f` is a bool, float is declared"),
    ("bool", 1, "`f` is an int, bool is declared"),
    ("choice(a, b)", "c", "`f` is not among the values of its choice"),
    ("choice(a, b)", 1, "`f` is an int, choice(a, b) is declared"),
    ("list[int]", 3, "`f` is an int, list[int] is declared"),
    ("list[int]", [1, 2.0], "`f[1]` is a float, int is declared"),
    ("list[list[int]]", [[], [None]], "`f[1][0]` is none, int is declared"),
    ("int?", "3", "`f` is a text, int is declared"),
]

CELLS = [
    ("text", " a ", " a "),
    ("text", "", ""),
    ("int", "-12", -12),
    ("int", "+007", 7),
    ("int", "9223372036854775807", 2**63 - 1),
    ("float", "1", 1.0),
    ("float", "-.5e-3", -0.0005),
    ("bool", "True", True),
    ("bool", "FALSE", False),
    ("choice(a, b)", "a", "a"),
    ("int?", "", None),
    ("text?", "", None),
    ("text?", "a", "a"),
    ("any", "3", "3"),
]

MISFIT_CELLS = [
    ("int", ""),
    ("int", " 1"),
    ("int", "1.0"),
    ("int", "1_000"),
    ("int", "9223372036854775808"),
    ("int", "٣"),
    ("float", "nan"),
    ("float", "1e999"),
    ("float", "inf"),
    ("float", "1,5"),
    ("bool", "1"),
    ("bool", "yes"),
    ("choice(a, b)", "A"),
    ("list[int]", "[1]"),
]


@pytest.mark.parametrize(("text", "value", "expected"), FITS)
def test_what_fits(type_of, text, value, expected):
    """An int becomes a float where one is declared; nothing else changes."""
    converted = converter(type_of(text))(value)

    assert (expected, type(expected)) == (converted, type(converted))
    assert text == type_name(type_of(text))


@pytest.mark.parametrize(("text", "value", "message"), MISFITS)
def test_what_does_not_fit(type_of, text, value, message):
    """The message leads to the part that is wrong."""
    with pytest.raises(MismatchError) as raised:
        converter(type_of(text))(value)

    assert message == raised.value.message("f")


@pytest.mark.parametrize(("text", "cell", "expected"), CELLS)
def test_cells(type_of, text, cell, expected):
    """A cell is read as its type says."""
    converted = cell_converter(type_of(text))(cell)

    assert (expected, type(expected)) == (converted, type(converted))


@pytest.mark.parametrize(("text", "cell"), MISFIT_CELLS)
def test_cells_that_do_not_fit(type_of, text, cell):
    """Nothing is stripped, guessed or rounded."""
    with pytest.raises(MismatchError):
        cell_converter(type_of(text))(cell)


def test_records():
    """Declared fields are kept and conformed; others are left out; a missing optional is none."""
    value = {"name": "Ann", "ages": [1], "other": 0}

    assert {"name": "Ann", "ages": [1], "note": None} == converter(RECORD)(value)
    assert "{ name: text  ages: list[int]  note: text? }" == type_name(RECORD)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "`f` is a list, { name: text  ages: list[int]  note: text? } is declared"),
        ({"name": "Ann"}, "`f.ages` is missing, list[int] is declared"),
        ({"name": None, "ages": []}, "`f.name` is none, text is declared"),
        ({"name": "Ann", "ages": [1, "2"]}, "`f.ages[1]` is a text, int is declared"),
    ],
)
def test_records_that_do_not_fit(value, message):
    """A missing field of a record is said as missing."""
    with pytest.raises(MismatchError) as raised:
        converter(RECORD)(value)

    assert message == raised.value.message("f")


# ---- columns -------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, "a", "b", "1", ""])
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.just("name"), SCALARS)
TYPES = [
    *("any", "text", "int", "float", "bool", "choice(a, b)", "text?", "int?", "float?", "any?"),
    *("choice(a, b)?", "list[text]", "list[float]", "list[text]?", "list[choice(a, b)]"),
    *("list[list[int]]", "list[int?]"),
]


def outcome(run) -> list[str] | str:
    """What a conversion gives, kinds and all, or that it fails."""
    try:
        return [repr(value) for value in run()]
    except MismatchError:
        return "a mismatch"


@given(st.sampled_from(TYPES), st.lists(VALUES, max_size=4), st.booleans())
def test_a_column_is_its_values(type_of, type_text, values, is_text):
    """A column at a time gives what a value at a time gives."""
    kind = type_of(type_text)
    one = (cell_converter if is_text else converter)(kind)
    whole = column_converter(kind, is_text=is_text)

    assert outcome(lambda: list(map(one, values))) == outcome(lambda: whole(values))


@given(st.sampled_from(TYPES), st.lists(VALUES, max_size=4))
def test_values_that_stay_are_not_converted(type_of, type_text, values):
    """What fits such a type is what the converter gives."""
    kind = type_of(type_text)
    found = outcome(lambda: map(converter(kind), values))

    assert not stays_as_it_is(kind) or found in (outcome(lambda: values), "a mismatch")


@pytest.mark.parametrize(
    ("type_text", "stays"),
    [("text", True), ("list[list[int]]", True), ("float", False), ("list[float]", False)],
)
def test_which_types_leave_values_alone(type_of, type_text, stays):
    """Those that hold what a file holds; an int may become a float."""
    assert stays_as_it_is(type_of(type_text)) is stays
    assert not stays_as_it_is(plan.OptionalType(inner=type_of(type_text)))
    assert not stays_as_it_is(RECORD)


def test_a_column_of_records_is_its_values():
    """Fields that are not declared go, missing optional ones are none."""
    rows = [{"name": "x", "ages": [1], "more": 2}, {"name": "y", "ages": [], "note": "z"}]

    assert list(map(converter(RECORD), rows)) == column_converter(RECORD, is_text=False)(rows)


def test_a_column_that_conforms_is_left_alone():
    """No value is looked at one by one where the kinds of all say enough."""
    values = ["a", "b"]

    assert column_converter(plan.ScalarType(type="text"), is_text=True)(values) is values
