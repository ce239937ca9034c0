"""Blame: every token of an artefact is found in the words that gave it."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

import taskc
from taskc.api import lower_sound
from taskc.checking import check
from taskc.compiler.store.objects import Store
from taskc.tracing.blame import Blame, NoSuchTokenError, Specs, TokenName

SPEC = """language 1

schema fact {{
  topic:  text
  body:   text
  kind:   choice(yes, no)
  turns:  list[{{role: text  content: text}}]
}}

source facts: fact {{
  from   jsonl("facts.{{split}}.jsonl")
  splits train, dev
}}

template judge for facts {{
  options kind {style} {{
    yes: "Yes, \\"sure\\""
    no:  "No {{topic}}"
  }}
  let short = topic + "!"
  prompt say: "On {{short}}:\\t{{body}} {{{{x}}}}\\n\\n{{options}}" -> "{{answer}}{text}."
  prompt tell: \"\"\"
    Is it so?
      {{body}}

    {{topic}} {{topic}}
    \"\"\" -> "{{upper(topic)}} {{answer}}"
{more}
}}

mixture m {{
  from facts
  seed 1
{mixture}
}}

tokenizer tiny {{
  from file("tokenizer.json")
  eos  "<|end|>"
  add  sep "<|sep|>"
}}

build b {{
  mixture   m
  tokenizer tiny
  format    {format}
  pack      best_fit(length: 512)
  splits    train, dev
}}
"""

DIALOGUES = """
  dialogue talk {{
    system    "Be terse about {{topic}}."
    user      "{{body}}"
    assistant "Hm."
    user      "Hm."
    assistant "{{answer}}"
  }}
  dialogue own from turns
"""

PAIR = "prompt_target(input: 200, target: 60, separator: {separator}, end: eos{more})"
CHAT = "chat(end_of_turn: eos, loss: assistant, bos: none, max: {max}, overflow: {overflow})"

TEMPLATED = "chat(template: tokenizer, end_of_turn: eos, max: {max}, overflow: trim)"
TEMPLATE = """{% for message in messages %}
<|sep|>{{ message.role }}:
{{ message.content | trim }}<|end|>
{% endfor %}
{% if add_generation_prompt %}
<|sep|>assistant:
{% endif %}
"""

FORMATS = {
    "split": PAIR.format(separator='" => "', more=""),
    "token": PAIR.format(separator="sep", more=""),
    "joined": PAIR.format(separator='"\\n"', more=", seam: join"),
    "joined_bare": PAIR.format(separator="none", more=", seam: join"),
    "trimmed": "prompt_target(input: 20, target: 6, separator: sep, end: eos, "
    "overflow: trim_prompt)",
    "parts": "prompt_target(input: 200, target: 5, separator: sep, end: eos, overflow: split)",
    "chat": CHAT.format(max=400, overflow="error"),
    "chat_trim": CHAT.format(max=45, overflow="trim"),
    "chat_trim_prompt": CHAT.format(max=45, overflow="trim_prompt"),
    "chat_split": CHAT.format(max=60, overflow="split"),
    "chat_templated": TEMPLATED.format(max=400),
    "chat_templated_trim": TEMPLATED.format(max=90),
}

ROWS = [
    {
        "topic": topic,
        "body": body,
        "kind": kind,
        "turns": [
            {"role": "user", "content": body},
            {"role": "assistant", "content": "Hm."},
            {"role": "user", "content": "Hm."},
            {"role": "assistant", "content": f"It is {topic}."},
        ],
    }
    for topic, body, kind in [
        ("rain", "It rains all day.", "yes"),
        ("snow", "Snow lies on the hill, and the hill is far away.", "no"),
        ("wind", "wind", "no"),
        ("sun", "The sun shines,\n\nand it is warm.", "yes"),
        ("fog", "Fog hides the road to the old mill.", "yes"),
        ("hail", "A", "no"),
    ]
]


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory, taskc) -> str:
    """The tokenizer that `taskc init` writes."""
    folder = tmp_path_factory.mktemp("tokenizer")
    assert taskc("init", "hello", cwd=folder).returncode == 0
    return (folder / "hello/tokenizer.json").read_text(encoding="utf-8")


class Workshop:
    """A folder with a spec, and what was built of it."""

    def __init__(self, folder: Path, tokenizer: str) -> None:
        self.folder = folder / "p"
        self.folder.mkdir()
        (self.folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
        (self.folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
        for split, rows in (("train", ROWS), ("dev", ROWS[:2])):
            lines = "".join(f"{json.dumps(row)}\n" for row in rows)
            (self.folder / f"facts.{split}.jsonl").write_text(lines, encoding="utf-8")

    def write(self, format_: str, *, style="", more="", mixture="") -> None:
        """Writes the spec."""
        answer = " ({answer.text})" if "letters" in style else ""
        text = SPEC.format(format=format_, style=style, more=more, mixture=mixture, text=answer)
        (self.folder / "p.task").write_text(text, encoding="utf-8")

    def build(self):
        """Builds it, and opens the artefact."""
        return taskc.build(self.folder, out=self.folder / "out", jobs=1)

    def specs(self) -> Specs:
        """The specs as they stand now."""
        checked = check([str(self.folder)])
        store = Store.open(self.folder / ".taskc/store")
        return Specs(checked, lower_sound(checked).builds[0], store)

    def written_at(self, at: str) -> str:
        """The rest of the line at file:line:column."""
        path, line, column = at.rsplit(":", 2)
        return Path(path).read_text(encoding="utf-8").split("\n")[int(line) - 1][int(column) - 1 :]


@pytest.fixture
def workshop(tmp_path, tokenizer) -> Workshop:
    """A new folder."""
    return Workshop(tmp_path, tokenizer)


def every_token(opened):
    """Names of all tokens of an artefact, by split."""
    for number, sequence in enumerate(opened["train"]):
        for token in range(len(sequence)):
            yield TokenName("train", number, token)
    for number, row in enumerate(opened["dev"]):
        for token in range(len(row["input_ids"]) + len(row["target_ids"])):
            yield TokenName("dev", number, token)


@pytest.mark.parametrize("name", FORMATS)
def test_every_token_is_found_in_words(workshop, name):
    """Literals stand where it is said, slots begin there, and nothing is left over."""
    is_chat = name.startswith("chat")
    workshop.write(FORMATS[name], more=DIALOGUES.format() if is_chat else "")
    opened = workshop.build()
    blame = Blame(opened, workshop.specs())
    covered: dict[tuple, str] = defaultdict(str)
    slots = set()
    for token in every_token(opened):
        found = blame.of(token)

        assert found.reason == ""
        assert found.origins, token
        slots.add(found.slot)
        for origin in found.origins:
            words = workshop.written_at(origin.at)
            match origin.kind:
                case "literal":
                    first = origin.covered[0]
                    written = {"\n": "\\n", "\t": "\\t", "{": "{{", "}": "}}"}.get(first, first)
                    assert words.startswith(written) or (first == "\n" and not words)
                case "slot" | "options":
                    assert words.startswith(origin.written)
                    assert origin.covered in origin.value
                case "message":
                    assert words == "turns"
                case "format":
                    assert found.slot != "text" or name == "joined"
        if found.slot == "text" and found.name.split == "train":
            text = "".join(each.covered for each in found.origins if each.kind != "format")
            assert text in found.text or found.text in text or not text.isascii()
            covered[found.example["example"], found.role] += text
    if name in {"split", "token", "joined", "joined_bare"}:
        _check_inputs(opened, covered)

    assert {"text", "end"} <= slots


def _check_inputs(opened, covered) -> None:
    """What tokens cover, one after another, is the text of the turn: of the row's own words."""
    for (example, role), text in covered.items():
        origin = opened.examples.slice(example, 1).to_pylist()[0]
        row = ROWS[origin["row"] - 1]
        if role == "input":
            assert row["body"] in text
            assert text.startswith("On " if origin["label"] == "say" else "Is it so?\n  ")
        else:
            assert text.startswith((row["topic"].upper(), "Yes", "No"))


