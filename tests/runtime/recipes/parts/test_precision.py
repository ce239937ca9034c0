"""Small updates reach float32 weights and are rounded away in bfloat16, which is refused."""

import pytest

from taskc.runtime.artifact import ArtifactError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from taskc.runtime.recipes.lima import Lima  # noqa: E402 (needs torch)
from taskc.runtime.recipes.parts.precision import check_precision  # noqa: E402


def moved_share(dtype):
    """The share of weights that 20 steps of AdamW at 1e-6 have moved."""
    torch.manual_seed(4)
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).to(dtype)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = Lima(lr=1e-6, last_lr=1e-6).optimizer(model.parameters())
    ids = torch.randperm(64).repeat(2).view(4, 32)  # every row of the embedding is met
    for _ in range(20):
        optimizer.zero_grad()
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        optimizer.step()
    changed = [
        (one != other).float().sum() for one, other in zip(before, model.parameters(), strict=True)
    ]
    return float(sum(changed)) / sum(each.numel() for each in before)


def test_float32_weights_move_and_bfloat16_ones_don_t():
    """Over 99 % against a control that shows what the refusal is for."""
    assert moved_share(torch.float32) > 0.99
    assert moved_share(torch.bfloat16) < 0.5


def test_bfloat16_parameters_are_refused():
    """With the first one's name and what to do; those that are not trained may be."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2, dtype=torch.bfloat16))
    with pytest.raises(ArtifactError, match=r"parameter 1\.weight: expected float32 .*bfloat16"):
        check_precision(model)
    model[1].requires_grad_(requires_grad=False)
    check_precision(model)
