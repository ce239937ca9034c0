"""The choice: of what was read, with its reason, and the run's model is the chosen one."""

import json

import pytest

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.selection.answers import Answer, Reading
from taskc.runtime.selection.choice import choose, discard, show

pytest.importorskip("torch")


@pytest.fixture
def read(run):
    """The run, with answers of its epochs 1 and 2 shown."""
    answers = {epoch: Answer(f"answer {epoch}", has_ended=True) for epoch in (1, 2)}
    show(run, "go", "dev", [Reading("ants", "ask", answers)])
    return run


def weights(folder):
    """Of the model in a folder."""
    return (folder / "model.safetensors").read_bytes()


def test_the_chosen_epoch_is_the_run_s_model(read):
    """Weights and the rest of the folder, with the choice in it; the epoch's own stays as it is."""
    before = (read / "epochs" / "02" / "taskc.json").read_text()
    assert weights(read / "model") != weights(read / "epochs" / "02")
    choose(read, 2, "it ends its answers")
    note = json.loads((read / "model" / "taskc.json").read_text())

    assert weights(read / "model") == weights(read / "epochs" / "02")
    assert (note["epoch"], note["because"]) == (2, "it ends its answers")
    assert note["stops_at"][0] == 98
    assert (read / "epochs" / "02" / "taskc.json").read_text() == before
    assert json.loads((read / "choice.json").read_text()) == {
        "version": 1, "epoch": 2, "because": "it ends its answers", "shown": [1, 2],
    }  # fmt: skip


def test_another_choice_replaces_the_first(read):
    """Both epochs are still there."""
    choose(read, 2, "first")
    choose(read, 1, "second")

    assert weights(read / "model") == weights(read / "epochs" / "01")
    assert json.loads((read / "choice.json").read_text())["because"] == "second"


def test_the_shown_is_kept(read):
    """What was read stands beside what was chosen."""
    shown = json.loads((read / "selection.json").read_text())

    assert (shown["split"], shown["epochs"]) == ("dev", [1, 2])
    assert shown["readings"][0]["answers"]["2"] == {"text": "answer 2", "has_ended": True}
    assert "answer 2" in (read / "selection.html").read_text()


@pytest.mark.parametrize(
    ("epoch", "because", "words"),
    [
        (3, "it is the last", "expected one whose answers have been shown: 1, 2, found 3"),
        (2, " \n", "because: expected a reason, found by reading"),
    ],
)
def test_what_is_no_choice_changes_nothing(read, epoch, because, words):
    """An epoch that nobody read, or no reason."""
    before = weights(read / "model")
    with pytest.raises(ArtifactError, match=words):
        choose(read, epoch, because)

    assert weights(read / "model") == before
    assert not (read / "choice.json").exists()


def test_nothing_is_chosen_unread(run):
    """Before anything was shown."""
    with pytest.raises(ArtifactError, match="read it before choosing"):
        choose(run, 2, "a low loss")


def test_a_run_that_begins_again_forgets_it(read):
    """Its epochs are others."""
    choose(read, 2, "first")
    discard(read)

    assert not [*read.glob("selection.*"), *read.glob("choice.*")]
