"""Every build of the real packages, example by example, beside the oracle's own."""

import pytest
from oracle.builds import BUILDS  # found through conftest.py
from oracle.comparison import (
    compare_evaluation,
    compare_ledger,
    compare_mixture,
    compare_packs,
    compare_training,
)


@pytest.fixture(scope="module", params=sorted(BUILDS))
def name(request) -> str:
    """One build after the other: all its tests stand together, so a worker reads its data once."""
    return request.param


def test_every_training_example_is_the_one_worked_out_by_hand(name, case, built):
    """Row, prompt, option order, ids and labels of all examples, in the stream's order."""
    compared = compare_training(case(name), built(name))

    assert compared == built(name).manifest.splits["train"].examples


def test_every_evaluation_example_is_the_one_worked_out_by_hand(name, case, built):
    """Input, target, options, correct ones and references of all rows under all prompts."""
    compared = compare_evaluation(case(name), built(name))
    splits = built(name).manifest.splits

    assert compared == sum(counts.examples for split, counts in splits.items() if split != "train")


def test_every_row_is_in_the_ledger(name, case, built):
    """Rows counted by hand are delivered, moved, never asked for, or dropped by a clause."""
    assert compare_ledger(case(name), built(name)) > 0
    assert built(name).ledger.imbalances() == []


def test_every_prefix_of_the_stream_is_fair(name, case, built):
    """Quotas and caps are met exactly, and no source is ever a whole example from its share."""
    counts = compare_mixture(case(name), built(name))

    assert sum(counts.values()) == built(name).manifest.splits["train"].examples


def test_packs_are_as_few_as_seeing_the_whole_window_gives(name, case, built):
    """No window takes more packs than best-fit-decreasing over it, and no example is split."""
    packs, bins, fill = compare_packs(case(name), built(name))

    assert packs <= bins
    assert fill > 0.9


def test_exemplars_are_drawn_and_left_out_for_want_of_room(built):
    """All numbers of them occur in the build that is compared, and fewer than were drawn."""
    artifact = built("flan_small/shots")
    numbers = {len(row["exemplars"]) for row in artifact.examples.to_pylist()}
    shots = [row for row in artifact["dev"] if row["shots"] == 4]

    assert numbers == {0, 1, 2, 3, 4}
    assert 0 < sum(len(row["exemplars"]) < 4 for row in shots) < len(shots) / 2
    assert sum(entry.exemplars for entry in artifact.ledger.entries) > 0
