"""Conversations under chat templates, by transformers alone: ids and what of them is trained.

In: a tokenizer.json, a template, messages. Out: ids of the whole rendering as the tokenizer gives
them at once, with labels told from the characters that each covers. Only where a prompt has other
ids by itself than with its answer behind it are prompts and answers encoded apart.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from oracle.encoding import BLIND

Messages = list[dict[str, str]]


class Told(NamedTuple):
    """What transformers gives.

    Attributes:
        ids: Of the whole conversation.
        labels: -100 where the loss is blind.
        asked: Ids of the conversation up to the first trained answer, with its beginning.
        is_apart: Whether a prompt has other ids by itself than with its answer behind it.
    """

    ids: list[int]
    labels: list[int]
    asked: list[int]
    is_apart: bool


class Frozen(datetime):
    """A clock that says one day, for templates that write today's."""

    @classmethod
    def now(cls, tz: Any = None) -> "Frozen":
        """The day of the tests."""
        return cls(2024, 7, 26, tzinfo=tz)


def library(path: Path, tokens: list[str]) -> Any:
    """The tokenizer of transformers, with further special tokens and offsets as they are."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    definition = json.loads(path.read_text(encoding="utf-8"))
    definition["post_processor"] = None
    _keep_offsets(definition["pre_tokenizer"])
    made = Tokenizer.from_str(json.dumps(definition))
    made.add_special_tokens(tokens)
    return PreTrainedTokenizerFast(tokenizer_object=made)


def _keep_offsets(step: dict[str, Any] | None) -> None:
    for each in (step or {}).get("pretokenizers", [step] if step else []):
        if each["type"] == "ByteLevel":
            each["trim_offsets"] = False


def told(loaded: Any, messages: Messages, trained: list[int], end: str) -> Told | None:
    """What a conversation comes to; None where the template refuses it or rewrites an answer."""
    from jinja2 import TemplateError

    def rendered(upto: int, *, asks: bool) -> str:
        text: str = loaded.apply_chat_template(
            messages[:upto], tokenize=False, add_generation_prompt=asks
        )
        return text

    try:
        whole = rendered(trained[-1] + 1, asks=False)
        asked = [rendered(number, asks=True) for number in trained]
        given = [rendered(number + 1, asks=False) for number in trained]
    except TemplateError:
        return None
    if not all(map(whole.startswith, [*asked, *given])):
        return None
    spans = [(len(prompt), whole.index(end, len(prompt)) + len(end)) for prompt in asked]
    first = loaded.apply_chat_template(
        messages[: trained[0]], add_generation_prompt=True, return_dict=False
    )
    ids, labels = _at_once(loaded, whole, spans)
    prompts = [loaded(prompt, add_special_tokens=False)["input_ids"] for prompt in asked]
    is_apart = any(prompt != ids[: len(prompt)] for prompt in prompts)
    if is_apart:
        ids, labels = _apart(loaded, whole, spans)
    return Told(ids, labels, first, is_apart)


def _at_once(loaded: Any, whole: str, spans: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    coded = loaded(whole, add_special_tokens=False, return_offsets_mapping=True)
    labels = [
        token if any(seam <= start and stop <= last for seam, last in spans) else BLIND
        for token, (start, stop) in zip(coded["input_ids"], coded["offset_mapping"], strict=True)
    ]
    return coded["input_ids"], labels


def _apart(loaded: Any, whole: str, spans: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Piece by piece: right for tokenizers of bytes, which set no space mark."""
    ids: list[int] = []
    labels: list[int] = []
    done = 0
    for seam, last in [*spans, (len(whole), len(whole))]:
        for start, stop, is_trained in ((done, seam, False), (seam, last, True)):
            piece = loaded(whole[start:stop], add_special_tokens=False)["input_ids"]
            ids += piece
            labels += piece if is_trained else [BLIND] * len(piece)
        done = last
    return ids, labels
