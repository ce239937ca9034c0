"""Exemplars before examples: the longest beginning that there is room for, whatever the batches."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.demand.asks import Maker
from taskc.compiler.demand.columns import Examples
from taskc.compiler.exemplars import laying
from taskc.compiler.exemplars.laying import Exemplars, Room, Wanted, lay
from taskc.compiler.exemplars.pool import Pool
from taskc.compiler.keys import Scope
from taskc.compiler.turns.make import Made

# Of a row: tokens of each part of its example, and how many of them are trained.
units = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 4)), min_size=1, max_size=3)
tables = st.lists(st.lists(units, min_size=1, max_size=8), min_size=1, max_size=3)
rooms = st.builds(
    Room, st.integers(0, 40), st.integers(0, 3), st.integers(0, 1), is_whole=st.booleans()
)


def columns(table):
    """The examples of rows, each by its one prompt."""
    rows = [
        (row, part, untrained + trained, trained)
        for row, parts in enumerate(table)
        for part, (untrained, trained) in enumerate(parts)
    ]
    found = np.array(rows, np.int64).reshape(-1, 4)
    zeros = np.zeros(len(rows), np.uint32)
    return Examples(
        row=found[:, 0].astype(np.uint32),
        repetition=zeros,
        prompt=zeros.astype(np.uint16),
        part=found[:, 1].astype(np.uint16),
        pointer=np.arange(len(rows), dtype=np.uint64),
        tokens=found[:, 2].astype(np.uint32),
        trained=found[:, 3].astype(np.uint32),
        trimmed=zeros,
    )


def wanted_of(world, tables_):
    """What is wanted of sources whose rows are all in their pools."""
    names = [f"s{number}" for number in range(len(tables_))]
    build = world.build_of(names)
    found = []
    for source, table in zip(build.sources, tables_, strict=True):
        keys = world.rows_of(source.name, len(table))
        maker = Maker(build, source, keys, world.NoStore(), evaluation=False)
        examples = columns(table)
        rows = np.arange(len(table), dtype=np.uint32)
        found.append(Wanted(Pool(maker, rows, examples), keys, examples))
    return found


def laid(world, tables_, between, room):
    """What is laid, with a `make` that nobody should need but for rows without a whole example."""
    nothing = SimpleNamespace(map=lambda _run, tasks, **_: (world_made(task) for task in tasks))
    return lay(wanted_of(world, tables_), between, Scope.mixture(world.SEED), room, nothing)


def world_made(task):
    """No example of anybody."""
    return Made(family=task.range.digest)


@given(tables, st.tuples(st.integers(0, 2), st.integers(0, 3)), rooms, st.integers(1, 9))
def test_as_many_stand_there_as_fit(world, tables_, numbers, room, at_a_time):
    """All that are drawn where there is room without end; else the first of those that fit."""
    between = (numbers[0], max(1, sum(numbers)))
    endless = room._replace(limit=1 << 30)
    everything = laid(world, tables_, between, endless)
    found = laid(world, tables_, between, room)
    for table, all_, own in zip(tables_, everything, found, strict=True):
        examples = columns(table)
        sizes = bank_sizes(table)
        drawn, kept = listed(all_.exemplars), listed(own.exemplars)
        for number in range(len(examples)):
            tokens, trained = int(examples.tokens[number]), int(examples.trained[number])
            given_ = tokens if room.is_whole else tokens - trained - room.num_fixed
            expected, added = [], 0
            for item in drawn[number]:
                more = sizes[item] - room.num_bos
                if given_ + added + more > room.limit:
                    break
                expected.append(item)
                added += more

            assert kept[number] == expected
            assert own.added[number] == added
        assert own.num_short == all_.num_short
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(laying, "DRAWN", at_a_time)
        for own, other in zip(found, laid(world, tables_, between, room), strict=True):
            assert listed(other.exemplars) == listed(own.exemplars)
            assert other.added.tolist() == own.added.tolist()
            assert other.num_short == own.num_short


def bank_sizes(table):
    """Tokens of the whole examples, as they stand in the pool's bank."""
    return [sum(parts[0]) for parts in table if len(parts) == 1]


def listed(exemplars: Exemplars):
    """Exemplars as a list for each example."""
    ends = np.cumsum(exemplars.counts, dtype=np.int64)
    return [each.tolist() for each in np.split(exemplars.items, ends[:-1])] if len(ends) else []


def test_parts_of_an_example_have_the_same_exemplars(world):
    """Where they fit: a part with a longer input may have fewer."""
    table = [[(2, 1)], [(3, 1)], [(4, 1)], [(1, 1), (1, 1), (12, 1)]]
    room = Room(14, 0, 0, is_whole=False)
    (found,) = laid(world, [table], (3, 3), room)
    own = listed(found.exemplars)

    assert own[3] == own[4]
    assert len(own[3]) == 3
    assert own[5] == []


def test_columns_are_joined_and_cut():
    """Nothing, one piece, and several."""
    one = Exemplars(np.array([2, 0], np.uint16), np.array([7, 8], np.uint32))
    other = Exemplars(np.array([1], np.uint16), np.array([9], np.uint32))
    joined = Exemplars.joined([Exemplars(), one, other])

    assert listed(joined) == [[7, 8], [], [9]]
    assert listed(joined.first(2)) == [[7, 8], []]
    assert listed(Exemplars.joined([])) == []
