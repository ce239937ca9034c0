"""A quota's supply against one that takes turn after turn, and a row after the one that fell."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.demand import supply as supplies
from taskc.compiler.demand.quota import QuotaSupply
from taskc.compiler.demand.supply import fill
from taskc.compiler.keys import RowKey, Scope, value_hash
from taskc.compiler.quotas.strata import Group, Strata
from taskc.compiler.sequences.order import stream

outcomes = st.one_of(
    st.lists(st.integers(1, 30), min_size=1, max_size=3),
    st.sampled_from([[5], [7], "too long", "no prompt", None]),
)
uses = st.lists(outcomes, min_size=1, max_size=3)
# A row: its site, its topic there, its score, and what becomes of it, use after use.
rows_of_sites = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 2), uses),
    min_size=1,
    max_size=25,
)
ways = st.sampled_from(
    [("", 0, None), ("balance", 1, None), ("temperature", 1, 3.0), ("temperature", 2, 2.0)]
)


class Plain:
    """The same promise over lists: each turn is given until one of its stratum's rows survives."""

    def __init__(self, world, take, table, outcome, num_choices):
        self.take, self.table, self.outcome = take, table, outcome
        self.num_choices = num_choices
        self.rows = world.rows_of("s", len(table))
        self.ranked = lambda repetition: world.ranked(self.rows, repetition)
        self.units, self.fates, self.distinct = [], [], None
        self.given = self.turns_of_all_passes()

    def turns_of_all_passes(self):
        """Yields the units of the first repetition, by every choice of prompts."""
        for use in range(self.num_choices):
            yield from self.turns(self.ranked(0), use, 0)

    def turns(self, rows, use, depth):
        """Yields a unit a turn; what falls on the way to it is written down."""
        if depth == len(self.take.by_keys):
            for row in sorted(rows, key=lambda row: -self.table[row][2]):
                found = self.outcome(row, use)
                if isinstance(found, str):
                    self.fates.append((row, found, len(self.units)))
                elif found is not None:
                    yield (row, 0, found)
            return
        scope = Scope.mixture(world_seed)
        draw = {
            name: scope.draw("s", RowKey(value_hash(name), 0), 0, "stratum")
            for name in {self.table[row][depth] for row in rows}
        }
        parts = [[r for r in rows if self.table[r][depth] == n] for n in sorted(draw, key=draw.get)]
        tau = self.take.by_tau
        weights = [round(len(p) ** (1 / tau) * 1_000_000) if tau else 1 for p in parts]
        giving = [self.turns(part, use, depth + 1) for part in parts]
        dry = set()
        for index in stream(weights):
            unit = next(giving[index], None)
            if unit is None:
                dry.add(index)
                if len(dry) == len(giving):
                    return
            else:
                yield unit

    def fill(self, want):
        """Takes turns until there are so many units."""
        while len(self.units) < want and self.distinct is None:
            unit = next(self.given, None)
            if unit is None:
                self.distinct = len(self.units)
            else:
                self.units.append(unit)

    def dropped(self, num_units):
        """What fell on the way to so many units."""
        delivered = {row for row, _, _ in self.units[:num_units]}
        is_dry = self.distinct is not None and num_units >= self.distinct
        first = {}
        for row, drop, before in self.fates:
            if before < num_units + is_dry and row not in delivered:
                first.setdefault(row, drop)
        return Counter(first.values())


world_seed = 7


def both_of(world, way, table, num_choices=1):
    """A supply and the plain one."""
    by, depth, tau = way
    name = plan.Name(name="x")
    take = plan.Take(
        source="s",
        count=1,
        at_most=True,
        by=by,
        by_keys=(name,) * depth,
        by_tau=tau,
        best=name,
        at=world.AT,
    )
    made = world.World({}, {"s": [row[3] for row in table]}, num_choices)
    plain = Plain(world, take, table, lambda row, use: made.outcome("s", row, use), num_choices)
    rows = made.rows["s"] = plain.rows
    paths = sorted({row[:depth] for row in table})
    rows.strata = Strata(
        [tuple(Group(value_hash(n), n) for n in path) for path in paths],
        np.array([paths.index(row[:depth]) for row in table], np.uint32),
        np.array([row[2] for row in table], np.float64),
    )
    build = world.build_of(["s"], takes=[take], choices=num_choices)
    supply = QuotaSupply(build, build.sources[0], rows, world.NoStore(), take=take)
    return made, supply, plain


