"""The estimate: near what a pass saves for its gradients, and refusals that say what would fit."""

import pytest

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.recipes.flan import Flan
from taskc.runtime.recipes.lima import Lima
from taskc.runtime.train import train

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from taskc.runtime.training import memory  # noqa: E402 (needs torch)
from taskc.runtime.training.memory import Shape, check_memory, estimate, shape_of  # noqa: E402
from taskc.runtime.training.models import prepare  # noqa: E402

LLAMA_7B = Shape(6_738_415_616, 6_738_415_616, 32, 4096, 11_008, 32_000)


def config_of(layers=4, width=128):
    """A Llama large enough for its layers to be most of it."""
    return transformers.LlamaConfig(
        vocab_size=128, hidden_size=width, intermediate_size=3 * width, num_hidden_layers=layers,
        num_attention_heads=4,
    )  # fmt: skip


@pytest.mark.parametrize("recompute", [False, True])
def test_activations_are_near_what_is_saved(recompute):
    """Bytes that autograd holds after a forward pass, each storage once: within a half more."""
    model = transformers.LlamaForCausalLM(config_of())
    prepare(model, recompute=recompute)
    own = {parameter.data_ptr() for parameter in model.parameters()}
    saved = {}

    def keep(tensor):
        if tensor.data_ptr() not in own:
            saved[tensor.data_ptr()] = (tensor, tensor.untyped_storage().nbytes())
        return tensor

    ids = torch.randint(0, 128, (4, 256))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.base_model(input_ids=ids, use_cache=False).last_hidden_state.sum()
    held = sum(size for _, size in saved.values())
    wanted = estimate(shape_of(config_of()), Lima(), max_tokens=1024, recompute=recompute)
    if recompute:  # one layer more is held while it is made again
        held += held_by_a_layer(ids)

    assert held <= 1.1 * wanted.activations_per_token * 1024 <= 1.5 * 1.1 * held


def held_by_a_layer(ids):
    """What one layer of the same model saves."""
    model = transformers.LlamaForCausalLM(config_of(layers=1))
    sizes = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: sizes.setdefault(tensor.data_ptr(), tensor), lambda tensor: tensor
    ):
        model.base_model(input_ids=ids, use_cache=False).last_hidden_state.sum()
    own = {parameter.data_ptr() for parameter in model.parameters()}
    return sum(t.untyped_storage().nbytes() for place, t in sizes.items() if place not in own)


def test_parameters_are_counted_without_being_made():
    """As many as the model has."""
    model = transformers.LlamaForCausalLM(config_of())

    assert shape_of(config_of()).num_parameters == sum(p.numel() for p in model.parameters())


def test_adamw_keeps_two_numbers_and_adafactor_hardly_any():
    """In float32: 7 billion parameters are 25 GiB, with gradients and AdamW's state 100."""
    lima = estimate(LLAMA_7B, Lima(), max_tokens=2048, recompute=True)
    flan = estimate(LLAMA_7B, Flan(), max_tokens=2048, recompute=True)
    sharded = estimate(LLAMA_7B, Lima(), max_tokens=2048, recompute=True, num_shards=8)

    assert (lima.parameters + lima.gradients + lima.optimizer) / 2**30 == pytest.approx(
        100.4, abs=0.1
    )
    assert flan.optimizer == 0
    assert sharded.parameters == lima.parameters // 8


@pytest.mark.parametrize(
    ("gib", "recompute", "words"),
    [
        (160, True, "--max-tokens 51200 would fit"),
        (115, False, "try --recompute"),
        (80, True, "shard it over more devices"),
    ],
)
def test_a_refusal_says_what_would_fit(gib, recompute, words):
    """Fewer tokens, recomputing, or more devices, in this order."""
    wanted = estimate(LLAMA_7B, Lima(), max_tokens=65_536, recompute=recompute)
    with pytest.raises(ArtifactError, match=words) as caught:
        check_memory(wanted, gib << 30, least_tokens=2048, recompute=recompute)

    assert "parameters 25.10 GiB" in caught.value.expected


def test_what_would_fit_fits():
    """The number of tokens that a refusal names is accepted."""
    wanted = estimate(LLAMA_7B, Lima(), max_tokens=65_536, recompute=True)
    with pytest.raises(ArtifactError) as caught:
        check_memory(wanted, 160 << 30, least_tokens=2048, recompute=True)
    tokens = int(caught.value.found.split("--max-tokens ")[1].split()[0])
    wanted = estimate(LLAMA_7B, Lima(), max_tokens=tokens, recompute=True)
    check_memory(wanted, 160 << 30, least_tokens=2048, recompute=True)


def test_a_run_that_does_not_fit_takes_no_step(folder, tmp_path, block_of, monkeypatch):
    """Nothing is loaded and nothing is written."""
    monkeypatch.setattr(memory, "available_bytes", lambda _: 10_000)
    block = block_of("plain", ("sequences", 4), steps=1, lr=0.1)
    with pytest.raises(ArtifactError, match=r"this device: memory: expected 0.* GiB free"):
        train(open_artifact(folder), block, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_this_machine_has_memory():
    """A number of bytes, whatever the machine."""
    assert memory.available_bytes(torch.device("cpu")) > 1 << 20
