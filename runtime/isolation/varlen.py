"""Attention of variable length, as attentions of transformers over one of three kernels.

In: queries, keys and values of a layer, and the ends of the examples. Out: what each token attends
to within its example, and within the layer's window. What a kernel can't do (sinks, biases,
dropout, masks, a cache; all but FlashAttention 2: capped scores) is refused, never left out.

- `varlen`: torch's own, `torch.nn.attention.varlen` (torch 2.11 or later)
- `fa2`, `fa3`: FlashAttention where it is installed, by transformers' own call of it

All take 16-bit floats and heads of at most 256 numbers, on NVIDIA GPUs from Ampere on; `fa3`
needs Hopper. Float32 tensors are rounded to the type of autocast, without autocast to bfloat16:
all else of a model can stay in float32 beside them.

Shapes: B rows, H heads, G heads of keys, T places, D numbers of a head, N = B * T.
"""

import inspect
from functools import partial
from typing import Any, Literal, get_args

import torch

from taskc.runtime.isolation.borders import cumulative_lengths

__all__ = ["Kernel", "attend", "holds_windows", "name_of", "reference", "register", "why_not"]

Kernel = Literal["varlen", "fa2", "fa3"]

_AMPERE, _HOPPER = (8, 0), (9, 0)
_MOST_HEAD = 256
_HALF = (torch.float16, torch.bfloat16)
_REFUSED = {"s_aux": "attention sinks", "position_bias": "biases of positions"}


def _own_kernel() -> tuple[Any, frozenset[str]]:
    """Returns torch's kernel, or None, and the names of what it takes in this version."""
    try:
        from torch.nn.attention import varlen
    except ImportError:
        return None, frozenset()
    return varlen.varlen_attn, frozenset(inspect.signature(varlen.varlen_attn).parameters)


_OWN = _own_kernel()  # found once: what compiles a layer must not meet it on its way


def name_of(kernel: Kernel) -> str:
    """Returns what transformers knows the attention by: at a name with `flash` it takes over."""
    return f"taskc_{kernel}"


def register() -> None:
    """Makes the attentions known to transformers; a second time changes nothing."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    for kernel in get_args(Kernel):
        ALL_ATTENTION_FUNCTIONS.register(name_of(kernel), partial(attend, kernel=kernel))
        ALL_MASK_ATTENTION_FUNCTIONS.register(name_of(kernel), _given_mask)


def _given_mask(*_: Any, attention_mask: torch.Tensor | None = None, **__: Any) -> Any:
    """No mask is made; one that was given is handed on, and refused by `attend`."""
    return attention_mask


def why_not(kernel: Kernel, device: torch.device, compute: torch.dtype, head_size: int) -> str:
    """Returns why this machine can't run a kernel; nothing if it can."""
    if device.type != "cuda":
        return "it needs a GPU"
    if compute not in _HALF:
        return f"it computes in 16 bits, not in {str(compute).removeprefix('torch.')}"
    needed = _HOPPER if kernel == "fa3" else _AMPERE
    if torch.cuda.get_device_capability(device) < needed:
        return f"it needs a GPU of compute capability {needed[0]}.{needed[1]} or later"
    if head_size > _MOST_HEAD or head_size % 8:
        return f"it takes heads of at most {_MOST_HEAD} numbers, by eights, not {head_size}"
    return _why_missing(kernel)


def _why_missing(kernel: Kernel) -> str:
    if kernel == "varlen":
        if not {"window_size", "scale"} <= _OWN[1]:
            return f"torch {torch.__version__} has none with windows"
        return ""
    from transformers.utils import import_utils

    version = kernel.removeprefix("fa")
    is_available = getattr(import_utils, f"is_flash_attn_{version}_available")
    return "" if is_available() else f"FlashAttention {version} is not installed"


