"""A turn: a text spoken in a role, and what the template said of its loss.

In: nothing. Out: the values that `phrase` hands to `encode`, and the two ways in which a row can
leave: a `Drop`, which goes to the ledger, or a `Mistake`, which stops the build.
"""

from enum import Enum, auto
from typing import Literal, NamedTuple

from taskc.compiler import plan

__all__ = ["Loss", "Mistake", "Role", "Turn"]

Role = Literal["input", "target", "system", "user", "assistant", "tool"]


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
