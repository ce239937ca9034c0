"""Evaluation sets: all rows in the order of their ids, with every prompt, and where rows fell."""

from types import SimpleNamespace

import pytest

from taskc.compiler.examples import Drop
from taskc.compiler.sequences import evaluation
from taskc.compiler.sequences.evaluation import evaluation_sets


def evaluated(world, tables, splits=("train", "dev"), sizes=()):
    """The evaluation sets of sources whose rows have these tokens by prompt."""
    build = world.build_of(tuple(tables))
    build = build.model_copy(update={"splits": splits, "evaluated": tuple(tables)})
    rows = {
        name: world.rows_of(name, len(table), sizes, split="dev") for name, table in tables.items()
    }
    loaded = {name: SimpleNamespace(rows={"dev": own}) for name, own in rows.items()}
    made = world.World(rows, {name: [[row] for row in table] for name, table in tables.items()})
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "make", made.make)
        found = evaluation_sets(
            build, loaded, world.NoStore(), world.Engine(), lambda *what: told.append(what)
        )
    assert sum(rows for _, _, rows in told) == sum(map(len, tables.values()))
    return found, rows


def test_rows_stand_by_their_ids_with_every_prompt(world):
    """Source after source, whatever the order in the files and however those are cut."""
    tables = {"ants": [[3, 4]] * 20, "bees": [[5]] * 7}
    found, rows = evaluated(world, tables, sizes=[3, 2])
    (dev,) = found.sets
    columns = dev.stream.examples
    expected = [
        (name, row, prompt)
        for name, table in tables.items()
        for row in sorted(range(len(table)), key=lambda row: bytes(rows[name].ids[row]))
        for prompt in range(len(table[row]))
    ]

    assert dev.split == "dev"
    assert expected == list(
        zip(
            [dev.stream.origins[index].source for index in dev.stream.origin],
            columns.row.tolist(),
            columns.prompt.tolist(),
            strict=True,
        )
    )


def test_rows_that_fall_are_counted_in_the_order_of_stages(world):
    """Delivered and dropped are all rows of a split; phrasing comes before encoding."""
    tables = {"ants": [[3], "too long", [4, 4], "too long", [5]]}
    found, _ = evaluated(world, tables)

    assert found.delivered == {("ants", "dev"): 3}
    assert found.drops == {("ants", "dev"): [(Drop("encode", "too long", world.AT), 2)]}
    assert found.errors == []


def test_a_split_without_rows_is_an_empty_set(world):
    """It has its place in the artefact all the same."""
    found, _ = evaluated(world, {"ants": []}, splits=("dev", "test"))

    assert [(each.split, len(each.stream)) for each in found.sets] == [("dev", 0), ("test", 0)]


def test_mistakes_are_reported(world):
    """A mistake in a row of an evaluation split stops the build."""
    found, _ = evaluated(world, {"ants": [[3], world.ERROR]})

    assert [finding.code for finding in found.errors] == ["T0834"]
