"""Settings of a `train` block: what fits is typed, what doesn't is said with what would."""

from pathlib import Path

import pytest

from taskc.runtime.artifact import ArtifactError, RunBlock
from taskc.runtime.schedule import examples, sequences, tokens
from taskc.runtime.settings import ModelFolder, TinyLlama, train_settings


def call(name, /, *arguments, **named):
    """A lowered call."""
    positional = {str(i): value for i, value in enumerate(arguments)}
    return {"call": name, "arguments": {**positional, **named}}


GOOD = {
    "data": "tiny",
    "model": call("tiny_llama", layers=2, width=64, heads=4),
    "recipe": call("plain", steps=40, batch=call("sequences", 4), lr=0.003),
    "seed": 7,
}


def block(kind="train", **changes):
    """A block with some settings changed; None takes one away."""
    settings = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return RunBlock(kind=kind, name="go", settings=settings)


def test_a_block_is_read_with_its_types():
    """Numbers, the batch rule, the model."""
    settings = train_settings(block())

    assert settings.model == TinyLlama(layers=2, width=64, heads=4)
    assert (settings.recipe.steps, settings.recipe.lr, settings.seed) == (40, 0.003, 7)
    assert settings.recipe.batch == sequences(4)


def test_what_is_left_out_has_a_default():
    """Seed 0, batches of eight sequences, no warm-up, no decay."""
    settings = train_settings(block(seed=None, recipe=call("plain", steps=1, lr=1)))
    recipe = settings.recipe

    assert (settings.seed, recipe.batch, recipe.warmup) == (0, sequences(8), 0)
    assert (recipe.weight_decay, recipe.clip) == (0.0, 1.0)


@pytest.mark.parametrize("rule", [sequences(2), tokens(99), examples(3)])
def test_batches_are_measured_as_in_python(rule):
    """The words of the language are those of the API."""
    batch = call(rule.unit, rule.count)

    assert (
        train_settings(block(recipe=call("plain", steps=1, lr=1, batch=batch))).recipe.batch == rule
    )


@pytest.mark.parametrize("model", ["models/llama", {"path": "models/llama"}])
def test_a_folder_is_a_model(model):
    """As text or as a lowered path."""
    expected = ModelFolder(path=Path("models/llama"))

    assert expected == train_settings(block(model=model)).model


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "evaluate"}, "evaluate go: expected a train block"),
        ({"model": None}, "train go: model: expected a setting, found none"),
        ({"recipe": None}, "train go: recipe: expected a setting, found none"),
        ({"speed": 9}, "train go: speed: expected one of .*data.*model.*recipe.*seed"),
        ({"seed": "x"}, "seed: expected a whole number"),
        ({"model": call("huge_llama")}, r"expected a folder or tiny_llama\(...\)"),
        ({"model": call("tiny_llama", depth=2)}, "model.depth: .* there are layers, width, heads"),
        ({"model": call("tiny_llama", layers=0)}, "model.layers: .*found 0"),
        ({"model": 3}, "expected a call such as"),
        ({"recipe": call("plain", lr=1)}, "recipe.steps: expected Field required"),
        ({"recipe": call("plain", steps=1, lr=-1)}, "recipe.lr: .*found -1"),
        ({"recipe": call("plain", steps=1, lr=1, momentum=1)}, "recipe.momentum: "),
        ({"recipe": call("plain", steps=1, lr=1, batch=call("rows", 1))}, r"found rows\("),
        ({"recipe": call("plain", steps=1, lr=1, batch=call("tokens", 0))}, "with N from 1"),
        ({"recipe": call("magic")}, "expected one of plain, flan, lima, sft"),
        ({"recipe": call("flan", warmup=10)}, "recipe.warmup: .* there are batch, loss, clip"),
        ({"recipe": call("flan", loss="rows")}, "recipe.loss: .*'tokens' or 'examples'"),
        ({"recipe": call("lima", dropout=call("ramp", 0.1))}, r"expected ramp\(BOTTOM, TOP\)"),
        ({"recipe": call("lima", dropout=call("ramp", 0.0, 1.0))}, "recipe.dropout.1: "),
        ({"recipe": {"call": "sft"}}, "recipe.lr: expected Field required"),
        ({"recipe": call("sft", lr=1)}, "either epochs or steps says how long"),
        ({"recipe": call("sft", lr=1, steps=2, epochs=1)}, "either epochs or steps"),
    ],
)
def test_what_does_not_fit_is_said(changes, words):
    """The block, the setting, what was expected and what was found."""
    with pytest.raises(ArtifactError, match=words) as caught:
        train_settings(block(**changes))

    assert caught.value.file == "run.json"
