"""Where examples begin, said in the way that a model's attention understands.

In: positions that restart with every example. Out: further arguments of the model's forward pass.
There are three ways, from the cheapest to what works for most families:

- `lengths`: the ends of the examples, for attention kernels of variable length. The rows of a
  micro-batch become one; no mask is made and nothing is computed between examples.
- `positions`: position ids alone; transformers makes a mask for each type of layer from where they
  restart, and only while it is given none and no cache (`find_packed_sequence_indices`).
- `masks`: masks made here, one for each type of layer, for families that don't look at positions
  when they make theirs (GPT-OSS, OPT, XGLM, MPT; Llama 4 before transformers 5.18).

Shapes: B rows, T places, K examples.
"""

from collections.abc import Callable
from typing import Any, Literal

import torch

__all__ = [
    "Borders",
    "border_arguments",
    "cumulative_lengths",
    "leaking_arguments",
    "masks_of",
    "takes_lengths",
    "tell",
    "window_of",
]

Borders = Literal["lengths", "positions", "masks"]


def tell(model: Any, borders: Borders) -> Callable[[], None]:
    """Makes every forward pass that is given positions, and no mask, be told where examples begin.

    Whatever loop calls the model need not know how. Passes without positions, with a mask or with a
    cache stay as they are.

    Args:
        model: Of transformers, with an attention that understands it.
        borders: How it is told.

    Returns:
        What undoes it when it is called.
    """

    def before(_: torch.nn.Module, args: Any, given: dict[str, Any]) -> Any:
        positions_BT = given.get("position_ids")
        others = ("attention_mask", "past_key_values", "cu_seq_lens_q")
        if positions_BT is None or any(given.get(name) is not None for name in others):
            return None
        return args, {**given, **border_arguments(model, borders, positions_BT)}

    # The head may be run apart from the rest, and some families go past their own `base_model`.
    parts = {id(each): each for each in (model, model.base_model)}.values()
    handles = [each.register_forward_pre_hook(before, with_kwargs=True) for each in parts]

    def undo() -> None:
        for handle in handles:
            handle.remove()

    return undo


def border_arguments(model: Any, borders: Borders, positions_BT: torch.Tensor) -> dict[str, Any]:
    """Returns the arguments of a forward pass beside ids and positions.

    Args:
        model: That takes them; its configuration says which masks it needs.
        borders: How it is told.
        positions_BT: From 0 in each example.
    """
    match borders:
        case "positions":
            return {}
        case "masks":
            return {"attention_mask": masks_of(model, positions_BT)}
        case "lengths":
            return _lengths(positions_BT)


def leaking_arguments(model: Any, ids_BT: torch.Tensor) -> dict[str, Any]:
    """Returns the arguments that tell a model, wrongly, that each row is one example."""
    if takes_lengths(model):
        return _lengths(torch.arange(ids_BT.shape[1], device=ids_BT.device).expand(ids_BT.shape))
    # A mask of any kind keeps transformers, and `tell`, from making their own.
    return {"attention_mask": torch.ones_like(ids_BT)}


def takes_lengths(model: Any) -> bool:
    """Whether the model's attention is one of variable length."""
    name = str(model.config._attn_implementation)  # noqa: SLF001 (it has no other name)
    return name.startswith(("flash_attention", "taskc_"))


def _lengths(positions_BT: torch.Tensor) -> dict[str, Any]:
    ends, longest = cumulative_lengths(positions_BT)
    return {
        "cu_seq_lens_q": ends,
        "cu_seq_lens_k": ends,
        "max_length_q": longest,
        "max_length_k": longest,
    }


def cumulative_lengths(positions_BT: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Returns 0 and the ends of the examples of all rows as one, int32 [K + 1], and the longest."""
    begins_BT = torch.ones_like(positions_BT, dtype=torch.bool)
    begins_BT[:, 1:] = positions_BT[:, 1:] != positions_BT[:, :-1] + 1
    begins = begins_BT.flatten().nonzero().flatten()
    ends = torch.cat([begins, begins.new_tensor([positions_BT.numel()])]).to(torch.int32)
    return ends, int(ends.diff().max())


def window_of(config: Any) -> int | None:
    """Returns how many tokens a layer with a sliding window sees, itself counted; None: no layer.

    A configuration may name a window that no layer has (Qwen 2: `use_sliding_window`).
    """
    types = getattr(config, "layer_types", None)
    if types is not None and not {"sliding_attention", "chunked_attention"} & set(types):
        return None
    if not getattr(config, "use_sliding_window", True):
        return None
    names = ("sliding_window", "attention_chunk_size", "attention_window_size", "window_size")
    for name in names:
        size = getattr(config, name, None)
        if isinstance(size, int):
            return size
    return None


def masks_of(model: Any, positions_BT: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
    """Returns the mask [B, 1, T, T] of a model, or one for each type of its layers.

    Who sees whom is boolean for `sdpa`; for eager attention it is what is added to the scores.
    """
    config = model.config
    visible = _visible(positions_BT)
    distance = positions_BT[:, :, None] - positions_BT[:, None, :]
    window = window_of(config)
    types = getattr(config, "layer_types", None)
    if types is None:
        return _as_read(model, visible if window is None else visible & (distance < window))
    masks = {}
    for kind in sorted(set(types)):
        match kind:
            case "sliding_attention":
                own = visible & (distance < config.sliding_window)
            case "chunked_attention":
                chunk_BT = positions_BT // config.attention_chunk_size
                own = visible & (chunk_BT[:, :, None] == chunk_BT[:, None, :])
            case _:
                own = visible
        masks[kind] = _as_read(model, own)
    # One type of layer is how families without types describe themselves.
    return masks if len(masks) > 1 else next(iter(masks.values()))


def _visible(positions_BT: torch.Tensor) -> torch.Tensor:
    """Whom each place sees of its own example, [B, T, T]."""
    example_BT = (positions_BT == 0).cumsum(1)
    same_BTT = example_BT[:, :, None] == example_BT[:, None, :]
    return same_BTT & (positions_BT[:, :, None] >= positions_BT[:, None, :])


def _as_read(model: Any, visible_BTT: torch.Tensor) -> torch.Tensor:
    mask = visible_BTT[:, None]
    if model.config._attn_implementation == "sdpa":  # noqa: SLF001 (it has no other name)
        return mask
    dtype = model.dtype
    zero = torch.zeros((), dtype=dtype, device=mask.device)
    return torch.where(mask, zero, torch.finfo(dtype).min)
