"""Killed and taken up again, a run is the run that was not: to the bit, with dropout on."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.train import train
from taskc.runtime.training.machine import Machine

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from taskc.runtime.training import checkpoint  # noqa: E402 (needs torch)
from taskc.runtime.training.step import Stepper  # noqa: E402

EVERY_THIRD = Machine(checkpoint_every=3)


@pytest.fixture
def block(block_of):
    """Two epochs of ten examples a step with dropout on the residual branches: eight steps."""
    return block_of("lima", ("examples", 10), epochs=2, lr=0.01, last_lr=0.001,
                    dropout={"call": "ramp", "arguments": {"0": 0.1, "1": 0.3}})  # fmt: skip


def bytes_of(out):
    """What a run leaves: every step of its log, its weights, those of its epochs."""
    lines = (out / "log.jsonl").read_text().splitlines()
    steps = [line for line in lines if "resumed_at" not in line]
    files = sorted(out.rglob("*.safetensors"))
    return steps, {str(file.relative_to(out)): file.read_bytes() for file in files}


def in_a_process(work):
    """Runs `work` in a process of its own and returns its exit code, negative for a signal."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(timeout=120)
    return process.exitcode


def until_killed(artifact, block, out, *, at_step):
    """Trains until the process kills itself after a step; the step's checkpoint is written."""

    def work():
        torch.set_num_threads(1)
        for step in train(artifact, block, out, machine=EVERY_THIRD, resume="same"):
            if step.step == at_step:
                os.kill(os.getpid(), signal.SIGKILL)

    return in_a_process(work)


def test_killed_three_times_it_is_the_run_that_was_not(folder, tmp_path, block):
    """Between checkpoints, at one, and at the end of an epoch; every byte is the same."""
    artifact = open_artifact(folder)
    whole = list(train(artifact, block, tmp_path / "whole", machine=EVERY_THIRD))
    for at_step in (2, 5, 6, 7):
        out = tmp_path / "killed"

        assert until_killed(artifact, block, out, at_step=at_step) == -signal.SIGKILL
    rest = list(train(artifact, block, out, machine=EVERY_THIRD, resume="same"))

    assert [step.step for step in whole] == list(range(1, 9))
    assert [step.step for step in rest] == [7, 8]
    assert bytes_of(tmp_path / "whole") == bytes_of(out)
    assert sorted(bytes_of(out)[1]) == [
        f"{name}/model.safetensors" for name in ("epochs/01", "epochs/02", "model")
    ]
    assert not list(out.glob("*checkpoint*"))


@pytest.mark.parametrize("moment", ["before", "between"])
def test_killed_while_saving_a_state_is_there(folder, tmp_path, block, moment, monkeypatch):
    """Before the first rename and between the two: the old state is found, never half a one."""
    artifact, out = open_artifact(folder), tmp_path / "out"
    renames, renamed = [], Path.rename

    def rename(self, target):
        if self.name in {"checkpoint", ".checkpoint.new"}:
            renames.append(self.name)
        number = {"before": "checkpoint", "between": ".checkpoint.new"}[moment]
        if self.name == number and len(renames) > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return renamed(self, target)

    def work():
        torch.set_num_threads(1)
        monkeypatch.setattr("pathlib.Path.rename", rename)
        for _ in train(artifact, block, out, machine=EVERY_THIRD):
            pass

    assert in_a_process(work) == -signal.SIGKILL
    found = checkpoint.find(out)
    rest = list(train(artifact, block, out, machine=EVERY_THIRD, resume="same"))
    list(train(artifact, block, tmp_path / "whole", machine=EVERY_THIRD))

    assert found.position == 3
    assert [step.step for step in rest] == [4, 5, 6, 7, 8]
    assert bytes_of(tmp_path / "whole") == bytes_of(out)


