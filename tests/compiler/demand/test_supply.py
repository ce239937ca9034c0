"""A supply against one that holds lists: same units, same fates, whatever falls and repeats."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.demand import supply as supplies
from taskc.compiler.demand.asks import EngineFailedError
from taskc.compiler.demand.supply import Supply, fill
from taskc.compiler.turns.make import Made

num_choices = st.integers(1, 3)
outcomes = st.one_of(
    st.lists(st.integers(1, 30), min_size=1, max_size=3),
    st.sampled_from([[5], [7], [9], "too long", "no prompt", None]),
)
rows_of_outcomes = st.lists(st.lists(outcomes, min_size=1, max_size=3), min_size=1, max_size=25)
wants = st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=4)


@dataclass
class Plain:
    """The same promise, one row at a time: as many as are missing, then the next of those."""

    ranked: object
    outcome: object
    max_rows: int | None = None
    num_choices: int = 1
    units: list = field(default_factory=list)  # (row, repetition, tokens of its parts)
    fates: list = field(default_factory=list)  # (row, drop, units before)
    distinct: int | None = None

    def __post_init__(self):
        self.order = self.ranked(0)[: self.max_rows]
        self.counted = set(self.order)
        self.repetition = self.choice = self.next = 0

    def fill(self, want, *, repeat):
        """Tries rows until there are so many units: all by their first choice, then by the next."""
        while len(self.units) < want:
            if self.next == len(self.order):
                if not self.begin(repeat=repeat):
                    return
                continue
            row = self.order[self.next]
            self.next += 1
            found = self.outcome(row, self.repetition * self.num_choices + self.choice)
            if found is None:
                continue
            if isinstance(found, str):
                self.fates.append((row, found, len(self.units)))
            else:
                self.units.append((row, self.repetition, found))

    def begin(self, *, repeat):
        """Begins the next choice, or the next repetition; whether there is one."""
        self.next = 0
        self.choice += 1
        if self.choice < self.num_choices:
            return True
        if self.distinct is None:
            self.distinct = len(self.units)
        if not repeat or not self.distinct:
            self.choice, self.next = self.num_choices - 1, len(self.order)
            return False
        self.repetition, self.choice = self.repetition + 1, 0
        self.order = [row for row in self.ranked(self.repetition) if row in self.counted]
        return True

    def settle(self):
        """Stays with the rows that gave units."""
        self.counted = {row for row, _, _ in self.units}
        self.choice, self.next = self.num_choices - 1, len(self.order)

    def dropped(self, num_units):
        """What fell on the way to so many units."""
        delivered = {row for row, _, _ in self.units[:num_units]}
        is_dry = num_units == self.distinct
        first = {}
        for row, drop, before in self.fates:
            if before < num_units + is_dry and row not in delivered:
                first.setdefault(row, drop)
        return list(Counter(first.values()).items())


def units_of(supply):
    """The supply's units as the plain one has them."""
    found = []
    columns = (supply.examples.row, supply.examples.repetition, supply.examples.part)
    for row, repetition, part, tokens in zip(
        *(column.tolist() for column in columns), supply.examples.tokens.tolist(), strict=True
    ):
        if part == 0:
            found.append((row, repetition, [tokens]))
        else:
            found[-1][2].append(tokens)
    return found[: supply.num_units]


def both_of(world, table, sizes=(), max_rows=None, choices=1):
    """A supply and the plain one over the same rows."""
    rows = world.rows_of("s", len(table), sizes)
    made = world.World({"s": rows}, {"s": table}, choices)
    build = world.build_of(["s"], choices=choices)
    supply = Supply(build, build.sources[0], rows, world.NoStore(), max_rows=max_rows)
    plain = Plain(
        lambda repetition: world.ranked(rows, repetition),
        lambda row, use: made.outcome("s", row, use),
        max_rows,
        choices,
    )
    return made, supply, plain


