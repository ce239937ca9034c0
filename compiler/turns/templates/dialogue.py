"""Dialogues that come from the row: `dialogue from E`.

In: the value of E for one row, a list of messages {role, content, train: bool?}. Out: turns; a
`Fate` for a dialogue that can't be trained on; a `Mistake` for a value that is no dialogue at
all. A message's own `train` wins over the format's loss rule. An empty message is no reason to
guess: the row leaves.
"""

from taskc.compiler import plan
from taskc.compiler.rows.findings import shown
from taskc.compiler.turns.turn import Fate, Loss, Mistake, Turn

__all__ = ["turns_of"]

ROLES = ("system", "user", "assistant", "tool")


def turns_of(messages: object, at: plan.Place) -> list[Turn] | Fate | Mistake:
    """Returns the turns of a row's messages.

    Args:
        messages: What the expression gave.
        at: The prompt, for findings.
    """
    if not isinstance(messages, list):
        return _mistake(at, "a dialogue is a list of messages", messages)
    turns: list[Turn] = []
    for number, message in enumerate(messages, start=1):
        turn = _turn(number, message, at)
        if not isinstance(turn, Turn):
            return turn
        turns.append(turn)
    if not turns:
        return Fate("phrase", "dialogue without messages", "prompt")
    return turns


def _turn(number: int, message: object, at: plan.Place) -> Turn | Fate | Mistake:
    if not isinstance(message, dict):
        return _mistake(at, f"message {number} is no record", message)
    role, content, train = (message.get(name) for name in ("role", "content", "train"))
    if role not in ROLES:
        known = ", ".join(ROLES)
        return _mistake(at, f"message {number} has no role that is known", role, f"roles: {known}")
    if content is None or content == "":
        return Fate("phrase", "message without content", "prompt")
    if not isinstance(content, str):
        return _mistake(at, f"the content of message {number} is no text", content)
    match train:
        case None:
            return Turn(role, content, Loss.BY_FORMAT if role == "assistant" else Loss.NEVER)
        case bool():
            return Turn(role, content, Loss.ALWAYS if train else Loss.NEVER)
        case _:
            return _mistake(at, f"`train` of message {number} is no bool", train)


def _mistake(at: plan.Place, message: str, value: object, *notes: str) -> Mistake:
    return Mistake(
        "T0833",
        at,
        message,
        label="reads the messages",
        value=shown(value),
        notes=("a message is {role: text, content: text, train: bool?}", *notes),
    )
