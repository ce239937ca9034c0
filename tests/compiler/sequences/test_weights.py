"""What sources weigh: rates, quotas, shares and mixtures inside mixtures."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.sequences.weights import counted_up_to, row_limits, weights

AT = plan.Place(path="a.task", start=0, end=1, line=1, column=1)
PROPORTIONAL = plan.ProportionalRate(cap=None, limit=None)
EQUAL = plan.EqualRate()


def blend(*members, rate=PROPORTIONAL, takes=None):
    """A blend of members: a source's name, or (name, what it brings)."""
    return plan.Blend(
        rate=rate, members=tuple(map(member, members)), takes=tuple(quotas(takes or {}))
    )


def member(written):
    """A name, a cluster with its sources, or a mixture with its blend."""
    if isinstance(written, str):
        return plan.Member(name=written, sources=(written,))
    name, brought = written
    if isinstance(brought, plan.Blend):
        return plan.Member(name=name, sources=tuple(counted_up_to(brought)), blend=brought)
    return plan.Member(name=name, sources=tuple(brought))


def quotas(takes):
    """Takes of so many examples of each source."""
    for source, count in takes.items():
        yield plan.Take(
            source=source, count=count, at_most=False, by="", by_keys=(), by_tau=None, best=None,
            at=AT,
        )  # fmt: skip


def test_proportional_counts_up_to_the_cap():
    """min(n, cap), as Wei et al. 2022 (section 2) have it."""
    capped = blend("a", "b", rate=plan.ProportionalRate(cap=3_000, limit=7_000))

    assert weights(capped, {"a": 3_000, "b": 1_500}) == {"a": 2, "b": 1}
    assert counted_up_to(capped) == {"a": 3_000, "b": 3_000}
    assert row_limits(capped) == {"a": 7_000, "b": 7_000}


def test_a_temperature_flattens():
    """At t = 2 a source of four times the rows weighs twice as much."""
    rate = plan.TemperatureRate(temperature=2.0, cap=None)

    assert weights(blend("a", "b", rate=rate), {"a": 400, "b": 100}) == {"a": 2, "b": 1}


def test_shares_are_of_members_and_exact():
    """A cluster's share is divided by its sources' examples; tenths are tenths."""
    rate = plan.SharesRate(shares={"nli": 0.1, "qa": 0.3})
    shared = blend(("nli", ["a", "b"]), "qa", rate=rate)

    assert weights(shared, {"a": 30, "b": 10, "qa": 5}) == {"a": 3, "b": 1, "qa": 12}
    assert counted_up_to(shared) == {"a": None, "b": None, "qa": 1}
    assert counted_up_to(shared, every=True)["qa"] is None


def test_an_empty_source_weighs_nothing():
    """Its weight is nobody's: the others keep their proportions."""
    assert weights(blend("a", "b", "c", rate=EQUAL), {"a": 1, "b": 0, "c": 1}) == {
        "a": 1,
        "b": 0,
        "c": 1,
    }


def test_a_nested_mixture_counts_as_one_source():
    """Outside it weighs like one source of all its examples, inside it divides as it says."""
    inner = blend("a", "b", rate=EQUAL)
    outer = blend(("inner", inner), "c", rate=PROPORTIONAL)

    assert weights(outer, {"a": 30, "b": 10, "c": 40}) == {"a": 1, "b": 1, "c": 2}
    assert weights(
        blend(("inner", inner), "c", rate=EQUAL), {"a": 30, "b": 10, "c": 40}
    ) == {"a": 1, "b": 1, "c": 2}  # fmt: skip


def test_quotas_stand_beside_rates():
    """`take 5` weighs 5 beside sources that weigh their examples."""
    assert weights(blend("a", takes={"b": 5}), {"a": 10, "b": 5}) == {"a": 2, "b": 1}


RATES = st.sampled_from(
    [
        PROPORTIONAL,
        EQUAL,
        plan.ProportionalRate(cap=7, limit=None),
        plan.TemperatureRate(temperature=3.0, cap=20),
    ]
)


@given(RATES, RATES, st.lists(st.integers(0, 50), min_size=4, max_size=4))
def test_a_nested_mixture_divides_only_its_own_weight(outer_rate, inner_rate, numbers):
    """Its sources stand to each other as in the mixture alone; the sum is as for one source."""
    survivors = dict(zip("abcd", numbers, strict=True))
    inner = blend("a", "b", rate=inner_rate)
    nested = weights(blend(("ab", inner), "c", "d", rate=outer_rate), survivors)
    alone = weights(inner, survivors)
    merged = weights(
        blend("ab", "c", "d", rate=outer_rate),
        {**survivors, "ab": survivors["a"] + survivors["b"]},
    )

    assert nested["a"] * alone["b"] == nested["b"] * alone["a"]
    if any(nested.values()):
        share = Fraction(nested["a"] + nested["b"], sum(nested.values()))
        assert share == Fraction(merged["ab"], sum(merged.values()))


@pytest.mark.parametrize("rate", [PROPORTIONAL, EQUAL])
def test_only_what_can_be_counted_is_asked_for(rate):
    """A weight that no number of rows changes asks whether there is any row at all."""
    (wanted,) = counted_up_to(blend("a", rate=rate)).values()

    assert wanted == (1 if rate == EQUAL else None)
