"""A step: loss and gradients are the examples' own, however they are packed, cut and shared."""

import numpy as np
import pytest

from taskc.runtime.reader import open as open_artifact
from taskc.runtime.schedule import examples, sequences, tokens

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from taskc.runtime.recipes.plain import Plain  # noqa: E402 (needs torch)
from taskc.runtime.recipes.sft import Sft  # noqa: E402
from taskc.runtime.training.micro_batches import cut  # noqa: E402
from taskc.runtime.training.models import has_plain_head, prepare  # noqa: E402
from taskc.runtime.training.packs import pack  # noqa: E402
from taskc.runtime.training.ranks import Ranks  # noqa: E402
from taskc.runtime.training.step import Stepper  # noqa: E402

CLOSE = 1e-10
SOURCES = ("ants", "bees")


def llama(*, dtype=torch.float64, **changes):
    """A random Llama over a hundred ids."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=64, **changes,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).to(dtype).eval()


@pytest.fixture
def unequal(made):
    """Examples of 2 to 40 tokens with masks of none, one and nearly all of them."""
    rng = np.random.default_rng(8)
    shapes = [(40, [(1, 40)]), (12, [(11, 12)]), (3, [(2, 3)]), (30, [(4, 6), (20, 29)])]
    shapes += [(2, [(1, 2)]), (9, []), (25, [(0, 25)]), (16, [(8, 16)]), (5, [(4, 5)])]
    shapes += [(33, [(32, 33)])]
    return [
        made.Example(rng.integers(0, 100, length).tolist(), spans, index % 2)
        for index, (length, spans) in enumerate(shapes)
    ]


def alone(model, batch, rule):
    """Loss and gradients of examples run one by one, each by itself, as the definitions say."""
    sums, counts = [], []
    for example in batch:
        ids = torch.tensor([example.ids])
        trained = [i for start, end in example.spans for i in range(max(start, 1), end)]
        if not trained:
            continue
        logits = model(input_ids=ids, use_cache=False).logits[0]
        before = torch.tensor([i - 1 for i in trained])
        sums.append(
            torch.nn.functional.cross_entropy(logits[before], ids[0, trained], reduction="sum")
        )
        counts.append(len(trained))
    if rule == "tokens":
        loss = sum(sums) / sum(counts)
    else:
        loss = sum(each / count for each, count in zip(sums, counts, strict=True)) / len(sums)
    return float(loss.detach()), flat(torch.autograd.grad(loss, list(model.parameters())))


def flat(gradients):
    """All gradients as one vector."""
    return torch.cat([gradient.flatten() for gradient in gradients])


def stepped(model, artifact, rule, loss, *, max_tokens, rank=0, world_size=1, room=0):
    """Loss and gradients as a step takes them, of a batch that holds everything.

    Examples have rows of their own, or are packed into rows of so many tokens.
    """
    stepper = Stepper(
        model, Plain(steps=1, lr=1, batch=rule, loss=loss), SOURCES, ranks=Ranks(rank, world_size)
    )
    batches = artifact["train"].batches(rule, rank=rank, world_size=world_size)
    assert len(batches) == 1
    length = 0 if rule.unit == "examples" else batches.length
    rows = batches.rows_at(0)
    if room:
        rows = pack(batches.all_examples_at(0), room=room, rank=rank, world_size=world_size)
    pieces = cut(rows, length=length, max_tokens=max_tokens, pad_id=0)
    totals, _ = stepper.gradients(pieces, 0)
    return totals, flat(parameter.grad for parameter in model.parameters()), len(pieces)


@pytest.mark.parametrize("loss", ["tokens", "examples"])
def test_packed_and_cut_is_as_alone(made, tmp_path, unequal, loss):
    """Three packings and two ways to batch, whole and in pieces: 1e-10 of the norm."""
    model = llama()
    expected, gradients = alone(model, unequal, loss)
    met = set()
    for length in (40, 48, 64):
        folder = made.write_examples(tmp_path / str(length), unequal, length=length)
        artifact = open_artifact(folder, verify=False)
        for rule in (sequences(50), tokens(50 * length), examples(50)):
            for max_tokens in (length, 10_000):
                totals, found, pieces = stepped(model, artifact, rule, loss, max_tokens=max_tokens)
                met.add(pieces)

                assert totals.loss == pytest.approx(expected, rel=CLOSE)
                assert float((found - gradients).norm() / gradients.norm()) <= CLOSE
    assert len(met) > 2


@pytest.mark.parametrize("loss", ["tokens", "examples"])
def test_packed_batches_of_examples_are_as_alone(made, tmp_path, unequal, loss):
    """In rows and micro-batches of any size, with padding in some: 1e-10 of the norm."""
    model = llama()
    expected, gradients = alone(model, unequal, loss)
    artifact = open_artifact(made.write_examples(tmp_path / "a", unequal, length=64))
    met = set()
    for room, max_tokens in ((40, 40), (50, 110), (64, 64), (200, 400)):
        totals, found, pieces = stepped(
            model, artifact, examples(50), loss, max_tokens=max_tokens, room=room
        )
        met.add(pieces)

        assert totals.loss == pytest.approx(expected, rel=CLOSE)
        assert totals.tokens == sum(len(example.ids) for example in unequal)
        assert float((found - gradients).norm() / gradients.norm()) <= CLOSE
    assert met == {1, 2, 3, 5}


@pytest.mark.parametrize("loss", ["tokens", "examples"])
def test_the_head_at_trained_places_is_as_the_whole(made, tmp_path, unequal, loss):
    """Loss and gradients of the head run everywhere, and left out of most places."""
    artifact = open_artifact(made.write_examples(tmp_path / "a", unequal, length=64))
    found = []
    for is_plain in (True, False):
        model = llama()
        stepper = Stepper(model, Plain(steps=1, lr=1, batch=sequences(50), loss=loss), SOURCES)
        assert stepper.root.is_plain
        stepper.root.is_plain = is_plain
        rows = artifact["train"].batches(sequences(50)).rows_at(0)
        totals, _ = stepper.gradients(cut(rows, length=64, max_tokens=128, pad_id=0), 0)
        found.append((totals.loss, flat(each.grad for each in model.parameters())))
    (plain_loss, plain), (whole_loss, whole) = found

    assert plain_loss == pytest.approx(whole_loss, rel=1e-13)
    assert float((plain - whole).norm() / whole.norm()) <= 1e-13


@pytest.mark.parametrize("loss", ["tokens", "examples"])
def test_two_ranks_are_as_one(made, tmp_path, unequal, in_ranks, loss):
    """Each has the same sums, equal to those of the examples alone, though shares are unequal."""
    model = llama()
    expected, gradients = alone(model, unequal, loss)
    artifact = open_artifact(made.write_examples(tmp_path / "a", unequal, length=64))

    def on(rank):
        found = [
            stepped(model, artifact, rule, loss, max_tokens=64, rank=rank, world_size=2)
            for rule in (sequences(50), examples(50))
        ]
        found.append(
            stepped(model, artifact, examples(50), loss, max_tokens=64, rank=rank, world_size=2,
                    room=64)
        )  # fmt: skip
        return [(totals, gradient.numpy()) for totals, gradient, _ in found]

    results = in_ranks(2, on)
    for rank in results:
        for totals, found in rank:
            assert totals.loss == pytest.approx(expected, rel=CLOSE)
            assert totals.tokens == sum(len(example.ids) for example in unequal)
            assert np.linalg.norm(found - gradients.numpy()) <= CLOSE * float(gradients.norm())
    assert np.array_equal(results[0][0][1], results[1][0][1])


def test_losses_of_sources_are_their_tokens_mean(made, tmp_path, unequal):
    """Weighed by their tokens they are the loss; a source alone is that source's own loss."""
    model = llama()
    artifact = open_artifact(made.write_examples(tmp_path / "a", unequal, length=64))
    totals, _, _ = stepped(model, artifact, sequences(50), "tokens", max_tokens=64)
    for index in (0, 1):
        own, _ = alone(model, [each for each in unequal if each.source == index], "tokens")

        assert totals.source_losses[index] / totals.source_tokens[index] == pytest.approx(own)
    assert sum(totals.source_losses) / totals.trained_tokens == pytest.approx(totals.loss)


