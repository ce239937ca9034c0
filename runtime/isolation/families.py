"""Toy models of the families that docs/isolation.md speaks of: random weights, a few thousand each.

In: a family's name. Out: its model, small enough for a test, with windows of four tokens where the
family has windows. No list of good families: what a real model does is measured on that model.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["FAMILIES", "VOCAB_SIZE", "toy"]

VOCAB_SIZE = 100

_NARROW = {
    "vocab_size": VOCAB_SIZE,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 1,
}
_WITH_MLP = {**_NARROW, "intermediate_size": 64}
_GROUPED = {**_WITH_MLP, "num_key_value_heads": 1}
_HEADS = {**_GROUPED, "head_dim": 16}
_WINDOW = {"sliding_window": 4}
_SOME_WINDOWS = {**_WINDOW, "use_sliding_window": True, "max_window_layers": 1}
_ALTERNATING = {**_WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}

FAMILIES: dict[str, dict[str, Any]] = {
    "llama": _WITH_MLP,
    "mistral": {**_GROUPED, **_WINDOW},
    "qwen2": {**_GROUPED, **_SOME_WINDOWS},
    "qwen3": {**_HEADS, **_SOME_WINDOWS},
    "gemma2": {**_HEADS, **_ALTERNATING},
    "gemma3_text": {**_HEADS, **_ALTERNATING},
    "gpt2": {"vocab_size": VOCAB_SIZE, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64},
    "olmo2": _GROUPED,
    "phi3": {**_GROUPED, **_WINDOW},
    "mixtral": {**_GROUPED, **_WINDOW, **_EXPERTS},
    "llama4_text": {
        **_HEADS,
        "intermediate_size_mlp": 64,
        "num_local_experts": 2,
        "attention_chunk_size": 4,
        "layer_types": ["chunked_attention", "full_attention"],
        "no_rope_layers": [1, 0],
    },
    "gpt_oss": {**_HEADS, **_ALTERNATING, **_EXPERTS},
    "opt": {**_NARROW, "ffn_dim": 64, "word_embed_proj_dim": 32, "max_position_embeddings": 64},
    "bloom": {"vocab_size": VOCAB_SIZE, "hidden_size": 32, "n_layer": 2, "n_head": 2},
    "falcon": {**_NARROW, "alibi": True},
    "mamba": {**_NARROW, "state_size": 4},
    "jamba": {
        **_GROUPED,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "use_mamba_kernels": False,
        "num_experts": 2,
    },
}


def toy(family: str, *, seed: int = 0, **how: Any) -> "PreTrainedModel":
    """Returns a family's model in float32 unless `how` says otherwise; no generator is moved.

    Args:
        family: One of `FAMILIES`.
        seed: Of its weights.
        how: Further arguments of transformers' `from_config`, or `settings` that differ.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = {**FAMILIES[family], **how.pop("settings", {})}
    untyped: Any = AutoModelForCausalLM
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = untyped.from_config(
            AutoConfig.for_model(family, **settings), **how
        )
    return model
