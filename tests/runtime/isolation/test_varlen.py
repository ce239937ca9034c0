"""Attention of variable length: what is asked of the kernels, and what is refused.

No kernel runs on a CPU. Here `reference` stands in for one, called as the kernel would be.
"""

import inspect
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from taskc.runtime.isolation import varlen  # noqa: E402 (needs torch)
from taskc.runtime.isolation.borders import tell  # noqa: E402
from taskc.runtime.isolation.families import toy  # noqa: E402

REAL, TAKES = varlen._OWN
CPU = torch.device("cpu")


def exact(qkv, ends, window, scale):
    """The reference in float32, as a kernel of 16 bits would round it."""
    assert {each.dtype for each in qkv} == {torch.bfloat16}
    result = varlen.reference(*(each.float() for each in qkv), ends, window=window, scale=scale)
    return result.to(torch.bfloat16)


@pytest.fixture(params=["now", "with few arguments", "fa2"])
def kernel(request, monkeypatch):
    """A kernel's name, with the reference in its place; `calls` has what it was asked."""
    calls = []

    def own(*args, **others):
        inspect.signature(REAL).bind(*args, **others)
        *qkv, ends, ends_again, longest, longest_again = args
        assert ends is ends_again
        assert longest == longest_again
        assert others.get("enable_gqa", False) == (qkv[0].shape[1] != qkv[1].shape[1])
        calls.append((ends.tolist(), longest))
        left, right = others["window_size"]
        assert right == 0
        return exact(qkv, ends, None if left == -1 else left + 1, others["scale"])

    def few(*args, scale=None, window_size=None):
        return own(*args, scale=scale, window_size=window_size)

    def flash(query, key, value, mask, **others):
        assert mask is None
        assert others["is_causal"]
        assert others["attn_implementation"] == "flash_attention_2"
        assert others["cu_seq_lens_q"] is others["cu_seq_lens_k"]
        ends = others["cu_seq_lens_q"]
        calls.append((ends.tolist(), others["max_length_q"]))
        window, scale = others["sliding_window"], others["softmax_scale"]
        return exact((query[0], key[0], value[0]), ends, window, scale)[None]

    is_now = request.param == "now"
    played = (own, TAKES) if is_now else (few, frozenset({"scale", "window_size"}))
    monkeypatch.setattr(varlen, "_OWN", played)
    monkeypatch.setattr(
        "transformers.modeling_flash_attention_utils._flash_attention_forward", flash
    )
    varlen.register()
    return SimpleNamespace(name="fa2" if request.param == "fa2" else "varlen", calls=calls)


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen3", "gemma3_text", "gpt2", "olmo2"])
def test_logits_are_those_of_sdpa_but_for_rounding(kernel, family):
    """Padded rows of packs past the window, all of them as one row for the kernel."""
    model = toy(family, attn_implementation="sdpa").eval()
    ids = torch.randint(2, 100, (2, 14), generator=torch.Generator().manual_seed(1))
    lengths = [[6, 8], [9, 2, 3]]
    positions = torch.stack([torch.cat([torch.arange(n) for n in row]) for row in lengths])
    given = {"input_ids": ids, "position_ids": positions, "use_cache": False}
    with torch.no_grad():
        expected = model(**given).logits
        model.set_attn_implementation(varlen.name_of(kernel.name))
        untold = model(**given).logits
        tell(model, "lengths")
        found = model(**given).logits
        whole = model(input_ids=ids, use_cache=False).logits

    assert set(map(str, kernel.calls)) == {
        str(([0, 6, 14, 23, 25, 28], 9)),
        str(([0, 14, 28], 14)),
    }
    assert torch.equal(untold, found)
    assert float((found - expected).abs().max()) < 0.02 * float(expected.abs().max())
    assert float((found - whole).abs().max()) > 0.05 * float(expected.abs().max())


