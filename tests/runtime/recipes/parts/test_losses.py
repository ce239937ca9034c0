"""The loss: the head at trained places, in pieces, is the whole head; two kinds of weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
from taskc.runtime.recipes.parts import losses  # noqa: E402 (needs torch)
from taskc.runtime.recipes.parts.losses import cross_entropy, token_weights  # noqa: E402


@pytest.mark.parametrize("at_once", [1, 16, 1 << 20])
def test_pieces_are_the_whole(monkeypatch, at_once):
    """Value and gradients of the loss with the full head over all places."""
    monkeypatch.setattr(losses, "_LOGITS_AT_ONCE", at_once * 30)
    torch.manual_seed(2)
    hidden = torch.randn(90, 8, dtype=torch.float64, requires_grad=True)
    head = torch.nn.Linear(8, 30, dtype=torch.float64)
    targets = torch.randint(0, 30, (90,))
    places = torch.randperm(90)[:41]
    weights = torch.rand(41, dtype=torch.float64)
    logits = head(hidden)
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    expected = (each[places] * weights).sum()
    expected_gradients = torch.autograd.grad(expected, [hidden, head.weight, head.bias])
    found, found_each = cross_entropy(hidden[places], head, targets[places], weights, vocab_size=30)
    gradients = torch.autograd.grad(found, [hidden, head.weight, head.bias])

    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-13)
    assert torch.allclose(found_each, each[places].detach(), rtol=1e-13)
    for one, other in zip(gradients, expected_gradients, strict=True):
        assert torch.allclose(one, other, rtol=1e-12, atol=1e-14)


def test_nothing_trained_is_a_loss_of_zero():
    """With gradients of zero, which a rank without trained tokens adds to the sum."""
    head = torch.nn.Linear(4, 9)
    none = torch.zeros(0, dtype=torch.int64)
    loss, each = cross_entropy(
        torch.zeros(0, 4, requires_grad=True), head, none, torch.zeros(0), vocab_size=9
    )
    loss.backward()

    assert (float(loss.detach()), len(each)) == (0.0, 0)


def test_sums_are_taken_in_float32_at_least():
    """A head that computes in bfloat16 gives logits, not sums, of eight bits."""
    head = torch.nn.Linear(4, 9, dtype=torch.bfloat16)
    hidden = torch.randn(5, 4, dtype=torch.bfloat16)
    loss, each = cross_entropy(
        hidden, head, torch.zeros(5, dtype=torch.int64), torch.ones(5), vocab_size=9
    )

    assert (loss.dtype, each.dtype) == (torch.float32, torch.float32)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_weights_of_a_batch_sum_to_one(counts):
    """Each token the same, or each example the same."""
    example_N = np.repeat(np.arange(len(counts)) * 7, counts)
    numbers = {"num_tokens": sum(counts), "num_examples": len(counts)}
    by_token = token_weights("tokens", example_N, **numbers)
    by_example = token_weights("examples", example_N, **numbers)

    assert by_token.sum() == pytest.approx(1.0)
    assert set(by_token.tolist()) == {1.0 / sum(counts)}
    assert by_example.sum() == pytest.approx(1.0)
    for number in range(len(counts)):
        assert by_example[example_N == 7 * number].sum() == pytest.approx(1.0 / len(counts))
