"""What a run will take of a device's memory, said before its model is loaded.

In: a model's configuration, a recipe, and how it is to be computed. Out: bytes by what they are
for, or a refusal with what would fit. An estimate: parameters, gradients and optimizer are counted,
and activations are taken from the shapes of a decoder layer, a tenth more or less in practice.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.recipes.parts.lora import Lora
from taskc.runtime.recipes.recipe import Recipe

__all__ = ["Estimate", "Shape", "available_bytes", "check_memory", "estimate", "shape_of"]

_WIDTHS = 12  # numbers of the model's width that a layer saves a token for its gradients
_INNER_WIDTHS = 4  # numbers of the MLP's width
_LOGITS = 3  # logits, their probabilities and their gradient
_SPARE = 1.1  # the allocator's share, and what is not counted


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model that memory depends on; with adapters, fewer numbers are trained."""

    num_parameters: int
    num_trained: int
    num_layers: int
    width: int
    inner_width: int
    vocab_size: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes on one device.

    Attributes:
        parameters: In float32.
        gradients: In float32.
        optimizer: Its state.
        activations_per_token: Of a micro-batch, for its gradients.
        fixed_activations: Whatever the micro-batch: a piece of the logits.
        max_tokens: Of a micro-batch.
    """

    parameters: int
    gradients: int
    optimizer: int
    activations_per_token: int
    fixed_activations: int
    max_tokens: int

    @property
    def fixed(self) -> int:
        """All but what grows with the micro-batch."""
        return self.parameters + self.gradients + self.optimizer + self.fixed_activations

    @property
    def total(self) -> int:
        """All of it, with something to spare."""
        return int(_SPARE * (self.fixed + self.activations_per_token * self.max_tokens))


def shape_of(config: Any, adapter: Lora | None = None) -> Shape:
    """Returns the sizes of a model of transformers, without making its weights."""
    from transformers import AutoModelForCausalLM

    from taskc.runtime.recipes.parts.lora import attach

    make: Any = AutoModelForCausalLM.from_config  # transformers leaves it untyped
    with torch.device("meta"):
        model = make(config)
    if adapter is not None:
        attach(model, adapter, ())  # rows of new tokens are too few to count
    width = int(config.hidden_size)
    return Shape(
        num_parameters=sum(p.numel() for p in model.parameters()),
        num_trained=sum(p.numel() for p in model.parameters() if p.requires_grad),
        num_layers=int(config.num_hidden_layers),
        width=width,
        inner_width=int(getattr(config, "intermediate_size", None) or 4 * width),
        vocab_size=int(config.vocab_size),
    )


def estimate(
    shape: Shape,
    recipe: Recipe,
    *,
    max_tokens: int,
    compute: torch.dtype = torch.float32,
    recompute: bool = False,
    num_shards: int = 1,
) -> Estimate:
    """Estimates a run's memory on one device.

    Args:
        shape: Of the model.
        recipe: Whose optimizer keeps so much.
        max_tokens: Of a micro-batch.
        compute: What the passes are computed in.
        recompute: Whether a layer's activations are made again for its gradients.
        num_shards: Over how many devices parameters, gradients and optimizer are spread.
    """
    size_bytes = compute.itemsize
    layer = (_WIDTHS * shape.width + _INNER_WIDTHS * shape.inner_width) * size_bytes
    if recompute:  # a layer's input each, and all of one layer
        per_token = shape.num_layers * shape.width * size_bytes + layer
    else:
        per_token = shape.num_layers * layer
    at_once = min(1 << 26, max_tokens * shape.vocab_size)
    parameters = 4 * shape.num_parameters // num_shards
    trained = 4 * shape.num_trained // num_shards
    return Estimate(
        parameters=parameters,
        gradients=trained,
        optimizer=recipe.state_numbers * trained,
        activations_per_token=per_token,
        fixed_activations=_LOGITS * 4 * at_once,
        max_tokens=max_tokens,
    )


def check_memory(wanted: Estimate, available: int, *, least_tokens: int, recompute: bool) -> None:
    """Refuses a run that would not fit.

    Args:
        wanted: By the run.
        available: Bytes that the device has free.
        least_tokens: Tokens of a row: no micro-batch can be smaller.
        recompute: Whether that is on already.

    Raises:
        ArtifactError: With the parts, and what would fit.
    """
    if wanted.total <= available:
        return
    left = int(available / _SPARE) - wanted.fixed
    fits = left // wanted.activations_per_token if left > 0 else 0
    if fits >= least_tokens:
        mend = f"--max-tokens {fits // least_tokens * least_tokens} would fit"
    elif left > 0 and not recompute:
        mend = "try --recompute, or a smaller model"
    else:
        mend = "shard it over more devices (torchrun with --shard), or take a smaller model"
    raise ArtifactError(
        "this device",
        "memory",
        f"{_gib(wanted.total)} free: parameters {_gib(wanted.parameters)}, gradients "
        f"{_gib(wanted.gradients)}, optimizer {_gib(wanted.optimizer)}, activations of "
        f"{wanted.max_tokens:,} tokens "
        f"{_gib(wanted.fixed_activations + wanted.activations_per_token * wanted.max_tokens)}",
        f"{_gib(available)}; {mend}",
    )


def available_bytes(device: torch.device) -> int:
    """Returns how much memory is free where torch computes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return 1 << 62  # nothing is known, so nothing is refused
    lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    limits = [Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current")]
    if all(path.exists() for path in limits):
        most, used = (path.read_text(encoding="utf-8").strip() for path in limits)
        if most != "max":
            free = min(free, int(most) - int(used))
    return free


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 30):,.2f} GiB"
