"""From turns to ids and labels, with the `tokenizers` library and nothing else.

In: turns and a format said in Python. Out: ids with labels (-100 where the loss is blind), or why
the limits leave nothing. The rules are those of docs/masks.md.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from oracle.phrasing import Turn

BLIND = -100


class Coded(NamedTuple):
    """An example: ids, labels, and how many tokens the limits cut off."""

    ids: list[int]
    labels: list[int]
    trimmed: int


class Coder:
    """A tokenizer file, read without its post-processor; texts can't spell special tokens.

    Attributes:
        path: The file.
        definition: The file as JSON.
        special: Text of a special token -> id.
    """

    def __init__(self, path: Path, added: tuple[str, ...] = ()) -> None:
        self.path = path
        self.definition: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self._first = Tokenizer.from_str(json.dumps(self.definition))
        self._first.encode_special_tokens = True
        self._further = Tokenizer.from_str(json.dumps(_without_mark(self.definition)))
        self._further.encode_special_tokens = True
        ids = [token["id"] for token in self.definition["added_tokens"]]
        ids += self.definition["model"]["vocab"].values()
        self.special = {token["content"]: token["id"] for token in self.definition["added_tokens"]}
        self.special |= {text: max(ids) + 1 + place for place, text in enumerate(added)}
        self.vocab_size = max(ids) + 1 + len(added)
        self._kept: dict[tuple[bool, str], list[int]] = {}

    @cached_property
    def library(self) -> Any:
        """The tokenizer as transformers has it, with the template of its configuration."""
        from oracle.templates import library

        config = json.loads(self.path.with_name("tokenizer_config.json").read_text("utf-8"))
        made = library(self.path, [])
        made.chat_template = config["chat_template"]
        return made

    def ids(self, text: str, *, first: bool) -> list[int]:
        """The ids of a text; `first` where it opens a turn, and may get a space mark."""
        kept = self._kept.get((first, text))
        if kept is None:
            tokenizer = self._first if first else self._further
            kept = tokenizer.encode(text, add_special_tokens=False).ids
            self._kept[first, text] = kept
        return kept

    def text(self, ids: list[int]) -> str:
        """The text of ids, special tokens included."""
        return self._first.decode(ids, skip_special_tokens=False)

    def learn(self, texts: Iterable[str]) -> None:
        """Encodes texts that open turns all at once, which is quicker on more than one core."""
        new = sorted({text for text in texts if (True, text) not in self._kept})
        coded = self._first.encode_batch_fast(new, add_special_tokens=False)
        self._kept |= {(True, text): each.ids for text, each in zip(new, coded, strict=True)}


def _without_mark(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition without the step that puts a space mark before a text."""
    normalizer = definition["normalizer"]
    if not normalizer or normalizer["type"] != "Sequence":
        return definition
    steps = [step for step in normalizer["normalizers"] if step["type"] != "Prepend"]
    return {**definition, "normalizer": {"type": "Sequence", "normalizers": steps}}


@dataclass(frozen=True)
class PromptTarget:
    """`format prompt_target(...)`; tokens by their text.

    Attributes:
        special: The separator where it is a special token, "" where it is a literal.
        literal: The separator where it is a literal.
        bos: Text of the token before each example, or "".
    """

    input: int
    target: int
    end: str
    overflow: str
    special: str = ""
    literal: str = ""
    bos: str = ""


@dataclass(frozen=True)
class Chat:
    """`format chat(...)`; tokens by their text."""

    end_of_turn: str
    loss: str
    max: int
    overflow: str
    bos: str = ""


@dataclass(frozen=True)
class Templated:
    """`format chat(template: tokenizer, loss: last, overflow: drop, ...)`; the end by its text."""

    end_of_turn: str
    max: int


def code(coder: Coder, form: PromptTarget | Chat | Templated, turns: list[Turn]) -> Coded | str:
    """The example that the turns make, or the reason why there is none."""
    if isinstance(form, Templated):
        return _templated(coder, form, turns)
    if isinstance(form, PromptTarget):
        asked, target = turns
        return _pair(coder, form, asked.text, target.text)
    return _dialogue(coder, form, turns)


def _templated(coder: Coder, form: Templated, turns: list[Turn]) -> Coded | str:
    from oracle.templates import told

    last = max(place for place, turn in enumerate(turns) if turn.role == "assistant")
    messages = [{"role": turn.role, "content": turn.text} for turn in turns]
    found = told(coder.library, messages, [last], form.end_of_turn)
    assert found is not None, "the build would have stopped"
    if len(found.ids) > form.max:
        return f"example longer than {form.max} tokens"
    return Coded(found.ids, found.labels, 0)


def _framed(coder: Coder, form: PromptTarget, asked: list[int]) -> list[int]:
    """BOS, the input and the separator."""
    bos = [coder.special[form.bos]] if form.bos else []
    between = (
        [coder.special[form.special]] if form.special else coder.ids(form.literal, first=False)
    )
    return bos + asked + between


def _pair(coder: Coder, form: PromptTarget, asked: str, given: str) -> Coded | str:
    asked_ids = coder.ids(asked, first=True)
    given_ids = coder.ids(given, first=True)
    end = [coder.special[form.end]]
    trimmed = 0
    if len(asked_ids) > form.input:
        if form.overflow != "trim_prompt":
            return f"input longer than {form.input} tokens"
        trimmed = len(asked_ids) - form.input
        asked_ids = asked_ids[trimmed:]
    ended = given_ids + end
    if len(ended) > form.target:
        if form.overflow != "trim":
            return f"target longer than {form.target} tokens"
        # What was cut off gets no end, or a model learns to stop in the middle of a sentence.
        ended = given_ids[: form.target]
        trimmed = len(given_ids) + len(end) - len(ended)
    before = _framed(coder, form, asked_ids)
    return Coded(before + ended, [BLIND] * len(before) + ended, trimmed)


def _dialogue(coder: Coder, form: Chat, turns: list[Turn]) -> Coded | str:
    last = max((place for place, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    end = coder.special[form.end_of_turn]
    ids = [coder.special[form.bos]] if form.bos else []
    labels = [BLIND] * len(ids)
    for place, turn in enumerate(turns):
        trained = turn.role == "assistant" and (form.loss == "assistant" or place == last)
        if turn.own is not None:
            trained = turn.own
        piece = [*coder.ids(turn.text, first=True), end]
        ids += piece
        labels += piece if trained else [BLIND] * len(piece)
    trimmed = 0
    if len(ids) > form.max:
        if form.overflow != "trim":
            return f"example longer than {form.max} tokens"
        trimmed = len(ids) - form.max
        del ids[form.max :], labels[form.max :]
    if not form.bos:
        labels[0] = BLIND  # nothing stands before the first token that could predict it
    if all(label == BLIND for label in labels):
        return f"prompt longer than {form.max} tokens"
    return Coded(ids, labels, trimmed)
