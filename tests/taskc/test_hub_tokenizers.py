"""A tokenizer of the hub from the spec on: locked, built and vendored, without a network."""

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from taskc import open as open_artifact

COMMIT = "2" * 40
SPEC = """language 1

source facts {
  from    jsonl("facts.{split}.jsonl")
  splits  train
  fields  { question: text  answer: text }
  license "CC0-1.0"
}

template say for facts { prompt ask: "{question}" -> "{answer}" }

mixture all { from facts }

tokenizer words {
  from hf("owner/words", revision: "REVISION")
}

build facts {
  mixture   all
  tokenizer words
  format    chat(template: tokenizer, end_of_turn: eos, max: 32)
  pack      best_fit(length: 32)
}
"""


@pytest.fixture
def specs(tmp_path):
    """A spec, its rows, and the hub's cache with the files of one commit."""
    commit = tmp_path / "hub/models--owner--words/snapshots" / COMMIT
    commit.mkdir(parents=True)
    made = Tokenizer(models.WordLevel({"<unk>": 0, "red": 1, "sky": 2}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(["<end>", "<ask>"])
    made.save(str(commit / "tokenizer.json"))
    config = {"eos_token": "<end>", "chat_template": TEMPLATE}
    (commit / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "facts.task").write_text(SPEC.replace("REVISION", COMMIT), encoding="utf-8")
    row = json.dumps({"question": "sky <ask>", "answer": "red"})
    (folder / "facts.train.jsonl").write_text(f"{row}\n", encoding="utf-8")
    return folder


TEMPLATE = (
    "{% for message in messages %}{% if message.role == 'user' %}<ask>{% endif %}"
    "{{ message.content }}<end>{% endfor %}"
)


@pytest.mark.slow
def test_it_is_built_locked_and_vendored(specs, tmp_path, taskc):
    """The lock has its commit and files; a vendored build needs no cache either."""
    commands = [
        ("build", "specs", "--out", "first"),
        ("lock", "specs"),
        ("vendor", "specs", "--to", "vendored"),
    ]
    done = [taskc(*each, cwd=tmp_path, HF_HUB_CACHE=str(tmp_path / "hub")) for each in commands]
    vendored = ("build", "specs", "--out", "again", "--vendored", "vendored", "--store", "other")
    done += [taskc(*vendored, cwd=tmp_path), taskc("build", "specs", "--store", "o", cwd=tmp_path)]

    assert [each.returncode for each in done] == [0, 0, 0, 0, 1], [each.stderr for each in done]

    first, again = (open_artifact(tmp_path / name / "specs/facts") for name in ("first", "again"))
    lock = (specs / "taskc.lock").read_text(encoding="utf-8")
    (sequence,) = first["train"]

    assert "error[T0642]: the hub cannot be reached for `owner/words`" in done[4].stderr
    assert COMMIT in lock
    assert "tokenizer_config.json" in lock
    assert first.manifest.content_digest == again.manifest.content_digest
    # <ask> of the row is no token; the answer and its end are trained.
    assert sequence.input_ids.tolist() == [4, 2, 0, 3, 1, 3]
    assert sequence.labels.tolist() == [-100, -100, -100, -100, 1, 3]
