"""A tokenizer whose ids can be read, and tasks over rows written in a test.

The tiny tokenizer is byte-level BPE with one token a character (and the merges that a test asks
for), so a length in tokens is a length in characters. `shown` writes an example as its text: `$`
is the end, `^` BOS, `|` a separator, and [brackets] stand around what is trained.
"""

import json
import re
import sys

import pytest
import tokenizers

from taskc.compiler import plan
from taskc.compiler.examples import EncodeTask, Rows
from taskc.compiler.keys import row_hasher
from taskc.compiler.turns import tokenizer as tokenizer_module
from taskc.compiler.turns.encode import encode

AT = plan.Place(path="a.task", start=0, end=1, line=1, column=1)
MARKS = {"eos": "$", "bos": "^", "pad": "|"}


def place(line):
    """A place that can be told from others by its line."""
    return plan.Place(path="a.task", start=line, end=line + 1, line=line, column=1)


def tiny_definition(merges=(), special=("<eos>", "<bos>", "<sep>"), **parts):
    """The tokenizer.json of a byte-level BPE: one token a byte, then `merges`, then `special`."""
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *("".join(merge) for merge in merges)]
    added = [
        {
            "id": len(pieces) + position,
            "content": content,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for position, content in enumerate(special)
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {**byte_level, "use_regex": False},
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": False},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {piece: position for position, piece in enumerate(pieces)},
            "merges": [list(merge) for merge in merges],
        },
        **parts,
    }


def template_text(written):
    """A template text from its spelling: `{name}` and `{answer.text}` are placeholders."""
    parts = re.split(r"\{([\w.]+)\}", written)
    return plan.TemplateText(
        parts=tuple(
            plan.Name(name=part) if index % 2 else part
            for index, part in enumerate(parts)
            if index % 2 or part
        )
    )


def prompt(label, input_, target=None, *, kind="prompt", when=None, at=AT):
    """`prompt LABEL [when E]: INPUT -> TARGET`; without target it is only generated from."""
    turns = [plan.Turn(role="input", text=template_text(input_), trained=False)]
    if target is not None:
        turns.append(plan.Turn(role="target", text=template_text(target), trained=True))
    return plan.Prompt(label=label, kind=kind, when=when, turns=turns, messages=None, at=at)


def dialogue(label, *turns, messages=None, at=AT):
    """`dialogue LABEL {role TEXT ...}` from (role, text) pairs, or `... from messages`."""
    return plan.Prompt(
        label=label,
        kind="dialogue",
        when=None,
        turns=[
            plan.Turn(role=role, text=template_text(text), trained=role == "assistant")
            for role, text in turns
        ],
        messages=plan.Name(name=messages) if messages else None,
        at=at,
    )


def template(*prompts, name="t", options=None, lets=(), wheres=(), at=AT):
    """A template for the source `s`."""
    return plan.Template(
        name=name,
        sources=("s",),
        options=options,
        lets=lets,
        wheres=wheres,
        prompts=prompts,
        at=at,
    )


def choice_options(field, surfaces, *, style="dashes", shuffled=False, at=AT):
    """`options FIELD {value: surface ...}`."""
    return plan.ChoiceOptions(
        field=field,
        surfaces=tuple((value, template_text(text)) for value, text in surfaces.items()),
        style=style,
        shuffled=shuffled,
        at=at,
    )


def row_options(surfaces, answer, *, style="dashes", shuffled=False, at=AT):
    """`options SURFACES answer ANSWER`, both names of fields."""
    return plan.RowOptions(
        surfaces=plan.Name(name=surfaces),
        answer=plan.Name(name=answer),
        style=style,
        shuffled=shuffled,
        at=at,
    )


def let(name, value, at=AT):
    """`let NAME = FIELD`."""
    return plan.Let(name=name, value=plan.Name(name=value), at=at)


def equals(field, value):
    """`FIELD == VALUE`."""
    return plan.Binary(operator="==", left=plan.Name(name=field), right=plan.Const(value=value))


def where(field, value, at=AT):
    """`where FIELD == VALUE`."""
    return plan.Where(condition=equals(field, value), text=f"{field} == {value!r}", at=at)


def source(references=None):
    """The source `s`; `references` is the name of a field."""
    return plan.Source(
        name="s",
        clusters=(),
        connector=plan.Connector(kind="jsonl", patterns={}, roots={}, at=AT),
        splits=("train",),
        carved=(),
        columns={},
        reads=None,
        row=None,
        lets=(),
        wheres=(),
        dedup=None,
        limit=None,
        limit_at=None,
        metric="",
        references=plan.Name(name=references) if references else None,
        license="",
        places={},
        at=place(90),
    )


