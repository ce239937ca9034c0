"""LoRA by peft: small matrices beside frozen ones are trained (Hu et al. 2022).

In: a model of transformers, the numbers of `lora(...)`, and ids whose rows are to be trained. Out:
the same model with its parameters frozen, adapters of peft in its linear layers, and those rows of
embedding and head trainable by themselves. A new token's row that stays frozen is never learned:
`frozen_rows` finds them. Noise of the adapters' dropout is the caller's to give: peft's own is
drawn from a generator, which no resumed run could meet again.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from taskc.runtime.artifact import ArtifactError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

__all__ = ["ADAPTER", "Lora", "attach", "frozen_rows", "merge"]

ADAPTER = "default"  # peft's name of an only adapter
_DETTMERS = "Dettmers et al. 2023, section 5 and appendix B"


class Lora(BaseModel):
    """`lora(rank:, alpha:, dropout:, targets:, rows:)`; every number may be given.

    Attributes:
        rank: Of the matrices that are added.
        alpha: What they give is multiplied by `alpha / rank`.
        dropout: On what they are given; 0: none.
        targets: Last parts of names of linear layers, such as `q_proj`; none: all of the decoder's.
        rows: Whether the rows of tokens that the specification added are trained: `added`, or
            `frozen`, which is refused where such a token is trained on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: Annotated[int, Field(ge=1)] = Field(default=64, description=_DETTMERS)
    alpha: Annotated[float, Field(gt=0)] = Field(default=16, description=_DETTMERS)
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.1, description=_DETTMERS)
    targets: tuple[str, ...] = Field(default=(), description=f"{_DETTMERS}: all linear layers")
    rows: Literal["added", "frozen"] = Field(
        default="added", description="taskc: a frozen row of a new token is never learned"
    )


def attach(
    model: "PreTrainedModel",
    settings: Lora,
    rows: Sequence[int],
    *,
    noise: "Callable[[str], torch.nn.Module] | None" = None,
) -> Any:
    """Puts adapters into a model; at first they change nothing that it computes.

    Args:
        model: Changed in place: only adapters and rows require gradients.
        settings: Of the recipe.
        rows: Ids whose rows of embedding and head are trained, where `settings.rows` says so.
        noise: Gives the dropout of an adapter from the name of its layer, in peft's own dropout's
            place.

    Returns:
        peft's `LoraModel`, of which `merge` makes a plain model.

    Raises:
        ArtifactError: If the model has no layer of a target's name, or a head with a bias.
    """
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel
    from transformers.pytorch_utils import Conv1D

    named = dict(model.named_modules())
    names = {name.split(".")[-1] for name, each in named.items() if hasattr(each, "weight")}
    for target in settings.targets:
        if target not in names:
            expected = f"names of layers, of {', '.join(sorted(names))}"
            raise ArtifactError("lora", "targets", expected, target)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type] # a float scales as well
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets) or "all-linear",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in named.values()),
        trainable_token_indices=_rows(model, rows) if settings.rows == "added" and rows else None,
    )
    tuner: Any = LoraModel(model, config, ADAPTER)
    if settings.dropout and noise is not None:
        for name, module in model.named_modules():
            if hasattr(module, "lora_dropout"):
                module.lora_dropout[ADAPTER] = noise(name)
    untyped: Any = model
    untyped.train(model.training)  # new modules as the others
    return tuner


def merge(tuner: Any) -> "PreTrainedModel":
    """Adds what the adapters say to the parameters and takes them out; the model is plain again."""
    merged: PreTrainedModel = tuner.merge_and_unload()
    return merged


def _rows(model: "PreTrainedModel", rows: Sequence[int]) -> dict[str, list[int]]:
    """Returns the rows that are trained, by the names of embedding and head."""
    untyped: Any = model
    embedding, head = untyped.get_input_embeddings(), untyped.get_output_embeddings()
    if getattr(head, "bias", None) is not None:
        family = f"model of family {model.config.model_type}"
        raise ArtifactError(family, "head", "no bias, for rows to be trained", "a bias")
    # A tied head follows the embedding.
    wanted = [embedding] if head is None or head.weight is embedding.weight else [embedding, head]
    return {
        name: list(rows)
        for name, module in model.named_modules()
        if any(module is each for each in wanted)
    }


def frozen_rows(model: "PreTrainedModel", ids: Iterable[int]) -> list[tuple[int, str]]:
    """Measures which ids have a row of embedding or head that no gradient reaches.

    Returns:
        Each such id with "embedding" or "head".
    """
    import torch

    untyped: Any = model
    embedding, head = untyped.get_input_embeddings(), untyped.get_output_embeddings()
    width = torch.ones(1, int(untyped.config.hidden_size), device=model.device, dtype=model.dtype)
    found = []
    with torch.enable_grad():
        for id_ in ids:
            row = embedding(torch.tensor([[id_]], device=model.device))
            if not _reaches(row.sum(), embedding):
                found.append((id_, "embedding"))
            if head is not None and not _reaches(head(width)[0, id_], head):
                found.append((id_, "head"))
    return found


def _reaches(value: "torch.Tensor", module: "torch.nn.Module") -> bool:
    """Whether a gradient of the value reaches any parameter of the module."""
    import torch

    parameters = [each for each in module.parameters() if each.requires_grad]
    if not parameters or not value.requires_grad:
        return False
    gradients: Any = torch.autograd.grad(value, parameters, allow_unused=True)
    return any(each is not None and bool(each.any()) for each in gradients)
