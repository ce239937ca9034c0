"""The templates of tests/fixtures/chat_templates, and conversations in one line."""

from pathlib import Path

import pytest

from taskc.compiler.turns.rendering.marks import Marker
from taskc.compiler.turns.rendering.proof import prove
from taskc.compiler.turns.rendering.template import ChatTemplate

FOLDER = Path(__file__).parents[3] / "fixtures/chat_templates"
DATE = "2024-07-26"
TOKENS = {  # of each template: its special tokens; the first ends a turn, the last begins all
    "chatml": ("<|im_end|>", "<|im_start|>"),
    "llama31": (*("<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|begin_of_text|>"),),
    "gemma": ("<end_of_turn>", "<start_of_turn>", "<bos>"),
    "mistral": ("</s>", "[INST]", "[/INST]", "<s>"),
    "qwen3": ("<|im_end|>", "<|im_start|>"),
}
ROLES = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def messages(*turns):
    """Messages from "u:text", "a:text"."""
    return [{"role": ROLES[turn[0]], "content": turn[2:]} for turn in turns]


def shown(proved):
    """The rendering with [[brackets]] around what is trained."""
    pieces = [(proved.text[start:stop], trained) for start, stop, trained in proved.stretches]
    return "".join(f"[[{text}]]" if trained else text for text, trained in pieces)


class Chat:
    """A template with its special tokens."""

    def __init__(self, source, tokens, date=DATE):
        self.end = tokens[0]
        self.template = ChatTemplate(
            source, {"bos_token": tokens[-1], "eos_token": tokens[0]}, date
        )
        self.marker = Marker({token: number for number, token in enumerate(tokens)})

    def prove(self, turns, loss="assistant"):
        """A conversation proved, its answers trained by a rule."""
        said = messages(*turns)
        answers = [index for index, each in enumerate(said) if each["role"] == "assistant"]
        chosen = answers if loss == "assistant" else answers[-1:]
        trained = [index in chosen for index in range(len(said))]
        return prove(self.template, self.marker, said, trained, self.end)


@pytest.fixture
def chat():
    """A template by its name, or one that a test writes; it has `shown` and `messages`."""

    def of(name="", *, source=None, tokens=None, date=DATE):
        if source is None:
            source = (FOLDER / f"{name}.jinja").read_text(encoding="utf-8")
        return Chat(source, tokens or TOKENS[name], date)

    of.messages, of.shown, of.tokens = messages, shown, TOKENS
    return of
