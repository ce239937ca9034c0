"""docs/chat.md: its table is what the templates of tests/fixtures/chat_templates come to."""

import pytest

from taskc.compiler.turns.rendering.marks import Marker
from taskc.compiler.turns.rendering.proof import prove
from taskc.compiler.turns.rendering.template import ChatTemplate, RefusedError

# Of each template: its name, its file, and its special tokens; the first ends a turn.
TEMPLATES = (
    ("ChatML", "chatml", ("<|im_end|>", "<|im_start|>")),
    (
        "Llama 3.1",
        "llama31",
        ("<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|begin_of_text|>"),
    ),
    ("Gemma", "gemma", ("<end_of_turn>", "<start_of_turn>", "<bos>")),
    ("Mistral", "mistral", ("</s>", "[INST]", "[/INST]", "<s>")),
    ("Qwen3", "qwen3", ("<|im_end|>", "<|im_start|>")),
)
ROLES = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
THOUGHT = "<think>\nhm\n</think>\n\nyes"
# What the table calls a conversation, its turns, the loss rule, and whether a date is declared.
CONVERSATIONS = (
    ("a question and its answer", "ua", "assistant", True),
    ("the same without a `date`", "ua", "assistant", False),
    ("with a system's turn", "sua", "assistant", True),
    ("two questions, `loss: assistant`", "uaua", "assistant", True),
    ("two questions, `loss: last`", "uaua", "last", True),
    ("system, two questions, `loss: assistant`", "suaua", "assistant", True),
    ("system, two questions, `loss: last`", "suaua", "last", True),
    ("an answer with a thought", "uA", "assistant", True),
    ("two with thoughts, `loss: assistant`", "uAuA", "assistant", True),
    ("two with thoughts, `loss: last`", "uAuA", "last", True),
    ("a tool's turn, `loss: assistant`", "uata", "assistant", True),
    ("a tool's turn, `loss: last`", "uata", "last", True),
    ("two questions in a row", "uua", "assistant", True),
    ("a last question without an answer", "uau", "assistant", True),
)


def outcome(source, tokens, turns, loss, *, is_dated):
    """Whether it is proved, or the reason why not."""
    messages = [
        {"role": ROLES[turn.lower()], "content": THOUGHT if turn == "A" else f"text {number}"}
        for number, turn in enumerate(turns)
    ]
    answers = [number for number, turn in enumerate(turns) if turn in "aA"]
    chosen = answers if loss == "assistant" else answers[-1:]
    try:
        template = ChatTemplate(
            source,
            {"bos_token": tokens[-1], "eos_token": tokens[0]},
            "2024-07-26" if is_dated else "",
        )
        marker = Marker({token: number for number, token in enumerate(tokens)})
        trained = [number in chosen for number in range(len(turns))]
        prove(template, marker, messages, trained, tokens[0])
    except RefusedError as refused:
        return refused.reason
    return "proved"


@pytest.fixture(scope="module")
def table(repository):
    """The table and the list of reasons, as the page has them."""
    folder = repository / "tests/fixtures/chat_templates"
    sources = {
        name: (folder / f"{file}.jinja").read_text(encoding="utf-8") for name, file, _ in TEMPLATES
    }
    reasons = {}
    lines = ["| Conversation | " + " | ".join(name for name, _, _ in TEMPLATES) + " |"]
    lines.append("| --- |" + " --- |" * len(TEMPLATES))
    for called, turns, loss, is_dated in CONVERSATIONS:
        cells = []
        for name, _, tokens in TEMPLATES:
            found = outcome(sources[name], tokens, turns, loss, is_dated=is_dated)
            if found != "proved":
                found = f"refused ({reasons.setdefault(found, len(reasons) + 1)})"
            cells.append(found)
        lines.append(f"| {called} | " + " | ".join(cells) + " |")
    listed = [f"{number}. {reason}" for reason, number in reasons.items()]
    return "\n".join([*lines, "", *listed])


def test_the_table_is_what_the_templates_come_to(repository, table):
    """Each cell is proved anew; where one changes, the page has to."""
    assert table in (repository / "docs/chat.md").read_text(encoding="utf-8"), table
