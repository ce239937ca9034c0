"""Training: an artefact and a lowered `train` block in, a trained model out.

In: an open artefact. Out: a step's figures as they come, then OUT/model (see `export`),
OUT/log.jsonl (a line a step) and OUT/run.json (what was run on which content); on the way
OUT/checkpoint, from which a run that was stopped goes on, and for some recipes OUT/epochs/NN, the
model after each, and OUT/states/NN, the states after the last two. Same content, settings, versions
and number of ranks: the same losses to the bit on a CPU, with or without interruption; on a GPU as
far as its kernels promise it.

Needs the extra `taskc-lang[train]`. One process, or several under torchrun.
"""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from taskc.runtime.artifact import ArtifactError, RunBlock
from taskc.runtime.reader import Artifact
from taskc.runtime.settings import TrainSettings, train_settings
from taskc.runtime.training.machine import Machine

if TYPE_CHECKING:
    import torch

    from taskc.runtime.batches import Batches
    from taskc.runtime.training.checkpoint import Found
    from taskc.runtime.training.ranks import Ranks
    from taskc.runtime.training.step import Step, Stepper

__all__ = ["Resume", "train"]

Resume = Literal["never", "same", "changed"]


def train(
    artifact: Artifact,
    block: RunBlock,
    out: Path,
    *,
    machine: Machine | None = None,
    resume: Resume = "never",
    from_epoch: int = 0,
) -> "Iterator[Step]":
    """Trains as the block says and yields each step's figures; the model is saved after the last.

    On SIGTERM the step in hand is finished, the state is saved and the iterator ends early.

    Args:
        artifact: What to train on.
        block: A `train` block, usually of `artifact.run`.
        out: A folder for model and log.
        machine: How to compute.
        resume: Whether to go on from the checkpoint in `out`, if there is one: `same` refuses where
            content or settings have changed, `changed` goes on and notes in the log what has.
        from_epoch: To go on, from the state that was kept after this epoch; what came later is
            gone. 0: from the last state.

    Raises:
        ArtifactError: If the settings don't fit, the extra is not installed, the model does not
            keep packed examples apart, memory does not suffice, or `out` holds a run that is not to
            be gone on with. All of this before the first step. Later, if a loss is no number.
    """
    settings = train_settings(block)
    _need_extra("torch", "transformers", *(["peft"] if settings.recipe.adapter else []))
    if not len(artifact["train"]):
        raise ArtifactError(str(artifact.path), "train", "sequences to train on", "none")
    steps = _run(
        artifact, block, settings, out, machine=machine or Machine(), resume=resume,
        from_epoch=from_epoch,
    )  # fmt: skip
    # Everything that can be refused is, before this returns: at the first item nothing is yielded.
    next(steps)
    return _steps_of(steps)


def _steps_of(steps: "Iterator[Step | None]") -> "Iterator[Step]":
    yield from (step for step in steps if step is not None)


def _run(
    artifact: Artifact,
    block: RunBlock,
    settings: TrainSettings,
    out: Path,
    *,
    machine: Machine,
    resume: Resume,
    from_epoch: int,
) -> "Iterator[Step | None]":
    """Yields None when everything is ready, then each step."""
    from taskc.runtime.training import checkpoint
    from taskc.runtime.training.ranks import joined
    from taskc.runtime.training.run import Run

    with joined(machine.device) as (ranks, device):
        batches, num_steps = _batches(artifact, settings, ranks)
        identity = _identity(artifact, block)
        found = _found(out, identity, resume, from_epoch)
        finished = resume != "never" and found is None and _is_finished(out, identity)
        ranks.wait()  # all have looked before the first one writes
        if finished:
            yield None
            return
        stepper, packs_examples = _stepper(artifact, settings, machine, ranks, device)
        position = 0
        if found is not None:
            checkpoint.restore(stepper, found)
            if from_epoch:
                checkpoint.go_back(out, from_epoch, ranks)
            position = found.position
        run = Run(
            artifact, block, settings.recipe, machine, out, stepper, batches, num_steps, identity,
            packs_examples,
        )  # fmt: skip
        run.begin(found)
        yield None
        yield from run.steps(position)


# ---- getting ready -----------------------------------------------------------------------------


