"""Loading: made in order and ahead, the same whenever it is made; ends of examples come along."""

import threading

import numpy as np
import pytest

from taskc.runtime.reader import open as open_artifact
from taskc.runtime.schedule import examples, sequences
from taskc.runtime.train import train
from taskc.runtime.training.machine import Machine

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from taskc.runtime.isolation import borders, varlen  # noqa: E402 (needs torch)
from taskc.runtime.recipes.plain import Plain  # noqa: E402
from taskc.runtime.training.loading import Ahead, Loaded  # noqa: E402
from taskc.runtime.training.micro_batches import cut  # noqa: E402
from taskc.runtime.training.packs import pack  # noqa: E402
from taskc.runtime.training.step import Stepper  # noqa: E402

SOURCES = ("ants", "bees")


def stepper_of(attention="sdpa", device="cpu"):
    """A random Llama that takes steps."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=64,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).to(device).eval()
    model.set_attn_implementation(attention)
    return Stepper(model, Plain(steps=1, lr=1, batch=sequences(8)), SOURCES)


def pieces_of(folder, step=0):
    """A batch of examples, packed, in micro-batches with padding in some."""
    rows = open_artifact(folder)["train"].batches(examples(20)).all_examples_at(step)
    return cut(pack(rows, room=16, rank=0, world_size=1), length=0, max_tokens=32, pad_id=99)


# ---- ahead ---------------------------------------------------------------------------------------


def test_the_next_step_is_made_while_one_is_taken():
    """So many and no more, in order, in a thread of its own; none after the last."""
    made, release = [], threading.Semaphore(0)

    def make(step):
        made.append((step, threading.current_thread().name.startswith("taskc-ahead")))
        release.release()
        return step * step

    with Ahead(make, 5, steps=2) as ahead:
        found = [ahead.at(2)]
        for _ in range(3):
            release.acquire(timeout=10)

        assert made == [(2, True), (3, True), (4, True)]
        found += [ahead.at(3), ahead.at(4)]
    assert found == [4, 9, 16]
    assert len(made) == 3


def test_without_steps_ahead_there_is_no_thread():
    """Each is made when it is asked for."""
    made = []
    with Ahead(made.append, 5, steps=0) as ahead:
        ahead.at(0)
        before = threading.active_count()
        ahead.at(1)

    assert made == [0, 1]
    assert threading.active_count() == before


def test_what_goes_wrong_is_raised_at_its_step():
    """Not before, and not in a thread that nobody hears."""
    with Ahead(lambda step: 1 // (1 - step), 5, steps=2) as ahead:
        assert ahead.at(0) == 1
        with pytest.raises(ZeroDivisionError):
            ahead.at(1)
        assert ahead.at(2) == -1


def test_a_run_is_the_same_however_far_ahead(folder, tmp_path, block_of):
    """To the bit, with noise, over the ends of epochs; and no thread is left."""
    block = block_of("lima", ("examples", 10), epochs=2, lr=0.01, last_lr=0.01)
    before = threading.active_count()
    runs = [
        list(train(open_artifact(folder), block, tmp_path / str(steps),
                   machine=Machine(steps_ahead=steps, max_tokens=32)))
        for steps in (0, 1, 3, 20)
    ]  # fmt: skip

    assert all(run == runs[0] for run in runs)
    assert len(runs[0]) == 8
    assert threading.active_count() == before


# ---- loaded --------------------------------------------------------------------------------------


def test_loaded_or_not_a_step_is_the_same(folder):
    """Loss and gradients to the bit; on a CPU the tensors lie where the arrays do."""
    pieces, found = pieces_of(folder), []
    for loads in (False, True):
        stepper = stepper_of()
        given = stepper.load(pieces, 0) if loads else pieces
        totals, losses = stepper.gradients(given, 0)
        found.append((totals, [each.tolist() for each in losses],
                      [each.grad.clone() for each in stepper.model.parameters()]))  # fmt: skip

    assert found[0][:2] == found[1][:2]
    assert all(torch.equal(one, other) for one, other in zip(found[0][2], found[1][2], strict=True))
    assert all(isinstance(each, Loaded) for each in given)
    assert np.shares_memory(given[0].ids_BT.numpy(), pieces[0].batch.input_ids)


@pytest.fixture
def by_ends():
    """An attention that takes the ends of examples, spelled out; and what it was told."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    told = []

    def attend(module, query, key, value, _mask, *, scaling, **given):
        batch, heads, length, _ = query.shape
        ends = given.get("cu_seq_lens_q", torch.arange(0, batch * length + 1, length))
        told.append((ends.tolist(), given.get("max_length_q")))
        q, k, v = (each.transpose(1, 2).flatten(0, 1) for each in (query, key, value))
        return varlen.reference(q, k, v, ends, scale=scaling).view(batch, length, heads, -1), None

    ALL_ATTENTION_FUNCTIONS.register("taskc_told", attend)
    ALL_MASK_ATTENTION_FUNCTIONS.register("taskc_told", lambda *_, **__: None)
    return told


def test_ends_of_examples_are_told_from_the_host(folder, by_ends, monkeypatch):
    """Where attention takes them, so that no pass waits to find them on the device."""
    pieces = pieces_of(folder)
    expected, _ = stepper_of().gradients(pieces, 0)
    stepper = stepper_of("taskc_told")
    borders.tell(stepper.model, "lengths")

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(borders, "cumulative_lengths", never)
    by_ends.clear()
    totals, _ = stepper.gradients(pieces, 0)

    assert totals.loss == pytest.approx(expected.loss, rel=1e-5)
    assert by_ends == [
        (piece.batch.cu_seq_lens.tolist(), int(np.diff(piece.batch.cu_seq_lens).max()))
        for piece in pieces
        for _ in range(2)  # layers
    ]
    assert any(len(piece.batch.num_tokens) > 1 for piece in pieces)


@pytest.mark.gpu
def test_no_pass_waits_for_the_gpu(folder):
    """From the first micro-batch's pass to the last one's gradients nothing is read back."""
    stepper = stepper_of(device="cuda")
    pieces = pieces_of(folder)
    stepper.gradients(pieces, 0)  # kernels are found, memory is taken
    backward = stepper._backward

    def watched(*arguments):
        torch.cuda.set_sync_debug_mode("error")
        try:
            return backward(*arguments)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    stepper._backward = watched
    on_gpu, _ = stepper.gradients(stepper.load(pieces, 0), 0)
    on_cpu, _ = stepper_of().gradients(pieces, 0)

    assert on_gpu.loss == pytest.approx(on_cpu.loss, rel=1e-4)
