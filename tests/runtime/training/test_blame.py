"""A loss that is no number stops the run, and says which rows it came from."""

import pytest

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.train import train

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


def llama(path, *, poisoned):
    """A model whose embedding of one id is no number, saved."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=100, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        model.get_input_embeddings().weight[poisoned] = float("nan")
    model.save_pretrained(path)
    return str(path)


def test_the_row_of_the_example_is_named(made, tmp_path, block_of):
    """Source, file, row and prompt of the one example that holds the id, at the step it is met."""
    examples = made.seeded_examples(12, vocab_size=90)
    examples[9] = made.Example([7, 95, 8, 9], [(2, 4)], 1)
    artifact = open_artifact(made.write_examples(tmp_path / "a", examples))
    model = llama(tmp_path / "model", poisoned=95)
    block = block_of("plain", ("examples", 4), model=model, steps=3, lr=0.01)
    steps = train(artifact, block, tmp_path / "out")
    taken = []
    with pytest.raises(ArtifactError) as caught:
        taken.extend(steps)

    assert caught.value.file == "step 3"
    assert caught.value.found.startswith(
        "nan: of example 9 (bees a.jsonl:5, ask.plain demo.task:7)"
    )
    assert not (tmp_path / "out" / "model").exists()


def test_an_infinite_gradient_names_the_largest_losses(folder, tmp_path, block_of, monkeypatch):
    """Where each loss is a number and the gradient is none."""
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(float("inf")))
    block = block_of("plain", ("examples", 4), steps=3, lr=0.01)
    with pytest.raises(
        ArtifactError, match=r"gradient norm: .*inf: all losses .* are numbers; the"
    ):
        list(train(open_artifact(folder), block, tmp_path / "out"))
