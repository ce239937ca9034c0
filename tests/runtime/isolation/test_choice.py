"""The choice: the first attention that holds on this machine, the others with their reasons."""

import re

import pytest

from taskc.runtime.artifact import ArtifactError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from taskc.runtime.isolation import varlen  # noqa: E402 (needs torch)
from taskc.runtime.isolation.choice import Way, keep_apart, ways  # noqa: E402
from taskc.runtime.isolation.families import toy  # noqa: E402

HALF = torch.bfloat16


@pytest.fixture
def with_kernel(monkeypatch):
    """A machine whose only kernel is torch's own, played by the reference."""

    def call(_, qkv, ends, longest, *, window, scale, softcap=None):
        assert softcap is None
        assert longest == int(ends.diff().max())
        exact = [each.float() for each in qkv]
        return varlen.reference(*exact, ends, window=window, scale=scale).to(qkv[0].dtype)

    def why_not(kernel, _, compute, __):
        return "" if kernel == "varlen" and compute is HALF else "it is not here"

    monkeypatch.setattr(varlen, "_call", call)
    monkeypatch.setattr(varlen, "why_not", why_not)
    return monkeypatch


PLAIN = {
    family: Way("sdpa", "positions")
    for family in (
        "llama", "mistral", "qwen2", "qwen3", "gemma3_text", "gpt2", "olmo2", "phi3", "mixtral",
    )
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "way"),
    [
        *PLAIN.items(),
        ("gemma2", Way("eager", "positions")),
        ("gpt_oss", Way("eager", "masks")),
        ("opt", Way("sdpa", "masks")),
    ],
)
def test_without_a_gpu_each_family_has_its_own(sequence, family, way):
    """Told by positions where that does, by masks where only they do; to 2e-6."""
    apart = keep_apart(toy(family), sequence, compute=HALF)

    assert apart.way == way
    assert apart.measured.packed <= 2e-6
    assert len(apart.passed_over) == (way.borders == "masks")


@pytest.mark.parametrize("family", PLAIN)
def test_a_kernel_of_variable_length_comes_first(sequence, with_kernel, family):
    """For every family whose windows it is told of."""
    model = toy(family)
    apart = keep_apart(model, sequence, compute=HALF)

    assert apart.way == Way("taskc_varlen", "lengths")
    assert apart.passed_over == {}
    assert model.config._attn_implementation == "taskc_varlen"


@pytest.mark.parametrize(
    ("family", "way", "reason"),
    [
        ("gemma2", Way("eager", "positions"), "capped scores"),
        ("gpt_oss", Way("eager", "masks"), "attention sinks"),
        (
            "llama4_text",
            None,
            "attention 0 sees 2 tokens by its mask, and tells the kernel nothing",
        ),
    ],
)
def test_what_a_kernel_would_leave_out_is_passed_over(sequence, with_kernel, family, way, reason):
    """Caps, sinks and chunks have their reason, and the next way is taken."""
    apart = keep_apart(toy(family), sequence, compute=HALF)

    assert way in (None, apart.way)
    assert reason in apart.passed_over[Way("taskc_varlen", "lengths")]


def test_a_kernel_that_passes_over_windows_is_not_taken(sequence, with_kernel):
    """Measured on the machine, though alone and packed would agree."""
    right = varlen._call
    with_kernel.setattr(varlen, "_call", lambda *a, **k: right(*a, **{**k, "window": None}))
    apart = keep_apart(toy("mistral"), sequence, compute=HALF)

    assert apart.way == Way("sdpa", "positions")
    assert list(apart.passed_over.values()) == [
        "the kernel does not mind windows or borders on this machine"
    ]


def test_a_family_that_tells_no_kernel_of_its_window_is_not_taken(sequence, with_kernel):
    """Its masks alone have the window; alone and packed it would be lost alike."""

    class Silent:
        """A configuration that says nothing of a window."""

        sliding_window = None

        def __init__(self, config):
            self.config = config

        def __getattr__(self, name):
            return getattr(self.config, name)

    model = toy("mistral")
    for layer in model.model.layers:
        layer.self_attn.config = Silent(model.config)
    apart = keep_apart(model, sequence, compute=HALF)

    assert apart.way == Way("sdpa", "positions")
    assert list(apart.passed_over.values()) == [
        "attention 0 sees 4 tokens by its mask, and tells the kernel nothing"
    ]


def test_a_kernel_that_breaks_is_passed_over(sequence, with_kernel):
    """A machine with a kernel that does not run still trains."""

    def broken(*_, **__):
        raise RuntimeError("no kernel image is available for execution on the device")

    with_kernel.setattr(varlen, "_call", broken)
    apart = keep_apart(toy("llama"), sequence, compute=HALF)

    assert apart.way == Way("sdpa", "positions")
    assert "no kernel image" in apart.passed_over[Way("taskc_varlen", "lengths")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", ["mamba", "bloom", "falcon", "jamba"])
def test_what_can_t_be_kept_apart_is_refused(sequence, with_kernel, family):
    """With the family's name and the reason; the model's attention is as it was."""
    model = toy(family)
    before = model.config._attn_implementation
    with pytest.raises(ArtifactError, match=re.escape(f"model of family {family}")):
        keep_apart(model, sequence, compute=HALF)

    assert model.config._attn_implementation == before


def test_float32_gets_no_kernel_of_16_bits(with_kernel):
    """Nobody who asked for float32 is given less."""
    model = toy("llama")

    assert [way.attention for way in ways(model, torch.float32)] == ["sdpa", "sdpa"]
    assert [way.attention for way in ways(model, HALF)] == ["taskc_varlen", "sdpa", "sdpa"]


@pytest.mark.gpu
@pytest.mark.parametrize("family", PLAIN)
def test_on_a_gpu_a_kernel_of_variable_length_is_taken(sequence, family):
    """With heads of sixteen numbers, in 16 bits; nothing of the family's windows is lost."""
    apart = keep_apart(toy(family).to("cuda"), sequence, compute=HALF)

    assert apart.way.borders == "lengths", apart.passed_over
