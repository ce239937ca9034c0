"""Clean: what is used least goes first, no more than has to, and nothing that a build uses."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskc.compiler.store.backend import StoredObject
from taskc.compiler.store.clean import _unwanted, clean

DAY_S = 86_400


@pytest.fixture
def aged(disk):
    """A store with an object of 1,000 bytes for each day back from today to six days ago."""
    for day in range(7):
        disk.put("survey", f"{day:04x}", bytes(1_000 - 32))
        path = Path(disk.url, "v2/survey", "00", f"{day:04x}", "object")
        then = time.time() - day * DAY_S
        os.utime(path, (then, then))
    return disk


def days(store):
    """Returns of which days objects are left."""
    return sorted(int(stored.path.split("/")[2], 16) for stored in store.objects())


def cleaned(store, max_bytes=None, max_unused_s=None, *, is_dry_run=False):
    """Cleans with what a test is about."""
    return clean(store, max_bytes=max_bytes, max_unused_s=max_unused_s, is_dry_run=is_dry_run)


@pytest.mark.parametrize(
    ("max_bytes", "max_unused_s", "left"),
    [
        (None, None, 7),
        (None, 3.5 * DAY_S, 4),
        (None, 0, 0),
        (7_000, None, 7),
        (6_999, None, 6),
        (3_500, None, 3),
        (0, None, 0),
        (3_500, 1.5 * DAY_S, 2),
        (1_000, 5.5 * DAY_S, 1),
    ],
)
def test_the_least_recently_used_go_first(aged, max_bytes, max_unused_s, left):
    """Each limit holds, and a tighter one beside it."""
    done = cleaned(aged, max_bytes, max_unused_s)

    assert days(aged) == list(range(left))
    assert (done.left.num_objects, done.left.size_bytes) == (left, 1_000 * left)
    assert (done.removed.num_objects, done.removed.size_bytes) == (7 - left, 1_000 * (7 - left))


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99))),
    st.none() | st.integers(0, 3_000),
    st.none() | st.integers(-100, 0),
)
def test_no_more_goes_than_has_to(objects, max_bytes, used_after):
    """What goes was used before all that stays; without the last of it a limit would not hold."""
    now = time.time()
    listed = sorted(
        (
            StoredObject(f"{place}", size, now - 1_000 * age)
            for place, (size, age) in enumerate(objects)
        ),
        key=lambda stored: stored.used_s,
    )
    total_bytes = sum(stored.size_bytes for stored in listed)
    max_unused_s = None if used_after is None else -1_000 * used_after + 500
    going = list(_unwanted(listed, total_bytes, max_bytes, max_unused_s))
    left = listed[len(going) :]

    assert going == listed[: len(going)]
    assert max_bytes is None or sum(stored.size_bytes for stored in left) <= max_bytes
    if max_unused_s is not None:
        assert all(now - stored.used_s < max_unused_s for stored in left)
    if going:
        is_too_old = max_unused_s is not None and now - going[-1].used_s > max_unused_s
        with_it = sum(stored.size_bytes for stored in [going[-1], *left])
        assert is_too_old or (max_bytes is not None and with_it > max_bytes)


def test_a_dry_run_removes_nothing(aged):
    """It says what the other one would."""
    dry = cleaned(aged, 3_500, is_dry_run=True)

    assert days(aged) == list(range(7))
    assert cleaned(aged, 3_500).removed == dry.removed


def test_what_a_running_build_uses_stays(aged):
    """Whatever it has read since it began, even where the store is too large then."""
    with aged.in_use():
        aged.get("survey", "0005")
        done = cleaned(aged, 0)

        assert days(aged) == [0, 5]
        assert done.num_in_use == 2
    cleaned(aged, 0)
    assert days(aged) == []


def test_what_is_used_meanwhile_stays(aged):
    """Between the listing and the removal another process may have read it."""
    listed = next(stored for stored in aged.objects() if "0006" in stored.path)
    aged.get("survey", "0006")
    aged.remove(listed)

    assert 6 in days(aged)


def test_half_written_files_go(aged):
    """What killed builds left is not waited for."""
    left = Path(aged.url, "v2/temporary/0123456789abcdef")
    left.write_bytes(b"half")
    os.utime(left, (0, 0))

    assert cleaned(aged, is_dry_run=True).num_abandoned == 0
    assert cleaned(aged).num_abandoned == 1
    assert not left.exists()


def test_any_store_can_be_cleaned(store):
    """Behind a URL as on a disk, though there the time of writing counts."""
    for letter in "abc":
        store.put("survey", letter * 4, bytes(968))
    done = cleaned(store, 2_500)

    assert (done.removed.num_objects, done.left.size_bytes) == (1, 2_000)
    assert len(list(store.objects())) == 2


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 7_000))
def test_what_is_left_can_be_read(aged, max_bytes):
    """A clean store is sound."""
    cleaned(aged, max_bytes)

    assert all(aged.get("survey", f"{day:04x}") == bytes(968) for day in days(aged))
