"""Adafactor, step by step against the paper's formulas written out with numpy in float64."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from taskc.runtime.recipes.parts.adafactor import Adafactor  # noqa: E402 (needs torch)

STEPS = 12


def rms(values):
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def by_the_paper(start, gradients, *, lr, scale_parameter, eps=(1e-30, 1e-3), clip=1.0, decay=0.8):
    """Algorithm 4 for matrices and 5 for vectors, with relative or given step sizes."""
    x = start.copy()
    row = col = second = 0.0
    for t, gradient in enumerate(gradients, start=1):
        beta = 1.0 - t**-decay
        squared = gradient**2 + eps[0]
        if x.ndim == 2:
            row = beta * row + (1 - beta) * squared.sum(axis=1)
            col = beta * col + (1 - beta) * squared.sum(axis=0)
            estimate = np.outer(row, col) / row.sum()
        else:
            second = estimate = beta * second + (1 - beta) * squared
        update = gradient / np.sqrt(estimate)
        update = update / max(1.0, rms(update) / clip)
        alpha = lr * (max(eps[1], rms(x)) if scale_parameter else 1.0)
        x = x - alpha * update
    return x


@pytest.mark.parametrize("scale_parameter", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (7,), (1, 4), (6, 1)], ids=str)
def test_twelve_steps_are_the_paper_s(shape, scale_parameter):
    """To rounding, for matrices and vectors, where updates are clipped and where not."""
    rng = np.random.default_rng(3)
    start = rng.normal(size=shape)
    # Sizes differ by powers of ten, so that clipping sets in at some steps and not at others.
    gradients = [rng.normal(size=shape) * 10.0 ** rng.integers(-3, 3) for _ in range(STEPS)]
    weight = torch.nn.Parameter(torch.tensor(start))
    optimizer = Adafactor([weight], 0.03, scale_parameter=scale_parameter)
    for number, gradient in enumerate(gradients, start=1):
        weight.grad = torch.tensor(gradient)
        optimizer.step()
        expected = by_the_paper(start, gradients[:number], lr=0.03, scale_parameter=scale_parameter)

        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-12, atol=1e-13)


def test_stacked_matrices_are_updated_one_by_one():
    """As experts of a layer are: rows and columns of each, one clipping for all."""
    rng = np.random.default_rng(5)
    start = rng.normal(size=(3, 4, 2))
    weight = torch.nn.Parameter(torch.tensor(start))
    optimizer = Adafactor([weight], 0.1, clip=1e9, scale_parameter=False)
    gradients = [rng.normal(size=start.shape) for _ in range(4)]
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        optimizer.step()
    for index in range(3):
        own = [gradient[index] for gradient in gradients]
        expected = by_the_paper(start[index], own, lr=0.1, scale_parameter=False, clip=1e9)

        np.testing.assert_allclose(weight[index].detach().numpy(), expected, rtol=1e-12)


def test_the_state_is_a_row_and_a_column():
    """What Adafactor is for: 100 + 50 numbers for 5,000, and goes on from its state."""
    weights = [torch.nn.Parameter(torch.ones(100, 50)) for _ in range(2)]
    optimizers = [Adafactor([weight], 0.1) for weight in weights]
    for optimizer, weight in zip(optimizers, weights, strict=True):
        weight.grad = torch.arange(5000.0).view(100, 50)
        optimizer.step()
        weight.grad = torch.ones(100, 50)
    state = optimizers[0].state_dict()
    numbers = sum(v.numel() for v in state["state"][0].values() if torch.is_tensor(v))
    fresh = Adafactor([weights[0]], 0.1)
    fresh.load_state_dict(state)
    fresh.step()
    optimizers[1].step()

    assert numbers == 150
    assert torch.equal(*weights)


def test_half_precision_gradients_keep_float32_state():
    """A mean of squares would vanish in eight bits."""
    weight = torch.nn.Parameter(torch.ones(4, 4, dtype=torch.bfloat16))
    weight.grad = torch.full((4, 4), 1e-3, dtype=torch.bfloat16)
    optimizer = Adafactor([weight], 0.1)
    optimizer.step()

    assert optimizer.state[weight]["rows"].dtype == torch.float32
