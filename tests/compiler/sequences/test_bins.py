"""Bins of one window: none too long, never more than best-fit-decreasing, full where it can be."""

from bisect import bisect_left, insort

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taskc.compiler.sequences import bins

windows = st.integers(1, 40).flatmap(
    lambda length: st.tuples(
        st.just(length), st.lists(st.integers(1, length), min_size=1, max_size=80)
    )
)


def best_fit_decreasing(lengths, length):
    """The number of bins of the textbook's algorithm, one item at a time."""
    spaces, num_bins = [], 0
    for size in sorted(lengths, reverse=True):
        place = bisect_left(spaces, size)
        num_bins += place == len(spaces)
        space = length if place == len(spaces) else spaces.pop(place)
        insort(spaces, space - size)
    return num_bins


def bins_of(lengths, length):
    """The bin of each example, after a look at whether all is well."""
    found = bins.bins_of(np.array(lengths, np.int64), length)
    tokens = np.bincount(found, weights=lengths)

    assert len(found) == len(lengths)
    assert tokens.min() >= 1
    assert tokens.max() <= length
    return found


@given(windows)
@example((10, [6, 5, 5, 4, 3, 3, 2, 2]))
def test_the_first_packing_is_best_fit_decreasing(window):
    """Working on classes of lengths and spaces changes no count: brute force finds the same."""
    length, lengths = window
    counts = bins._counted(np.array(lengths))
    num_bins = bins._best_fit(counts, length, 0, {size: [] for size in counts})

    assert num_bins == best_fit_decreasing(lengths, length)


@given(windows, st.sampled_from([0, 100, 1_000, 2**31]))
@example((7, [3, 3, 2, 2, 2, 2]), 2**31)
def test_never_more_bins_than_best_fit_decreasing(window, max_sums):
    """However early packing again is cut off, it counts only where it is better."""
    length, lengths = window
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bins, "MAX_SUMS", max_sums)
        num_bins = bins_of(lengths, length).max() + 1

    assert -(-sum(lengths) // length) <= num_bins <= best_fit_decreasing(lengths, length)


def test_packing_again_takes_fewer_bins():
    """Best-fit-decreasing puts the threes together, where a token stays free for good."""
    lengths = [3, 3, 2, 2, 2, 2]

    assert best_fit_decreasing(lengths, 7) == 3
    assert bins_of(lengths, 7).tolist() == [0, 1, 0, 0, 1, 1]


def uniform(low, high, count):
    """Lengths from `low` to `high`, each as likely."""
    return np.random.default_rng(0).integers(low, high + 1, count)


def lognormal(mean, count):
    """Lengths as those of instructions are spread: most short, a few many times as long."""
    return np.clip(np.random.default_rng(0).lognormal(np.log(mean) - 0.32, 0.8, count), 1, 2048)


def normal(mean, deviation, count):
    """Lengths around one."""
    return np.clip(np.random.default_rng(0).normal(mean, deviation, count), 1, 2048)


@pytest.mark.parametrize(
    ("lengths", "length"),
    [
        (uniform(47, 465, 6_000), 2048),
        (uniform(47, 465, 20_000), 1024),
        (uniform(100, 600, 5_000), 2000),
        (uniform(1, 2048, 20_000), 2048),
        (uniform(300, 700, 5_000), 2048),  # only when all examples are packed again
        (uniform(512, 8_191, 5_000), 32_768),
        (normal(300, 30, 5_000), 2048),
        (lognormal(200, 5_000), 2048),
        (lognormal(400, 20_000), 2048),
        (np.full(5_000, 256), 2048),
    ],
    ids=str,
)
def test_what_can_be_filled_is_full(lengths, length):
    """5,000 examples and more fill 99.5 %, wherever best-fit-decreasing stops before."""
    lengths = lengths.astype(np.int64)
    num_bins = bins_of(lengths, length).max() + 1

    assert lengths.sum() / (num_bins * length) >= 0.995
    assert num_bins <= best_fit_decreasing(lengths.tolist(), length)


@pytest.mark.parametrize(
    ("lengths", "at_most"),
    [
        (uniform(500, 900, 20_000), 0.95),  # of the bins of best-fit-decreasing
        (uniform(640, 760, 20_000), 0.97),
        (uniform(683, 700, 20_000), 1),
        (uniform(900, 1_200, 20_000), 1),
        (uniform(1_025, 2_048, 5_000), 1),
        (np.full(5_000, 683), 1),
        (np.full(5_000, 2_048), 1),
    ],
    ids=str,
)
def test_what_can_not_be_filled_is_no_worse(lengths, at_most):
    """Where two or three examples make a bin, best-fit-decreasing is beaten or met."""
    num_bins = bins_of(lengths, 2048).max() + 1

    assert num_bins <= at_most * best_fit_decreasing(lengths.tolist(), 2048)
