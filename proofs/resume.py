"""A training run that is killed thirty times is, to the bit, the run that was not killed.

In: the quickstart's build. Out: for a run with dropout on, killed by SIGKILL at random moments and
resumed each time, whether its log and all its weights equal those of the same run left alone; and
for a run that goes from one rank to two and back, the largest difference of any loss. Exit status 1
where a byte or, over ranks, more than 1e-5 of a loss differs.
"""

import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

import taskc
from taskc.runtime.artifact import RunBlock
from taskc.runtime.reader import Artifact
from taskc.runtime.train import train
from taskc.runtime.training.machine import Machine

ROOT = Path(__file__).parents[1]
NUM_KILLS = 30
NUM_EPOCHS = 3
MOST_DIFFERENCE = 1e-5
MACHINE = Machine(checkpoint_every=3)
FORK = multiprocessing.get_context("fork")  # torch is loaded once


def call(name: str, **arguments: object) -> dict[str, object]:
    """A lowered call; `_0`, `_1` ... are arguments by position."""
    return {"call": name, "arguments": {key.removeprefix("_"): v for key, v in arguments.items()}}


BLOCK = RunBlock.model_validate(
    {
        "kind": "train",
        "name": "proof",
        "settings": {
            "model": call("tiny_llama", layers=2, width=64, heads=4),
            "recipe": call(
                "lima",
                epochs=NUM_EPOCHS,
                lr=0.003,
                last_lr=0.0003,
                batch=call("examples", _0=32),
                dropout=call("ramp", _0=0.1, _1=0.3),
            ),
            "seed": 7,
        },
    }
)


def main() -> int:
    """Prints both findings and returns the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        artifact = taskc.build(ROOT / "examples" / "quickstart", out=place / "artifacts")
        print(f"quickstart: {artifact.manifest.splits['train'].examples:,} examples by 32")
        taken_s = left_alone(artifact, place / "alone")
        wrong = killed(artifact, place, taken_s)
        return wrong + over_ranks(artifact, place)


def left_alone(artifact: Artifact, out: Path) -> float:
    """Trains without interruption; returns the seconds that it took."""
    begun = time.monotonic()
    child = started(partial(whole, artifact, out))
    child.join()
    steps = len(lines_of(out))
    print(f"left alone: {steps} steps, loss {loss_of(out, 0):.4f} to {loss_of(out, -1):.4f}")
    return time.monotonic() - begun


def killed(artifact: Artifact, place: Path, taken_s: float) -> int:
    """Kills runs until there were enough kills, and compares each run that came to its end."""
    draw = random.Random(20)  # noqa: S311 (when to kill is no secret)
    kills, runs, equal, at_steps = 0, 0, 0, []
    while kills < NUM_KILLS:
        out = place / f"killed-{runs}"
        while True:
            child = started(partial(whole, artifact, out))
            child.join(timeout=draw.uniform(0.02, 0.3) * taken_s)
            if child.exitcode is not None:
                break
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            child.join()
            kills += 1
            at_steps.append(len(lines_of(out)))
        runs += 1
        equal += left_by(out) == left_by(place / "alone")
    print(f"killed {kills} times over {runs} runs, after steps {', '.join(map(str, at_steps))}")
    print(f"  {equal} of {runs} runs equal to the bit: log, last weights, weights of each epoch")
    return int(equal != runs)


def over_ranks(artifact: Artifact, place: Path) -> int:
    """Goes from one rank to two and back, and compares losses with those of one rank."""
    out = place / "ranks"
    per_epoch = len(lines_of(place / "alone")) // NUM_EPOCHS
    for number, (world_size, last) in enumerate(((1, per_epoch), (2, 2 * per_epoch), (1, 0))):
        meeting = place / f"meeting-{number}"
        children = [
            started(partial(ranked, artifact, out, meeting, rank=rank, size=world_size, last=last))
            for rank in range(world_size)
        ]
        for child in children:
            child.join()
    pairs = zip(losses_of(out), losses_of(place / "alone"), strict=True)
    difference = max(abs(one - other) for one, other in pairs)
    print(
        f"one rank, then two, then one: largest difference of a loss {difference:.1e} "
        f"(limit {MOST_DIFFERENCE:.0e})"
    )
    return int(difference > MOST_DIFFERENCE)


# ---- in processes of their own -------------------------------------------------------------------


def started(work: Callable[[], None]) -> multiprocessing.process.BaseProcess:
    """Starts a process that does the work."""
    child = FORK.Process(target=work)
    child.start()
    return child


def whole(artifact: Artifact, out: Path) -> None:
    """Trains to the end, from where the last process came to."""
    torch.set_num_threads(1)
    for _ in train(artifact, BLOCK, out, machine=MACHINE, resume="same"):
        pass


def ranked(
    artifact: Artifact, out: Path, meeting: Path, *, rank: int, size: int, last: int
) -> None:
    """Trains as one of several ranks up to a step; 0: to the end."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=size
    )
    for step in train(artifact, BLOCK, out, machine=Machine(checkpoint_every=1), resume="same"):
        if step.step == last:
            break
    torch.distributed.destroy_process_group()


# ---- what a run has left -------------------------------------------------------------------------


def lines_of(out: Path) -> list[str]:
    """The whole lines of steps in a run's log."""
    log = out / "log.jsonl"
    text = log.read_text(encoding="utf-8") if log.is_file() else ""
    return [
        line
        for line in text.splitlines(keepends=True)
        if line.endswith("\n") and "resumed_at" not in line
    ]


def losses_of(out: Path) -> list[float]:
    """The loss of each step."""
    return [float(json.loads(line)["loss"]) for line in lines_of(out)]


def loss_of(out: Path, index: int) -> float:
    """The loss of one step."""
    return losses_of(out)[index]


def left_by(out: Path) -> tuple[list[str], dict[str, bytes]]:
    """Every step of the log, and the bytes of all weights."""
    files = sorted(out.rglob("*.safetensors"))
    return lines_of(out), {str(file.relative_to(out)): file.read_bytes() for file in files}


if __name__ == "__main__":
    sys.exit(main())
