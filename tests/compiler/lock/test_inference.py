"""Types from values: what one pass over chunks finds is what a look at all values finds."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.lock.inference import MAX_DEPTH, MAX_FIELDS, InferredRows
from taskc.compiler.lower_expressions import lower_type
from taskc.compiler.rows.values.conform import MismatchError, converter
from taskc.dsl.check.sources.columns import misfit
from taskc.dsl.lock.notation import written
from taskc.dsl.model.types import (
    BOOL,
    FLOAT,
    INT,
    TEXT,
    UNKNOWN,
    List,
    Optional,
    Record,
    Unknown,
    optional,
)

scalars = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(0, 1) | st.sampled_from(["", "a"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner),
    max_leaves=5,
)
rows = st.lists(st.dictionaries(st.sampled_from("abc"), values), max_size=6)
# Rows whose columns are mostly of one kind each, as those of real files.
tidy_rows = st.lists(
    st.fixed_dictionaries(
        {"a": st.integers(), "b": st.lists(st.sampled_from(["u", "v"]), max_size=2)},
        optional={
            "c": st.fixed_dictionaries({"x": st.floats(0, 1)}, optional={"y": st.booleans()}),
            "d": st.none() | st.integers() | st.floats(0, 1),
        },
    ),
    max_size=6,
)


def inferred(rows):
    """Returns the columns after one chunk."""
    found = InferredRows()
    found.add(rows)
    return found.columns()


def brute(values, num_places):
    """The type of all values that stand in one place, written from the definition."""
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    if kinds <= {int, float} and kinds:
        found = INT if kinds == {int} else FLOAT
    elif kinds == {bool}:
        found = BOOL
    elif kinds == {str}:
        found = TEXT
    elif kinds == {list}:
        items = [item for value in present for item in value]
        found = List(brute(items, len(items)))
    elif kinds == {dict}:
        found = Record(tuple(brute_fields(present).items()))
    else:
        found = UNKNOWN
    return found if len(present) == num_places else optional(found)


def brute_fields(records):
    """The type of each field."""
    names = sorted({name for record in records for name in record})
    return {
        name: brute([record[name] for record in records if name in record], len(records))
        for name in names
    }


@given(rows | tidy_rows)
def test_one_pass_finds_what_the_definition_says(rows):
    """Every type is the one that all values together ask for."""
    assert inferred(rows) == (brute_fields(rows) if rows else None)


@given(rows | tidy_rows, st.randoms())
def test_neither_order_nor_chunks_count(rows, random):
    """Files may be renamed, shuffled or cut: the lock is the same."""
    whole = inferred(rows)
    random.shuffle(rows)
    found = InferredRows()
    while rows:
        size = random.randint(1, len(rows))
        found.add(rows[:size])
        rows = rows[size:]

    assert found.columns() == whole


def is_known(type_):
    """Whether no part of a type is left open."""
    match type_:
        case Unknown():
            return False
        case Optional(inner=inner) | List(item=inner):
            return is_known(inner)
        case Record(fields=fields):
            return all(is_known(each) for _, each in fields)
        case _:
            return True


declared = st.recursive(
    st.sampled_from([TEXT, INT, FLOAT, BOOL]),
    lambda inner: st.one_of(
        inner.map(List),
        inner.map(optional),
        st.dictionaries(st.sampled_from("xyz"), inner, max_size=2).map(
            lambda fields: Record(tuple(fields.items()))
        ),
    ),
    max_leaves=4,
)


@given(st.lists(values, min_size=1, max_size=5), declared)
def test_what_is_said_of_a_column_is_what_reading_it_does(values, wanted):
    """A finding means that a row fails; no finding, that every row is read."""
    given_ = inferred([{"a": value} for value in values])["a"]
    convert = converter(lower_type(wanted))
    fails = False
    for value in values:
        try:
            convert(value)
        except MismatchError:
            fails = True

    found = misfit(given_, wanted, is_cell=False)

    if found is not None:
        assert fails
    elif is_known(given_):
        assert not fails


@pytest.mark.parametrize(
    ("cells", "type_", "note"),
    [
        ([1, 2], "int", ""),
        ([1, 2.5], "float", ""),
        ([1, True], "any", "`a` holds ints and bools"),
        (["x", 1, [], {}], "any", "`a` holds texts, ints, lists and records"),
        ([None, None], "any", "`a` is null in every row"),
        ([None, "x"], "text?", ""),
        ([[], []], "list[any]", ""),
        ([[1, "x"]], "list[any]", "`a[]` holds texts and ints"),
        ([{"b": 1}, {"b": "x"}], "{ b: any }", "`a.b` holds texts and ints"),
        ([{"b c": 1}, {}], '{ "b c": int? }', ""),
    ],
)
def test_what_is_left_open_is_said(cells, type_, note):
    """A mixture has no type, and a note says of what."""
    found = InferredRows()
    found.add([{"a": cell} for cell in cells])

    assert written(found.columns()["a"]) == type_
    assert list(found.notes()) == ([note] if note else [])


def test_a_table_with_keys_of_its_own_is_left_open():
    """A record by user or date would fill the lock, and memory."""
    found = InferredRows()
    for number in range(MAX_FIELDS + 5):
        found.add([{"by_user": {f"user{number}": 1}, "n": number}])

    assert found.columns() == {"by_user": UNKNOWN, "n": INT}
    assert list(found.notes()) == ["`by_user` has more than 1,000 different keys"]


def test_rows_with_keys_of_their_own_have_no_columns():
    """The same for whole rows: nothing is known, as without a lock."""
    found = InferredRows()
    found.add([{f"key{number}": 1} for number in range(MAX_FIELDS + 1)])

    assert found.columns() is None
    assert list(found.notes()) == ["more than 1,000 different columns: none is kept"]


def test_depth_has_an_end():
    """What is nested deeper than anybody reads is left open, without a deep recursion."""
    value = 1
    for _ in range(sys.getrecursionlimit() - 200):
        value = [value]
    found = InferredRows()
    found.add([{"a": value}])

    assert written(found.columns()["a"]).count("list[") == MAX_DEPTH
    (note,) = found.notes()
    assert "deeper than 30 levels" in note
