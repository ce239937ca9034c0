"""Rows in the shape of Alpaca: `instruction`, `output`, perhaps `input` and `system`.

In: rows. Out: a draft with Alpaca's two prompts (Taori et al. 2023), by whether there is an input;
the text of a `system` stands in the place of their first lines. A row without instruction or output
becomes no example.
"""

from collections.abc import Mapping
from typing import Final

from taskc.compiler.rows.findings import shown
from taskc.importing.draft import Draft, Tally
from taskc.importing.reading import RowsFile

__all__ = ["Alpaca"]

_NEEDED: Final = ("instruction", "output")
_NAMES: Final = ("instruction", "input", "output", "system")
_WITH_INPUT: Final = (
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request."
)
_BARE: Final = (
    "Below is an instruction that describes a task. Write a response that appropriately completes "
    "the request."
)


class Alpaca:
    """Looks at rows, and says what a spec for all of them is.

    Attributes:
        columns: Those that the shape has.
        tally: Counts of what was looked at.
    """

    columns = _NAMES

    def __init__(self) -> None:
        self.tally = Tally()
        self._num_values = dict.fromkeys(_NAMES, 0)  # rows in which there is one
        self._has_empty = dict.fromkeys(_NAMES, False)

    def look(self, number: int, row: Mapping[str, object], file: RowsFile) -> None:
        """Looks at one row; what is no text is reported."""
        for name in _NAMES:
            value = row.get(name)
            if value is None:
                continue
            self._num_values[name] += 1
            self._has_empty[name] |= value == ""
            if not isinstance(value, str):
                message = f"`{name}` of row {number} is no text"
                helps = ("write it as a text in the file: in double quotes",)
                file.report("T0801", message, row=(number, name, shown(value)), helps=helps)
        missing = [name for name in _NEEDED if not row.get(name)]
        self.tally.add(number, row, f"no {missing[0]}" if missing else "")

    def draft(self, file: RowsFile) -> Draft | None:
        """What the rows need; None, with a finding, where they have another shape."""
        lacking = [name for name in _NEEDED if name not in self.tally.columns]
        if lacking:
            known = ", ".join(self.tally.columns)
            file.report(
                "T0525",
                f"no row of the file has `{lacking[0]}`",
                notes=(f"its columns: {known}" if known else "it has no row",),
                helps=("a row is {instruction: text, input: text?, output: text, system: text?}",),
            )
            return None
        read = [name for name in _NAMES if name in self.tally.columns]
        clauses = [self._default(name) for name in ("input", "system") if self._is_optional(name)]
        if "system" in read:
            clauses.append(_opening(has_input="input" in read))
        clauses += [clause for name in _NEEDED if (clause := self._presence(name))]
        return Draft(
            fields={name: "text?" if self._is_optional(name) else "text" for name in read},
            clauses=tuple(clauses),
            template=_template(has_input="input" in read, has_system="system" in read),
            is_chat=False,
            not_read=tuple(name for name in self.tally.columns if name not in read),
        )

    def _is_optional(self, name: str) -> bool:
        return name in self.tally.columns and self._num_values[name] < self.tally.num_rows

    @staticmethod
    def _default(name: str) -> str:
        return f'let {name} = "" if {name} == none else {name}'

    def _presence(self, name: str) -> str:
        tests = [f"{name} != none"] * self._is_optional(name)
        tests += [f'{name} != ""'] * self._has_empty[name]
        return f"where {' and '.join(tests)}" if tests else ""


def _opening(*, has_input: bool) -> str:
    """The first lines of a prompt, where rows may bring their own."""
    with_input = f'"{_WITH_INPUT}"\n if input != "" else ' if has_input else ""
    return f'let opening = system\n if system != "" else {with_input}"{_BARE}"'


def _template(*, has_input: bool, has_system: bool) -> str:
    bare = _prompt("{opening}" if has_system else _BARE, "### Instruction:\n{instruction}")
    if not has_input:
        return f"template instruct for rows {{\n prompt only: {bare}}}\n"
    asked = "### Instruction:\n{instruction}\n\n### Input:\n{input}"
    with_input = _prompt("{opening}" if has_system else _WITH_INPUT, asked)
    return (
        "template instruct for rows {\n"
        f' prompt with_input when input != "": {with_input}'
        f' prompt bare when input == "": {bare}}}\n'
    )


def _prompt(opening: str, asked: str) -> str:
    return f'"""\n{opening}\n\n{asked}\n\n### Response:\n""" -> "{{output}}"\n'
