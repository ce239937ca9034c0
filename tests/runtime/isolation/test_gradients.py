"""Families kept apart in their own way: a step's loss and gradients are the examples' own."""

import numpy as np
import pytest

from taskc.runtime.reader import open as open_artifact
from taskc.runtime.schedule import sequences

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from taskc.runtime.isolation.choice import keep_apart  # noqa: E402 (needs torch)
from taskc.runtime.isolation.families import toy  # noqa: E402
from taskc.runtime.recipes.plain import Plain  # noqa: E402
from taskc.runtime.training.micro_batches import cut  # noqa: E402
from taskc.runtime.training.step import Stepper  # noqa: E402

# What a family computes in float32 whatever it is given (norms, eager attention) bounds it.
CLOSE = {
    "mistral": 1e-10,
    "qwen3": 1e-10,
    "opt": 1e-10,
    "gemma3_text": 1e-8,
    "gemma2": 1e-6,
    "gpt_oss": 1e-6,
}


def alone(model, examples, rule):
    """Loss and gradients of examples run one by one, as the two definitions say."""
    sums = []
    for example in examples:
        ids = torch.tensor([example.ids])
        trained = [i for start, end in example.spans for i in range(max(start, 1), end)]
        logits = model(input_ids=ids, use_cache=False).logits[0, [i - 1 for i in trained]]
        each = torch.nn.functional.cross_entropy(logits, ids[0, trained], reduction="none")
        sums.append(each.mean() if rule == "examples" else each.sum())
    num_trained = sum(end - max(start, 1) for each in examples for start, end in each.spans)
    loss = sum(sums) / (len(sums) if rule == "examples" else num_trained)
    return float(loss.detach()), torch.autograd.grad(loss, list(model.parameters()))


def norm(vectors):
    """The norm of tensors as one vector."""
    return float(torch.cat([each.flatten() for each in vectors]).norm())


@pytest.mark.parametrize("loss", ["tokens", "examples"])
@pytest.mark.parametrize("family", CLOSE)
def test_windows_and_own_masks_keep_loss_and_gradients(made, tmp_path, family, loss):
    """Examples longer than the window, masks of one token and of nearly all; in float64."""
    rng = np.random.default_rng(4)
    shapes = [(23, [(1, 23)]), (3, [(2, 3)]), (9, [(8, 9)]), (12, [(2, 4), (6, 12)])]
    examples = [made.Example(rng.integers(2, 100, n).tolist(), spans) for n, spans in shapes]
    split = open_artifact(made.write_examples(tmp_path / "a", examples, length=32))["train"]
    how = {"experts_implementation": "eager"} if family == "gpt_oss" else {}  # takes float64
    model = toy(family, **how).double().eval()
    expected, gradients = alone(model, examples, loss)
    several = next(split[i] for i in range(len(split)) if len(split[i].examples) > 1)
    keep_apart(model, several)
    stepper = Stepper(model, Plain(steps=1, lr=1, batch=sequences(9), loss=loss), ("ants", "bees"))
    rows = split.batches(sequences(9)).rows_at(0)
    totals, _ = stepper.gradients(cut(rows, length=32, max_tokens=32, pad_id=0), 0)
    found = [each.grad for each in model.parameters()]

    off = [one - other for one, other in zip(found, gradients, strict=True)]

    assert totals.loss == pytest.approx(expected, rel=CLOSE[family])
    assert norm(off) <= CLOSE[family] * norm(gradients)