def test_gradients_reach_everything(kernel):
    """Rounding for the kernel is no wall for what comes back."""
    model = toy("mistral", attn_implementation="sdpa")
    ids = torch.arange(2, 14)[None]
    positions = torch.cat([torch.arange(7), torch.arange(5)])[None]
    found = []
    for name in ("sdpa", varlen.name_of(kernel.name)):
        model.set_attn_implementation(name)
        model.zero_grad()
        model(input_ids=ids, position_ids=positions, labels=ids, use_cache=False).loss.backward()
        found.append(torch.cat([each.grad.flatten() for each in model.parameters()]))

    assert float((found[0] - found[1]).norm() / found[0].norm()) < 0.02


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"softcap": 50.0}, "capped scores"),
        ({"s_aux": torch.zeros(2)}, "attention sinks"),
        ({"position_bias": torch.zeros(2)}, "biases of positions"),
        ({"dropout": 0.1}, "dropout"),
        ({"is_causal": False}, "sight of what follows"),
        ({"attention_mask": torch.ones(1, 4)}, "a mask"),
    ],
)
def test_what_the_kernel_can_t_do_is_refused(given, reason):
    """Each by its name; left out without a word it would be another model."""
    states = [torch.zeros(1, 2, 4, 8)] * 3
    with pytest.raises(ValueError, match=f"varlen.* can't do {reason}"):
        varlen.attend(
            torch.nn.Module(), *states, given.pop("attention_mask", None), kernel="varlen", **given
        )


def test_a_cache_is_refused():
    """Fewer queries than keys are a generation's."""
    short, long = torch.zeros(1, 2, 1, 8), torch.zeros(1, 2, 4, 8)
    with pytest.raises(ValueError, match="can't do a cache"):
        varlen.attend(torch.nn.Module(), short, long, long, None, kernel="varlen")


def test_torch_takes_the_call_as_it_is_made():
    """The installed kernel itself, on tensors without numbers."""
    states = (
        torch.zeros(2, 4, 14, 16, device="meta", dtype=torch.bfloat16),
        *[torch.zeros(2, 2, 14, 16, device="meta", dtype=torch.bfloat16)] * 2,
    )
    ends = torch.zeros(6, dtype=torch.int32, device="meta")
    attended, _ = varlen.attend(
        torch.nn.Module(), *states, None, kernel="varlen", cu_seq_lens_q=ends, max_length_q=9,
        sliding_window=4, scaling=0.5,
    )  # fmt: skip

    assert attended.shape == (2, 14, 4, 16)


def test_a_kernel_is_measured_against_the_reference(kernel, monkeypatch):
    """One that minds windows and borders passes; one that does not is found."""
    size = {"heads": 4, "key_heads": 2, "head_size": 16}
    good = varlen.holds_windows(kernel.name, CPU, torch.bfloat16, **size)
    right = varlen._call

    def without_window(*args, **others):
        return right(*args, **{**others, "window": None})

    def without_borders(name, qkv, ends, longest, **others):
        return right(name, qkv, ends[[0, -1]], longest, **others)

    def without_window_backwards(*args, window, **others):
        whole = right(*args, window=None, **others)
        return right(*args, window=window, **others).detach() + whole - whole.detach()

    assert good
    for wrong in (without_window, without_borders, without_window_backwards):
        monkeypatch.setattr(varlen, "_call", wrong)
        assert not varlen.holds_windows(kernel.name, CPU, torch.bfloat16, **size)


@pytest.mark.parametrize(
    ("asked", "capability", "reason"),
    [
        (("varlen", torch.bfloat16, 128), (9, 0), ""),
        (("varlen", torch.float32, 128), (9, 0), "16 bits, not in float32"),
        (("varlen", torch.float16, 128), (7, 5), "8.0 or later"),
        (("varlen", torch.bfloat16, 512), (9, 0), "at most 256"),
        (("varlen", torch.bfloat16, 60), (9, 0), "by eights"),
        (("fa3", torch.bfloat16, 128), (8, 0), "9.0 or later"),
        (("fa3", torch.bfloat16, 128), (9, 0), "FlashAttention 3 is not installed"),
        (("fa2", torch.bfloat16, 128), (9, 0), "FlashAttention 2 is not installed"),
    ],
)
def test_what_a_machine_has_is_asked(monkeypatch, asked, capability, reason):
    """GPU, its generation, precision, size of the heads, packages."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    kernel, compute, head_size = asked
    found = varlen.why_not(kernel, torch.device("cuda"), compute, head_size)

    assert reason in found
    assert bool(reason) == bool(found)
    assert varlen.why_not(kernel, CPU, compute, head_size) == "it needs a GPU"


@pytest.mark.gpu
@pytest.mark.parametrize("kernel", ["varlen", "fa2", "fa3"])
def test_the_kernels_of_this_machine_mind_borders_and_windows(kernel):
    """The real ones, forwards and backwards, with grouped heads."""
    device = torch.device("cuda")
    reason = varlen.why_not(kernel, device, torch.bfloat16, 128)
    if reason:
        pytest.skip(reason)

    assert varlen.holds_windows(kernel, device, torch.bfloat16, heads=8, key_heads=2, head_size=128)
