"""A run of three epochs whose models were kept, with three prompts to ask them."""

import pytest

from taskc.runtime.artifact import RunBlock
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.train import train

RECIPE = {
    "call": "lima",
    "arguments": {
        "epochs": 3, "lr": 0.01, "batch": {"call": "examples", "arguments": {"0": 6}},
        "dropout": {"call": "ramp", "arguments": {"0": 0.0, "1": 0.1}},
    },
}  # fmt: skip
MODEL = {"call": "tiny_llama", "arguments": {"layers": 1, "width": 16, "heads": 2}}


@pytest.fixture
def artifact(made, tmp_path):
    """Turns of two words whose end, id 98 of 100, the specification added; three in dev."""
    tokenizers = pytest.importorskip("tokenizers")
    words = {f"<w{i}>": i for i in range(98)}
    coder = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<w0>"))
    coder.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    coder.add_special_tokens(["<|turn|>", "<eos>"])
    turns = [[i, i + 1, 98, i + 2, i + 3, 98] for i in range(12)]
    examples = [made.Example(ids, [(3, 6)], i % 2) for i, ids in enumerate(turns)]
    settings = made.chat_of(examples, files={"tokenizer.json": coder.to_str().encode()})
    dev = made.evaluation_of("dev", 4)
    dev.columns["input_ids"] = [[1, 2, 98], [4, 5, 98], [1, 2, 98], [7, 8, 98]]
    path = made.write_examples(tmp_path / "chat", examples, evaluations=[dev], **settings)
    return open_artifact(path)


@pytest.fixture
def run(artifact, tmp_path):
    """The run's folder."""
    pytest.importorskip("torch")
    settings = {"model": MODEL, "recipe": RECIPE, "seed": 1}
    block = RunBlock(kind="train", name="go", settings=settings)
    for _ in train(artifact, block, tmp_path / "run"):
        pass
    return tmp_path / "run"
