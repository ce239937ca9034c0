"""Boards: every number of every step, once, also of a run that was taken up again."""

import struct
import sys
from types import SimpleNamespace

import pytest

from taskc.runtime.artifact import ArtifactError

torch = pytest.importorskip("torch")
from taskc.runtime.training import metrics  # noqa: E402 (needs torch)
from taskc.runtime.training.step import Step  # noqa: E402


def steps_of(*numbers):
    """Steps of those numbers."""
    return [
        Step(
            step=n, steps=9, epoch=1, loss=n / 2, tokens=8, trained_tokens=4, lr=0.5,
            grad_norm=1.0, sources={"ants": n / 4},
        )
        for n in numbers
    ]  # fmt: skip


def events_in(folder):
    """What stands in the event files, one after another as they were written."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = []
    for file in sorted(folder.iterdir(), key=lambda each: int(each.suffix[1:])):
        content, place = file.read_bytes(), 0
        while place < len(content):
            (size,) = struct.unpack_from("<Q", content, place)
            found.append(event_pb2.Event.FromString(content[place + 12 : place + 12 + size]))
            place += 12 + size + 4
    return found


def test_tensorboard_has_every_number(tmp_path):
    """Of each step, under its number; and the steps come out as they went in."""
    pytest.importorskip("tensorboardX")
    steps = steps_of(1, 2)
    assert list(metrics.followed(steps, ["tensorboard"], tmp_path)) == steps
    events = events_in(tmp_path / "tensorboard")
    found = {(event.step, value.tag): value.simple_value
             for event in events for value in event.summary.value}  # fmt: skip

    assert len(found) == 2 * 7
    assert found[1, "loss"] == 0.5
    assert found[2, "sources/ants"] == 0.5
    assert found[2, "trained_tokens"] == 4


def test_tensorboard_forgets_what_is_taken_again(tmp_path):
    """A run that was killed after step 3 and goes on from step 3: its older step 3 is void."""
    pytest.importorskip("tensorboardX")
    list(metrics.followed(steps_of(1, 2, 3), ["tensorboard"], tmp_path))
    list(metrics.followed(steps_of(3, 4), ["tensorboard"], tmp_path))
    begins = [event.step for event in events_in(tmp_path / "tensorboard")
              if event.HasField("session_log")]  # fmt: skip

    assert begins == [1, 3]


def test_weights_and_biases_go_on_with_a_run(tmp_path, monkeypatch):
    """By the id of the first time; a run that begins anew is another one."""
    begun, logged = [], []

    def init(**given):
        begun.append(given)
        return SimpleNamespace(log=lambda numbers, step: logged.append((step, numbers)),
                               finish=lambda: logged.append("end"))  # fmt: skip

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init, __spec__="here"))
    (tmp_path / "run.json").write_text('{"artifact": "a/b"}')
    for numbers in ((1, 2), (2, 3), (1,)):
        list(metrics.followed(steps_of(*numbers), ["wandb"], tmp_path))
    ids = [given["id"] for given in begun]

    assert ids[0] == ids[1] != ids[2]
    assert begun[0]["config"] == {"artifact": "a/b"}
    assert begun[0]["resume"] == "allow"
    assert [each if each == "end" else each[0] for each in logged] == [
        1,
        2,
        "end",
        2,
        3,
        "end",
        1,
        "end",
    ]
    assert logged[0][1]["loss"] == 0.5


def test_what_is_not_installed_is_said_before_the_first_step(tmp_path, monkeypatch):
    """With the extra that brings it; no step is taken."""
    monkeypatch.setattr(metrics, "find_spec", lambda _: None)
    steps = iter(steps_of(1))
    with pytest.raises(ArtifactError, match=r"pip install 'taskc-lang\[wandb\]'"):
        metrics.followed(steps, ["wandb"], tmp_path)

    assert next(steps).step == 1
