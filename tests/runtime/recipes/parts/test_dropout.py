"""Residual dropout: how much is dropped where, found by key, and on the branch it is said to be."""

import numpy as np
import pytest

from taskc.runtime.artifact import ArtifactError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from taskc.runtime.recipes.parts.dropout import (  # noqa: E402 (needs torch)
    ResidualDropout,
    ramp,
    token_keys,
)
from taskc.runtime.training.models import prepare  # noqa: E402

SMALL = {
    "vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4,
    "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16,
    "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip


def llama():
    """A random Llama of four layers."""
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL)).eval()


def keys_of(examples, positions, *, seed=1, step=0):
    """Keys as a tensor."""
    return torch.from_numpy(token_keys(seed, step, np.array(examples), np.array(positions)))


def zeros_of(model, keys):
    """Runs the model and returns, for each layer and branch, where zeros were passed on."""
    seen = []
    handles = [
        module.register_forward_hook(
            lambda _m, _a, out: seen.append((out[0] if isinstance(out, tuple) else out) == 0)
        )
        for layer in model.model.layers
        for module in (layer.self_attn, layer.mlp)
    ]
    with torch.no_grad():
        model(input_ids=torch.ones(keys.shape, dtype=torch.int64), use_cache=False)
    for handle in handles:
        handle.remove()
    return seen


def test_the_ramp_s_ends_and_steps():
    """0.0 at the bottom, 0.3 at the top, equal steps between."""
    assert ramp(0.0, 0.3, 4) == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert ramp(0.0, 0.3, 1) == [0.3]


def test_each_layer_drops_its_share():
    """Of 51,200 entries a branch, the share of zeros is the layer's rate within four deviations."""
    model = llama()
    dropout = ResidualDropout.attach(model, ramp(0.0, 0.3, 4))
    dropout.keys_BT = keys_of(
        np.arange(20)[:, None].repeat(80, 1), np.arange(80)[None].repeat(20, 0)
    )
    shares = [float(zeros.float().mean()) for zeros in zeros_of(model, dropout.keys_BT)]
    for layer, rate in enumerate([0.0, 0.1, 0.2, 0.3]):
        bound = 4 * (rate * (1 - rate) / 51_200) ** 0.5

        assert shares[2 * layer] == pytest.approx(rate, abs=bound)
        assert shares[2 * layer + 1] == pytest.approx(rate, abs=bound)


def test_noise_is_independent_between_branches_tokens_and_steps():
    """Two that are dropped at 0.3 meet in 0.09 of the entries."""
    model = llama()
    dropout = ResidualDropout.attach(model, [0.3] * 4)
    example, position = np.zeros((1, 400), int), np.arange(400)[None]
    found = []
    for step in (0, 1):
        dropout.keys_BT = keys_of(example, position, step=step)
        found += zeros_of(model, dropout.keys_BT)
    found += [torch.roll(found[0], 1, dims=1), torch.roll(found[0], 1, dims=2)]
    for i, one in enumerate(found):
        for other in found[:i]:
            assert float((one & other).float().mean()) == pytest.approx(0.09, abs=0.012)


def test_an_example_meets_its_noise_wherever_it_stands():
    """In another row, another place of the row, another batch."""
    model = llama()
    dropout = ResidualDropout.attach(model, [0.3] * 4)
    alone = keys_of([[7, 7, 7]], [[0, 1, 2]])
    packed = keys_of([[5, 5, 5, 5, 5], [5, 7, 7, 7, -1]], [[0, 1, 2, 3, 4], [0, 0, 1, 2, 0]])
    dropout.keys_BT = alone
    first = zeros_of(model, alone)
    dropout.keys_BT = packed
    second = zeros_of(model, packed)

    assert all(torch.equal(one[0], other[1, 1:4]) for one, other in zip(first, second, strict=True))


