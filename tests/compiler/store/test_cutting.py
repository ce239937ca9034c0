"""Cutting: whole lines, sizes within bounds, and cuts that stay where the content does."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.compiler.store.cutting import MAX_RANGE_BYTES, MIN_RANGE_BYTES, cut, line_ends

MIN, MAX = 200, 600


def cut_of(data, **bounds):
    """Cuts once."""
    return cut(data, line_ends(data), **bounds)


def ranges(data):
    """Cuts as the reader of files does, with smaller bounds."""
    found = []
    while len(data) > MAX:
        end = cut_of(data[:MAX], min_bytes=MIN, max_bytes=MAX) or data.find(b"\n", MAX) + 1
        found.append(data[: end or len(data)])
        data = data[end or len(data) :]
    return found + [data] * bool(data)


@given(st.binary(min_size=MAX, max_size=2 * MAX) | st.text("ab\n", min_size=MAX).map(str.encode))
def test_a_cut_follows_a_line(data):
    """Within the bounds, or nowhere: the same wherever the bytes stand, whatever follows."""
    end = cut_of(data, min_bytes=MIN, max_bytes=MAX)

    assert end == cut_of(memoryview(data + b"x"), min_bytes=MIN, max_bytes=MAX)
    if end == 0:
        assert b"\n" not in data[MIN - 1 : MAX]
    else:
        assert MIN <= end <= MAX
        assert data[end - 1] == ord("\n")


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_an_inserted_line_moves_few_cuts(data):
    """The ranges further on are the same bytes again, in most cases at once."""
    random = np.random.default_rng(data.draw(st.integers(0, 1_000)))
    lines = [bytes(random.integers(97, 123, random.integers(5, 60))) for _ in range(600)]
    at = data.draw(st.integers(0, 100))
    before = ranges(b"\n".join(lines))
    after = ranges(b"\n".join([*lines[:at], b"something new", *lines[at:]]))

    assert len(before) > 30
    assert len(set(before) - set(after)) < len(before) / 2


def test_ranges_are_about_as_long_as_said():
    """Of 2 to 6 MiB, which is 4 in the mean of a long file."""
    random = np.random.default_rng(0)
    data = random.integers(97, 123, 4 * MAX_RANGE_BYTES, dtype=np.uint8)
    data[random.integers(0, len(data), len(data) // 300)] = ord("\n")
    text = data.tobytes()
    ends = [0]
    while ends[-1] + MAX_RANGE_BYTES <= len(text):
        ends.append(ends[-1] + cut_of(memoryview(text)[ends[-1] : ends[-1] + MAX_RANGE_BYTES]))
    sizes = np.diff(ends)

    assert MIN_RANGE_BYTES <= sizes.min() <= sizes.max() <= MAX_RANGE_BYTES
    assert 2.5 * (1 << 20) < sizes.mean() < 5.5 * (1 << 20)
