"""Whether a family tells an attention kernel what its masks would have said.

In: a model. Out: of each layer the window that its mask has and the window that the attention is
told. Attention of variable length gets no mask; a family that keeps its windows in masks alone
would lose them without a word, alone and packed alike, so comparing layouts would not show it.

Nothing is attended to while this looks: one pass of the other parts, over a document just longer
than the window.
"""

from typing import Any

import torch

from taskc.runtime.isolation.borders import window_of

__all__ = ["Told", "told_windows"]

_NAME = "taskc_recording"
Told = list[tuple[int | None, int | None]]


def told_windows(model: Any) -> Told:
    """Returns the window of each layer's mask, and the one told; None where a layer sees all.

    Layers without attention are not among them. The model's attention is as it was afterwards.
    """
    found: Told = []
    length = (window_of(model.config) or 2) + 2
    most = int(getattr(model.config, "max_position_embeddings", length))
    ids_1T = torch.zeros(1, min(length, most), dtype=torch.int64, device=model.device)
    own = model.config._attn_implementation  # noqa: SLF001 (it has no other name)
    _register(found)
    model.set_attn_implementation(_NAME)
    try:
        with torch.no_grad():
            model.base_model(input_ids=ids_1T, use_cache=False)
    finally:
        model.set_attn_implementation(own)
    return found


def _register(found: Told) -> None:
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    def record(
        _: torch.nn.Module,
        query_BHTD: torch.Tensor,
        key_BGTD: torch.Tensor,
        value_BGTD: torch.Tensor,
        attention_mask: torch.Tensor | None,
        *,
        sliding_window: int | None = None,
        **__: Any,
    ) -> tuple[torch.Tensor, None]:
        length = key_BGTD.shape[2]
        seen = length if attention_mask is None else int(attention_mask[0, 0, -1].sum())
        told = sliding_window if sliding_window is not None and sliding_window < length else None
        found.append((seen if seen < length else None, told))
        batch, heads, places, _size = query_BHTD.shape
        return query_BHTD.new_zeros(batch, places, heads, value_BGTD.shape[3]), None

    ALL_ATTENTION_FUNCTIONS.register(_NAME, record)
    ALL_MASK_ATTENTION_FUNCTIONS.register(_NAME, sdpa_mask)
