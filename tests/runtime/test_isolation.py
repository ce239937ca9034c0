"""Isolation: models that keep packed examples apart pass, models that can't are refused."""

import numpy as np
import pytest

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.isolation import Isolation, check_isolation, measure_isolation
from taskc.runtime.reader import open as open_artifact

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

VOCAB = 100
NARROW = {"vocab_size": VOCAB, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
WITH_MLP = {**NARROW, "intermediate_size": 64}
GROUPED = {**WITH_MLP, "num_key_value_heads": 1}
IDS = {"bos_token_id": 0, "eos_token_id": 0}
GPT2 = {"vocab_size": VOCAB, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, **IDS}

APART = {
    "llama": WITH_MLP,
    "gpt2": GPT2,
    "qwen2": GROUPED,
    "qwen3": {**GROUPED, "head_dim": 16},
    "mistral": {**GROUPED, "sliding_window": 4},
}
MIXED = {
    "mamba": {"vocab_size": VOCAB, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
    "bloom": {"vocab_size": VOCAB, "hidden_size": 32, "n_layer": 2, "n_head": 2},
    "opt": {
        **NARROW, "ffn_dim": 64, "word_embed_proj_dim": 32, "max_position_embeddings": 64,
        "pad_token_id": 1, **IDS,
    },
    "falcon": {**NARROW, "alibi": True},
}  # fmt: skip


def model_of(family, settings, **how):
    """A model of random weights, small enough for a test."""
    config = transformers.AutoConfig.for_model(family, **settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return transformers.AutoModelForCausalLM.from_config(config, **how)


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny models only lose by threads, and tests run beside each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def sequence(made, tmp_path):
    """Three examples of 7, 5 and 4 tokens in one pack."""
    rng = np.random.default_rng(0)
    stream = [made.Example(rng.integers(0, VOCAB, n).tolist(), [(1, n)]) for n in (7, 5, 4)]
    (packed,) = open_artifact(made.write_examples(tmp_path / "tiny", stream))["train"]
    return packed


@pytest.mark.parametrize("family", APART)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_model_that_keeps_examples_apart_passes(sequence, family, attention):
    """Packed logits are each example's own up to rounding, and a leak would have shown."""
    model = model_of(family, APART[family], attn_implementation=attention)
    measured = check_isolation(model, sequence)

    assert measured.holds
    assert measured.packed < 1e-5
    assert measured.leak > 1e-2


@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_any_number_format_can_be_measured(sequence, family, dtype):
    """Rounding is allowed for, in fine formats and in coarse ones."""
    model = model_of(family, APART[family]).to(dtype)

    assert check_isolation(model, sequence).holds


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", MIXED)
def test_a_model_that_mixes_examples_is_refused(sequence, family):
    """By name, with the reason, however it fails: state, biases, positions from a mask."""
    with pytest.raises(ArtifactError, match=f"^model of family {family}: ") as caught:
        check_isolation(model_of(family, MIXED[family]), sequence)

    reasons = {
        "mamba": "takes none, so packed examples would see one another",
        "bloom": "takes none, so packed examples would see one another",
        "opt": "does not keep examples apart by where position ids restart",
        "falcon": "ALiBi",
    }
    assert reasons[family] in caught.value.found


def test_a_model_that_breaks_isolation_quietly_is_refused(sequence, monkeypatch):
    """Code that hands every model a mask of ones is the usual way to lose isolation."""
    model = model_of("llama", WITH_MLP)
    forward = type(model).forward

    def masked(self, input_ids, position_ids=None, attention_mask=None, **others):
        mask = torch.ones_like(input_ids)
        return forward(self, input_ids, attention_mask=mask, position_ids=position_ids, **others)

    monkeypatch.setattr(type(model), "forward", masked)
    with pytest.raises(ArtifactError, match="expected those of each example alone"):
        check_isolation(model, sequence)


def test_measuring_leaves_the_model_as_it_was(sequence):
    """Dropout is off while it measures and on again after, and no gradient is left."""
    model = model_of("gpt2", {**GPT2, "resid_pdrop": 0.5}).train()
    before = torch.get_rng_state()

    assert measure_isolation(model, sequence).holds
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(before, torch.get_rng_state())


def test_one_example_shows_nothing(made, tmp_path):
    """A pass that measured nothing would be worse than none."""
    folder = made.write_examples(tmp_path / "tiny", [made.Example([1, 2, 3], [(1, 3)])])
    (alone,) = open_artifact(folder)["train"]
    with pytest.raises(ArtifactError, match="expected two or more, found 1"):
        check_isolation(model_of("llama", WITH_MLP), alone)


@pytest.mark.parametrize(
    ("packed", "noise", "leak", "holds"),
    [
        (0.0, 0.0, 1.0, True),
        (3e-3, 1e-3, 1.0, True),
        (3.1e-3, 1e-3, 1.0, False),  # more than three times the noise
        (3e-3, 1e-3, 5.9e-2, False),  # more than a twentieth of the leak
        (2.3e-6, 0.0, 1.0, True),  # three times eight steps of rounding
        (2.5e-6, 0.0, 1.0, False),
    ],
)
def test_the_bounds_are_three_times_the_noise_and_a_twentieth_of_a_leak(packed, noise, leak, holds):
    """Both at once."""
    assert holds == Isolation(packed=packed, noise=noise, leak=leak, rounding=1e-7).holds
