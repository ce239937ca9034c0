"""Training: a packed loss is its examples' own, a seed gives one curve, bad models are refused."""

import json
import math

import numpy as np
import pytest

from taskc.runtime import train as loop
from taskc.runtime.artifact import ArtifactError, RunBlock
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.settings import train_settings
from taskc.runtime.train import train
from taskc.runtime.training.models import load_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from taskc.runtime.training import micro_batches, models, run  # noqa: E402 (needs torch)

MODEL = {"call": "tiny_llama", "arguments": {"layers": 2, "width": 32, "heads": 2}}


def block_of(*, model=MODEL, steps=6, batch=("sequences", 4), seed=1, **arguments):
    """A lowered `train` block."""
    rule = {"call": batch[0], "arguments": {"0": batch[1]}}
    recipe = {
        "call": "plain",
        "arguments": {"steps": steps, "batch": rule, "lr": 0.01, **arguments},
    }
    settings = {"data": "tiny", "model": model, "recipe": recipe, "seed": seed}
    return RunBlock(kind="train", name="go", settings=settings)


def losses(artifact, block, out):
    """Trains and returns the losses."""
    return [step.loss for step in train(artifact, block, out)]


def test_a_seed_gives_one_curve(folder, tmp_path):
    """To the bit, whatever the caller drew before; another seed gives another."""
    artifact = open_artifact(folder)
    torch.manual_seed(11)
    first = losses(artifact, block_of(), tmp_path / "one")
    torch.manual_seed(12)
    drawn = torch.get_rng_state()

    assert first == losses(artifact, block_of(), tmp_path / "two")
    assert torch.equal(drawn, torch.get_rng_state())
    assert first != losses(artifact, block_of(seed=2), tmp_path / "three")
    weights = [
        transformers.AutoModelForCausalLM.from_pretrained(tmp_path / name / "model").state_dict()
        for name in ("one", "two")
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_loss_falls(folder, tmp_path):
    """From that of guessing to well below it: what is trained on is what is measured."""
    curve = losses(open_artifact(folder), block_of(steps=40), tmp_path)

    assert curve[0] == pytest.approx(math.log(100), rel=0.05)
    assert np.mean(curve[-5:]) < 0.5 * curve[0]


def test_each_step_is_logged_as_it_was_yielded(folder, tmp_path):
    """A line a step, in JSON, without times."""
    steps = list(train(open_artifact(folder), block_of(steps=3), tmp_path))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]

    assert lines == [
        {
            "step": step.step, "steps": 3, "epoch": 1, "loss": step.loss, "tokens": step.tokens,
            "trained_tokens": step.trained_tokens, "lr": 0.01, "grad_norm": step.grad_norm,
            "sources": step.sources,
        }
        for step in steps
    ]  # fmt: skip
    assert [step.step for step in steps] == [1, 2, 3]
    assert sorted(steps[0].sources) == ["ants", "bees"]


@pytest.mark.parametrize("batch", [("sequences", 4), ("examples", 10)], ids=str)
def test_an_epoch_s_tokens_are_counted_once(folder, tmp_path, batch):
    """Padding is no token, and the loss sees what the manifest says is trained."""
    artifact = open_artifact(folder)
    steps_per_epoch = {"sequences": 5, "examples": 4}[batch[0]]
    steps = list(train(artifact, block_of(steps=steps_per_epoch, batch=batch), tmp_path))
    counts = artifact.manifest.splits["train"]

    assert sum(step.tokens for step in steps) == counts.tokens
    assert sum(step.trained_tokens for step in steps) == counts.trained_tokens


def test_what_is_left_behind_can_be_loaded(folder, tmp_path):
    """Model, tokenizer and the record of the run."""
    artifact = open_artifact(folder)
    for _ in train(artifact, block_of(steps=1), tmp_path):
        pass
    record = json.loads((tmp_path / "run.json").read_text())
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model")

    assert record["content_digest"] == artifact.manifest.content_digest
    assert record["train"]["settings"]["recipe"]["call"] == "plain"
    assert record["attention"] == "sdpa"
    assert model.config.vocab_size == 100
    assert model.config.eos_token_id == 99
    assert (tmp_path / "model" / "tokenizer.json").read_bytes() == b"{}"


def test_a_local_model_gets_rows_for_added_tokens(folder, tmp_path):
    """Its own weights stay; ids beyond its vocabulary get rows of their own."""
    config = transformers.GPT2Config(
        vocab_size=90,
        n_embd=32,
        n_layer=1,
        n_head=2,
        n_positions=32,
        bos_token_id=0,
        eos_token_id=0,
    )
    before = transformers.GPT2LMHeadModel(config)
    before.save_pretrained(tmp_path / "gpt2")
    block = block_of(model={"path": str(tmp_path / "gpt2")}, steps=2)
    artifact = open_artifact(folder)
    loaded = load_model(train_settings(block), artifact.manifest)
    rows = loaded.get_input_embeddings().weight

    assert rows.shape == (100, 32)
    assert torch.equal(before.get_input_embeddings().weight, rows[:90])
    assert len(losses(artifact, block, tmp_path / "out")) == 2