def attend(
    module: torch.nn.Module,
    query_BHTD: torch.Tensor,
    key_BGTD: torch.Tensor,
    value_BGTD: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    kernel: Kernel,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    is_causal: bool | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int | None = None,
    position_ids: torch.Tensor | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attends within examples; with a kernel it has the form of an attention of transformers.

    Without the ends of examples they are found where positions restart; without positions either,
    each row is one example.

    Raises:
        ValueError: If it is asked for what the kernel can't do.
    """
    asked = [words for name, words in _REFUSED.items() if others.get(name) is not None]
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    asked += ["sight of what follows"] * (not causal) + ["dropout"] * bool(dropout)
    asked += ["capped scores"] * (softcap is not None and kernel != "fa2")
    asked += ["a mask"] * (attention_mask is not None)
    asked += ["a cache"] * (query_BHTD.shape[2] != key_BGTD.shape[2])
    if asked:
        raise ValueError(f"attention of variable length ({kernel}) can't do {' and '.join(asked)}")
    batch, heads, length, _ = query_BHTD.shape
    if cu_seq_lens_q is None or max_length_q is None:
        positions_BT = torch.arange(length, device=query_BHTD.device)[None]
        if position_ids is not None and position_ids.dim() == 2:  # noqa: PLR2004 (rows and places)
            positions_BT = position_ids
        cu_seq_lens_q, max_length_q = cumulative_lengths(positions_BT.expand(batch, length))
        cu_seq_lens_q = cu_seq_lens_q.to(query_BHTD.device)
    dtype = _half(value_BGTD)
    query, key, value = (_rows_as_one(each, dtype) for each in (query_BHTD, key_BGTD, value_BGTD))
    attended_NHD = _call(
        kernel,
        (query, key, value),
        cu_seq_lens_q,
        max_length_q,
        window=sliding_window,
        scale=scaling,
        softcap=softcap,
    )
    attended_BTHD = attended_NHD.view(batch, length, heads, -1)
    return attended_BTHD.to(value_BGTD.dtype), None


def _half(value: torch.Tensor) -> torch.dtype:
    if value.dtype in _HALF:
        return value.dtype
    if torch.is_autocast_enabled(value.device.type):
        return torch.get_autocast_dtype(value.device.type)
    return torch.bfloat16


def _rows_as_one(each_BHTD: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return each_BHTD.transpose(1, 2).flatten(0, 1).to(dtype)


def _call(
    kernel: Kernel,
    qkv: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    ends: torch.Tensor,
    longest: int,
    *,
    window: int | None,
    scale: float | None,
    softcap: float | None = None,
) -> torch.Tensor:
    """Calls a kernel on [N, H, D], [N, G, D] and [N, G, D]; returns [N, H, D]."""
    if kernel == "varlen":
        return _call_own(*qkv, ends, longest, window=window, scale=scale)
    query_NHD, key_NGD, value_NGD = qkv
    from transformers import modeling_flash_attention_utils

    # transformers names a narrower type than it takes.
    call: Any = modeling_flash_attention_utils._flash_attention_forward  # noqa: SLF001
    attended_1NHD: torch.Tensor = call(
        query_NHD[None], key_NGD[None], value_NGD[None], None,
        query_length=len(query_NHD), is_causal=True, softmax_scale=scale, softcap=softcap,
        sliding_window=window, cu_seq_lens_q=ends, cu_seq_lens_k=ends, max_length_q=longest,
        max_length_k=longest, attn_implementation=kernel.replace("fa", "flash_attention_"),
    )  # fmt: skip
    return attended_1NHD[0]


def _call_own(
    query_NHD: torch.Tensor,
    key_NGD: torch.Tensor,
    value_NGD: torch.Tensor,
    ends: torch.Tensor,
    longest: int,
    *,
    window: int | None,
    scale: float | None,
) -> torch.Tensor:
    """Calls torch's kernel as this version of torch has it."""
    own, takes = _OWN
    groups = query_NHD.shape[1] // key_NGD.shape[1]
    more: dict[str, Any] = {}
    if groups > 1:
        if "enable_gqa" in takes:
            more["enable_gqa"] = True
        else:
            key_NGD = key_NGD.repeat_interleave(groups, 1)
            value_NGD = value_NGD.repeat_interleave(groups, 1)
    # The kernel counts the tokens to the left of a token's own, transformers its own as well.
    left = -1 if window is None else window - 1
    attended: torch.Tensor = own(
        query_NHD, key_NGD, value_NGD, ends, ends, longest, longest,
        scale=scale, window_size=(left, 0), **more,
    )  # fmt: skip
    return attended


# ---- the same, spelled out -----------------------------------------------------------------------


def reference(
    query_NHD: torch.Tensor,
    key_NGD: torch.Tensor,
    value_NGD: torch.Tensor,
    ends: torch.Tensor,
    *,
    window: int | None = None,
    scale: float | None = None,
) -> torch.Tensor:
    """Returns what the kernel should, [N, H, D], example by example, with all scores written out.

    O(N * the longest example) numbers; for tests and for the check of a kernel.
    """
    groups = query_NHD.shape[1] // key_NGD.shape[1]
    scale = query_NHD.shape[2] ** -0.5 if scale is None else scale
    parts = []
    for begin, end in zip(ends.tolist(), ends.tolist()[1:], strict=False):
        query = query_NHD[begin:end].transpose(0, 1)
        key = key_NGD[begin:end].repeat_interleave(groups, 1).transpose(0, 1)
        value = value_NGD[begin:end].repeat_interleave(groups, 1).transpose(0, 1)
        place = torch.arange(end - begin, device=query.device)
        distance = place[:, None] - place[None, :]
        hidden = (distance < 0) | (distance >= (window or end - begin))
        scores = (query @ key.transpose(1, 2) * scale).masked_fill(hidden, float("-inf"))
        parts.append((scores.softmax(-1) @ value).transpose(0, 1))
    return torch.cat(parts)


@torch.enable_grad()
def holds_windows(
    kernel: Kernel,
    device: torch.device,
    dtype: torch.dtype,
    *,
    heads: int,
    key_heads: int,
    head_size: int,
) -> bool:
    """Measures whether a kernel of this machine minds borders and windows, forwards and backwards.

    Results and gradients may each differ from the reference by a twentieth of what a window or a
    border that is passed over would make.
    """
    lengths, window = (40, 5, 70), 9
    ends = torch.tensor([0, *lengths]).cumsum(0).to(device, torch.int32)
    generator = torch.Generator().manual_seed(0)
    states = [
        torch.randn(sum(lengths), number, head_size, generator=generator).to(device, dtype)
        for number in (heads, key_heads, key_heads, heads)
    ]
    *qkv, weights = states

    def found(size: int | None) -> list[torch.Tensor]:
        leaves = [each.requires_grad_() for each in qkv]
        query, key, value = leaves
        longest = max(lengths)
        attended = _call(kernel, (query, key, value), ends, longest, window=size, scale=None)
        return _with_gradients(attended, leaves, weights)

    def expected(borders: torch.Tensor, size: int | None) -> list[torch.Tensor]:
        leaves = [each.detach().float().requires_grad_() for each in qkv]
        query, key, value = leaves
        attended = reference(query, key, value, borders, window=size)
        return _with_gradients(attended, leaves, weights)

    apart, windowed = expected(ends, None), expected(ends, window)
    leaking = expected(ends[[0, -1]], None)
    return _is_near(found(None), apart, leaking) and _is_near(found(window), windowed, apart)


def _with_gradients(
    attended: torch.Tensor, leaves: list[torch.Tensor], weights: torch.Tensor
) -> list[torch.Tensor]:
    loss = (attended.float() * weights.float()).sum()
    return [attended.detach(), *torch.autograd.grad(loss, leaves)]


def _is_near(
    found: list[torch.Tensor], right: list[torch.Tensor], wrong: list[torch.Tensor]
) -> bool:
    """Whether each of what is found is twenty times nearer to what is right than that to wrong."""
    return all(
        float((one.float() - other).abs().max()) <= float((other - control).abs().max()) / 20
        for one, other, control in zip(found, right, wrong, strict=True)
    )
