"""Keyed choices: of the rows alone, never of their order, and nested as they grow."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.rows.select import carved, deduplicated, limited

# Few different ids, so that equal rows are common; ordinals count them.
GROUPS = st.lists(st.integers(0, 12).map(lambda number: bytes([number]) * 16), max_size=24)


def numbered(ids: list[bytes]) -> list[int]:
    """Ordinals as `shape` gives them: positions among equal rows."""
    seen: Counter[bytes] = Counter()
    ordinals = []
    for row_id in ids:
        ordinals.append(seen[row_id])
        seen[row_id] += 1
    return ordinals


def chosen(ids: list[bytes], indices: list[int]) -> set[tuple[bytes, int]]:
    """The chosen rows by what they are, not where they stand."""
    ordinals = numbered(ids)
    return {(ids[index], ordinals[index]) for index in indices}


@given(GROUPS, st.integers(0, 30), st.randoms())
def test_limit_does_not_see_the_order(ids, limit, random):
    """Shuffled rows are the same rows."""
    shuffled = random.sample(ids, len(ids))

    assert chosen(ids, limited("s", ids, numbered(ids), limit)) == chosen(
        shuffled, limited("s", shuffled, numbered(shuffled), limit)
    )


@given(GROUPS, st.integers(0, 30), st.integers(0, 30))
def test_a_larger_limit_only_adds(ids, limit, more):
    """`limit 300` keeps what `limit 200` kept, exactly so many rows, in file order."""
    kept = limited("s", ids, numbered(ids), limit)

    assert min(limit, len(ids)) == len(kept)
    assert sorted(kept) == kept
    assert set(kept) <= set(limited("s", ids, numbered(ids), limit + more))


@given(GROUPS, st.integers(0, 30), st.randoms())
def test_carve_moves_equal_rows_together(ids, count, random):
    """No row stands on both sides, `count` is met or every group left is too large."""
    moved = carved("s", "dev", ids, count)
    moved_ids = {ids[index] for index in moved}
    left = Counter(row_id for index, row_id in enumerate(ids) if index not in set(moved))
    shuffled = random.sample(ids, len(ids))

    assert moved_ids.isdisjoint(left)
    assert len(moved) <= count
    assert all(len(moved) + size > count for size in left.values())
    assert moved_ids == {shuffled[index] for index in carved("s", "dev", shuffled, count)}


@given(st.lists(st.binary(min_size=16, max_size=16), unique=True, max_size=20), st.integers(0, 20))
def test_carve_of_different_rows_is_exact_and_nested(ids, count):
    """Where no two rows are equal, so many rows move, and one more moves one more."""
    moved = carved("s", "dev", ids, count)

    assert min(count, len(ids)) == len(moved)
    assert set(moved) <= set(carved("s", "dev", ids, count + 1))


def test_splits_and_sources_choose_apart():
    """Another split's name or another source's is another choice."""
    ids = [bytes([number]) * 16 for number in range(100)]

    assert carved("s", "dev", ids, 10) != carved("s", "test", ids, 10)
    assert carved("s", "dev", ids, 10) != carved("t", "dev", ids, 10)
    assert limited("s", ids, [0] * 100, 10) != carved("s", "dev", ids, 10)


@given(GROUPS, st.integers(1, 4), st.randoms())
def test_dedup_keeps_one_row_of_each_key(ids, num_keys, random):
    """Which one does not depend on the order of rows."""
    pairs = [(row_id, row_id[:1] * (row_id[0] % num_keys + 1)) for row_id in ids]
    shuffled = random.sample(pairs, len(pairs))

    def kept(rows):
        row_ids = [row_id for row_id, _ in rows]
        keys = [key for _, key in rows]
        indices = deduplicated("s", keys, row_ids, numbered(row_ids))
        return chosen(row_ids, indices), Counter(keys[index] for index in indices)

    survivors, by_key = kept(pairs)

    assert set(by_key.values()) <= {1}
    assert {key for _, key in pairs} == set(by_key)
    assert survivors == kept(shuffled)[0]