def test_the_learning_rate_warms_up(folder, tmp_path):
    """In equal steps to its full height."""
    steps = list(train(open_artifact(folder), block_of(steps=5, warmup=3), tmp_path))

    assert [step.lr for step in steps] == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01])


# ---- refused before the first step -------------------------------------------------------------


def save(model, folder):
    """Saves a model as a local folder and returns the setting that names it."""
    model.save_pretrained(folder)
    return {"path": str(folder)}


def test_a_model_that_mixes_examples_is_refused(folder, tmp_path):
    """Before a step is taken or a file is written."""
    config = transformers.BloomConfig(vocab_size=100, hidden_size=32, n_layer=1, n_head=2)
    model = save(transformers.BloomForCausalLM(config), tmp_path / "bloom")
    with pytest.raises(ArtifactError, match="model of family bloom"):
        train(open_artifact(folder), block_of(model=model), tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_model_that_mixes_examples_may_train_on_one_a_row(folder, tmp_path):
    """Batches of examples are packed for speed alone: without it they are what they are."""
    config = transformers.BloomConfig(vocab_size=100, hidden_size=32, n_layer=1, n_head=2)
    model = save(transformers.BloomForCausalLM(config), tmp_path / "bloom")
    block = block_of(model=model, batch=("examples", 8), steps=2)

    assert len(losses(open_artifact(folder), block, tmp_path / "out")) == 2
    assert not json.loads((tmp_path / "out" / "run.json").read_text())["packs_examples"]


def test_batches_of_examples_are_packed(folder, tmp_path, monkeypatch):
    """Several in a row of at most a pack's length; the loss is that of one a row."""
    artifact, block = open_artifact(folder), block_of(batch=("examples", 16), steps=3)
    shapes, cut = [], micro_batches.cut

    def noting(rows, **settings):
        shapes.extend((len(row.examples), len(row.ids)) for row in rows)
        return cut(rows, **settings)

    monkeypatch.setattr(run, "cut", noting)
    packed = losses(artifact, block, tmp_path / "packed")
    found = list(shapes)
    monkeypatch.setattr(models, "_keeps_apart", lambda *_, **__: False)

    assert packed == pytest.approx(losses(artifact, block, tmp_path / "apart"), abs=1e-6)
    assert sum(count for count, _ in found) == 40
    assert max(count for count, _ in found) > 1
    assert max(length for _, length in found) <= 16
    assert json.loads((tmp_path / "packed" / "run.json").read_text())["packs_examples"]


def test_a_model_made_for_shorter_examples_is_refused(folder, made, tmp_path):
    """Positions beyond its table would fail far from their cause; packs may be longer."""
    config = transformers.GPT2Config(
        vocab_size=100,
        n_embd=32,
        n_layer=1,
        n_head=2,
        n_positions=8,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = save(transformers.GPT2LMHeadModel(config), tmp_path / "gpt2")
    short = made.write_examples(tmp_path / "short", made.seeded_examples(20, longest=8))

    assert len(losses(open_artifact(short), block_of(model=model, steps=5), tmp_path / "out")) == 5
    with pytest.raises(
        ArtifactError, match="at least 10, the tokens of the longest example, found 8"
    ):
        train(open_artifact(folder), block_of(model=model), tmp_path / "out")


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (block_of(model={"path": "nowhere"}), "nowhere: model: expected a folder with config.json"),
        (block_of(model={"call": "tiny_llama", "arguments": {"width": 30, "heads": 4}}), "width"),
        (block_of(batch=("tokens", 3)), "a multiple of 16"),
    ],
)
def test_what_can_t_be_carried_out_is_said_at_once(folder, tmp_path, block, words):
    """At the call, not at the first step."""
    with pytest.raises(ArtifactError, match=words):
        train(open_artifact(folder), block, tmp_path / "out")


def test_no_sequences_are_nothing_to_train_on(made, tmp_path):
    """An artefact for evaluation alone."""
    artifact = open_artifact(made.write_examples(tmp_path / "tiny", []))
    with pytest.raises(ArtifactError, match="expected sequences to train on"):
        train(artifact, block_of(), tmp_path / "out")


def test_without_the_extra_the_message_names_it(folder, tmp_path, monkeypatch):
    """A data machine says what to install."""
    monkeypatch.setattr(loop, "find_spec", lambda _: None)
    with pytest.raises(ArtifactError, match=r"pip install 'taskc-lang\[train\]'"):
        train(open_artifact(folder), block_of(), tmp_path / "out")
