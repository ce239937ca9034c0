"""`taskc train`: from a spec or an artefact to a model that has learned something."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # tiny models only lose by more


@pytest.mark.slow
def test_train_builds_what_it_needs_and_learns(hello, taskc):
    """The first spec's own run: the loss on 45 reports falls far below that of guessing."""
    done = taskc("train", "hello", "--json", cwd=hello.parent, **ONE_THREAD)
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
    first = taskc("train", "hello", "--json", "--out", "one", cwd=hello.parent, **ONE_THREAD)
    second = taskc(
        "train", "artifacts/hello/hello", "--json", "--out", "two", cwd=hello.parent, **ONE_THREAD
    )
    results = [json.loads(done.stdout) for done in (first, second)]

    assert results[0]["last_loss"] == results[1]["last_loss"]
    assert results[1]["out"] == "two"


def test_a_run_that_is_not_there(hello, taskc):
    """The names that there are stand in the help."""
    done = taskc("train", "hello", "--run", "helo", cwd=hello.parent, **ONE_THREAD)

    assert done.returncode == 1
    assert "there is no train block `helo`" in done.stderr
    assert "train blocks: hello" in done.stderr
    assert not (hello.parent / "artifacts").exists()


def test_parameters_do_not_go_with_an_artefact(hello, taskc):
    """They are built in."""
    assert taskc("build", "hello", cwd=hello.parent, **ONE_THREAD).returncode == 0
    done = taskc("train", "artifacts/hello/hello", "--set", "x=1", cwd=hello.parent, **ONE_THREAD)

    assert done.returncode == 1
    assert "`--set` goes with specs" in done.stderr


@pytest.mark.parametrize("option", [["--allow-changes"], ["--from-epoch", "3"]])
def test_what_goes_with_resuming_goes_with_it_alone(hello, taskc, option):
    """Without it the option would say nothing."""
    done = taskc("train", "hello", *option, cwd=hello.parent, **ONE_THREAD)

    assert done.returncode == 1
    assert f"`{option[0]}` goes with `--resume`" in done.stderr


RECIPES = """
train flan_like {
  data   hello
  model  tiny_llama(layers: 1, width: 32, heads: 2)
  recipe flan(steps: 2, batch: tokens(512), scale_parameter: false, loss: examples)
}

train lima_like {
  data   hello
  model  tiny_llama(layers: 2, width: 32, heads: 2)
  recipe lima(epochs: 1, dropout: ramp(0.0, 0.2))
}

train long {
  data   hello
  model  tiny_llama(layers: 1, width: 32, heads: 2)
  recipe sft(epochs: 100, lr: 0.001, schedule: linear, batch: sequences(2))
}
"""


@pytest.fixture
def recipes(hello, taskc):
    """An artefact with a run of each published recipe, and a long one."""
    with (hello / "hello.task").open("a") as file:
        file.write(RECIPES)
    assert taskc("build", "hello", cwd=hello.parent, **ONE_THREAD).returncode == 0
    return hello.parent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("flan_like", "lr                 3e-05          Wei et al. 2022, section 2.4"),
        ("lima_like", "epochs             1              the specification"),
    ],
)
def test_recipes_of_papers_are_trained_and_shown(recipes, taskc, name, shown):
    """From the language's words to a model; each number stands there with its source."""
    done = taskc("train", "artifacts/hello/hello", "--run", name, cwd=recipes, **ONE_THREAD)

    assert done.returncode == 0, done.stderr
    assert shown in done.stderr
    assert (recipes / "runs" / name / "model" / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_run_asked_to_end_ends_and_is_gone_on_with(recipes, taskc):
    """Status 143 with its state saved; then to the end; then there is nothing left to do."""
    command = [str(Path(sys.executable).with_name("taskc")), "train", "artifacts/hello/hello"]
    log = recipes / "runs/long/log.jsonl"
    process = subprocess.Popen([*command, "--run", "long"], cwd=recipes)
    until = time.monotonic() + 120
    while not (log.is_file() and log.read_text().count("\n") > 4) and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)

    assert process.wait(timeout=120) == 143
    refused = taskc("train", "artifacts/hello/hello", "--run", "long", cwd=recipes, **ONE_THREAD)
    assert refused.returncode == 1
    assert "--resume" in refused.stderr
    goes_on = ("train", "artifacts/hello/hello", "--run", "long", "--resume")
    done = taskc(*goes_on, "--json", cwd=recipes, **ONE_THREAD)
    assert json.loads(done.stdout)["steps"] == 400
    assert len(log.read_text().splitlines()) == 400
    assert "finished before" in taskc(*goes_on, cwd=recipes, **ONE_THREAD).stderr


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--shard"]], ids=["whole", "sharded"])
def test_torchrun_shares_a_run(recipes, taskc, more):
    """Two processes, one log and one model; the first losses are those of one process."""
    run = ["artifacts/hello/hello", "--run", "hello"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    program = ["--no-python", "--", str(Path(sys.executable).with_name("taskc")), "train"]
    done = subprocess.run(
        [*torchrun, *program, *run, "--out", "two", *more],
        cwd=recipes, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert taskc("train", *run, "--out", "one", cwd=recipes, **ONE_THREAD).returncode == 0
    losses = [
        [
            json.loads(line)["loss"]
            for line in (recipes / name / "log.jsonl").read_text().splitlines()
        ]
        for name in ("one", "two")
    ]
    assert len(losses[1]) == 40
    assert losses[1] == pytest.approx(losses[0], abs=1e-3)
    assert (recipes / "two/model/model.safetensors").is_file()
