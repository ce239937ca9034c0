"""Types: what fits where, and what two values have in common."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.dsl.model.types import (
    BOOL,
    CLUSTER,
    FLOAT,
    INT,
    NONE,
    PATH,
    TEXT,
    UNKNOWN,
    Choice,
    List,
    Optional,
    Record,
    fits,
    join,
    optional,
)

SCALARS = [TEXT, INT, FLOAT, BOOL, NONE, UNKNOWN, Choice(("a", "b")), Choice(("b",))]
types = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.one_of(
        inner.map(List),
        inner.map(optional),
        st.dictionaries(st.sampled_from("xyz"), inner, max_size=3).map(
            lambda fields: Record(tuple(fields.items()))
        ),
    ),
    max_leaves=4,
)


def is_known(type_):
    """Whether no part of the type is poison, which fits everything."""
    return "unknown" not in str(type_)


@pytest.mark.parametrize(
    ("given_type", "wanted"),
    [
        (INT, FLOAT),
        (Choice(("a",)), TEXT),
        (Choice(("a",)), Choice(("b", "a"))),
        (NONE, Optional(TEXT)),
        (TEXT, Optional(TEXT)),
        (List(INT), List(FLOAT)),
        (UNKNOWN, INT),
        (TEXT, UNKNOWN),
        (Record((("x", INT),)), Record((("x", FLOAT), ("y", Optional(TEXT))))),
    ],
)
def test_fits(given_type, wanted):
    """A value of the narrower type may stand where the wider one is wanted."""
    assert fits(given_type, wanted)


@pytest.mark.parametrize(
    ("given_type", "wanted"),
    [
        (FLOAT, INT),
        (BOOL, INT),
        (TEXT, Choice(("a",))),
        (Choice(("a", "b")), Choice(("a",))),
        (Optional(TEXT), TEXT),
        (NONE, TEXT),
        (TEXT, List(TEXT)),
        (PATH, TEXT),
        (CLUSTER, TEXT),
        (Record((("x", INT), ("z", INT))), Record((("x", INT),))),
        (Record(()), Record((("x", INT),))),
    ],
)
def test_does_not_fit(given_type, wanted):
    """What a wider type may hold beyond the narrower one is refused; a bool is no number."""
    assert not fits(given_type, wanted)


@given(types)
def test_every_type_fits_itself(type_):
    """Whatever the type, its own values may stand for it."""
    assert fits(type_, type_)
    assert join(type_, type_) == type_


@given(types, types)
def test_both_sides_fit_what_they_have_in_common(left, right):
    """A joined type takes the values of both, whichever comes first."""
    joined = join(left, right)

    if joined is not None:
        assert fits(left, joined)
        assert fits(right, joined)
    assert (joined is None) == (join(right, left) is None)


@given(types, types, types)
def test_fitting_is_transitive(first, second, third):
    """What fits the narrower fits the wider, where no poison is between."""
    if is_known(second) and fits(first, second) and fits(second, third):
        assert fits(first, third)


def test_optional_never_nests():
    """`T??` is no type."""
    assert optional(optional(TEXT)) == Optional(TEXT)
    assert optional(UNKNOWN) == UNKNOWN
    assert optional(NONE) == NONE


def test_types_read_as_they_are_written():
    """`str(type)` is the type as a user writes it."""
    record = Record((("role", TEXT), ("train", Optional(BOOL))))

    assert str(List(record)) == "list[{ role: text  train: bool? }]"
    assert str(Choice(("a", "b"))) == "choice(a, b)"
