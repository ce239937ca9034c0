"""An export that stops and chats: the prompt's ids are those of training, and answers end."""

import json
from types import SimpleNamespace

import pytest

from taskc.runtime.export import chat_template, stop_ids
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.train import train

tokenizers = pytest.importorskip("tokenizers")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

WORDS = ["red", "green", "blue", "what", "is", "grass", "sky", "rose", "?", "thanks", "welcome"]
DIALOGUES = [
    ["what is grass ?", "green"],
    ["what is sky ?", "blue"],
    ["what is rose ?", "red"],
    ["what is rose ?", "red", "thanks", "welcome"],
]


def tokenizer_json():
    """A tokenizer of words, whose last ids are the end of turn, added, and the end of text."""
    vocabulary = {"<unk>": 0} | {word: i + 1 for i, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(["<|turn|>", "<eos>"])
    return made


@pytest.fixture
def chat(made, tmp_path):
    """An artefact of short dialogues, assistant's turns trained with their ends."""
    coder = tokenizer_json()
    turn_end = coder.token_to_id("<|turn|>")
    examples = []
    for dialogue in DIALOGUES * 8:
        ids, spans = [], []
        for number, text in enumerate(dialogue):
            begin = len(ids)
            ids += [*coder.encode(text).ids, turn_end]
            if number % 2:
                spans.append((begin, len(ids)))
        examples.append(made.Example(ids, spans))
    vocab_size = coder.get_vocab_size()
    settings = made.chat_of(
        examples, vocab_size=vocab_size, files={"tokenizer.json": coder.to_str().encode()}
    )
    path = made.write_examples(tmp_path / "chat", examples, vocab_size=vocab_size, **settings)
    return open_artifact(path)


@pytest.fixture
def exported(chat, tmp_path):
    """The folder of a model that has learned the dialogues."""
    model = {"call": "tiny_llama", "arguments": {"layers": 1, "width": 32, "heads": 2}}
    rule = {"call": "examples", "arguments": {"0": 16}}
    recipe = {"call": "sft", "arguments": {"epochs": 40, "lr": 0.02, "batch": rule}}
    from taskc.runtime.artifact import RunBlock

    block = RunBlock(
        kind="train", name="go", settings={"model": model, "recipe": recipe, "seed": 1}
    )
    last = list(train(chat, block, tmp_path / "out"))[-1]

    assert last.loss < 0.05
    return tmp_path / "out" / "model"


def test_the_prompt_s_ids_are_those_of_training(chat, exported):
    """For one turn and for several: what stands before the first answer, and before the last."""
    loaded = transformers.AutoTokenizer.from_pretrained(exported)
    sequences = [chat["train"][index] for index in range(len(chat["train"]))]
    stored = {
        tuple(sequence.input_ids[begin:end].tolist())
        for sequence in sequences
        for begin, end in zip(sequence.cu_seq_lens, sequence.cu_seq_lens[1:], strict=False)
    }
    for dialogue in DIALOGUES:
        roles = ["user", "assistant"] * 2
        turns = [{"role": r, "content": t} for r, t in zip(roles, dialogue, strict=False)]
        prompt = loaded.apply_chat_template(
            turns[:-1], add_generation_prompt=True, return_dict=False
        )
        whole = loaded.apply_chat_template(turns, return_dict=False)

        assert tuple(whole) in stored
        assert whole[: len(prompt)] == prompt
        assert len(whole) - len(prompt) == 2
    note = json.loads((exported / "taskc.json").read_text())
    assert note["chat_template"] == "gives the ids of training on all 32 prompts tried"


def test_plain_generate_stops_at_the_end_of_turn(chat, exported):
    """Without an argument that says where: the folder alone is enough."""
    loaded = transformers.AutoTokenizer.from_pretrained(exported)
    model = transformers.AutoModelForCausalLM.from_pretrained(exported)
    turn_end = chat.manifest.special["turn_end"].id
    for question, answer in (("what is sky ?", "blue"), ("what is grass ?", "green")):
        given = loaded.apply_chat_template(
            [{"role": "user", "content": question}],
            add_generation_prompt=True, return_tensors="pt", return_dict=True,
        )  # fmt: skip
        out = model.generate(**given, max_new_tokens=12, do_sample=False)[0].tolist()
        new = out[given["input_ids"].shape[1] :]

        assert new[-1] == turn_end
        assert loaded.decode(new, skip_special_tokens=True).strip() == answer
    assert model.generation_config.eos_token_id == stop_ids(chat.manifest)


def test_a_template_that_gives_other_ids_is_left_out(chat, tmp_path, monkeypatch):
    """And the note says of how many prompts."""
    from taskc.runtime import export

    monkeypatch.setattr(export, "_template", lambda _: "{{ messages[0]['content'] }}")
    template = chat_template(chat, chat.tokenizer)

    assert template.text == ""
    assert template.why.startswith("none: of 32 prompts, 32 came to other ids")


@pytest.mark.parametrize(
    ("written", "date", "text", "why"),
    [
        ("A{{ bos_token }}", "", "A{{ bos_token }}", "the tokenizer's own, by which training"),
        (
            "\n{{ strftime_now('%d %b %Y') }}",
            "2024-07-26",
            "\n26 Jul 2024",
            "the tokenizer's own, told that it is 2024-07-26",
        ),
        (
            "{{ strftime_now(words) }}",
            "2024-07-26",
            "",
            "none: the tokenizer's own asks for a date",
        ),
    ],
)
def test_the_template_of_the_tokenizer_is_its_own(tmp_path, written, date, text, why):
    """With a clock that says what it said in training, where it asks for one."""
    jinja2 = pytest.importorskip("jinja2")
    if date:  # one of several in the configuration, or a file of its own
        config = {"chat_template": [{"name": "default", "template": written}]}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    else:
        (tmp_path / "chat_template.jinja").write_text(written, encoding="utf-8")
    format_ = {"kind": "chat", "template": "tokenizer", "date": date}
    artifact = SimpleNamespace(tokenizer=tmp_path, manifest=SimpleNamespace(format=format_))
    template = chat_template(artifact, tmp_path)
    found = template.text
    if found and date:
        found = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(found).render()

    assert (found, template.why[: len(why)]) == (text, why)


def test_an_end_that_is_no_token_gives_no_template(folder):
    """Nothing says where an answer ends, so nothing is promised."""
    artifact = open_artifact(folder)
    template = chat_template(artifact, artifact.tokenizer)

    assert (template.text, template.why.split(":")[0]) == ("", "none")
    assert stop_ids(artifact.manifest) == [99]