def test_logits_that_are_not_the_plain_head_s_are_run_whole(folder):
    """Gemma 2 caps its logits: the loss is that of its own logits, not of its head's."""
    torch.manual_seed(0)
    config = transformers.Gemma2Config(
        vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, head_dim=16, final_logit_softcapping=0.05,
    )  # fmt: skip
    model = transformers.Gemma2ForCausalLM(config).double().eval()
    artifact = open_artifact(folder)
    totals, _, _ = stepped(model, artifact, sequences(50), "tokens", max_tokens=1000)
    batch = artifact["train"].batches(sequences(50)).at(0).torch()
    with torch.no_grad():
        logits = model(
            input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False
        ).logits
        expected = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten()
        )

    assert not has_plain_head(model)
    assert has_plain_head(llama())
    assert totals.loss == pytest.approx(float(expected), rel=1e-9)


def test_recomputing_and_cutting_keep_the_noise(folder):
    """With dropout on, another cut and recomputed layers give the same loss and gradients."""
    found = []
    for recompute, max_tokens in ((False, 1000), (True, 16)):
        model = llama()
        prepare(model, recompute=recompute)
        stepper = Stepper(model, Sft(lr=1, steps=1, dropout=0.3), SOURCES, seed=5)
        rows = open_artifact(folder)["train"].batches(sequences(50)).rows_at(0)
        totals, _ = stepper.gradients(cut(rows, length=16, max_tokens=max_tokens, pad_id=0), 3)
        found.append((totals.loss, flat(parameter.grad for parameter in model.parameters())))
    without = stepped(llama(), open_artifact(folder), sequences(50), "tokens", max_tokens=1000)

    assert found[0][0] == pytest.approx(found[1][0], rel=1e-12)
    assert found[0][0] != pytest.approx(without[0].loss, rel=1e-4)
    assert float((found[0][1] - found[1][1]).norm() / found[0][1].norm()) <= CLOSE


