"""Rows in the shapes of dialogues: ShareGPT's `conversations`, and `messages` with roles.

In: rows. Out: a draft in which the row's messages are the turns. Names that other tools have for
the roles are mapped, by one table, where the file has them. A row in which somebody else speaks
becomes no example, nor does one with an empty message or without a turn to train on.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from taskc.compiler.rows.findings import shown
from taskc.dsl.words import key_text, quoted
from taskc.importing.draft import Draft, Tally
from taskc.importing.reading import RowsFile

__all__ = ["MESSAGES", "SHAREGPT", "Dialogues", "Keys"]


class Keys(NamedTuple):
    """What the parts of a shape are called.

    Attributes:
        columns: Where messages may stand, the usual name first.
        role: Who speaks.
        content: What is said.
    """

    columns: tuple[str, ...]
    role: str
    content: str


SHAREGPT: Final = Keys(("conversations", "conversation", "messages"), "from", "value")
MESSAGES: Final = Keys(("messages", "conversations", "conversation"), "role", "content")

# Names that have one meaning wherever they are used, and the role that they mean.
_ROLES: Final = {
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bing", "bard", "bot", "model"), "assistant"),
    "function_call": "assistant",
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "function_response", "observation"), "tool"),
}


class _BrokenError(Exception):
    """A row that no spec could read; its place and what is wrong."""

    def __init__(self, message: str, value: object, *helps: str) -> None:
        super().__init__(message)
        self.value = value
        self.helps = helps


class Dialogues:
    """Looks at rows, and says what a spec for all of them is.

    Attributes:
        columns: Those that the shape may have.
        tally: Counts of what was looked at.
    """

    def __init__(self, keys: Keys) -> None:
        self.columns = (*keys.columns, "system")
        self.tally = Tally()
        self._keys = keys
        self._column = ""
        self._num_dialogues = 0
        self._roles: dict[str, str] = {}  # as in the file -> role
        self._strange: dict[str, None] = {}
        self._parts: dict[str, None] = {}  # names of messages' other parts
        self._optional: set[str] = set()  # parts that some message lacks
        self._system: set[str] = set()  # what the system's column holds: "text", "empty", "none"

    # ---- one row -----------------------------------------------------------------------------

    def look(self, number: int, row: Mapping[str, object], file: RowsFile) -> None:
        """Looks at one row; what no spec could read is reported."""
        if not self._column:
            self._column = next(
                (name for name in self._keys.columns if row.get(name) is not None), ""
            )
        try:
            reason = self._reason(row)
        except _BrokenError as broken:
            reason = "broken"
            place = (number, self._column, shown(broken.value))
            file.report("T0833", f"row {number}: {broken}", row=place, helps=broken.helps)
        self.tally.add(number, row, reason)

    def _reason(self, row: Mapping[str, object]) -> str:
        """Why a row becomes no example; "" where it does."""
        self._look_at_system(row.get("system"))
        messages = row.get(self._column)
        if messages is None:
            return "no messages"
        if not isinstance(messages, list):
            raise _BrokenError("a dialogue is a list of messages", messages)
        self._num_dialogues += 1
        strange = empty = trained = False
        for number, message in enumerate(messages, start=1):
            said = self._message(number, message)
            strange |= said.role == ""
            empty |= said.is_empty
            trained |= said.is_trained
        if strange:
            return "a role that is not known"
        if not messages:
            return "no messages"
        if empty:
            return "an empty message"
        return "" if trained else "no turn to train on"

    def _look_at_system(self, system: object) -> None:
        if system is not None and not isinstance(system, str):
            raise _BrokenError("`system` is no text", system)
        self._system.add("none" if system is None else "text" if system else "empty")

    def _message(self, number: int, message: object) -> "_Said":
        if not isinstance(message, dict):
            raise _BrokenError(f"message {number} is no record", message)
        name, content = message.get(self._keys.role), message.get(self._keys.content)
        if not isinstance(name, str):
            raise self._without_role(number, message)
        if content is not None and not isinstance(content, str):
            words = f"the content of message {number} is no text"
            raise _BrokenError(words, content, "join the parts of a content to one text")
        train, weight = message.get("train"), message.get("weight")
        if train is not None and not isinstance(train, bool):
            raise _BrokenError(f"`train` of message {number} is no bool", train)
        if weight is not None and weight not in (0, 1):
            raise _BrokenError(f"`weight` of message {number} is neither 0 nor 1", weight)
        role = _ROLES.get(name, "")
        if role:
            self._roles[name] = role
        else:
            self._strange[name] = None
        self._parts.update(dict.fromkeys(message))
        watched = (self._keys.content, "train", "weight")
        self._optional.update(part for part in watched if message.get(part) is None)
        by_role = role == "assistant" and weight != 0
        return _Said(role, not content, by_role if train is None else train)

    def _without_role(self, number: int, message: dict[str, object]) -> _BrokenError:
        words = f"message {number} does not say who speaks: it has no text `{self._keys.role}`"
        other, shape = (MESSAGES, "messages") if self._keys is SHAREGPT else (SHAREGPT, "sharegpt")
        helps = (f"this is the shape of `taskc import {shape}`",) if other.role in message else ()
        return _BrokenError(words, message, *helps)

    # ---- all of them -------------------------------------------------------------------------

    def draft(self, file: RowsFile) -> Draft | None:
        """What the rows need; None, with a finding, where they have another shape."""
        if not self._column:
            self._report_no_messages(file)
            return None
        is_optional = self._num_dialogues < self.tally.num_rows
        column_type = f"list[{{ {' '.join(self._part_types())} }}]"
        fields = {self._column: column_type + "?" * is_optional}
        clauses = [f"where {self._column} != none"] * is_optional
        if self._has_system:
            optional = "none" in self._system
            fields["system"] = "text?" if optional else "text"
            clauses[:0] = ['let system = "" if system == none else system'] * optional
        if self._strange:
            listed = ", ".join(quoted(name) for name in self._roles)
            strange = f"[m for m in {self._column} if m.{self._keys.role} not in [{listed}]]"
            clauses.append(f"where len({strange}) == 0")
        return Draft(
            fields=fields,
            clauses=tuple(clauses),
            template=f"template talk for rows {{\n dialogue from {self._messages()}\n}}\n",
            is_chat=True,
            not_read=tuple(self._not_read(fields)),
            roles=self._roles,
            strange=tuple(self._strange),
        )

    def _report_no_messages(self, file: RowsFile) -> None:
        known = ", ".join(self.tally.columns)
        message = f"{self._keys.role}: text, {self._keys.content}: text"
        file.report(
            "T0525",
            f"no row of the file has `{self._keys.columns[0]}`",
            notes=(f"its columns: {known}" if known else "it has no row",),
            helps=(f"a row is {{{self._keys.columns[0]}: list[{{{message}}}]}}",),
        )

    @property
    def _has_system(self) -> bool:
        return "text" in self._system

    def _part_types(self) -> Iterator[str]:
        yield f"{self._keys.role}: text"
        yield f"{self._keys.content}: text{'?' * (self._keys.content in self._optional)}"
        if "train" in self._parts:
            yield "train: bool?"
        elif "weight" in self._parts:
            yield f"weight: float{'?' * ('weight' in self._optional)}"

    def _not_read(self, fields: Mapping[str, str]) -> Iterator[str]:
        """Columns and parts of messages that no example shows."""
        yield from (name for name in self.tally.columns if name not in fields)
        read = {self._keys.role, self._keys.content, "train"}
        read |= set() if "train" in self._parts else {"weight"}
        yield from (f"{self._column}[].{name}" for name in self._parts if name not in read)

    def _messages(self) -> str:
        """The expression of a row's turns."""
        own = self._as_they_are() or self._made()
        if not self._has_system:
            return own
        train = ", train: none" if {"train", "weight"} & self._parts.keys() else ""
        first = f'[{{role: "system", content: system{train}}}]'
        return f'({first} if system != "" else []) + {self._made()}'

    def _as_they_are(self) -> str:
        """The column itself, where its messages are turns already."""
        is_plain = (
            self._keys is MESSAGES
            and all(name == role for name, role in self._roles.items())
            and "content" not in self._optional
            and ("weight" not in self._parts or "train" in self._parts)
        )
        return self._column if is_plain else ""

    def _made(self) -> str:
        role, content = f"m.{self._keys.role}", f"m.{self._keys.content}"
        parts = [f"role: {self._mapped(role)}"]
        if self._keys.content in self._optional:
            parts.append(f'content: "" if {content} == none else {content}')
        else:
            parts.append(f"content: {content}")
        if "train" in self._parts:
            parts.append("train: m.train")
        elif "weight" in self._parts:
            known = "m.weight != none and " * ("weight" in self._optional)
            parts.append(f"train: false if {known}m.weight == 0 else none")
        return f"[{{{', '.join(parts)}}} for m in {self._column}]"

    def _mapped(self, role: str) -> str:
        if all(name == mapped for name, mapped in self._roles.items()):
            return role
        table = ", ".join(f'{key_text(name)}: "{to}"' for name, to in self._roles.items())
        return f"{{{table}}}[{role}]"


class _Said(NamedTuple):
    """A message, as far as it matters whether its row becomes an example."""

    role: str
    is_empty: bool
    is_trained: bool