@pytest.mark.parametrize("style", ["", "as letters", "as numbers shuffled"])
def test_options_are_told_one_by_one(workshop, style):
    """In the list and in the answer, each with the place where its words are written."""
    workshop.write(FORMATS["split"], style=style)
    opened = workshop.build()
    blame = Blame(opened, workshop.specs())
    seen = set()
    for token in every_token(opened):
        found = blame.of(token)
        for origin in found.origins:
            option = origin.option
            if option is None:
                continue
            seen.add((origin.kind, option.text.split()[0]))

            assert (option.number in {1, 2}, option.count) == (True, 2)
            words = '"Yes' if option.text.startswith("Yes") else '"No'
            clause = "options kind" if "shuffled" in style and words == '"No' else words
            assert workshop.written_at(option.at).startswith(clause)
            if origin.kind == "options":
                assert option.text in origin.value

    assert {kind for kind, _ in seen} == {"options", "slot"}


def test_a_bare_prompt_has_the_placeholders_of_the_written_one(workshop):
    """`templates none` leaves values out of which nobody wrote the words around."""
    workshop.write(FORMATS["split"], mixture="  templates none")
    opened = workshop.build()
    blame = Blame(opened, workshop.specs())
    written = {
        origin.written
        for token in every_token(opened)
        for origin in blame.of(token).origins
        if origin.kind == "slot"
    }

    assert {"{short}", "{body}", "{answer}"} <= written


