"""A turn: a text spoken in a role, and what the template said of its loss.

In: nothing. Out: the values that `phrase` hands to `encode`, and the two ways in which a row can
leave: a `Fate`, which goes to the ledger, or a `Mistake`, which stops the build.
"""

from enum import Enum, auto
from typing import Literal, NamedTuple

from taskc.compiler import plan

__all__ = ["ClauseName", "Fate", "Loss", "Mistake", "Role", "Turn", "Voice"]

Role = Literal["input", "target", "system", "user", "assistant", "tool"]
ClauseName = Literal["prompt", "options", "format"]


class Loss(Enum):
    """Whether the loss may see a turn."""

    NEVER = auto()
    BY_FORMAT = auto()  # an answer: trained where the format's loss rule says so
    ALWAYS = auto()  # a message with a `train: true` of its own


class Turn(NamedTuple):
    """One turn of one row."""

    role: Role
    text: str
    loss: Loss


class Voice(NamedTuple):
    """Who speaks a turn, and whether the loss may see it: a turn without its text."""

    role: Role
    loss: Loss


class Fate(NamedTuple):
    """Why a row gives no example by one prompt.

    The clause has a name and no place: fates are kept from build to build, and places move.

    Attributes:
        stage: "phrase" or "encode".
        reason: As in `Drop`.
        clause: What did it: the prompt, its template's options, or the format.
    """

    stage: str
    reason: str
    clause: ClauseName


class Mistake(NamedTuple):
    """An error in a row, before it is known which file the row stands in.

    Attributes:
        code: A code of the table.
        at: The clause of the spec.
        message: The first line of the diagnostic.
        label: The words under the clause.
        field: The field concerned, or "".
        value: The value concerned as it is shown, or "".
        notes: Facts.
        helps: Actions.
    """

    code: str
    at: plan.Place
    message: str
    label: str = ""
    field: str = ""
    value: str = ""
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
