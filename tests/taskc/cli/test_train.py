"""`taskc train`: from a spec or an artefact to a model that has learned something."""

import json

import pytest

pytest.importorskip("torch")


@pytest.mark.slow
def test_train_builds_what_it_needs_and_learns(hello, taskc):
    """The first spec's own run: the loss on 45 reports falls far below that of guessing."""
    done = taskc("train", "hello", "--json", cwd=hello.parent)
    result = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert result["run"] == "hello"
    assert result["steps"] == 40
    assert result["last_loss"] < 1.0 < result["first_loss"]
    assert (hello.parent / "runs/hello/model/config.json").is_file()
    assert len((hello.parent / "runs/hello/log.jsonl").read_text().splitlines()) == 40
    assert "step 40 of 40" in done.stderr


@pytest.mark.slow
def test_train_takes_an_artefact_as_it_is(hello, taskc):
    """Same content, same losses, without the specs."""
    first = taskc("train", "hello", "--json", "--out", "one", cwd=hello.parent)
    second = taskc("train", "artifacts/hello/hello", "--json", "--out", "two", cwd=hello.parent)
    results = [json.loads(done.stdout) for done in (first, second)]

    assert results[0]["last_loss"] == results[1]["last_loss"]
    assert results[1]["out"] == "two"


def test_a_run_that_is_not_there(hello, taskc):
    """The names that there are stand in the help."""
    done = taskc("train", "hello", "--run", "helo", cwd=hello.parent)

    assert done.returncode == 1
    assert "there is no train block `helo`" in done.stderr
    assert "train blocks: hello" in done.stderr
    assert not (hello.parent / "artifacts").exists()


def test_parameters_do_not_go_with_an_artefact(hello, taskc):
    """They are built in."""
    assert taskc("build", "hello", cwd=hello.parent).returncode == 0
    done = taskc("train", "artifacts/hello/hello", "--set", "x=1", cwd=hello.parent)

    assert done.returncode == 1
    assert "`--set` goes with specs" in done.stderr
