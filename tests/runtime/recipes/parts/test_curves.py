"""Learning rates: their ends, their middle, and what holds between."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.runtime.recipes.parts.curves import factor, rate


def test_a_line_from_the_first_step_to_the_last():
    """LIMA's: 1e-5 at the first step, 1e-6 at the last, nothing before or after."""
    rates = [rate(step, 10, peak=1e-5, last=1e-6, curve="linear") for step in range(10)]

    assert (rates[0], rates[-1]) == (1e-5, pytest.approx(1e-6, rel=1e-12))
    assert [a - b for a, b in itertools.pairwise(rates)] == pytest.approx([1e-6] * 9)


def test_a_cosine_falls_by_half_on_half_the_way():
    """And by the cosine's share elsewhere."""
    rates = [rate(step, 9, peak=2.0, last=0.0, curve="cosine") for step in range(9)]

    assert rates[4] == pytest.approx(1.0)
    assert rates == pytest.approx([1.0 + math.cos(math.pi * step / 8) for step in range(9)])


def test_a_warm_up_rises_in_equal_steps():
    """To the peak, which is the first rate after it."""
    rates = [rate(step, 8, peak=1.0, last=0.0, curve="linear", warmup_steps=3) for step in range(8)]

    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0])


@given(st.sampled_from(["linear", "cosine"]), st.integers(2, 200), st.data())
def test_curves_only_fall_and_stay_inside(curve, steps, data):
    """From 1 to 0 without a step up."""
    step = data.draw(st.integers(0, steps - 2))

    assert 1.0 >= factor(step, steps, curve) > factor(step + 1, steps, curve) >= 0.0


def test_a_run_of_one_step_has_the_peak():
    """Nothing is divided by zero."""
    assert rate(0, 1, peak=3.0, last=1.0, curve="cosine") == 3.0