def rows_of(values):
    """Rows of one file; equal rows get ordinals."""
    row_id = row_hasher(None)
    rows = Rows(source="s", split="train", file_names=["s.jsonl"])
    seen = {}
    for number, value in enumerate(values, start=1):
        rows.values.append(value)
        rows.ids.append(row_id(value))
        rows.ordinals.append(seen.setdefault(rows.ids[-1], 0))
        seen[rows.ids[-1]] += 1
        rows.files.append(0)
        rows.numbers.append(number)
    return rows


def use(name="", literal=""):
    """A token as a format names it; None for neither."""
    return plan.TokenUse(name=name, literal=literal, at=AT) if name or literal else None


def prompt_target(
    *,
    input=100,  # noqa: A002 - as the format names it
    target=100,
    separator="",
    end="",
    literal="",
    bos="none",
    overflow="error",
    seam="split",
):
    """`prompt_target(...)`; `separator` and `end` are names, `literal` a literal separator."""
    return plan.PromptTargetFormat(
        input=input,
        target=target,
        separator=use(separator, literal),
        end=use(end),
        bos=bos,
        overflow=overflow,
        seam=seam,
        at=place(80),
    )


def chat(*, max=100, end="eos", loss="assistant", bos="none", overflow="error"):  # noqa: A002
    """`chat(...)`."""
    return plan.ChatFormat(
        end_of_turn=use(end),
        loss=loss,
        bos=bos,
        max=max,
        overflow=overflow,
        template="none",
        at=place(80),
    )


class Bench:
    """The tiny tokenizer in a folder, and tasks that use it."""

    def __init__(self, folder):
        self.folder = folder
        self.write()

    def write(self, definition=None, config=None, **named):
        """Writes the tokenizer's files; `named` are special tokens of the spec."""
        path = self.folder / "tokenizer.json"
        path.write_text(json.dumps(definition or tiny_definition()), encoding="utf-8")
        if config is not None:
            text = json.dumps(config)
            (self.folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
        named = named or {"eos": "<eos>", "bos": "<bos>", "pad": "<sep>"}
        self.spec = plan.Tokenizer(
            name="tiny",
            kind="folder",
            path=str(self.folder),
            **{"eos": "", "bos": "", "pad": "", "added": {}, **named},
            places={"eos": place(71), "bos": place(72), "pad": place(73)},
            at=place(70),
        )

    def loaded(self):
        """The tokenizer in use."""
        loaded, errors = tokenizer_module.load(self.spec)
        assert errors == []
        return loaded

    def task(self, rows, templates, format_, **changes):
        """A task over `rows`: dicts of fields."""
        settings = {
            "source": source(),
            "split": "train",
            "seed": 0,
            "repetition": 0,
            "evaluation": False,
            **changes,
        }
        return EncodeTask(
            templates=tuple(templates),
            tokenizer=self.spec,
            format=format_,
            rows=rows_of(rows),
            **settings,
        )

    def encode(self, rows, templates, format_, **changes):
        """The result of a task over `rows`."""
        return encode(self.task(rows, templates, format_, **changes))

    def text_of(self, ids):
        """Ids as text, special tokens as marks."""
        loaded = self.loaded()
        marks = {token_id: MARKS.get(name, name) for name, token_id in loaded.special.items()}
        letters = {token_id: piece for piece, token_id in loaded.text.get_vocab().items()}
        written = [marks.get(token, letters[token]) for token in ids]
        return "".join(written).replace("Ġ", " ").replace("Ċ", "\n")

    def shown(self, encoded):
        """Each example as its text with [brackets] around what is trained."""
        return [self._shown(encoded, index) for index in range(len(encoded))]

    def _shown(self, encoded, index):
        ids = encoded.ids[encoded.offsets[index] : encoded.offsets[index + 1]].tolist()
        first, last = encoded.span_offsets[index : index + 2]
        text, at = "", 0
        for start, end in encoded.spans.reshape(-1, 2)[first:last].tolist():
            assert at <= start < end <= len(ids)
            text += self.text_of(ids[at:start]) + f"[{self.text_of(ids[start:end])}]"
            at = end
        return text + self.text_of(ids[at:])


@pytest.fixture
def bench(tmp_path):
    """The tiny tokenizer and its tasks."""
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def make():
    """The builders of this file: `make.prompt(...)`, `make.template(...)`."""
    return sys.modules[__name__]
