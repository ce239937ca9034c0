"""The model of a run: loaded in float32, made to fit the artefact, and refused where it does not.

In: a `train` block's model and the manifest. Out: a causal language model of transformers, with a
row of its embedding for every id. All refusals come before the first step and say what would do.

The dropout of a model's own configuration stays off: a recipe says what dropout there is.
"""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.utils.checkpoint import checkpoint

from taskc.runtime.artifact import ArtifactError, Manifest
from taskc.runtime.isolation.choice import keep_apart
from taskc.runtime.recipes.parts.dropout import decoder_layers
from taskc.runtime.recipes.recipe import Recipe
from taskc.runtime.settings import ModelFolder, TinyLlama, TrainSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from taskc.runtime.reader import Artifact

__all__ = [
    "added_ids",
    "check_model",
    "has_plain_head",
    "load_model",
    "model_config",
    "most_positions",
    "prepare",
]

_SEARCHED_SEQUENCES = 1000


def model_config(settings: TrainSettings, manifest: Manifest) -> Any:
    """Returns the configuration of the model that a block names; no weights are read.

    Raises:
        ArtifactError: If there is none, or it is that of an encoder with a decoder.
    """
    from transformers import AutoConfig

    match settings.model:
        case TinyLlama():
            return _tiny_llama(settings.model, manifest)
        case ModelFolder():
            path = settings.model.path
            if not (path / "config.json").is_file():
                raise ArtifactError(str(path), "model", "a folder with config.json", "none")
            config = AutoConfig.from_pretrained(path, local_files_only=True)
            _check_is_decoder(config, path)
            return config


def _check_is_decoder(config: Any, path: Path) -> None:
    if config.is_encoder_decoder:
        raise ArtifactError(
            str(path),
            "model",
            "a decoder-only model: an artefact holds input and target as one sequence of ids, "
            "and packs several of them into one",
            f"an encoder with a decoder ({config.model_type}), which would need them apart",
        )


def load_model(settings: TrainSettings, manifest: Manifest) -> "PreTrainedModel":
    """Returns the model in float32, with a row of its embedding for every id of the artefact.

    Rows that a recipe wants to start from the mean do; others as transformers makes them.
    """
    from transformers import AutoModelForCausalLM, LlamaForCausalLM

    from taskc.runtime.recipes.parts.end_of_turn import start_from_mean

    config = model_config(settings, manifest)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        match settings.model:
            case TinyLlama():
                return LlamaForCausalLM(config)
            case ModelFolder():
                model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
                    settings.model.path, local_files_only=True, dtype=torch.float32
                )
                if settings.recipe.starts_new_tokens_from_mean:
                    start_from_mean(model, added_ids(manifest), manifest.vocab_size)
                embedding = cast("torch.nn.Embedding", model.get_input_embeddings())
                if embedding.num_embeddings < manifest.vocab_size:
                    model.resize_token_embeddings(manifest.vocab_size)
                return model


def added_ids(manifest: Manifest) -> list[int]:
    """Returns the ids of tokens that the specification added to the tokenizer."""
    return [token.id for name, token in manifest.special.items() if name not in _OF_TOKENIZER]


_OF_TOKENIZER = ("eos", "bos", "pad")


def _tiny_llama(shape: TinyLlama, manifest: Manifest) -> Any:
    from transformers import LlamaConfig

    if shape.width % shape.heads or (shape.width // shape.heads) % 2:
        expected = "a multiple of twice the heads (rotary positions take pairs)"
        raise ArtifactError("run.json", "tiny_llama: width", expected, str(shape.width))
    ids = {name: token.id for name, token in manifest.special.items()}
    return LlamaConfig(
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


# ---- what is seen to before the first step -----------------------------------------------------


def check_model(
    model: "PreTrainedModel",
    artifact: "Artifact",
    recipe: Recipe,
    compute: torch.dtype = torch.float32,
) -> bool:
    """Sees that the model can learn from the artefact what it says, and sets its attention.

    Args:
        model: On its device.
        artifact: What it will read.
        recipe: How its rows are batched.
        compute: What the passes are computed in; kernels of variable length take 16 bits only.

    Returns:
        Whether several examples may share a row.

    Raises:
        ArtifactError: If parameters are too coarse, an example is longer than the model was made
            for, or the model does not keep packed examples apart and batches are of sequences.
    """
    from taskc.runtime.recipes.parts.precision import check_precision

    check_precision(model)
    most, longest = most_positions(model), artifact["train"].longest_example
    if longest > most:
        raise ArtifactError(
            f"model of family {model.config.model_type}",
            "max_position_embeddings",
            f"at least {longest}, the tokens of the longest example",
            str(most),
        )
    return _keeps_apart(model, artifact, compute, must=recipe.batch.unit != "examples")


def _keeps_apart(
    model: "PreTrainedModel", artifact: "Artifact", compute: torch.dtype, *, must: bool
) -> bool:
    """Measures isolation on the first sequence with several examples.

    A model that mixes them may still learn from batches of examples, each in a row of its own; so
    it does where there is no sequence to measure it on.
    """
    split = artifact["train"]
    for index in range(min(len(split), _SEARCHED_SEQUENCES)):
        sequence = split[index]
        if len(sequence.examples) > 1:
            try:
                keep_apart(model, sequence, compute=compute)
            except ArtifactError:
                if must:
                    raise
                return False
            return True
    return must


def most_positions(model: "PreTrainedModel") -> int:
    """Returns how many positions the model was made for."""
    return int(getattr(model.config, "max_position_embeddings", sys.maxsize))


def has_plain_head(model: "PreTrainedModel") -> bool:
    """Measures whether logits are the head over the last hidden states and nothing else.

    Where they are, the head can be run at trained places alone; some families scale or cap logits.
    """
    untyped: Any = model
    head = untyped.get_output_embeddings()
    if head is None:
        return False
    ids_1T = torch.arange(4, device=model.device)[None] % int(model.config.vocab_size)
    with torch.no_grad():
        whole = model(input_ids=ids_1T, use_cache=False).logits
        parts = head(model.base_model(input_ids=ids_1T, use_cache=False).last_hidden_state)
    return bool(torch.allclose(whole, parts, rtol=1e-5, atol=1e-6))


def prepare(model: "PreTrainedModel", *, recompute: bool, compiles: bool = False) -> None:
    """Switches the model's own dropout off, and on what is asked for of its layers.

    Args:
        model: Changed.
        recompute: Whether activations of whole layers are made again for their gradients. Noise
            that is found by key is the same the second time, so no generator's state is kept.
        compiles: Whether torch compiles each layer, when it is first run: the layers of a model
            are alike, so one is compiled for all.
    """
    untyped: Any = model
    untyped.eval()
    layers = decoder_layers(model)
    if compiles:
        # Noise and windows differ by layer: where they do, a layer is compiled for itself.
        dynamo: Any = torch._dynamo.config  # noqa: SLF001 (it has no other name)
        dynamo.recompile_limit = max(dynamo.recompile_limit, 8 * len(layers))
    for layer in layers:
        if compiles:
            layer.forward = torch.compile(layer.forward)
        if recompute:
            layer.forward = partial(  # hooks of the layer stay outside
                checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=False
            )
