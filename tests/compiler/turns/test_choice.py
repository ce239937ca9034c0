"""The choice of a prompt for a chunk is the choice of each row by itself."""

from functools import partial

import numpy as np
import pytest

from taskc.compiler.keys import RowKey, Scope, rendezvous
from taskc.compiler.turns.choice import PromptChoice

LABELS = ["t.b", "t.a", "u.a", "t.c"]


@pytest.fixture
def rows(make):
    """Two hundred rows."""
    return make.rows_of([{"n": number // 2} for number in range(200)])


def chooser(scope, rows, repetition, labels):
    """The choice of rows among labels."""
    draws = partial(scope.draws, "s", rows.ids, rows.ordinals, repetition)
    return PromptChoice(labels, len(rows), draws)


@pytest.mark.parametrize("applying", [[0, 1, 2, 3], [1, 3], [2], [0, 2, 3]])
def test_it_is_the_rendezvous_of_keys(rows, applying):
    """With all prompts applying or some of them, in any order of declaration."""
    scope = Scope.mixture(7)
    choice = chooser(scope, rows, 3, LABELS)
    labels = [LABELS[index] for index in applying]
    expected = [
        applying[rendezvous(scope, "s", RowKey(row_id, ordinal), 3, labels)]
        for row_id, ordinal in zip(rows.ids, rows.ordinals, strict=True)
    ]

    assert [choice.of(row, applying) for row in range(len(rows))] == expected


@pytest.mark.parametrize("labels", [LABELS, LABELS[:1]])
def test_choices_run_down_the_draws(rows, labels):
    """The first is what a row draws; the next is what it would draw without the first."""
    scope = Scope.mixture(7)
    choice = chooser(scope, rows, 1, labels)
    numbers = np.arange(len(labels) + 1)
    for row in range(len(rows)):
        key = RowKey(rows.ids[row], rows.ordinals[row])
        left, expected = list(range(len(labels))), []
        while left:
            drawn = rendezvous(scope, "s", key, 1, [labels[index] for index in left])
            expected.append(left.pop(drawn))
        found = choice.of_choices(numbers, np.full(len(numbers), row))

        assert found.tolist() == [*expected, -1]
        assert [choice.of(row, range(len(labels)), c) for c in numbers] == [*expected, None]


def test_a_new_prompt_moves_only_rows_that_choose_it(rows):
    """So that adding one re-encodes what it takes and nothing else."""
    scope = Scope.mixture(7)
    before = chooser(scope, rows, 0, LABELS[:3])
    after = chooser(scope, rows, 0, LABELS)
    moved = [
        (before.of(row, range(3)), after.of(row, range(4)))
        for row in range(len(rows))
        if before.of(row, range(3)) != after.of(row, range(4))
    ]

    assert 0 < len(moved) < len(rows)
    assert {new for _, new in moved} == {3}
