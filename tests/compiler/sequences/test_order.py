"""The stream: every prefix is fair, growing only adds, weights are exact."""

import heapq
import math
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.sequences import order
from taskc.compiler.sequences.order import counts, first_places, integer_weights, stream

weights_lists = st.lists(st.integers(0, 5_000), min_size=1, max_size=12).filter(any)
# Few and round numbers, so that many turns are due at once, beside such as no double holds.
awkward_weights = st.lists(
    st.one_of(
        st.sampled_from([1, 2, 3, 6, 12, 30, 30_000]),
        st.integers(1, 9).map(lambda digit: digit * 10**13 + 1),
        st.integers(1, 2**62),
    ),
    min_size=2,
    max_size=8,
)


def one_by_one(weights: list[int], length: int) -> list[int]:
    """The stream as the paper gives it: of the turns that may be given the most urgent one."""
    total, slack = sum(weights), 2 * len(weights) - 2
    multiple = math.lcm(*weights)

    def release(index: int, turn: int) -> int:
        return -(-((turn - 1) * slack + 1) * total // (slack * weights[index]))

    waiting = [(release(index, 1), index, 1) for index in range(len(weights))]
    heapq.heapify(waiting)
    ready: list[tuple[int, int, int]] = []
    places = []
    for place in range(1, length + 1):
        while waiting and waiting[0][0] <= place:
            _, index, turn = heapq.heappop(waiting)
            heapq.heappush(ready, ((turn * slack - 1) * multiple // weights[index], index, turn))
        _, index, turn = heapq.heappop(ready)
        heapq.heappush(waiting, (release(index, turn + 1), index, turn + 1))
        places.append(index)
    return places


@given(awkward_weights, st.sampled_from([(1, 1), (3, 50), (200, 200)]))
def test_blocks_give_what_one_place_after_another_gives(
    weights: list[int], sizes: tuple[int, int]
) -> None:
    """Whatever the blocks: ties, weights beyond a double's digits, and turns carried over."""
    expected = one_by_one(weights, 300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "_FIRST_BLOCK", sizes[0])
        patch.setattr(order, "_LARGEST_BLOCK", sizes[1])

        assert list(islice(stream(weights), 300)) == expected
        assert first_places(weights, 300).tolist() == expected


def test_a_long_stream_repeats_its_first_period() -> None:
    """After the sum of the weights in lowest terms all counts are where they were."""
    period = first_places([6, 4], 5)

    assert first_places([6, 4], 12).tolist() == np.resize(period, 12).tolist()
    assert list(islice(stream([6, 4]), 12)) == np.resize(period, 12).tolist()


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
