"""What LoRA asks of a model and an artefact, and an adapter added to the model that it belongs to.

In: a `train` block's settings, a model, an artefact. Out: refusals before the first step, or a
plain model. How adapters get into a model is in `taskc.runtime.recipes.parts.lora`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from taskc.runtime.artifact import ArtifactError, Manifest, RunBlock
from taskc.runtime.recipes.parts.dropout import KeyedDropout, TokenKeys
from taskc.runtime.recipes.parts.lora import attach, frozen_rows, merge
from taskc.runtime.settings import ModelFolder, TrainSettings, train_settings
from taskc.runtime.training.models import added_ids, load_model, model_config

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from taskc.runtime.reader import Artifact

__all__ = ["Adapter", "adapt", "check_base", "check_rows", "merged"]


class Adapter(NamedTuple):
    """An adapter in its model.

    Attributes:
        tuner: peft's.
        keys: Of its dropout's noise, set before each pass.
    """

    tuner: Any
    keys: TokenKeys


def adapt(
    model: "PreTrainedModel", artifact: "Artifact", settings: TrainSettings
) -> Adapter | None:
    """Puts the recipe's adapter into the model, if it has one; equal on all ranks.

    Args:
        model: Changed in place.
        artifact: Whose new tokens get rows that are trained.
        settings: With recipe and seed.
    """
    lora, keys = settings.recipe.adapter, TokenKeys()
    if lora is None:
        return None
    rate = lora.dropout
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        tuner = attach(
            model,
            lora,
            added_ids(artifact.manifest),
            noise=lambda name: KeyedDropout(rate, name, keys),
        )
    return Adapter(tuner, keys)


def check_base(settings: TrainSettings, manifest: Manifest) -> None:
    """Refuses an adapter that nobody could load, for want of the model that it was trained beside.

    Raises:
        ArtifactError: If the model is made for the run, gets more rows, or rows that stay frozen.
    """
    lora = settings.recipe.adapter
    if lora is None:
        return
    expected = "a model in a folder with a row for every id; --merge writes a whole model instead"
    if not isinstance(settings.model, ModelFolder):
        raise ArtifactError("model", "adapter", expected, "random weights made for this run")
    num_rows, wanted = int(model_config(settings, manifest).vocab_size), manifest.vocab_size
    if num_rows < wanted:
        raise ArtifactError(
            str(settings.model.path), "adapter", expected, f"{num_rows:,} rows for {wanted:,} ids"
        )
    if lora.rows == "frozen" and added_ids(manifest):
        found = "rows of new tokens that start from the mean and stay so"
        raise ArtifactError(str(settings.model.path), "adapter", expected, found)


def check_rows(model: "PreTrainedModel", artifact: "Artifact") -> None:
    """Refuses a new token that is trained on and whose row no gradient reaches.

    Raises:
        ArtifactError: With the first such token, and what to do.
    """
    names = {token.id: name for name, token in artifact.manifest.special.items()}
    trained = artifact["train"].trained_ids(added_ids(artifact.manifest))
    for id_, where in frozen_rows(model, trained):
        raise ArtifactError(
            f"model of family {model.config.model_type}",
            f"row of `{names[id_]}` (id {id_}) in the {where}",
            "a gradient, for this new token is trained on: `rows: added` in lora(...)",
            "none: the row is frozen",
        )


def merged(
    artifact: "Artifact", block: RunBlock, weights: "Mapping[str, torch.Tensor]"
) -> "PreTrainedModel":
    """Loads a run's model again and adds an adapter to it.

    Args:
        artifact: What the run read.
        block: Of the run.
        weights: What was trained, whole.
    """
    settings = train_settings(block)
    assert settings.recipe.adapter is not None
    model = load_model(settings, artifact.manifest)
    tuner = attach(model, settings.recipe.adapter, added_ids(artifact.manifest))
    unknown = model.load_state_dict(dict(weights), strict=False).unexpected_keys
    assert not unknown, unknown
    return merge(tuner)
