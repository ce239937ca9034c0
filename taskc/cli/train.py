"""`taskc train PATH|ARTIFACT`: runs a `train` block.

In: specs (their build is made first) or an artefact. Out: OUT/model, OUT/log.jsonl and
OUT/run.json, and on stdout what the run came to. Steps are shown on stderr.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from taskc.cli import arguments, build, console

if TYPE_CHECKING:
    from taskc.runtime.artifact import RunBlock
    from taskc.runtime.reader import Artifact
    from taskc.runtime.train import Step

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Run a train block: build what it needs, train, save the model"

_NUM_LINES = 10  # of a run's steps, where stderr is no terminal


class Result(NamedTuple):
    """The first and the last step of a run, and what all of them saw."""

    first: "Step"
    last: "Step"
    tokens: int
    trained_tokens: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc train`."""
    parser.add_argument(
        "path",
        metavar="PATH",
        type=arguments.path,
        help="a folder of specs, a .task file, or an artefact",
    )
    parser.add_argument("--run", metavar="NAME", help="which train block, where there are several")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="where the model goes (default: runs/NAME)"
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="where to compute (default: cpu)"
    )
    arguments.add_set_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Trains; 1 where there is no such block, or the specs or the settings are wrong."""
    artifact = _artifact(options)
    if artifact is None:
        return 1
    block = _block(artifact, options.run)
    if block is None or not _has_device(options.device):
        return 1
    from taskc.runtime.train import train

    out: Path = options.out or Path("runs") / block.name
    result = _watched(train(artifact, block, out, device=options.device))
    if options.json:
        console.emit_json(_as_json(artifact, block, out, result))
    else:
        console.emit(
            f"{block.name}: {result.last.step:,} steps over {artifact.path}, "
            f"{result.tokens:,} tokens, {result.trained_tokens:,} of them trained\n"
            f"  loss {result.first.loss:.3f} at first, {result.last.loss:.3f} at the last step\n"
            f"  model in {out / 'model'}, every step in {out / 'log.jsonl'}"
        )
    return 0


def _artifact(options: argparse.Namespace) -> "Artifact | None":
    """Opens the artefact, building it first where specs are given; None where that fails."""
    import taskc

    if (Path(options.path) / "manifest.json").is_file():
        if options.params:
            console.say("error: an artefact has its parameters built in; `--set` goes with specs")
            return None
        return taskc.open(options.path)
    built = argparse.Namespace(
        paths=[options.path],
        params=options.params,
        out=Path("artifacts"),
        only=None,
        sample=None,
        jobs=None,
        engine="local",
        address="",
        store=None,
        locked=False,
        vendored=None,
        json=options.json,
    )
    checked, plans = build.planned(built)
    runs = [(run.name, plan) for plan in plans for run in plan.runs if run.kind == "train"]
    wanted = [plan for name, plan in runs if options.run in {None, name}]
    if len(wanted) != 1:
        _say_which(options.run, [name for name, _ in runs])
        return None
    outcome = build.build_all(wanted, checked, built)[0]
    return None if outcome.built.path is None else taskc.open(outcome.built.path)


def _block(artifact: "Artifact", name: str | None) -> "RunBlock | None":
    """Returns the train block that is meant, or says why there is none."""
    blocks = {block.name: block for block in artifact.run.runs if block.kind == "train"}
    wanted = [block for block in blocks.values() if name in {None, block.name}]
    if len(wanted) == 1:
        return wanted[0]
    _say_which(name, blocks)
    return None


def _say_which(name: str | None, known: Iterable[str]) -> None:
    """Says which train blocks there are to choose from."""
    names = ", ".join(dict.fromkeys(known))
    if not names:
        console.say("error: nothing to train: there is no `train` block for what can be built")
    elif name is None:
        console.say(f"error: there are several train blocks\nhelp: name one with --run: {names}")
    else:
        console.say(f"error: there is no train block `{name}`\nhelp: train blocks: {names}")


def _has_device(device: str) -> bool:
    """Whether torch can compute there; says so where it can't."""
    if device == "cpu":
        return True
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return True  # the missing extra is what there is to say, and `train` says it
    import torch

    if torch.cuda.is_available():
        return True
    console.say("error: torch finds no CUDA device here\nhelp: leave `--device cuda` out")
    return False


def _watched(steps: "Iterable[Step]") -> Result:
    """Takes the steps, showing them on stderr as they come."""
    live = sys.stderr.isatty()
    first = last = None
    tokens = trained_tokens = 0
    for step in steps:
        first, last = first or step, step
        tokens += step.tokens
        trained_tokens += step.trained_tokens
        every = max(1, step.steps // _NUM_LINES)
        if live:
            sys.stderr.write(f"\r\x1b[K{_line(step)}")
            sys.stderr.flush()
        elif step.step == 1 or step.step % every == 0 or step.step == step.steps:
            console.say(_line(step))
    if live:
        sys.stderr.write("\n")
    assert first is not None, "a run has at least one step"
    assert last is not None, "a run has at least one step"
    return Result(first, last, tokens, trained_tokens)


def _line(step: "Step") -> str:
    return (
        f"step {step.step:>{len(str(step.steps))}} of {step.steps}  loss {step.loss:.3f}  "
        f"lr {step.lr:.2e}  {step.trained_tokens:,} trained tokens"
    )


def _as_json(
    artifact: "Artifact", block: "RunBlock", out: Path, result: Result
) -> dict[str, object]:
    """Returns the object that `--json` prints; docs/cli.md documents it."""
    return {
        "version": 1,
        "run": block.name,
        "artifact": str(artifact.path),
        "content_digest": artifact.manifest.content_digest,
        "steps": result.last.step,
        "first_loss": result.first.loss,
        "last_loss": result.last.loss,
        "tokens": result.tokens,
        "trained_tokens": result.trained_tokens,
        "out": str(out),
    }
