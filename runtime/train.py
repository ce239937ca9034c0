"""A plain training loop: an artefact and a lowered `train` block in, a trained model out.

In: an open artefact. Out: a step's figures as they come, then OUT/model (weights, configuration,
tokenizer), OUT/log.jsonl (a line a step) and OUT/run.json (what was run on which content). The loss
is the sum over trained tokens divided by their number, over the batch. Same content, settings and
versions, same losses to the bit on a CPU; on a GPU as far as its kernels promise it.

Needs the extra `taskc-lang[train]`. One process, no checkpoints on the way.

Shapes: B rows of a batch, T places of a row, V ids of the vocabulary.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from taskc.runtime.artifact import ArtifactError, Manifest, RunBlock
from taskc.runtime.batches import Batches
from taskc.runtime.isolation import check_isolation
from taskc.runtime.layout import IGNORED, Batch
from taskc.runtime.reader import Artifact
from taskc.runtime.recipes.plain import Plain
from taskc.runtime.settings import ModelFolder, TinyLlama, TrainSettings, train_settings

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

__all__ = ["Step", "load_model", "token_loss", "train"]

_SEARCHED_SEQUENCES = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """What one optimizer step did.

    Attributes:
        step: From 1 to `steps`.
        loss: Mean over the trained tokens, in nats.
        tokens: Tokens in the batch, padding left out.
        trained_tokens: Those that the loss saw.
        lr: Learning rate.
    """

    step: int
    steps: int
    loss: float
    tokens: int
    trained_tokens: int
    lr: float


def train(artifact: Artifact, block: RunBlock, out: Path, *, device: str = "cpu") -> Iterator[Step]:
    """Trains as the block says and yields each step's figures; the model is saved after the last.

    Args:
        artifact: What to train on.
        block: A `train` block, usually of `artifact.run`.
        out: A folder for model and log; files of an earlier run there are replaced.
        device: Where torch computes, such as "cpu" or "cuda".

    Raises:
        ArtifactError: If the settings don't fit, the extra is not installed, or the model does not
            keep packed examples apart. All of this before the first step.
    """
    settings = train_settings(block)
    _need_extra()
    if not len(artifact["train"]):
        raise ArtifactError(str(artifact.path), "train", "sequences to train on", "none")
    batches = _batches(artifact, settings)
    model = load_model(settings, artifact.manifest)
    _move(model, device)
    _check_positions(model, artifact)
    _check_packing(model, artifact, settings.recipe)
    out.mkdir(parents=True, exist_ok=True)
    (out / "run.json").write_text(_record(artifact, block), encoding="utf-8")
    return _run(model, artifact, settings, batches, out)


def _batches(artifact: Artifact, settings: TrainSettings) -> Batches:
    """Returns the batches of as many epochs as the steps take."""
    rule, split = settings.recipe.batch, artifact["train"]
    epochs = -(-settings.recipe.steps // len(split.batches(rule)))
    return split.batches(rule, seed=settings.seed, epochs=epochs)


def load_model(settings: TrainSettings, manifest: Manifest) -> "PreTrainedModel":
    """Returns the model in float32, with a row of its embedding for every id of the artefact."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        match settings.model:
            case TinyLlama():
                return _tiny_llama(settings.model, manifest)
            case ModelFolder():
                path = settings.model.path
                if not (path / "config.json").is_file():
                    raise ArtifactError(str(path), "model", "a folder with config.json", "none")
                model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
                    path, local_files_only=True, dtype=torch.float32
                )
                embedding = cast("torch.nn.Embedding", model.get_input_embeddings())
                if embedding.num_embeddings < manifest.vocab_size:
                    model.resize_token_embeddings(manifest.vocab_size)
                return model


def _move(model: "PreTrainedModel", device: str) -> None:
    """Moves the weights; a module moves in place."""
    import torch

    torch.nn.Module.to(model, torch.device(device))


def token_loss(logits_BTV: "torch.Tensor", labels_BT: "torch.Tensor") -> "torch.Tensor":
    """Returns the sum of -log p over labels other than -100, each predicted one place before."""
    import torch

    return torch.nn.functional.cross_entropy(
        logits_BTV[:, :-1].flatten(0, 1).float(),
        labels_BT[:, 1:].flatten(),
        ignore_index=IGNORED,
        reduction="sum",
    )


