"""The stream: every prefix is fair, growing only adds, weights are exact."""

from fractions import Fraction
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.sequences.order import counts, integer_weights, stream

weights_lists = st.lists(st.integers(0, 5_000), min_size=1, max_size=12).filter(any)


@given(weights_lists, st.integers(1, 800))
def test_every_prefix_holds_every_share_within_one_example(weights: list[int], length: int) -> None:
    """After t places source i has t * w_i / W within 1 - 1 / (2k - 2)."""
    total = sum(weights)
    num_sources = sum(1 for weight in weights if weight)
    bound = total * (1 - Fraction(1, 2 * num_sources - 2)) if num_sources > 1 else 0
    seen = [0] * len(weights)
    for place, index in enumerate(islice(stream(weights), length), 1):
        seen[index] += 1
        worst = max(abs(seen[i] * total - place * weights[i]) for i in range(len(weights)))

        assert worst <= bound


@given(weights_lists)
def test_one_epoch_holds_exactly_the_weights(weights: list[int]) -> None:
    """After W places every source has been drawn exactly w_i times."""
    assert counts(weights, sum(weights)) == weights


@given(weights_lists, st.integers(1, 300), st.integers(0, 300))
def test_a_longer_stream_only_adds(weights: list[int], length: int, more: int) -> None:
    """The first places do not depend on how many are asked for."""
    longer = list(islice(stream(weights), length + more))

    assert longer[:length] == list(islice(stream(weights), length))


@given(weights_lists, st.integers(1, 50))
def test_only_the_proportions_matter(weights: list[int], factor: int) -> None:
    """Scaling all weights by one factor changes nothing."""
    scaled = [weight * factor for weight in weights]

    assert list(islice(stream(scaled), 200)) == list(islice(stream(weights), 200))


def test_no_positive_weight_is_refused() -> None:
    """There is no stream of nothing."""
    with pytest.raises(ValueError, match="positive weight"):
        next(stream([0, 0]))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=8).filter(any))
def test_integer_weights_are_exact(weights: list[float]) -> None:
    """Doubles are fractions: their proportions are kept without rounding, in lowest terms."""
    whole = integer_weights(weights)
    total = sum(Fraction(weight) for weight in weights)

    assert [Fraction(weight, sum(whole)) for weight in whole] == [
        Fraction(weight) / total for weight in weights
    ]
