"""The states after the last two epochs: kept, gone back to, and never half a one."""

import json

import pytest

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.train import train
from taskc.runtime.training.machine import Machine

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from taskc.runtime.training import checkpoint, run  # noqa: E402 (needs torch)

RAMP = {"call": "ramp", "arguments": {"0": 0.1, "1": 0.3}}


@pytest.fixture
def lima_of(block_of):
    """So many epochs of four steps, with dropout and a rate that stays."""

    def make(epochs):
        return block_of("lima", ("examples", 10), epochs=epochs, lr=0.01, last_lr=0.01,
                        dropout=RAMP)  # fmt: skip

    return make


def left_by(out):
    """The losses of a run's log and the bytes of its models."""
    lines = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    losses = [line["loss"] for line in lines if "loss" in line]
    return losses, {
        str(file.relative_to(out)): file.read_bytes() for file in sorted(out.rglob("*.safetensors"))
    }


def states(out):
    """The epochs whose state there is, and at which step each stands."""
    kept = {each.name: checkpoint.find_kept(out, int(each.name)) for each in out.glob("states/*")}
    return {name: found.position for name, found in sorted(kept.items())}


def test_weights_of_all_epochs_and_states_of_two(folder, tmp_path, lima_of):
    """While it runs and when it is done; a state is parameters, optimizer and position."""
    seen = {}
    for step in train(open_artifact(folder), lima_of(4), tmp_path):
        seen[step.step] = states(tmp_path)

    assert seen[5] == {"01": 4}
    assert seen[12] == {"02": 8, "03": 12}
    assert states(tmp_path) == {"03": 12, "04": 16}
    assert sorted(each.name for each in tmp_path.glob("epochs/*")) == ["01", "02", "03", "04"]
    assert sorted(each.name for each in (tmp_path / "states" / "04").iterdir()) == [
        ".metadata", "__0_0.distcp", "state.json",
    ]  # fmt: skip
    assert not (tmp_path / "checkpoint").exists()


def test_gone_back_it_is_the_run_that_it_was(folder, tmp_path, lima_of):
    """From the last epoch but one, of a run that is done: to the bit, log and models."""
    artifact = open_artifact(folder)
    list(train(artifact, lima_of(3), tmp_path))
    whole = left_by(tmp_path)
    begun = train(artifact, lima_of(3), tmp_path, resume="same", from_epoch=2)

    assert states(tmp_path) == {"02": 8}
    assert sorted(each.name for each in tmp_path.glob("epochs/*")) == ["01", "02"]
    assert [step.step for step in begun] == [9, 10, 11, 12]
    assert left_by(tmp_path) == whole
    assert states(tmp_path) == {"02": 8, "03": 12}


def test_gone_back_and_killed_it_goes_on_from_there(folder, tmp_path, lima_of):
    """The state that was gone back to is the last one from then on."""
    artifact = open_artifact(folder)
    list(train(artifact, lima_of(3), tmp_path))
    next(train(artifact, lima_of(3), tmp_path, resume="same", from_epoch=2))
    rest = train(artifact, lima_of(3), tmp_path, resume="same")

    assert [step.step for step in rest] == [9, 10, 11, 12]


def test_a_finished_run_is_made_longer(folder, tmp_path, lima_of):
    """From its last state, with what has changed in the log; as if it had been longer at once."""
    artifact = open_artifact(folder)
    list(train(artifact, lima_of(2), tmp_path / "short"))
    list(train(artifact, lima_of(3), tmp_path / "long"))
    with pytest.raises(ArtifactError, match="epochs: expected 2"):
        train(artifact, lima_of(3), tmp_path / "short", resume="same", from_epoch=2)
    list(train(artifact, lima_of(3), tmp_path / "short", resume="changed", from_epoch=2))

    assert left_by(tmp_path / "short") == left_by(tmp_path / "long")


def test_killed_before_a_state_was_kept_it_is_kept_later(folder, tmp_path, lima_of, monkeypatch):
    """The checkpoint is there, its second name not yet."""
    artifact = open_artifact(folder)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "keep", killed)
    with pytest.raises(KeyboardInterrupt):
        list(train(artifact, lima_of(2), tmp_path))
    monkeypatch.undo()

    assert states(tmp_path) == {}
    list(train(artifact, lima_of(2), tmp_path, resume="same"))
    assert states(tmp_path) == {"01": 4, "02": 8}


def test_an_epoch_without_a_state_is_refused(folder, tmp_path, lima_of, block_of):
    """With those that there are, and without a change to what is there."""
    artifact = open_artifact(folder)
    list(train(artifact, lima_of(3), tmp_path / "lima"))
    with pytest.raises(ArtifactError, match="one of epochs 02, 03, found after epoch 1"):
        train(artifact, lima_of(3), tmp_path / "lima", resume="same", from_epoch=1)
    with pytest.raises(ArtifactError, match="no epoch's was kept"):
        train(artifact, lima_of(3), tmp_path / "none", resume="same", from_epoch=1)

    assert states(tmp_path / "lima") == {"02": 8, "03": 12}
    list(train(artifact, block_of("plain", ("sequences", 4), steps=5, lr=0.01), tmp_path / "lima"))
    assert states(tmp_path / "lima") == {}


def test_states_are_kept_where_files_have_one_name(folder, tmp_path, lima_of, monkeypatch):
    """They are copied on a disk that knows no links."""

    def without(*_):
        raise OSError

    monkeypatch.setattr("pathlib.Path.hardlink_to", without)
    list(train(open_artifact(folder), lima_of(1), tmp_path, machine=Machine(checkpoint_every=1)))

    assert states(tmp_path) == {"01": 4}
