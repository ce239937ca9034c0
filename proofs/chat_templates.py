"""Masks of chat templates are proved over real dialogues, or refused with the reason, within 1 ms.

In: 300 real dialogues of several turns beside the checkout, and the templates of
tests/fixtures/chat_templates. Out: for each template and loss rule, how many are proved, how many
refused and why, and the CPU time of a proof. Exit status 1 where one is refused for a reason that
docs/chat.md does not list, or a proof takes longer. That the ids are transformers' is
tests/real/test_chat_templates.py.
"""

import json
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path

from taskc.compiler.turns.rendering.marks import Marker
from taskc.compiler.turns.rendering.proof import prove
from taskc.compiler.turns.rendering.template import ChatTemplate, Message, RefusedError

ROOT = Path(__file__).parents[1]
DIALOGUES = ROOT.parent / "shared/data/lima/dialogues/taskmaster4.jsonl"
NUM_DIALOGUES = 300
MAX_MS = 1.0
TEMPLATES = {  # special tokens of each: the first ends a turn, the last begins a conversation
    "chatml": ("<|im_end|>", "<|im_start|>"),
    "llama31": ("<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|begin_of_text|>"),
    "gemma": ("<end_of_turn>", "<start_of_turn>", "<bos>"),
    "mistral": ("</s>", "[INST]", "[/INST]", "<s>"),
    "qwen3": ("<|im_end|>", "<|im_start|>"),
}


def dialogues() -> list[list[Message]]:
    """Returns the dialogues."""
    with DIALOGUES.open(encoding="utf-8") as lines:
        return [json.loads(line)["messages"] for line in islice(lines, NUM_DIALOGUES)]


def proofs(name: str, loss: str, said: list[list[Message]]) -> tuple[Counter[str], int, float]:
    """Returns outcomes with their counts, how many answers were trained, and CPU seconds."""
    tokens = TEMPLATES[name]
    source = (ROOT / f"tests/fixtures/chat_templates/{name}.jinja").read_text(encoding="utf-8")
    named = {"bos_token": tokens[-1], "eos_token": tokens[0]}
    template = ChatTemplate(source, named, "2024-07-26")
    marker = Marker({token: number for number, token in enumerate(tokens)})
    outcomes: Counter[str] = Counter()
    num_answers = 0
    begin = time.process_time()
    for messages in said:
        answers = [number for number, each in enumerate(messages) if each["role"] == "assistant"]
        chosen = set(answers if loss == "assistant" else answers[-1:])
        trained = [number in chosen for number in range(len(messages))]
        try:
            prove(template, marker, messages, trained, tokens[0])
        except RefusedError as refused:
            outcomes[refused.reason] += 1
        else:
            outcomes["proved"] += 1
            num_answers += len(chosen)
    return outcomes, num_answers, time.process_time() - begin


def main() -> int:
    """Prints the table; returns 1 where a promise does not hold."""
    listed = (ROOT / "docs/chat.md").read_text(encoding="utf-8")
    said = dialogues()
    broken = []
    print(f"{len(said):,} dialogues of {sum(map(len, said)) / len(said):.1f} messages")
    print(f"{'template':10}{'loss':10}{'proved':>8}{'refused':>9}{'answers':>9}{'ms each':>9}")
    for name in TEMPLATES:
        for loss in ("assistant", "last"):
            outcomes, num_answers, seconds = proofs(name, loss, said)
            num_proved = outcomes.pop("proved", 0)
            each_ms = 1000 * seconds / len(said)
            print(
                f"{name:10}{loss:10}{num_proved:8,}{outcomes.total():9,}{num_answers:9,}"
                f"{each_ms:9.3f}"
            )
            broken += [reason for reason in outcomes if reason.split(" message ")[0] not in listed]
            broken += [f"{name}, {loss}: {each_ms:.3f} ms"] if each_ms > MAX_MS else []
            for reason, count in outcomes.most_common(3):
                print(f"{'':10}{count:,} {reason}")
    for each in broken:
        print(f"BROKEN: {each}")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
