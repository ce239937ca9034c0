"""What a spec has to say of a file: the part that depends on its rows.

In: what `alpaca.py` and `dialogues.py` found in the rows. Out: plain values, of which `writing.py`
makes the text.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Draft", "LeftOut", "Tally"]

_MAX_PLACES: Final = 5


@dataclass(slots=True)
class LeftOut:
    """Rows that a build leaves out for one reason.

    Attributes:
        num_rows: How many.
        first: Numbers of the first of them, from 1.
    """

    num_rows: int = 0
    first: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """Counts rows as they pass.

    Attributes:
        num_rows: All of them.
        left_out: Those without an example, by the reason in words.
        columns: Every name of a column, in the order of appearance.
    """

    num_rows: int = 0
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)

    @property
    def num_examples(self) -> int:
        """Rows that become examples."""
        return self.num_rows - sum(each.num_rows for each in self.left_out.values())

    def add(self, number: int, row: Iterable[str], reason: str = "") -> None:
        """Counts a row.

        Args:
            number: Its number in the file, from 1.
            row: Its columns.
            reason: Why it becomes no example; "" where it does.
        """
        self.num_rows += 1
        self.columns.update(dict.fromkeys(row))
        if reason:
            left_out = self.left_out.setdefault(reason, LeftOut())
            left_out.num_rows += 1
            if len(left_out.first) < _MAX_PLACES:
                left_out.first.append(number)


@dataclass(frozen=True, slots=True)
class Draft:
    """The statements that rows of one file need.

    Attributes:
        fields: Columns that are read, with their types as a spec has them.
        clauses: `let` and `where` of the source.
        template: The block that serves the source.
        is_chat: Whether examples are dialogues.
        not_read: Columns, and parts of messages, that no example shows.
        roles: Who speaks in the file -> the role; empty without dialogues.
        strange: Who else speaks there, and whose role is not known.
    """

    fields: dict[str, str]
    clauses: tuple[str, ...]
    template: str
    is_chat: bool
    not_read: tuple[str, ...]
    roles: dict[str, str] = field(default_factory=dict)
    strange: tuple[str, ...] = ()
