"""examples/chat: it is clean, it builds, and a model is asked with the ids of its training."""

import json
import shutil

import pytest

import taskc
from taskc.dsl.checker import check
from taskc.dsl.report import render
from taskc.dsl.text.format import format_text
from taskc.dsl.text.source_text import SourceText

BLIND = -100


@pytest.fixture(scope="module")
def examples(repository, tmp_path_factory):
    """A copy of the example and of the quickstart, whose tokenizer it shares."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("chat", "quickstart"):
        ignored = shutil.ignore_patterns(".taskc", "artifacts", "runs")
        shutil.copytree(repository / "examples" / name, folder / name, ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def built(examples):
    """Both artefacts by name."""
    return {
        name: taskc.build(examples / "chat", build=name, out=examples / "artifacts")
        for name in ("turns", "templated")
    }


@pytest.fixture(scope="module")
def rows(examples):
    """The messages of each row, without what only taskc reads."""
    text = (examples / "chat/data/conversations.jsonl").read_text(encoding="utf-8")
    return [json.loads(line)["messages"] for line in text.splitlines()]


def coded(artifact):
    """(row from 0, ids, labels) of each training example."""
    provenance = artifact.examples.to_pylist()
    for sequence in artifact["train"]:
        borders = sequence.cu_seq_lens.tolist()
        for example, start, stop in zip(sequence.examples, borders, borders[1:], strict=False):
            ids, labels = sequence.input_ids[start:stop], sequence.labels[start:stop]
            yield provenance[example]["row"] - 1, ids.tolist(), labels.tolist()


def test_it_is_clean(repository, monkeypatch):
    """No error, no warning, no lint, and nothing for `taskc fmt` to change."""
    monkeypatch.chdir(repository)
    found = check(["examples/chat"])
    text = (repository / "examples/chat/chat.task").read_text(encoding="utf-8")

    assert render(found.diagnostics, found.program.texts) == ""
    assert format_text(SourceText("chat.task", text)).text == text


def test_both_formats_train_the_same_answers(built, repository):
    """What is trained is the answers and their ends, whatever stands around them."""
    trained = {
        name: sorted(
            (row, sum(label != BLIND for label in labels)) for row, _, labels in coded(artifact)
        )
        for name, artifact in built.items()
    }
    num_trained = sum(count for _, count in trained["turns"])
    readme = (repository / "examples/chat/README.md").read_text(encoding="utf-8")

    assert trained["turns"] == trained["templated"]
    assert len(trained["turns"]) == 20
    assert f"the same {num_trained} tokens" in readme


def test_the_row_that_talks_of_the_end_forges_none(built, rows):
    """Each answer that is trained has one end, and the row has as many as it has turns."""
    end = built["templated"].manifest.special["im_end"].id
    for row, ids, labels in coded(built["templated"]):
        has_system = rows[row][0]["role"] == "system"
        num_trained = sum(
            each["role"] == "assistant" and each.get("train") is not False for each in rows[row]
        )

        assert ids.count(end) == len(rows[row]) + (not has_system)
        assert labels.count(end) == num_trained


@pytest.fixture(scope="module")
def exported(built, tmp_path_factory):
    """The tokenizer of a model that was trained on the templated artefact."""
    transformers = pytest.importorskip("transformers")
    from taskc.runtime.export import export

    artifact = built["templated"]
    config = transformers.LlamaConfig(
        vocab_size=artifact.manifest.vocab_size,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
    )
    folder = tmp_path_factory.mktemp("model") / "out"
    export(transformers.LlamaForCausalLM(config), artifact, folder)
    note = json.loads((folder / "taskc.json").read_text(encoding="utf-8"))
    assert note["chat_template"] == "the tokenizer's own, told that it is 2026-01-01"
    assert note["stops_at"][0] == artifact.manifest.special["im_end"].id
    return transformers.AutoTokenizer.from_pretrained(folder)


def asked(tokenizer, messages):
    """The ids that a model is asked with; special tokens in messages are texts, as in training."""
    return tokenizer.apply_chat_template(
        [{"role": each["role"], "content": each["content"]} for each in messages],
        add_generation_prompt=True,
        return_dict=False,
        sanitize_control_tokens=True,
    )


def test_a_model_is_asked_with_the_ids_of_training(built, rows, exported):
    """For every answer of every conversation, and for every evaluated one."""
    artifact = built["templated"]
    num_answers = 0
    for row, ids, labels in coded(artifact):
        seams = [
            place
            for place in range(1, len(ids))
            if labels[place] != BLIND and labels[place - 1] == BLIND
        ]
        answers = [
            number
            for number, each in enumerate(rows[row])
            if each["role"] == "assistant" and each.get("train") is not False
        ]
        assert len(seams) == len(answers)
        for seam, number in zip(seams, answers, strict=True):
            assert ids[:seam] == asked(exported, rows[row][:number])
            num_answers += 1
    for question in artifact["dev"]:
        messages = rows[question["row"] - 1]
        last = max(number for number, each in enumerate(messages) if each["role"] == "assistant")

        assert list(question["input_ids"]) == asked(exported, messages[:last])

    assert num_answers > 24
