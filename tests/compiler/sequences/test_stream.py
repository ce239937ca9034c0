"""The stream's columns against lists: order, cuts, pointers, packs and their keys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.demand import supply as supplies
from taskc.compiler.demand.columns import split_pointers
from taskc.compiler.demand.supply import Supply, fill
from taskc.compiler.keys import RowKey, Scope
from taskc.compiler.sequences import stream as streams
from taskc.compiler.sequences.pack import pack
from taskc.compiler.sequences.stream import packed, training_stream

tables = st.lists(
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=3), min_size=1, max_size=8),
    min_size=1,
    max_size=4,
)


def filled(world, table_of, wants, **settings):
    """A build, and supplies with so many units each."""
    names = [f"s{index}" for index in range(len(table_of))]
    rows = {
        name: world.rows_of(name, len(table), [len(table) // 2])
        for name, table in zip(names, table_of, strict=True)
    }
    outcomes = {name: [[row] for row in table] for name, table in zip(names, table_of, strict=True)}
    build = world.build_of(names, **settings)
    own = [Supply(build, source, rows[source.name], world.NoStore()) for source in build.sources]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supplies, "make", world.World(rows, outcomes).make)
        for repeat in (False, True):
            assert sum(fill(own, wants, world.Engine(), repeat=repeat)) >= 0
    return build, own


@given(tables, st.data())
def test_examples_stand_in_the_order_of_their_units_places(world, table_of, data):
    """Each place takes the next unit of its supply, with all its parts; pointers name segments."""
    places = data.draw(st.lists(st.integers(0, len(table_of) - 1), max_size=30))
    wants = [places.count(index) for index in range(len(table_of))]
    build, own = filled(world, table_of, wants)
    expected = []
    for place, index in enumerate(places):
        columns, maker = own[index].examples, own[index].maker
        number = places[:place].count(index)
        firsts = [*np.flatnonzero(columns.part == 0).tolist(), len(columns)]
        segments = list(maker.segments)
        for example in range(firsts[number], firsts[number + 1]):
            segment, entry = split_pointers(columns.pointer[example : example + 1])
            expected.append(
                (
                    maker.source.name,
                    int(columns.row[example]),
                    int(columns.repetition[example]),
                    int(columns.part[example]),
                    int(columns.tokens[example]),
                    segments[int(segment[0])],
                    int(entry[0]),
                )
            )
    stream = training_stream(own, np.array(places, np.uint16))
    segment, entry = split_pointers(stream.examples.pointer)
    columns = stream.examples
    found = zip(
        [stream.origins[index].source for index in stream.origin.tolist()],
        *(getattr(columns, name).tolist() for name in ("row", "repetition", "part", "tokens")),
        [stream.segments[index] for index in segment.tolist()],
        entry.tolist(),
        strict=True,
    )

    assert list(found) == expected
    assert stream.sources(np.arange(len(stream))).tolist() == stream.origin.tolist()
    assert [source.name for source in build.sources] == [o.source for o in stream.origins]


@given(tables, st.integers(1, 9), st.integers(1, 20))
def test_packs_do_not_depend_on_how_much_is_packed_at_a_time(world, table_of, window, at_a_time):
    """Windows are packed apart, so some at a time give what all together give, by the same keys."""
    wants = [2 * len(table) for table in table_of]
    build, own = filled(world, table_of, wants, window=window)
    stream = training_stream(own, np.repeat(np.arange(len(wants)), wants).astype(np.uint16))
    scope = Scope.mixture(world.SEED)
    columns = stream.examples
    keys = []
    for index in range(len(stream)):
        origin = stream.origins[stream.origin[index]]
        key = RowKey(bytes(origin.rows.ids[columns.row[index]]), 0)
        name = f"pack/{columns.part[index]}"
        keys.append(scope.draw(origin.source, key, int(columns.repetition[index]), name))
    whole = pack(columns.tokens, length=64, window=window, keys=np.array(keys, np.uint64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "PACKED_EXAMPLES", at_a_time)
        packs = packed(build, stream)

    assert packs.order.tolist() == whole.order.tolist()
    assert packs.offsets.tolist() == whole.offsets.tolist()


def test_an_example_costs_few_bytes(world):
    """Columns that are all zeros take nothing: 18 bytes an example, and two for its place."""
    _, own = filled(world, [[[3]] * 500, [[6]] * 500], [500, 500])
    stream = training_stream(own, np.tile(np.arange(2, dtype=np.uint16), 500))
    columns = [getattr(stream.examples, name) for name in stream.examples.names()]

    assert sum(column.nbytes for column in columns if column.strides != (0,)) == 18 * 1_000
    assert stream.origin.nbytes == 2 * 1_000
