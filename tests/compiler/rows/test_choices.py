"""Keyed choices: of the rows alone, never of their order, and nested as they grow."""

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.keys import RowKey, Scope
from taskc.compiler.rows.choices import carved, deduplicated, limited, ordinals

SOURCE = Scope.source()
# Few different ids, so that equal rows are common; some share their first eight bytes.
GROUPS = st.lists(
    st.integers(0, 12).map(lambda number: bytes([number // 2]) * 8 + bytes([number]) * 8),
    max_size=24,
)


def column(ids: list[bytes]):
    """Ids as the stages hold them."""
    return np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 16)


def numbered(ids: list[bytes]) -> list[int]:
    """Positions among equal rows, counted one by one."""
    seen: Counter[bytes] = Counter()
    found = []
    for row_id in ids:
        found.append(seen[row_id])
        seen[row_id] += 1
    return found


def chosen(ids: list[bytes], kept) -> set[tuple[bytes, int]]:
    """The chosen rows by what they are, not where they stand."""
    found = numbered(ids)
    return {(ids[row], found[row]) for row in np.flatnonzero(kept)}


def in_drawn_order(ids: list[bytes], draw_name: str) -> list[int]:
    """Rows sorted by draw, id and ordinal, one draw at a time."""
    keys = [RowKey(*key) for key in zip(ids, numbered(ids), strict=True)]
    return sorted(
        range(len(ids)), key=lambda row: (SOURCE.draw("s", keys[row], 0, draw_name), keys[row])
    )


# ---- ordinals ------------------------------------------------------------------------------------


@given(GROUPS)
def test_ordinals_count_equal_rows(ids):
    """In file order; where all rows differ there is no column of zeros."""
    found = ordinals(column(ids))

    assert numbered(ids) == (found.tolist() if found is not None else [0] * len(ids))
    assert (found is None) == (len(set(ids)) == len(ids))


# ---- limit ---------------------------------------------------------------------------------------


@given(GROUPS, st.integers(0, 30), st.randoms())
def test_limit_keeps_the_first_by_draw(ids, limit, random):
    """As many rows as there may be, whatever their order."""
    shuffled = random.sample(ids, len(ids))
    kept = limited("s", column(ids), ordinals(column(ids)), limit)
    again = limited("s", column(shuffled), ordinals(column(shuffled)), limit)

    assert set(in_drawn_order(ids, "limit")[:limit]) == set(np.flatnonzero(kept).tolist())
    assert chosen(ids, kept) == chosen(shuffled, again)


@given(GROUPS, st.integers(0, 30), st.integers(0, 30))
def test_a_larger_limit_only_adds(ids, limit, more):
    """`limit 300` keeps what `limit 200` kept, exactly so many rows."""
    found = ordinals(column(ids))
    kept = limited("s", column(ids), found, limit)

    assert min(limit, len(ids)) == kept.sum()
    assert not (kept & ~limited("s", column(ids), found, limit + more)).any()


# ---- carve ---------------------------------------------------------------------------------------


@given(GROUPS, st.integers(0, 30), st.randoms())
def test_carve_moves_equal_rows_together(ids, count, random):
    """No row stands on both sides, `count` is met or every group left is too large."""
    moved = carved("s", "dev", column(ids), count)
    moved_ids = {ids[row] for row in np.flatnonzero(moved)}
    left = Counter(ids[row] for row in np.flatnonzero(~moved))
    shuffled = random.sample(ids, len(ids))
    again = carved("s", "dev", column(shuffled), count)

    assert moved_ids.isdisjoint(left)
    assert moved.sum() <= count
    assert all(moved.sum() + size > count for size in left.values())
    assert moved_ids == {shuffled[row] for row in np.flatnonzero(again)}


@given(GROUPS, st.integers(0, 30))
def test_carve_takes_groups_in_drawn_order(ids, count):
    """One group after another; one that holds too many rows is passed over."""
    groups = list(dict.fromkeys(ids))
    expected: list[bytes] = []
    for group in in_drawn_order(groups, "carve/dev"):
        if ids.count(groups[group]) + sum(map(ids.count, expected)) <= count:
            expected.append(groups[group])
    moved = carved("s", "dev", column(ids), count)

    assert set(expected) == {ids[row] for row in np.flatnonzero(moved)}


@given(st.lists(st.binary(min_size=16, max_size=16), unique=True, max_size=20), st.integers(0, 20))
def test_carve_of_different_rows_is_exact_and_nested(ids, count):
    """Where no two rows are equal, so many rows move, and one more moves one more."""
    moved = carved("s", "dev", column(ids), count)

    assert min(count, len(ids)) == moved.sum()
    assert not (moved & ~carved("s", "dev", column(ids), count + 1)).any()


def test_splits_and_sources_choose_apart():
    """Another split's name or another source's is another choice."""
    ids = column([bytes([number]) * 16 for number in range(100)])
    choices = [
        carved("s", "dev", ids, 10),
        carved("s", "test", ids, 10),
        carved("t", "dev", ids, 10),
        limited("s", ids, None, 10),
    ]

    assert 4 == len({choice.tobytes() for choice in choices})


# ---- dedup ---------------------------------------------------------------------------------------


@given(GROUPS, st.integers(1, 4), st.randoms())
def test_dedup_keeps_one_row_of_each_key(ids, num_keys, random):
    """The first by draw; which one does not depend on the order of rows."""

    def kept(row_ids):
        keys = [bytes([row_id[8] % num_keys + 1]) * 16 for row_id in row_ids]
        found = deduplicated("s", column(keys), column(row_ids), ordinals(column(row_ids)))
        return keys, found

    keys, survivors = kept(ids)
    shuffled = random.sample(ids, len(ids))
    first: defaultdict[bytes, list[int]] = defaultdict(list)
    for row in in_drawn_order(ids, "dedup"):
        first[keys[row]].append(row)

    assert {rows[0] for rows in first.values()} == set(np.flatnonzero(survivors).tolist())
    assert chosen(ids, survivors) == chosen(shuffled, kept(shuffled)[1])
