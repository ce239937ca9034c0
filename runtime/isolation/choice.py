"""Which attention a model gets on this machine: the first that keeps examples apart, as measured.

In: a model on its device, what it computes in, and a packed sequence. Out: the model with that
attention set, told where examples begin in every pass; or a refusal. Tried in this order:

1. kernels of variable length, on a GPU and in 16 bits: FlashAttention 3 where it is installed (on
   Hopper), torch's own, FlashAttention 2 where it is installed;
2. `flex_attention` with a block mask for each type of layer, on a GPU, for what those kernels can't
   do (capped scores, sinks);
3. the attention that the model was loaded with, told by positions, then by masks made here.

One that fails is passed over with its reason; the last one's refusal is the model's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.isolation import varlen
from taskc.runtime.isolation.borders import Borders, tell
from taskc.runtime.isolation.measure import Isolation, check_isolation
from taskc.runtime.isolation.windows import told_windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from taskc.runtime.reader import Sequence

__all__ = ["Apart", "Way", "keep_apart", "ways"]

_KERNELS: tuple[varlen.Kernel, ...] = ("fa3", "varlen", "fa2")


@dataclass(frozen=True, slots=True)
class Way:
    """An attention, and how it is told where examples begin."""

    attention: str
    borders: Borders


@dataclass(frozen=True, slots=True)
class Apart:
    """How a model keeps examples apart.

    Attributes:
        way: What was chosen, and is set.
        measured: With it.
        passed_over: Ways that come before it, each with the reason.
    """

    way: Way
    measured: Isolation
    passed_over: dict[Way, str]


def keep_apart(
    model: "PreTrainedModel", sequence: "Sequence", *, compute: torch.dtype = torch.float32
) -> Apart:
    """Sets and measures one way after another until one holds.

    Args:
        model: On the device that it will be trained on; changed.
        sequence: Packed, of at least two examples.
        compute: What the passes of the training are computed in.

    Raises:
        ArtifactError: If none holds, with the family's name and the reason; the model is as it was.
    """
    own = str(model.config._attn_implementation)  # noqa: SLF001 (it has no other name)
    passed_over: dict[Way, str] = {}
    refused: ArtifactError | None = None
    for way in ways(model, compute):
        try:
            measured = _try(model, sequence, way, compute)
        except ArtifactError as error:
            passed_over[way], refused = error.found, refused or error
            # What says most is how the model fails by itself, not with a mask made for it.
            refused = error if way.borders == "positions" else refused
        except (ImportError, RuntimeError, TypeError, ValueError) as error:
            # A kernel that is installed and does not run, or a family that won't have it.
            if way.borders == "positions" and way.attention in {own, "eager"}:
                raise
            passed_over[way] = str(error)
        else:
            return Apart(way, measured, passed_over)
        model.set_attn_implementation(own)
    assert refused is not None
    raise refused


def ways(model: "PreTrainedModel", compute: torch.dtype) -> Iterator[Way]:
    """Yields what this machine has, best first; the model's own attention is always among them."""
    own = str(model.config._attn_implementation)  # noqa: SLF001 (it has no other name)
    device = model.device
    for kernel in _KERNELS:
        if not varlen.why_not(kernel, device, compute, _head_size(model.config)):
            yield Way(varlen.name_of(kernel), "lengths")
    if device.type == "cuda" and getattr(model, "_supports_flex_attn", False):
        yield Way("flex_attention", "positions")
    if own == "sdpa" and getattr(model.config, "attn_logit_softcapping", None):
        own = "eager"  # some versions of transformers leave the cap out of sdpa without a word
    yield Way(own, "positions")
    if own in {"sdpa", "eager"}:
        yield Way(own, "masks")


def _try(
    model: "PreTrainedModel", sequence: "Sequence", way: Way, compute: torch.dtype
) -> Isolation:
    """Sets a way and measures; it stays if it holds."""
    varlen.register()
    if way.borders == "lengths":
        _check_windows(model, way, compute)
    model.set_attn_implementation(way.attention)
    if model.config._attn_implementation != way.attention:  # noqa: SLF001 (it has no other name)
        raise ValueError(f"the family does not let its attention be set to {way.attention}")
    undo = tell(model, way.borders)
    try:
        return check_isolation(model, sequence)
    except BaseException:
        undo()
        raise


def _check_windows(model: "PreTrainedModel", way: Way, compute: torch.dtype) -> None:
    """Refuses a kernel that would lose a window of the family, or minds none.

    Raises:
        ValueError: With the reason.
    """
    told = told_windows(model)
    if not told:
        raise ValueError("the family does not let its attention be set")
    for layer, (of_mask, of_call) in enumerate(told):
        if of_mask != of_call:
            raise ValueError(
                f"attention {layer} sees {of_mask or 'all'} tokens by its mask, and tells the "
                f"kernel {of_call or 'nothing'}"
            )
    kernel = next(each for each in _KERNELS if varlen.name_of(each) == way.attention)
    heads = int(model.config.num_attention_heads)
    key_heads = int(getattr(model.config, "num_key_value_heads", None) or heads)
    size = _head_size(model.config)
    if not varlen.holds_windows(
        kernel, model.device, compute, heads=heads, key_heads=key_heads, head_size=size
    ):
        raise ValueError("the kernel does not mind windows or borders on this machine")


def _head_size(config: Any) -> int:
    given = getattr(config, "head_dim", None)
    return int(given or config.hidden_size // config.num_attention_heads)
