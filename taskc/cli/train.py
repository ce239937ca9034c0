"""`taskc train PATH|ARTIFACT`: runs a `train` block.

In: specs (their build is made first) or an artefact. Out: OUT/model, OUT/log.jsonl and
OUT/run.json, and on stdout what the run came to. The recipe's numbers and the steps are shown on
stderr. Under torchrun every process runs this; the first one speaks.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from taskc.cli import arguments, build, console
from taskc.cli.exits import Exit

if TYPE_CHECKING:
    from taskc.runtime.artifact import RunBlock
    from taskc.runtime.reader import Artifact
    from taskc.runtime.recipes.recipe import Recipe
    from taskc.runtime.train import Resume
    from taskc.runtime.training.machine import Machine
    from taskc.runtime.training.step import Step

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
    parser.add_argument(
        "--precision",
        choices=("device", "float32", "bfloat16"),
        default="device",
        help="what to compute in; weights stay in float32 (default: bfloat16 on CUDA)",
    )
    parser.add_argument(
        "--max-tokens",
        metavar="N",
        type=arguments.positive,
        default=8_192,
        help="tokens of a micro-batch at most, padding included (default: 8192)",
    )
    parser.add_argument("--recompute", action="store_true", help="less memory, a third more work")
    parser.add_argument("--compile", action="store_true", help="compile the model's layers")
    parser.add_argument(
        "--shard", action="store_true", help="under torchrun: spread the weights over the ranks"
    )
    parser.add_argument(
        "--merge", action="store_true", help="with lora(...): write whole models, not adapters"
    )
    parser.add_argument(
        "--checkpoint-every",
        metavar="N",
        type=arguments.positive,
        default=0,
        help="save the state every N steps too (default: at the ends of epochs)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the state in DIR, if there is one"
    )
    parser.add_argument(
        "--from-epoch",
        metavar="N",
        type=arguments.positive,
        default=0,
        help="with --resume: go back to the state after epoch N, one of the last two (lima)",
    )
    parser.add_argument(
        "--allow-changes",
        action="store_true",
        help="with --resume: go on though data or settings have changed",
    )
    parser.add_argument(
        "--metrics",
        action="append",
        choices=("tensorboard", "wandb"),
        default=[],
        help="show the steps there too; may be repeated (default: OUT/log.jsonl alone)",
    )
    arguments.add_set_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Trains; 1 where there is no such block, or the specs or the settings are wrong."""
    for name in ("allow_changes", "from_epoch"):
        if getattr(options, name) and not options.resume:
            console.say(f"error: `--{name.replace('_', '-')}` goes with `--resume`")
            return 1
    artifact = _artifact(options)
    if artifact is None:
        return 1
    block = _block(artifact, options.run)
    if block is None or not _has_device(options.device):
        return 1
    from taskc.runtime.settings import train_settings
    from taskc.runtime.train import train
    from taskc.runtime.training.metrics import check_boards, followed

    check_boards(options.metrics)
    out: Path = options.out or Path("runs") / block.name
    steps = train(
        artifact,
        block,
        out,
        machine=_machine(options),
        resume=_resume(options),
        from_epoch=options.from_epoch,
    )
    if not _speaks():
        for _ in steps:
            pass
        return 0
    console.say(_numbers(train_settings(block).recipe))
    result = _watched(followed(steps, options.metrics, out))
    if result is None:
        console.say(f"{block.name}: finished before; its model is in {out / 'model'}")
        return 0
    if result.last.step < result.last.steps:
        console.say(
            f"{block.name}: asked to end; the state after step {result.last.step:,} of "
            f"{result.last.steps:,} is in {out}\nhelp: go on with --resume"
        )
        return Exit.TERMINATED
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


def _machine(options: argparse.Namespace) -> "Machine":
    from taskc.runtime.training.machine import Machine

    return Machine(
        device=options.device,
        max_tokens=options.max_tokens,
        recompute=options.recompute,
        compiles=options.compile,
        shard=options.shard,
        precision=options.precision,
        merge=options.merge,
        checkpoint_every=options.checkpoint_every,
    )


def _resume(options: argparse.Namespace) -> "Resume":
    if not options.resume:
        return "never"
    return "changed" if options.allow_changes else "same"


def _is_one_of_many() -> bool:
    """Whether torchrun started this process among others."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return False
    from torch import distributed

    return distributed.is_available() and distributed.is_torchelastic_launched()


def _speaks() -> bool:
    """Whether this process is the first of the run."""
    from torch import distributed

    return not distributed.is_initialized() or distributed.get_rank() == 0


def _numbers(recipe: "Recipe") -> str:
    """Says every number of a recipe with where it is from."""
    lines = [
        f"  {number.name:<18} {_value(number.value):<14} {number.source}"
        for number in recipe.numbers()
    ]
    return "\n".join([f"recipe {recipe.name}", *lines])


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _artifact(options: argparse.Namespace) -> "Artifact | None":
    """Opens the artefact, building it first where specs are given; None where that fails."""
    import taskc

    if "://" in options.path or (Path(options.path) / "manifest.json").is_file():
        if options.params:
            console.say("error: an artefact has its parameters built in; `--set` goes with specs")
            return None
        return taskc.open(options.path)
    if _is_one_of_many():
        console.say("error: under torchrun train an artefact\nhelp: `taskc build` it before")
        return None
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


def _watched(steps: "Iterable[Step]") -> Result | None:
    """Takes the steps, showing them on stderr as they come; None where there is none to take."""
    live = sys.stderr.isatty()
    first = last = None
    tokens = trained_tokens = 0
    begun = monotonic()
    for step in steps:
        first, last = first or step, step
        tokens += step.tokens
        trained_tokens += step.trained_tokens
        every = max(1, step.steps // _NUM_LINES)
        line = _line(step, tokens / max(monotonic() - begun, 1e-9))
        if live:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
        elif step is first or step.step % every == 0 or step.step == step.steps:
            console.say(line)
    if live:
        sys.stderr.write("\n")
    if first is None or last is None:
        return None
    return Result(first, last, tokens, trained_tokens)


def _line(step: "Step", tokens_per_s: float) -> str:
    return (
        f"step {step.step:>{len(str(step.steps))}} of {step.steps}  loss {step.loss:.3f}  "
        f"lr {step.lr:.2e}  {step.trained_tokens:,} trained tokens  {tokens_per_s:,.0f} tokens/s"
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
