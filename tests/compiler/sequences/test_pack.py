"""Packing: no example lost or split, no window mixed with another, one order everywhere."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taskc.compiler.sequences.pack import pack


def keys_of(count, seed=0):
    """Uniform 64-bit keys."""
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


def packed(lengths, *, length, window, seed=0):
    """Packs, as lists of example indices."""
    packs = pack(
        np.array(lengths, np.int64), length=length, window=window, keys=keys_of(len(lengths), seed)
    )
    return [packs.order[a:b].tolist() for a, b in itertools.pairwise(packs.offsets.tolist())]


streams = st.integers(1, 40).flatmap(
    lambda length: st.tuples(
        st.just(length), st.lists(st.integers(1, length), max_size=80), st.integers(1, 30)
    )
)


@given(streams)
@example((7, [], 3))
@example((1, [1, 1, 1], 2))
@example((9, [3, 9, 1], 2**40))
def test_every_example_is_in_one_pack_of_its_window(stream):
    """Nothing is lost, doubled, split or moved out of its window; no pack is empty or too long."""
    length, lengths, window = stream
    packs = packed(lengths, length=length, window=window)

    assert sorted(itertools.chain(*packs)) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in members) <= length for members in packs)
    assert all(members for members in packs)
    windows = [{i // window for i in members} for members in packs]
    assert all(len(of_pack) == 1 for of_pack in windows)
    assert windows == sorted(windows, key=min)


@given(streams)
def test_examples_of_a_pack_keep_the_stream_s_order(stream):
    """Inside a pack the mixture's order stands."""
    length, lengths, window = stream

    assert all(m == sorted(m) for m in packed(lengths, length=length, window=window))


@given(streams)
def test_the_same_lengths_and_keys_give_the_same_packs(stream):
    """Packing is a function: no hash seed, no set order, no generator."""
    length, lengths, window = stream
    first = packed(lengths, length=length, window=window)

    assert first == packed(lengths, length=length, window=window)


def test_packs_of_long_and_short_examples_are_mixed():
    """A reader in written order meets no curriculum of lengths: places of long packs are spread."""
    rng = np.random.default_rng(1)
    lengths = np.where(
        rng.random(4000) < 0.5, rng.integers(60, 100, 4000), rng.integers(1, 9, 4000)
    )
    packs = pack(lengths, length=100, window=4000, keys=keys_of(4000))
    sizes = np.diff(packs.offsets)
    halves = sizes[: len(sizes) // 2].mean(), sizes[len(sizes) // 2 :].mean()

    assert halves[0] == pytest.approx(halves[1], rel=0.15)


def test_keys_change_the_order_of_packs_but_not_the_packs():
    """What shares a sequence depends on lengths alone, where a sequence stands on keys."""
    lengths = np.random.default_rng(2).integers(1, 50, 300)
    one = packed(lengths, length=64, window=300, seed=0)
    other = packed(lengths, length=64, window=300, seed=1)

    assert one != other
    assert sorted(one) == sorted(other)


def test_more_of_the_stream_changes_no_earlier_window():
    """A longer stream only adds: whole windows before it stay as they were."""
    lengths = np.random.default_rng(3).integers(1, 50, 250)
    keys = keys_of(250)
    short = pack(lengths[:200], length=64, window=100, keys=keys[:200])
    long = pack(lengths, length=64, window=100, keys=keys)

    assert short.order.tolist() == long.order[:200].tolist()
    assert short.offsets.tolist() == long.offsets[: len(short.offsets)].tolist()


def test_packs_of_real_lengths_are_nearly_full():
    """Windows of 20,000 examples fill all but each window's last sequence of 2,048 tokens."""
    rng = np.random.default_rng(4)
    lengths = np.clip(rng.lognormal(5, 0.8, 40_000).astype(np.int64), 1, 2048)
    packs = pack(lengths, length=2048, window=20_000, keys=keys_of(40_000))

    assert len(packs) == sum(-(-lengths[i : i + 20_000].sum() // 2048) for i in (0, 20_000))


def test_a_longer_example_than_the_pack_is_our_own_bug():
    """Overflow was settled when the example was encoded."""
    with pytest.raises(AssertionError, match="longer than the pack"):
        packed([3, 9], length=8, window=10)
