"""Models: what is loaded, what new tokens start from, and what is refused before a step."""

import pytest

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.settings import train_settings
from taskc.runtime.train import train

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from taskc.runtime.training.models import load_model  # noqa: E402 (needs torch)


def test_an_encoder_with_a_decoder_is_refused(folder, tmp_path, block_of):
    """With the reason, from its configuration alone."""
    config = transformers.T5Config(vocab_size=100, d_model=16, d_kv=8, d_ff=16, num_layers=1)
    config.save_pretrained(tmp_path / "t5")
    block = block_of("flan", ("tokens", 64), model=str(tmp_path / "t5"), steps=1)
    with pytest.raises(ArtifactError, match="decoder-only model: an artefact holds input and targ"):
        train(open_artifact(folder), block, tmp_path / "out")


@pytest.mark.parametrize("recipe", ["lima", "sft"])
def test_an_added_token_starts_from_the_mean(made, tmp_path, block_of, recipe):
    """The end of turn that the specification added; the tokenizer's own tokens keep their rows."""
    few = made.seeded_examples(4)
    artifact = open_artifact(made.write_examples(tmp_path / "chat", few, **made.chat_of(few)))
    torch.manual_seed(2)
    config = transformers.LlamaConfig(
        vocab_size=100, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2,
    )  # fmt: skip
    before = transformers.LlamaForCausalLM(config)
    before.save_pretrained(tmp_path / "start")
    length = {"epochs": 1, "lr": 1.0}
    block = block_of(recipe, ("examples", 2), model=str(tmp_path / "start"), **length)
    model = load_model(train_settings(block), artifact.manifest)
    turn_end = artifact.manifest.special["turn_end"].id
    for old, new in (
        (before.get_input_embeddings().weight, model.get_input_embeddings().weight),
        (before.lm_head.weight, model.lm_head.weight),
    ):
        others = [i for i in range(100) if i != turn_end]

        assert torch.equal(old[others], new[others])
        assert torch.allclose(new[turn_end], old[others].mean(dim=0), atol=1e-6)


def test_weights_of_bfloat16_on_disk_are_trained_in_float32(folder, tmp_path, block_of):
    """Most published models are stored in bfloat16; updates would be lost there."""
    model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(vocab_size=100, hidden_size=16, intermediate_size=32,
                                 num_hidden_layers=1, num_attention_heads=2)
    ).to(torch.bfloat16)  # fmt: skip
    model.save_pretrained(tmp_path / "half")
    block = block_of("flan", ("tokens", 64), model=str(tmp_path / "half"), steps=1)
    artifact = open_artifact(folder)

    assert load_model(train_settings(block), artifact.manifest).dtype == torch.float32
    (step,) = train(artifact, block, tmp_path / "out")
    assert step.lr == 3e-5