@pytest.mark.parametrize("bos", ["none", "example"])
def test_exemplars_are_told_row_by_row(workshop, bos):
    """A token before the example's own is of the row that stands there."""
    format_ = FORMATS["token"].replace("end: eos", f"end: eos, bos: {bos}")
    workshop.write(format_, style="as letters shuffled", mixture="  fewshot 2")
    spec = workshop.folder / "p.task"
    text = spec.read_text(encoding="utf-8")
    spec.write_text(text.replace('  eos  "<|end|>"', '  eos  "<|end|>"\n  bos  "<|end|>"'))
    opened = workshop.build()
    blame = Blame(opened, workshop.specs())
    seen = set()
    for token in every_token(opened):
        found = blame.of(token)

        assert found.reason == ""
        if found.exemplar is not None:
            exemplar = found.exemplar
            seen.add(token.split)
            row = ROWS[exemplar.row - 1]
            assert found.example["exemplars"][exemplar.number - 1].hex() == exemplar.row_id
            assert not found.is_trained
            for origin in found.origins:
                if origin.written == "{body}":
                    assert origin.value == row["body"]

    assert seen == {"train", "dev"}


# ---- what has changed ----------------------------------------------------------------------------


def blamed(workshop, opened, **options):
    """The first token, by the specs as they stand now."""
    workshop.write(FORMATS["split"], **options)
    return Blame(opened, workshop.specs()).of(TokenName("train", 0, 0))


def test_a_prompt_that_changed_leaves_provenance_alone(workshop):
    """It is said which; another prompt does not matter."""
    workshop.write(FORMATS["split"])
    opened = workshop.build()
    label = blamed(workshop, opened).example["label"]
    spec = workshop.folder / "p.task"
    text = spec.read_text(encoding="utf-8")
    words = {"say": "On {short}", "tell": "Is it so"}
    other = next(each for each in words if each != label)
    spec.write_text(text.replace(words[label], "Now"), encoding="utf-8")
    mine = Blame(opened, workshop.specs()).of(TokenName("train", 0, 0))
    spec.write_text(text.replace(words[other], "Now"), encoding="utf-8")
    others = Blame(opened, workshop.specs()).of(TokenName("train", 0, 0))

    assert f"template judge: prompt {label} changed" in mine.reason
    assert (mine.slot, mine.origins) == (None, [])
    assert mine.example["label"] == label
    assert others.reason == ""
    assert any(f"template judge: prompt {other} changed" in each for each in others.changes)


def test_a_row_that_changed_is_not_rendered(workshop):
    """Other rows of the file may have."""
    workshop.write(FORMATS["split"])
    opened = workshop.build()
    row = blamed(workshop, opened).example["row"]
    data = workshop.folder / "facts.train.jsonl"
    lines = data.read_text(encoding="utf-8").splitlines()
    changed = [*lines]
    changed[row - 1] = changed[row - 1].replace('"body": "', '"body": "Not: ')
    data.write_text("\n".join(changed), encoding="utf-8")
    mine = blamed(workshop, opened)
    data.write_text("\n".join([*lines, lines[0]]), encoding="utf-8")
    others = blamed(workshop, opened)

    assert mine.reason == f"row facts.train.jsonl:{row} is another one now"
    assert others.reason == ""
    assert [each.split(" (")[0] for each in others.changes] == [
        "files of source facts, train changed"
    ]


def test_an_artefact_of_other_code_is_believed_where_its_ids_are_made_again(workshop):
    """And where they are not, nothing is guessed."""
    workshop.write(FORMATS["split"])
    opened = workshop.build()
    components = opened.path / "components.json"
    found = json.loads(components.read_text(encoding="utf-8"))
    found["components"]["the compiler"] = "0" * 32
    components.write_text(json.dumps(found), encoding="utf-8")
    again = blamed(workshop, opened)

    assert again.reason == ""
    assert again.changes == ["the compiler changed"]


def test_without_specs_provenance_is_told(workshop):
    """With the words that the caller has for it."""
    workshop.write(FORMATS["split"])
    opened = workshop.build()
    found = Blame(opened, None, lacking="no specs").of(TokenName("dev", 1, 3))

    assert found.reason == "no specs"
    assert found.example["file"] == "facts.dev.jsonl"
    assert found.before + found.text + found.after


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (TokenName("tset", 0, 0), "no split `tset`\nhelp: splits: train, dev"),
        (TokenName("train", 99, 0), "no sequence 99 in `train`\nhelp: it holds "),
        (TokenName("dev", 99, 0), "no row 99 in `dev`\nhelp: it holds 4"),
        (TokenName("train", 0, 999), "no token 999 in sequence 0 of `train`\nhelp: it holds "),
        (TokenName("dev", 0, 999), "no token 999 in row 0 of `dev`\nhelp: it holds "),
    ],
)
def test_a_token_that_is_not_there_says_what_is(workshop, token, words):
    """Split, sequence, token: each by itself."""
    workshop.write(FORMATS["split"])
    opened = workshop.build()
    with pytest.raises(NoSuchTokenError) as raised:
        Blame(opened, workshop.specs()).of(token)

    assert words in str(raised.value)
