"""`taskc select`: answers of epochs side by side, and a choice by reading them."""

import json
import shutil

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture
def trained(repository, taskc, tmp_path):
    """A folder with a run of LIMA in small, three epochs of which are kept."""
    for name in ("lima_mini", "quickstart"):
        shutil.copytree(repository / "examples" / name, tmp_path / name)
    done = taskc("train", "lima_mini", "--out", "run", cwd=tmp_path, **ONE_THREAD)
    assert done.returncode == 0, done.stderr
    return tmp_path


@pytest.mark.slow
def test_shown_then_chosen(trained, taskc):
    """The page first, then an epoch and why; the run's model is that epoch's."""
    shown = taskc("select", "run", "--epochs", "2-3", "--prompts", "2", "--max-tokens", "4",
                  "--json", cwd=trained, **ONE_THREAD)  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout) == {
        "version": 1, "page": "run/selection.html", "epochs": [2, 3], "prompts": 2,
    }  # fmt: skip
    assert "of 2 answers ended" in shown.stderr
    page = (trained / "run/selection.html").read_text()
    assert "How do I keep herbs fresh for a week?" in page
    chosen = taskc("select", "run", "--epoch", "2", "--because", "it says more", cwd=trained)

    assert chosen.returncode == 0, chosen.stderr
    assert "epoch 2 is kept, because it says more" in chosen.stdout
    files = [trained / "run" / name / "model.safetensors" for name in ("model", "epochs/02")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.slow
def test_what_can_not_be_shown_is_said(trained, taskc):
    """Epochs that are not kept, an artefact that went or is another, a split that is not there."""
    select = ("select", "run")
    none = taskc(*select, cwd=trained)
    assert (none.returncode, none.stdout) == (1, "")
    assert "no epoch from 5 to 10 is kept in run\nhelp: --epochs 1-3" in none.stderr
    split = taskc(*select, "--epochs", "1", "--split", "tset", cwd=trained)
    assert "split: expected one of dev, test, found tset" in split.stderr or split.returncode == 1
    other = taskc(*select, "--epochs", "1", "--artifact", "nowhere", cwd=trained)
    assert "help: say where: --artifact PATH" in other.stderr
    record = json.loads((trained / "run/run.json").read_text())
    record["content_digest"] = "0"
    (trained / "run/run.json").write_text(json.dumps(record))
    changed = taskc(*select, "--epochs", "1", cwd=trained)

    assert "is not what the run read" in changed.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epoch", "7"], '--epoch N --because "..."'),
        (["--because", "it is good"], '--epoch N --because "..."'),
        (["--epochs", "9-5"], "expected epochs such as 5-10, found '9-5'"),
        (["--epoch", "7", "--because", "x"], "read it before choosing"),
        ([], "expected the folder of a training run"),
    ],
)
def test_what_is_asked_wrongly_is_said(taskc, tmp_path, arguments, words):
    """Half a choice, no epochs, no run."""
    done = taskc("select", ".", *arguments, cwd=tmp_path)

    assert done.returncode in {1, 64}
    assert words in done.stderr