def _tiny_llama(shape: TinyLlama, manifest: Manifest) -> "PreTrainedModel":
    from transformers import LlamaConfig, LlamaForCausalLM

    if shape.width % shape.heads or (shape.width // shape.heads) % 2:
        expected = "a multiple of twice the heads (rotary positions take pairs)"
        raise ArtifactError("run.json", "tiny_llama: width", expected, str(shape.width))
    ids = {name: token.id for name, token in manifest.special.items()}
    config = LlamaConfig(
        vocab_size=manifest.vocab_size,
        hidden_size=shape.width,
        intermediate_size=4 * shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=manifest.packing.length,
        bos_token_id=ids.get("bos"),
        eos_token_id=ids.get("eos"),
        pad_token_id=ids.get("pad"),
    )
    return LlamaForCausalLM(config)


def _run(
    model: "PreTrainedModel",
    artifact: Artifact,
    settings: TrainSettings,
    batches: Batches,
    out: Path,
) -> Iterator[Step]:
    """Takes the steps and saves what came out."""
    recipe = settings.recipe
    optimizer = recipe.optimizer(model)
    model.train()
    with (out / "log.jsonl").open("w", encoding="utf-8") as log:
        for number, batch in zip(range(recipe.steps), batches, strict=False):
            step = _step(model, optimizer, batch, number, settings)
            log.write(json.dumps(asdict(step)) + "\n")
            log.flush()
            yield step
    _save(model, artifact, out / "model")


def _step(
    model: "PreTrainedModel",
    optimizer: "torch.optim.Optimizer",
    batch: Batch,
    number: int,
    settings: TrainSettings,
) -> Step:
    """Takes step `number`, counted from 0; its random draws depend on seed and number alone."""
    import torch

    recipe = settings.recipe
    tensors = {name: tensor.to(model.device) for name, tensor in batch.torch().items()}
    trained_tokens = int((batch.labels != IGNORED).sum())
    for group in optimizer.param_groups:
        group["lr"] = recipe.lr_at(number)
    optimizer.zero_grad()
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(settings.seed * 1_000_003 + number)  # dropout, where the model has any
        logits_BTV = model(
            input_ids=tensors["input_ids"],
            # Padding may be longer than any example: its positions start again, nobody looks at it.
            position_ids=tensors["position_ids"] % _most_positions(model),
            use_cache=False,
        ).logits
    loss = token_loss(logits_BTV, tensors["labels"]) / max(trained_tokens, 1)
    torch.autograd.backward(loss)
    if recipe.clip:
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    optimizer.step()
    return Step(
        step=number + 1,
        steps=recipe.steps,
        loss=float(loss.detach()),
        tokens=int((batch.segment_ids > 0).sum()),
        trained_tokens=trained_tokens,
        lr=recipe.lr_at(number),
    )


def _save(model: "PreTrainedModel", artifact: Artifact, folder: Path) -> None:
    """Saves weights, configuration and the artefact's tokenizer in one folder."""
    from transformers.utils import logging

    shutil.rmtree(folder, ignore_errors=True)
    shows_progress = logging.is_progress_bar_enabled()
    # Whoever runs the loop shows progress in one way; transformers leaves these two untyped.
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model.save_pretrained(folder)
    finally:
        if shows_progress:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    for file in sorted(artifact.tokenizer.iterdir()):
        shutil.copyfile(file, folder / file.name)


def _record(artifact: Artifact, block: RunBlock) -> str:
    """Returns run.json of the run: enough to say what was trained on what."""
    manifest = artifact.manifest
    record = {
        "artifact": f"{manifest.package}/{manifest.build}",
        "content_digest": manifest.content_digest,
        "train": block.model_dump(mode="json"),
        "versions": {name: version(name) for name in ("torch", "transformers")},
    }
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"


# ---- what is seen to before the first step -----------------------------------------------------


def _need_extra() -> None:
    for module in ("torch", "transformers"):
        if find_spec(module) is None:
            expected = f"{module}, of the extra: pip install 'taskc-lang[train]'"
            raise ArtifactError("this environment", "packages", expected, "no such package")


def _check_positions(model: "PreTrainedModel", artifact: Artifact) -> None:
    """Sees that no example is longer than what the model was made for; packs may be."""
    most, longest = _most_positions(model), artifact["train"].longest_example
    if longest > most:
        raise ArtifactError(
            f"model of family {model.config.model_type}",
            "max_position_embeddings",
            f"at least {longest}, the tokens of the longest example",
            str(most),
        )


def _most_positions(model: "PreTrainedModel") -> int:
    """Returns how many positions the model was made for."""
    return int(getattr(model.config, "max_position_embeddings", sys.maxsize))


def _check_packing(model: "PreTrainedModel", artifact: Artifact, recipe: Plain) -> None:
    """Measures isolation on the first sequence with several examples, if batches hold any."""
    if recipe.batch.unit == "examples":
        return
    split = artifact["train"]
    for index in range(min(len(split), _SEARCHED_SEQUENCES)):
        sequence = split[index]
        if len(sequence.examples) > 1:
            check_isolation(model, sequence)
            return
