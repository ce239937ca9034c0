"""Types as the lock writes them: every type of rows has one text, and every text one type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.dsl.lock.notation import NotationError, read_type, written
from taskc.dsl.model.types import BOOL, FLOAT, INT, TEXT, UNKNOWN, List, Record, optional

names = st.sampled_from(["a", "b_2", "Z"]) | st.text(max_size=4)
types = st.recursive(
    st.sampled_from([TEXT, INT, FLOAT, BOOL, UNKNOWN]),
    lambda inner: st.one_of(
        inner.map(List),
        inner.map(optional),
        st.dictionaries(names, inner, max_size=3).map(
            lambda fields: Record(tuple(sorted(fields.items())))
        ),
    ),
    max_leaves=6,
)


@given(types)
def test_what_is_written_is_read_again(type_):
    """Nothing is lost, whatever the names of fields are."""
    assert read_type(written(type_)) == type_


@given(types)
def test_a_text_stays_on_one_line(type_):
    """One column is one line of the lock."""
    assert "\n" not in written(type_)


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("text?", optional(TEXT)),
        ("list[ {a:int} ]", List(Record((("a", INT),)))),
        ('{ "answer key": text  b: any }', Record((("answer key", TEXT), ("b", UNKNOWN)))),
        ("{}", Record(())),
    ],
)
def test_a_hand_may_write_it(text, type_):
    """Blanks don't count."""
    assert read_type(text) == type_


@pytest.mark.parametrize(
    "text",
    [
        "",
        "str",
        "text text",
        "list",
        "list[int",
        "list[int]]",
        "{ a }",
        "{ a: int  a: int }",
        "{ : int }",
        '{ "a\\x": int }',
        "choice(a, b)",
        "text??",
        "?",
        "{ a: int",
        "list[" * 500 + "int" + "]" * 500,
    ],
)
def test_anything_else_is_refused_in_words(text):
    """A lock that was edited by hand gets a message, not a traceback."""
    with pytest.raises(NotationError) as refused:
        read_type(text)

    assert str(refused.value)
