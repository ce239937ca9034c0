"""Rows for new tokens: the mean of the others, and nothing old changes."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from taskc.runtime.recipes.parts.end_of_turn import start_from_mean  # noqa: E402 (needs torch)


def llama(*, tied=False, vocab_size=40):
    """A random Llama."""
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=vocab_size, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, tie_word_embeddings=tied,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


@pytest.mark.parametrize("tied", [False, True])
def test_a_token_beyond_the_vocabulary_gets_the_mean_row(tied):
    """In embedding and head; the rows there were stay to the bit, and so do their logits."""
    model, ids = llama(tied=tied), torch.arange(40)[None]
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with torch.no_grad():
        logits = model(input_ids=ids).logits
        start_from_mean(model, [40], 41)
        after = model(input_ids=ids).logits
    for module in (model.get_input_embeddings(), model.get_output_embeddings()):
        assert module.weight.shape == (41, 16)
        assert torch.allclose(module.weight[40], module.weight[:40].mean(dim=0), atol=1e-7)
    for name, weight in before.items():
        assert torch.equal(weight, model.state_dict()[name][: len(weight)])
    assert torch.allclose(logits, after[..., :40], rtol=0, atol=1e-6)
    # The mean row gives the mean logit: never far from the others.
    assert torch.allclose(after[..., 40], logits.mean(dim=-1), atol=1e-5)


def test_a_spare_row_of_the_model_is_set_too():
    """Models often have more rows than their tokenizer has tokens."""
    model = llama()
    start_from_mean(model, [37], 38)
    weight = model.get_input_embeddings().weight
    others = [i for i in range(38) if i != 37]

    assert weight.shape == (40, 16)
    assert torch.allclose(weight[37], weight[others].mean(dim=0), atol=1e-7)


def test_nothing_new_changes_nothing():
    """Not a bit."""
    model = llama()
    before = model.get_input_embeddings().weight.clone()
    start_from_mean(model, [], 40)

    assert torch.equal(before, model.get_input_embeddings().weight)