def _batches(artifact: Artifact, settings: TrainSettings, ranks: "Ranks") -> "tuple[Batches, int]":
    """Returns the batches of as many epochs as the steps take, and the number of steps."""
    rule, split = settings.recipe.batch, artifact["train"]
    per_epoch = split.batches(rule).schedule.steps_per_epoch
    num_steps = settings.recipe.num_steps(per_epoch)
    batches = split.batches(
        rule,
        seed=settings.seed,
        epochs=-(-num_steps // per_epoch),
        rank=ranks.rank,
        world_size=ranks.world_size,
    )
    return batches, num_steps


def _stepper(
    artifact: Artifact,
    settings: TrainSettings,
    machine: Machine,
    ranks: "Ranks",
    device: "torch.device",
) -> "tuple[Stepper, bool]":
    """Loads the model where it fits, makes it ready, and says whether examples may share a row."""
    import torch

    from taskc.runtime.training import adapters, models
    from taskc.runtime.training.step import Stepper

    _check_fit(artifact, settings, machine, ranks, device)
    if not machine.merge:
        adapters.check_base(settings, artifact.manifest)
    model = models.load_model(settings, artifact.manifest)
    torch.nn.Module.to(model, device)
    packs_examples = models.check_model(model, artifact, settings.recipe, _compute(machine, device))
    adapter = adapters.adapt(model, artifact, settings)
    adapters.check_rows(model, artifact)
    models.prepare(model, recompute=machine.recompute, compiles=machine.compiles)
    stepper = Stepper(
        model,
        settings.recipe,
        [source.name for source in artifact.manifest.mixture.sources],
        seed=settings.seed,
        ranks=ranks,
        compute=_compute(machine, device),
        sharded=machine.shard and ranks.world_size > 1,
        adapter=adapter,
    )
    return stepper, packs_examples


def _check_fit(
    artifact: Artifact,
    settings: TrainSettings,
    machine: Machine,
    ranks: "Ranks",
    device: "torch.device",
) -> None:
    """Refuses what would not fit in a micro-batch or in memory, before weights are loaded."""
    from taskc.runtime.training import memory, models

    config = models.model_config(settings, artifact.manifest)
    packed = settings.recipe.batch.unit != "examples"
    row = artifact.manifest.packing.length if packed else artifact["train"].longest_example
    if row > machine.max_tokens:
        what = "a sequence" if packed else "the longest example"
        expected = f"at least {row:,}, the tokens of {what}"
        raise ArtifactError("this machine", "max_tokens", expected, f"{machine.max_tokens:,}")
    wanted = memory.estimate(
        memory.shape_of(config, settings.recipe.adapter),
        settings.recipe,
        max_tokens=machine.max_tokens,
        compute=_compute(machine, device),
        recompute=machine.recompute,
        num_shards=ranks.world_size if machine.shard else 1,
    )
    memory.check_memory(
        wanted, memory.available_bytes(device), least_tokens=row, recompute=machine.recompute
    )


def _compute(machine: Machine, device: "torch.device") -> "torch.dtype":
    import torch

    match machine.precision:
        case "float32":
            return torch.float32
        case "bfloat16":
            return torch.bfloat16
        case "device":
            has = device.type == "cuda" and torch.cuda.is_bf16_supported()
            return torch.bfloat16 if has else torch.float32


def _need_extra(*modules: str) -> None:
    for module in modules:
        if find_spec(module) is None:
            extra = "lora" if module == "peft" else "train"
            expected = f"{module}, of the extra: pip install 'taskc-lang[{extra}]'"
            raise ArtifactError("this environment", "packages", expected, "no such package")


# ---- stopping and going on -----------------------------------------------------------------------


def _identity(artifact: Artifact, block: RunBlock) -> dict[str, Any]:
    """Returns what makes a run this run: what is read, and what is done with it."""
    return {
        "content_digest": artifact.manifest.content_digest,
        "settings": {
            name: value
            for name, value in block.model_dump(mode="json")["settings"].items()
            if name != "data"
        },
    }


def _found(out: Path, identity: dict[str, Any], resume: Resume, from_epoch: int) -> "Found | None":
    """Returns the checkpoint to go on from.

    Raises:
        ArtifactError: If there is one that is not to be gone on from.
    """
    from taskc.runtime.training.checkpoint import differences, find, find_kept

    found = find_kept(out, from_epoch) if from_epoch else find(out)
    if found is None:
        return None
    if resume == "never":
        expected = "no unfinished run, or --resume to go on with it"
        raise ArtifactError(str(out), "checkpoint", expected, f"one at step {found.position}")
    changed = differences(found.identity, identity)
    if changed and resume == "same":
        name, (before, now) = next(iter(changed.items()))
        more = f" (and {len(changed) - 1} more differences)" if len(changed) > 1 else ""
        expected = f"{before!r}, as the run was begun with; --allow-changes goes on regardless"
        raise ArtifactError(str(found.folder), name, expected, f"{now!r}{more}")
    return found


def _is_finished(out: Path, identity: dict[str, Any]) -> bool:
    """Whether the folder holds this very run, done."""
    record = out / "run.json"
    if not (out / "model").is_dir() or not record.is_file():
        return False
    return bool(json.loads(record.read_text(encoding="utf-8")).get("identity") == identity)