def filled(world, made, supply, want, *, repeat):
    """Fills with the made-up `make`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supplies, "make", made.make)
        return sum(fill([supply], [want], world.Engine(), repeat=repeat))


sizes_of_ranges = st.lists(st.integers(0, 9), max_size=3)


@given(
    table=rows_of_outcomes,
    steps=wants,
    sizes=sizes_of_ranges,
    max_rows=st.integers(0, 30),
    choices=num_choices,
)
def test_units_and_fates_are_those_of_one_row_at_a_time(
    world, *, table, steps, sizes, max_rows, choices
):
    """However much was asked for at once, and in how many steps: repetitions and cuts included."""
    sizes = sizes if sum(sizes) <= len(table) else []
    made, supply, plain = both_of(world, table, sizes, max_rows or None, choices)
    most = 0
    for want, repeat in steps:
        most = max(most, want)
        filled(world, made, supply, most, repeat=repeat)
        plain.fill(most, repeat=repeat)

        assert units_of(supply) == plain.units[:most]
        assert supply.distinct == plain.distinct
        tokens = [sum(tokens) for _, _, tokens in plain.units]
        assert supply.unit_tokens().tolist() == tokens
        for num_units in {0, len(plain.units) // 2, len(plain.units)}:
            dropped = [(drop.reason, count) for drop, count in supply.dropped(num_units)]
            assert dropped == plain.dropped(num_units)
            parts = [len(tokens) for _, _, tokens in plain.units[:num_units]]
            own = supply.parts_of_units(num_units)
            assert (parts if own is not None else [1] * num_units) == parts
            assert supply.figures(num_units).rows == len({r for r, _, _ in plain.units[:num_units]})


@given(rows_of_outcomes, st.integers(1, 20), st.integers(1, 60), num_choices)
def test_a_settled_supply_repeats_its_own_rows(world, table, quota, want, choices):
    """After a quota is met, later repetitions draw from the rows that met it alone."""
    made, supply, plain = both_of(world, table, choices=choices)
    for each in (supply, plain):
        if each is supply:
            filled(world, made, supply, quota, repeat=False)
        else:
            plain.fill(quota, repeat=False)
        each.settle()
    filled(world, made, supply, want, repeat=True)
    plain.fill(want, repeat=True)
    most = max(quota, want)

    assert units_of(supply) == plain.units[:most]
    for num_units in range(len(plain.units) + 1):
        dropped = [(drop.reason, count) for drop, count in supply.dropped(num_units)]
        assert dropped == plain.dropped(num_units)


def test_files_are_read_twice_where_rows_fall(world):
    """What falls is replaced from a second reading, not from one for each row that falls again."""
    table = [[[5]] if row % 3 else ["too long"] for row in range(900)]
    made, supply, _ = both_of(world, table, sizes=[300, 300])
    filled(world, made, supply, 400, repeat=False)

    assert supply.num_units == 400
    assert made.num_tasks == 2 * 3
    assert len(made.asked) < 700


def test_repetitions_that_are_wanted_are_read_for_together(world):
    """Three epochs beyond the first are one reading."""
    made, supply, _ = both_of(world, [[[5]]] * 20)
    filled(world, made, supply, 20, repeat=False)
    filled(world, made, supply, 70, repeat=True)

    assert made.num_tasks == 2
    assert supply.figures(70).repeats == 4


def test_a_mistake_in_a_row_that_nobody_wants_is_not_met(world):
    """Rows asked for in advance stop no build; those that are wanted do."""
    table = [[[5]] if row % 2 else ["too long"] for row in range(60)]
    rows = world.rows_of("s", 60)
    order = world.ranked(rows, 0)
    wanted = [row for row in order if table[row] == [[5]]][:10]
    behind = order[order.index(wanted[-1]) + 1]
    table[behind] = [world.ERROR]
    made, supply, _ = both_of(world, table)
    filled(world, made, supply, 10, repeat=False)

    assert supply.errors == []
    assert [row for row, _, _ in units_of(supply)] == wanted
    filled(world, made, supply, 11, repeat=False)
    assert [finding.code for finding in supply.errors] == ["T0834"]


def test_a_faster_engine_that_fails_ends_the_filling(world):
    """Nothing that it made may stay: the caller begins again with the reference."""
    made, supply, _ = both_of(world, [[[5]]] * 4)
    made.make = lambda _task: Made(engine_failed=True)
    with pytest.raises(EngineFailedError):
        filled(world, made, supply, 4, repeat=False)
