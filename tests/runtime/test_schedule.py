"""The schedule: a pure function that reads everything once an epoch, whoever reads it."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.schedule import Schedule, examples, schedule, sequences, tokens

windows = st.lists(st.integers(1, 7), max_size=6).map(tuple)


def epoch_of(windows_, rows_per_step, epoch, world_size, seed=3):
    """The batches of an epoch: by step, then rank."""
    steps = -(-sum(windows_) // rows_per_step)
    return [
        [
            schedule(
                windows_, rows_per_step, seed=seed, epoch=epoch, step=step, rank=rank,
                world_size=world_size,
            ).tolist()
            for rank in range(world_size)
        ]
        for step in range(steps)
    ]  # fmt: skip


@given(windows, st.integers(1, 4), st.integers(0, 3), st.integers(1, 4))
def test_an_epoch_reads_every_row_once(windows_, rows_per_step, epoch, world_size):
    """No row is lost or doubled among ranks, and a partial last step is kept."""
    batches = epoch_of(windows_, rows_per_step, epoch, world_size)
    rows = [row for step in batches for rank in step for row in rank]

    assert sorted(rows) == list(range(sum(windows_)))
    assert all(sum(map(len, step)) == rows_per_step for step in batches[:-1])
    assert all(max(map(len, step)) - min(map(len, step)) <= 1 for step in batches)


@given(windows, st.integers(1, 7), st.integers(0, 3), st.integers(2, 4))
def test_ranks_share_what_one_process_would_read(windows_, rows_per_step, epoch, world_size):
    """A step reads the same rows, however many share them."""
    alone = [set(step[0]) for step in epoch_of(windows_, rows_per_step, epoch, 1)]
    shared = [
        set(itertools.chain(*step)) for step in epoch_of(windows_, rows_per_step, epoch, world_size)
    ]

    assert alone == shared


@given(windows, st.integers(1, 3))
def test_later_epochs_permute_windows_and_rows_inside_them(windows_, epoch):
    """A window's rows stay together, so its shares of the mixture do."""
    window_of = np.repeat(np.arange(len(windows_)), windows_)
    rows = [row for step in epoch_of(windows_, 1, epoch, 1) for rank in step for row in rank]
    order = [int(window_of[row]) for row in rows]

    assert len(list(itertools.groupby(order))) == len(windows_)


def test_the_first_epoch_is_read_as_written():
    """Whatever the seed."""
    for seed in (0, 1):
        assert epoch_of((3, 2), 5, 0, 1, seed) == [[[0, 1, 2, 3, 4]]]


def test_epochs_and_seeds_differ():
    """An order is not met twice."""
    orders = {
        str(epoch_of((20, 20, 20), 60, epoch, 1, seed)) for epoch in (1, 2) for seed in (0, 1, 2)
    }

    assert len(orders) == 6


def test_the_order_is_part_of_the_promise():
    """A run that is taken up with another version reads what it would have read."""
    assert epoch_of((4, 3, 2), 9, 1, 1) == [[[7, 8, 0, 2, 3, 1, 6, 4, 5]]]


def test_another_process_finds_the_same_order(tmp_path):
    """No hash seed and no state gets in."""
    program = (
        "from taskc.runtime.schedule import schedule\n"
        "print(schedule((50,), 50, seed=3, epoch=2, step=0, rank=0, world_size=1).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == str(epoch_of((50,), 50, 2, 1)[0][0])


def test_batches_are_measured_in_three_ways(folder):
    """Sequences; tokens, as whole sequences; examples."""
    manifest = open_artifact(folder).manifest
    of = [
        Schedule.of(manifest, rule, seed=0, world_size=1)
        for rule in (sequences(4), tokens(64), examples(7))
    ]

    assert [(s.rows_per_step, s.num_rows, s.steps_per_epoch) for s in of] == [
        (4, 17, 5),
        (4, 17, 5),
        (7, 40, 6),
    ]
    assert of[2].windows == (8, 8, 8, 8, 8)


@pytest.mark.parametrize(("count", "nearest"), [(15, "16"), (79, "64 or 80")])
def test_tokens_that_are_no_whole_sequences_are_refused(folder, count, nearest):
    """A batch of fewer slots than were asked for would be another recipe."""
    with pytest.raises(ArtifactError, match=f"the length of a sequence: {nearest}, found {count}"):
        Schedule.of(open_artifact(folder).manifest, tokens(count), seed=0, world_size=1)


def test_the_last_batch_of_examples_is_short_and_kept(folder):
    """A thousand examples by 32 are 32 steps an epoch, as LIMA's were; here forty by seven."""
    plan = Schedule.of(open_artifact(folder).manifest, examples(7), seed=0, world_size=2)
    sizes = [sum(len(plan.rows(epoch=0, step=step, rank=r)) for r in (0, 1)) for step in range(6)]

    assert sizes == [7, 7, 7, 7, 7, 5]
    assert Schedule(examples(32), (1000,), 32, seed=0, world_size=1).steps_per_epoch == 32


@pytest.mark.parametrize("rule", [sequences, tokens, examples])
def test_an_empty_batch_is_refused(rule):
    """So is a negative one."""
    with pytest.raises(ValueError, match="at least 1"):
        rule(0)
