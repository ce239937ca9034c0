"""Ranking options: each option's own likelihood, whatever stands beside it in a batch."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from taskc.runtime.evaluation.options import rank  # noqa: E402 (needs torch)


@pytest.fixture(scope="module")
def model():
    """A random Llama in float64."""
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=40, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval().double()


def row(prompt, options, correct):
    """A row of an evaluation split."""
    return {
        "source": "ants", "cluster": "insects", "template": "ask", "label": "plain",
        "row_id": bytes(16), "input_ids": prompt, "option_ids": options, "correct": correct,
    }  # fmt: skip


ROWS = [
    row([1, 2, 3], [[4, 5], [6]], [0]),
    row([7], [[8, 9, 10], [11, 12], [13]], [1, 2]),
    row([1, 2], [], []),
    row([14] * 9, [[4], [5]], [1]),
]


def alone(model, prompt, option):
    """Log-likelihood, token by token, a pass for each."""
    total = 0.0
    for count in range(len(option)):
        with torch.no_grad():
            logits = model(torch.tensor([prompt + option[:count]])).logits[0, -1]
        total += float(torch.log_softmax(logits, -1)[option[count]])
    return total


@pytest.mark.parametrize("max_tokens", [1, 12, 8_192])
@pytest.mark.parametrize("score", ["sum", "mean"])
def test_each_option_is_scored_as_if_alone(model, score, max_tokens):
    """In batches of any size; a row without options is no question."""
    found = rank(model, ROWS, score=score, max_tokens=max_tokens)
    asked = [each for each in ROWS if each["option_ids"]]
    expected = [
        [
            alone(model, each["input_ids"], option) / (len(option) if score == "mean" else 1)
            for option in each["option_ids"]
        ]
        for each in asked
    ]

    assert [list(each.scores) for each in found] == [pytest.approx(each) for each in expected]
    assert [each.correct for each in found] == [(0,), (1, 2), (1,)]


def test_the_likeliest_option_is_the_answer(model):
    """Right where it is any of the right ones; of equal options the first is."""
    found = rank(model, [row([1], [[2], [3]], [0]), row([1], [[3], [2]], [0])])
    tied = rank(model, [row([1], [[2], [2]], [1])])[0]

    assert [each.answer for each in found] in ([0, 1], [1, 0])
    assert sorted(each.is_right for each in found) == [False, True]
    assert (tied.answer, tied.is_right) == (0, False)