def test_bfloat16_on_a_cpu_rounds_the_passes_alone(folder):
    """Parameters and gradients stay in float32, near those of passes in float32, not the same."""
    rows = open_artifact(folder)["train"].batches(sequences(50)).rows_at(0)
    found = []
    for compute in (torch.float32, torch.bfloat16):
        model = llama(dtype=torch.float32)
        stepper = Stepper(
            model, Plain(steps=1, lr=1, batch=sequences(50)), SOURCES, compute=compute
        )
        totals, _ = stepper.gradients(cut(rows, length=16, max_tokens=1000, pad_id=0), 0)
        found.append((totals.loss, flat(parameter.grad for parameter in model.parameters())))
    (loss, gradient), (rounded_loss, rounded_gradient) = found

    assert {torch.float32} == {each.dtype for each in (gradient, rounded_gradient)}
    assert {torch.float32} == {each.dtype for each in model.parameters()}
    assert rounded_loss == pytest.approx(loss, rel=1e-2)
    assert 1e-5 < float((rounded_gradient - gradient).norm() / gradient.norm()) < 0.03


def test_packing_keeps_the_noise(folder):
    """Dropout's noise is an example's own: packed by one or two ranks, or apart, it is the same."""
    batches = open_artifact(folder)["train"].batches(examples(12))
    apart, packed, halves = batches.rows_at(2), [], []
    packed = pack(batches.all_examples_at(2), room=16, rank=0, world_size=1)
    for rank in (0, 1):
        halves += pack(batches.all_examples_at(2), room=16, rank=rank, world_size=2)
    found = []
    for rows in (apart, packed, halves):
        model = llama()
        stepper = Stepper(model, Sft(lr=1, steps=1, dropout=0.3), SOURCES, seed=5)
        totals, _ = stepper.gradients(cut(rows, length=0, max_tokens=32, pad_id=0), 7)
        found.append((totals.loss, flat(parameter.grad for parameter in model.parameters())))

    assert len(packed) < len(apart)
    for loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-12)
        assert float((gradient - found[0][1]).norm() / gradient.norm()) <= CLOSE


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch looks at what is no leaf, on its way
@pytest.mark.parametrize("recompute", [False, True])
def test_compiled_layers_are_as_they_were(folder, monkeypatch, recompute):
    """Loss and gradients, with noise that differs by layer; torch's compiler short of its code."""
    artifact, compiled, found = open_artifact(folder), torch.compile, []
    monkeypatch.setattr(torch, "compile", lambda each: compiled(each, backend="aot_eager"))
    for compiles in (False, True):
        model = llama()
        prepare(model, recompute=recompute, compiles=compiles)
        stepper = Stepper(model, Sft(lr=1, steps=1, dropout=0.3), SOURCES, seed=5)
        rows = artifact["train"].batches(sequences(50)).rows_at(0)
        totals, _ = stepper.gradients(cut(rows, length=16, max_tokens=64, pad_id=0), 3)
        found.append((totals.loss, flat(parameter.grad for parameter in model.parameters())))

    assert found[0][0] == pytest.approx(found[1][0], rel=1e-9)
    assert float((found[0][1] - found[1][1]).norm() / found[0][1].norm()) <= 1e-6


@pytest.mark.slow
def test_sharded_is_as_whole(made, tmp_path, unequal, in_ranks):
    """FSDP2 over two processes: losses and weights after three steps, also where ranks differ."""
    artifact = open_artifact(made.write_examples(tmp_path / "a", unequal, length=64))

    def steps_of(sharded, rank, world_size):
        model = llama(dtype=torch.float32)
        recipe = Plain(steps=3, lr=0.01, batch=sequences(3))
        stepper = Stepper(model, recipe, SOURCES, ranks=Ranks(rank, world_size), sharded=sharded)
        batches = artifact["train"].batches(
            recipe.batch, epochs=3, rank=rank, world_size=world_size
        )
        losses = []
        for step in range(3):
            pieces = cut(batches.rows_at(step), length=64, max_tokens=64, pad_id=0)
            losses.append(stepper.take(pieces, step, 3, 0).loss)
        from taskc.runtime.training.checkpoint import weights_of

        return losses, {name: weight.numpy() for name, weight in weights_of(stepper).items()}

    losses, weights = steps_of(False, 0, 1)
    sharded = in_ranks(2, lambda rank: steps_of(True, rank, 2))

    assert sharded[0][0] == pytest.approx(losses, abs=1e-5)
    assert sorted(sharded[0][1]) == sorted(weights)
    for name, weight in weights.items():
        np.testing.assert_allclose(sharded[0][1][name], weight, atol=2e-5)
