"""The order of a quota's rows, beside one that takes them turn by turn."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.keys import RowKey, Scope, value_hash
from taskc.compiler.quotas.spread import Spread
from taskc.compiler.quotas.strata import Group, Strata
from taskc.compiler.sequences.order import stream

AT = plan.Place(path="s.task", start=0, end=1, line=1, column=1)
SCOPE = Scope.mixture(7)
NAME = plan.Name(name="x")

# A row: its groups, what `best` says of it, whether it falls.
rows_of = st.lists(
    st.tuples(st.tuples(*[st.sampled_from("abcd")] * 3), st.integers(0, 3), st.booleans()),
    min_size=1,
    max_size=40,
)


def take_of(by, depth, tau=None, *, best=False):
    """A quota that is spread over groups in groups."""
    return plan.Take(
        source="s",
        count=1,
        at_most=False,
        by=by,
        by_keys=(NAME,) * depth,
        by_tau=tau,
        best=NAME if best else None,
        at=AT,
    )


def spread_of(take, table):
    """The order, and which rows have fallen; rows are ranked as they stand."""
    depth = len(take.by_keys)
    paths = sorted({row[0][:depth] for row in table})
    strata = Strata(
        [tuple(Group(value_hash(name), name) for name in path) for path in paths],
        np.array([paths.index(row[0][:depth]) for row in table], np.uint32),
        np.array([float(row[1]) if take.best else 0.0 for row in table]),
    )
    order = np.arange(len(table), dtype=np.uint32)
    fallen = np.array([row[2] for row in table])
    return Spread(take, strata, order, source="s", scope=SCOPE), fallen


def drawn(name):
    """A group by its draw."""
    key = value_hash(name)
    return SCOPE.draw("s", RowKey(key, 0), 0, "stratum"), key


def in_turn(take, table, rows, depth=0):
    """Yields the rows that are left, one turn after another."""
    if depth == len(take.by_keys):
        yield from (
            row for row in sorted(rows, key=lambda r: (-table[r][1] if take.best else 0, r))
            if not table[row][2]
        )  # fmt: skip
        return
    names = sorted({table[row][0][depth] for row in rows}, key=drawn)
    parts = [[row for row in rows if table[row][0][depth] == name] for name in names]
    weights = [
        1 if take.by_tau is None else round(len(part) ** (1 / take.by_tau) * 1_000_000)
        for part in parts
    ]
    giving = [in_turn(take, table, part, depth + 1) for part in parts]
    dry = set()
    for index in stream(weights):
        row = next(giving[index], None)
        if row is None:
            dry.add(index)
            if len(dry) == len(giving):
                return
        else:
            yield row


ways = st.sampled_from(
    [
        take_of("", 0, best=True),
        take_of("balance", 1),
        take_of("balance", 2, best=True),
        take_of("temperature", 1, 3.0),
        take_of("temperature", 2, 1.5, best=True),
        take_of("temperature", 3, 3.0),
    ]
)


@given(ways, rows_of, st.integers(0, 45))
def test_rows_come_turn_by_turn(take, table, most):
    """Groups by weight, groups in them again, and the best row that is left of each stratum."""
    spread, fallen = spread_of(take, table)
    found = spread.taken(fallen, most)
    expected = list(islice(in_turn(take, table, range(len(table))), most))

    assert found.rows.tolist() == expected


@given(ways, rows_of, st.integers(1, 45))
def test_a_row_that_fell_has_the_place_that_it_would_have_had(take, table, most):
    """As many rows come before its turn as would come before itself."""
    spread, fallen = spread_of(take, table)
    found = spread.taken(fallen, most)
    places = dict(zip(found.fallen.tolist(), found.before.tolist(), strict=True))
    for row in np.flatnonzero(fallen).tolist():
        whole = [(*each[:2], each[2] and index != row) for index, each in enumerate(table)]
        place = list(in_turn(take, whole, range(len(table)))).index(row)

        assert min(places.get(row, most), most) == min(place, most)


@given(ways, rows_of, st.integers(0, 40), st.integers(0, 40))
def test_more_only_adds(take, table, fewer, more):
    """The first of `take 300` are those of `take 200`, whatever falls."""
    spread, fallen = spread_of(take, table)
    fewer, more = sorted((fewer, more))
    few, many = (spread.taken(fallen, most).rows.tolist() for most in (fewer, more))

    assert many[: len(few)] == few


def test_a_group_without_rows_weighs_nothing():
    """What no row is left of is no group any more: others' turns don't know it."""
    table = [(("a", "", ""), 0, False)] * 3 + [(("b", "", ""), 0, False)]
    spread, fallen = spread_of(take_of("balance", 1), table)
    strata = Strata(
        [(Group(value_hash(name), name),) for name in "xab"],
        np.array([1, 1, 1, 2], np.uint32),
        np.zeros(4),
    )
    order = np.arange(4, dtype=np.uint32)
    again = Spread(take_of("balance", 1), strata, order, source="s", scope=SCOPE)

    assert again.taken(fallen, 4).rows.tolist() == spread.taken(fallen, 4).rows.tolist()


def test_shares_are_what_weights_come_to():
    """The cube root of 8, 27 and 64 rows, and halves within the last."""
    sizes = {"a": 8, "b": 27, "c": 64}
    table = [
        ((name, "xy"[index % 2] if name == "c" else "x", ""), 0, name == "b" and index < 5)
        for name, size in sizes.items()
        for index in range(size)
    ]
    spread, fallen = spread_of(take_of("temperature", 2, 3.0), table)
    shares = {tuple(g.name for g in each.path): each[1:] for each in spread.shares(fallen, 900)}

    assert shares == {
        ("a", "x"): (8, 0, 200),
        ("b", "x"): (27, 5, 300),
        ("c", "x"): (32, 0, 200),
        ("c", "y"): (32, 0, 200),
    }


@pytest.mark.parametrize("tau", [1.0, 3.0, 100.0])
def test_counts_follow_the_roots_of_the_sizes(tau):
    """As many of each group as the closed form says, within one."""
    sizes = [10, 100, 1_000, 10_000]
    table = [((str(size), "", ""), 0, False) for size in sizes for _ in range(size)]
    spread, fallen = spread_of(take_of("temperature", 1, tau), table)
    most = 30
    taken = spread.taken(fallen, most).rows
    counts = {size: sum(table[row][0][0] == str(size) for row in taken) for size in sizes}
    weights = {size: size ** (1 / tau) for size in sizes}

    for size, count in counts.items():
        assert abs(count - most * weights[size] / sum(weights.values())) < 1