def filled(world, made, supply, want, *, repeat=False):
    """Fills with the made-up `make`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supplies, "make", made.make)
        return sum(fill([supply], [want], world.Engine(), repeat=repeat))


def units_of(supply):
    """The supply's units as the plain one has them."""
    found = []
    examples = supply.examples
    for row, repetition, part, tokens in zip(
        *(c.tolist() for c in (examples.row, examples.repetition, examples.part, examples.tokens)),
        strict=True,
    ):
        if part == 0:
            found.append((row, repetition, [tokens]))
        else:
            found[-1][2].append(tokens)
    return found[: supply.num_units]


@given(
    way=ways,
    table=rows_of_sites,
    steps=st.lists(st.integers(0, 40), min_size=1, max_size=3),
    choices=st.integers(1, 3),
)
def test_units_and_fates_are_those_of_one_turn_at_a_time(world, *, way, table, steps, choices):
    """Whatever falls, however much is asked for at once, and in how many steps."""
    made, supply, plain = both_of(world, way, table, choices)
    most = 0
    for step in steps:
        most = max(most, step)
        filled(world, made, supply, most)
        plain.fill(most)

        assert units_of(supply) == plain.units
        assert supply.unit_tokens().tolist() == [sum(tokens) for _, _, tokens in plain.units]
        assert supply.distinct == plain.distinct
        for num_units in range(len(plain.units) + 1):
            dropped = {drop.reason: count for drop, count in supply.dropped(num_units)}
            assert dropped == plain.dropped(num_units)


@given(way=ways, table=rows_of_sites, quota=st.integers(1, 20), more=st.integers(0, 30))
def test_later_repetitions_draw_from_the_rows_that_met_it(world, *, way, table, quota, more):
    """As of any quota: the same rows again, in the order of another rank."""
    made, supply, plain = both_of(world, way, table)
    filled(world, made, supply, quota)
    supply.settle()
    plain.fill(quota)
    taken = [row for row, _, _ in plain.units]
    filled(world, made, supply, len(taken) + more, repeat=True)
    rows = [row for row, _, _ in units_of(supply)]
    again = [row for row in plain.ranked(1) if row in taken]

    assert rows[: len(taken)] == taken
    assert set(rows) == set(taken)
    survivors = [row for row in again if isinstance(made.outcome("s", row, 1), list)]
    assert rows[len(taken) :][: len(survivors)] == survivors[:more]


def test_a_row_is_asked_for_once_and_only_where_it_is_wanted(world):
    """One after another of a stratum, until enough of it survive."""
    table = [("ab"[n % 2], "x", 0, [[5] if n % 4 else "too long"]) for n in range(200)]
    made, supply, plain = both_of(world, ("balance", 1, None), table)
    filled(world, made, supply, 40)
    plain.fill(40)
    asked = [row for _, row, _ in made.asked]

    assert len(asked) == len(set(asked))
    assert set(asked) == {row for row, _, _ in plain.units} | {row for row, _, _ in plain.fates}
    assert Counter(table[row][0] for row, _, _ in plain.units) == {"a": 20, "b": 20}


def test_a_mistake_stops_the_build(world):
    """No row is asked for that is not wanted, so each mistake is one."""
    table = [("a", "x", 0, [[5]]), ("b", "x", 0, [world.ERROR])]
    made, supply, _ = both_of(world, ("balance", 1, None), table)
    filled(world, made, supply, 2)

    assert [finding.code for finding in supply.errors] == ["T0834"]


def test_strata_tell_what_they_lack(world):
    """Rows, those that fell, and what the weight comes to."""
    table = [("a", "x", 0, [[5]])] * 6 + [("b", "x", 0, ["too long"])] * 2
    made, supply, _ = both_of(world, ("balance", 1, None), table)
    filled(world, made, supply, 8)

    assert {share.path[0].name: share[1:] for share in supply.shares(8)} == {
        "a": (6, 0, 4),
        "b": (2, 2, 4),
    }


def test_ranks_are_places_in_the_order(world):
    """Of a row that fell, the place that it would have had."""
    table = [("ab"[n % 2], "x", n, ["too long" if n == 9 else [5]]) for n in range(10)]
    made, supply, plain = both_of(world, ("balance", 1, None), table)
    filled(world, made, supply, 4)
    plain.fill(4)

    assert [supply.rank_of(row) for row, _, _ in plain.units] == [1, 2, 3, 4]
    assert supply.rank_of(9) == supply.rank_of(7)