def test_from_one_rank_to_two_and_back(folder, tmp_path, block, in_ranks, monkeypatch):
    """The same examples in each step, the same noise, losses within 1e-5."""
    artifact, out = open_artifact(folder), tmp_path / "ranks"
    seen = tmp_path / "seen"
    seen.mkdir()
    take = Stepper.take

    def noting(self, pieces, *others):
        ids = np.unique(np.concatenate([each.piece.example_BT.reshape(-1) for each in pieces]))
        with (seen / f"{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps(ids[ids >= 0].tolist()) + "\n")
        return take(self, pieces, *others)

    monkeypatch.setattr(Stepper, "take", noting)
    whole = list(train(artifact, block, tmp_path / "whole"))
    (own,) = seen.iterdir()
    expected = [sorted(json.loads(line)) for line in own.read_text().splitlines()]
    own.unlink()

    def some(rank, last):
        losses = []
        for step in train(artifact, block, out, machine=Machine(checkpoint_every=1), resume="same"):
            losses.append(step.loss)
            if step.step == last:
                break
        return losses

    losses = in_ranks(1, lambda rank: some(rank, 3))[0]
    losses += in_ranks(2, lambda rank: some(rank, 6))[0]
    losses += in_ranks(1, lambda rank: some(rank, 8))[0]
    read = [[json.loads(line) for line in file.read_text().splitlines()] for file in seen.iterdir()]
    shares = [lines for lines in read if max(map(len, lines)) < 10]
    two = [sorted(a + b) for a, b in zip(*shares, strict=True)]
    one = sorted((lines for lines in read if lines not in shares), key=len)

    assert losses == pytest.approx([step.loss for step in whole], abs=1e-5)
    assert expected[3:6] == two
    assert sorted(map(len, one)) == [2, 3]
    assert [sorted(line) for lines in one for line in lines] == expected[6:8] + expected[:3]
    notes = [line for line in map(json.loads, (out / "log.jsonl").read_text().splitlines())
             if "resumed_at" in line]  # fmt: skip
    assert [note["changed"]["world_size"] for note in notes] == [
        {"before": 1, "now": 2},
        {"before": 2, "now": 1},
    ]


def test_sigterm_saves_and_stops(folder, tmp_path, block):
    """After the step in hand; the rest follows when it is resumed, and is what would have been."""
    artifact, out = open_artifact(folder), tmp_path / "out"
    taken = []
    for step in train(artifact, block, out):
        taken.append(step)
        if step.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    assert [step.step for step in taken] == [1, 2, 3]
    assert checkpoint.find(out).position == 3
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    rest = list(train(artifact, block, out, resume="same"))
    whole = list(train(artifact, block, tmp_path / "whole"))
    assert [*taken, *rest] == whole


# ---- what is refused ---------------------------------------------------------------------------


@pytest.fixture
def stopped(folder, tmp_path, block):
    """The folder of a run that was stopped after its third step."""
    for step in train(open_artifact(folder), block, tmp_path / "out", machine=EVERY_THIRD):
        if step.step == 3:
            break
    return tmp_path / "out"


def test_an_unfinished_run_is_not_overwritten(folder, stopped, block):
    """Days of work don't go because a word was forgotten."""
    with pytest.raises(ArtifactError, match="--resume to go on with it, found one at step 3"):
        train(open_artifact(folder), block, stopped)


def test_another_recipe_is_refused_or_noted(folder, stopped, block_of):
    """By the name of the number that changed; overridden, the log says what did."""
    other = block_of("lima", ("examples", 10), epochs=3, lr=0.01, last_lr=0.001,
                     dropout={"call": "ramp", "arguments": {"0": 0.1, "1": 0.3}})  # fmt: skip
    artifact = open_artifact(folder)
    with pytest.raises(ArtifactError, match=r"settings\.recipe\.arguments\.epochs: expected 2"):
        train(artifact, other, stopped, resume="same")
    steps = list(train(artifact, other, stopped, resume="changed"))
    lines = [json.loads(line) for line in (stopped / "log.jsonl").read_text().splitlines()]

    assert [step.step for step in steps] == list(range(4, 13))
    assert lines[3] == {
        "resumed_at": 3,
        "changed": {"settings.recipe.arguments.epochs": {"before": 2, "now": 3}},
    }


def test_another_artefact_is_refused(made, stopped, tmp_path, block):
    """Its rows are others, whatever the settings say."""
    other = made.write_examples(tmp_path / "other", made.seeded_examples(40, seed=9))
    with pytest.raises(ArtifactError, match="content_digest: expected"):
        train(open_artifact(other), block, stopped, resume="same")


def test_a_finished_run_is_left_as_it_is(folder, tmp_path, block):
    """Resumed, it takes no step; nothing to resume, it begins."""
    artifact, out = open_artifact(folder), tmp_path / "out"
    steps = list(train(artifact, block, out, resume="same"))
    before = bytes_of(out)

    assert len(steps) == 8
    assert list(train(artifact, block, out, resume="same")) == []
    assert bytes_of(out) == before


def test_adafactor_goes_on_to_the_bit(folder, tmp_path, block_of):
    """Its state is a row, a column and a count, and comes back as it was."""
    block = block_of("flan", ("tokens", 64), steps=7, lr=0.01)
    artifact = open_artifact(folder)
    list(train(artifact, block, tmp_path / "whole", machine=EVERY_THIRD))
    for at_step in (4, 6):
        until_killed(artifact, block, tmp_path / "killed", at_step=at_step)
    list(train(artifact, block, tmp_path / "killed", machine=EVERY_THIRD, resume="same"))

    assert bytes_of(tmp_path / "whole") == bytes_of(tmp_path / "killed")


SHARDED = {
    "flan": (("tokens", 64), {"steps": 9}),
    "sft": (("tokens", 64), {"steps": 9, "dropout": 0.2}),
    "lima": (
        ("examples", 8),
        {"epochs": 2, "dropout": {"call": "ramp", "arguments": {"0": 0.1, "1": 0.3}}},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", SHARDED)
def test_sharded_whole_and_sharded_again(folder, tmp_path, block_of, in_ranks, recipe):
    """A state saved over two ranks is taken up by one, and by two again: losses within 1e-5."""
    batch, more = SHARDED[recipe]
    block = block_of(recipe, batch, lr=0.01, **more)
    artifact, out = open_artifact(folder), tmp_path / "out"
    whole = [step.loss for step in train(artifact, block, tmp_path / "whole")]

    def some(last, *, shard):
        machine = Machine(checkpoint_every=1, shard=shard)
        losses = []
        for step in train(artifact, block, out, machine=machine, resume="same"):
            losses.append(step.loss)
            if step.step == last:
                break
        return losses

    losses = in_ranks(2, lambda _: some(3, shard=True))[0]
    losses += in_ranks(1, lambda _: some(6, shard=False))[0]
    losses += in_ranks(2, lambda _: some(0, shard=True))[0]

    assert losses == pytest.approx(whole, abs=1e-5)
    assert (out / "model" / "model.safetensors").is_file()
