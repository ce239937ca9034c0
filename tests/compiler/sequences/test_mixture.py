"""The mixture: who is asked for how much, and where the stream ends."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.demand import supply as supplies
from taskc.compiler.demand.supply import Supply
from taskc.compiler.sequences import mixture
from taskc.compiler.sequences.mixture import mix
from taskc.compiler.sequences.order import stream

rows_of_tokens = st.lists(
    st.one_of(st.lists(st.integers(1, 30), min_size=1, max_size=2), st.sampled_from(["too long"])),
    min_size=1,
    max_size=12,
).filter(lambda rows: any(not isinstance(row, str) for row in rows))


def mixed_of(world, tables, build):
    """The mixture over sources whose rows have the given outcomes in every repetition."""
    rows = {name: world.rows_of(name, len(table)) for name, table in tables.items()}
    made = world.World(rows, {name: [[row] for row in table] for name, table in tables.items()})
    own = [Supply(build, source, rows[source.name], world.NoStore()) for source in build.sources]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supplies, "make", made.make)
        return own, mix(build, own, world.Engine(), lambda _rows: None)


@given(st.lists(rows_of_tokens, min_size=1, max_size=4), st.integers(1, 1_500))
def test_a_total_in_tokens_is_the_shortest_prefix_that_reaches_it(world, tables, num_tokens):
    """Place after place in the stream's order, each with its source's next unit."""
    names = [f"s{index}" for index in range(len(tables))]
    build = world.build_of(names, total=(num_tokens, "tokens"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixture, "AHEAD_UNITS", 1)
        own, mixed = mixed_of(world, dict(zip(names, tables, strict=True)), build)
    left = [iter(each.unit_tokens().tolist()) for each in own]
    places, delivered = [], 0
    for index in stream(mixed.weights):
        if delivered >= num_tokens:
            break
        places.append(index)
        delivered += next(left[index])

    assert mixed.errors == []
    assert mixed.places.tolist() == places
    assert mixed.num_units == [places.count(index) for index in range(len(names))]


@given(st.lists(rows_of_tokens, min_size=1, max_size=4), st.integers(1, 4))
def test_epochs_hold_every_survivor_as_often(world, tables, epochs):
    """Weights are the survivors' numbers, and the stream is as long as so many epochs."""
    names = [f"s{index}" for index in range(len(tables))]
    build = world.build_of(names, total=(epochs, "epochs"))
    own, mixed = mixed_of(world, dict(zip(names, tables, strict=True)), build)
    survivors = [sum(not isinstance(row, str) for row in table) for table in tables]

    assert mixed.num_units == [epochs * count for count in survivors]
    assert mixed.places.tolist() == list(islice(stream(survivors), epochs * sum(survivors)))
    assert [each.num_units for each in own] == mixed.num_units


def test_quotas_are_met_or_the_shortage_is_told(world):
    """`take` asks for survivors; `at most` takes what there is; others fill the rest."""
    tables = {"few": [[5], "too long", [6]], "many": [[7]] * 10}
    for at_most, codes in ((False, ["T0851"]), (True, [])):
        take = world.take_of("few", 3, at_most=at_most)
        build = world.build_of(["few", "many"], takes=[take])
        _, mixed = mixed_of(world, tables, build)

        assert [finding.code for finding in mixed.errors] == codes
        assert mixed.num_units == ([0, 0] if codes else [2, 10])


def test_a_shortage_names_the_source_as_the_spec_does(world):
    """With the package that it is imported from."""
    take = world.take_of("few", 3).model_copy(update={"text": "other.few"})
    _, mixed = mixed_of(world, {"few": [[5]]}, world.build_of(["few"], takes=[take]))

    assert "`take 3 from other.few`: only 1 examples survive" == mixed.errors[0].message


def test_a_source_is_repeated_as_often_as_it_may(world):
    """`repeat at most` stops a build that would go round more often, and names the source."""
    for limit, codes in ((3, []), (2, ["T0852"])):
        build = world.build_of(["s"], total=(9, "examples"), repeat=limit)
        _, mixed = mixed_of(world, {"s": [[5], [6], [7]]}, build)

        assert [finding.code for finding in mixed.errors] == codes


def test_mistakes_in_rows_are_the_mixture_s_errors(world):
    """No stream is made of what has a mistake."""
    _, mixed = mixed_of(world, {"s": [[5], world.ERROR]}, world.build_of(["s"]))

    assert [finding.code for finding in mixed.errors] == ["T0834"]
    assert len(mixed.places) == 0


def test_nothing_survives_of_anything(world):
    """An empty stream is no error here: `load` tells of sources without a row."""
    _, mixed = mixed_of(world, {"s": ["too long"]}, world.build_of(["s"]))

    assert (mixed.places.tolist(), mixed.weights, mixed.errors) == ([], [0], [])
    assert mixed.places.dtype == np.uint16


def test_only_what_is_taken_is_made(world):
    """A cap is counted in survivors, and no row is tried beyond those that it takes."""
    rate = plan.ProportionalRate(cap=4, limit=None)
    own, mixed = mixed_of(world, {"s": [[5]] * 50}, world.build_of(["s"], rate=rate))

    assert mixed.num_units == [4]
    assert len(own[0].examples) == 4