def test_what_is_kept_is_scaled_up():
    """So that the expected sum is that without dropout."""
    model = llama()
    raw, dropped = [], []
    handle = model.model.layers[3].mlp.register_forward_hook(lambda _m, _a, out: raw.append(out))
    dropout = ResidualDropout.attach(model, [0.0, 0.0, 0.0, 0.25])
    model.model.layers[3].mlp.register_forward_hook(lambda _m, _a, out: dropped.append(out))
    raw.clear()
    dropout.keys_BT = keys_of([[0] * 9], [range(9)])
    model(input_ids=torch.ones(1, 9, dtype=torch.int64), use_cache=False)
    handle.remove()
    kept = dropped[0] != 0

    assert 0.6 < float(kept.float().mean()) < 0.9
    assert torch.allclose(dropped[0][kept], raw[0][kept] / 0.75)


def test_recomputed_activations_meet_the_same_noise():
    """Gradients with checkpointed layers are those without."""
    grads = []
    for recompute in (False, True):
        model = llama()
        dropout = ResidualDropout.attach(model, [0.2] * 4)
        prepare(model, recompute=recompute)
        dropout.keys_BT = keys_of([[0] * 9], [range(9)])
        model(
            input_ids=torch.ones(1, 9, dtype=torch.int64), use_cache=False
        ).logits.sum().backward()
        grads.append(model.model.layers[0].mlp.up_proj.weight.grad)

    assert float(grads[0].abs().max()) > 0
    assert torch.equal(*grads)


# ---- the guard ---------------------------------------------------------------------------------


def family(name):
    """A random model of a family, as small as it can be."""
    make = {
        "gpt2": lambda: transformers.GPT2LMHeadModel(
            transformers.GPT2Config(vocab_size=50, n_embd=32, n_layer=2, n_head=2, bos_token_id=0,
                                    eos_token_id=0)
        ),
        "gpt_neox": lambda: transformers.GPTNeoXForCausalLM(
            transformers.GPTNeoXConfig(**{**SMALL, "num_hidden_layers": 2})
        ),
        "gemma3": lambda: transformers.Gemma3ForCausalLM(
            transformers.Gemma3TextConfig(**{**SMALL, "num_hidden_layers": 2})
        ),
        "olmo2": lambda: transformers.Olmo2ForCausalLM(
            transformers.Olmo2Config(**{**SMALL, "num_hidden_layers": 2})
        ),
        "opt": lambda: transformers.OPTForCausalLM(
            transformers.OPTConfig(vocab_size=50, hidden_size=32, ffn_dim=48, num_hidden_layers=2,
                                   num_attention_heads=2, word_embed_proj_dim=32)
        ),
    }  # fmt: skip
    return make[name]().eval()


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "gemma3", "olmo2"])
def test_dropout_stands_on_the_branch_of_other_families(name):
    """Beside parallel branches, and behind norms of what a branch gives."""
    model = family(name)

    assert ResidualDropout.attach(model, [0.1, 0.1]).is_on_the_branch(model)


def test_a_model_whose_branches_are_not_known_is_refused():
    """Dropout somewhere else would be another recipe; the model is left without hooks."""
    model = family("opt")
    with pytest.raises(ArtifactError, match="model of family opt: residual dropout"):
        ResidualDropout.attach(model, [0.1, 0.1])

    assert not any(module._forward_hooks for module in model.modules())


def test_dropout_before_the_branch_ends_is_refused(monkeypatch):
    """Gemma normalises what attention gives: zeros put before that norm don't stay zeros alone."""
    from taskc.runtime.recipes.parts import dropout

    monkeypatch.setattr(dropout, "_BRANCHES", (("self_attn", "mlp"),))
    with pytest.raises(ArtifactError, match="comes to something else"):
        ResidualDropout.attach(family("gemma3"), [0.1, 0.1])


@pytest.mark.parametrize(
    ("rates", "words"), [([0.1] * 3, "one for each of 4 layers"), ([0.1, 0.1, 0.1, 1.0], "below 1")]
)
def test_rates_that_don_t_fit(rates, words):
    """A rate a layer, and none that drops all."""
    with pytest.raises(ArtifactError, match=words):
        ResidualDropout.attach(llama(), rates)
