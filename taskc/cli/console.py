"""What the terminal is told: colours where they can be seen, tables, and JSON for programs.

In: text. Out: the same text on stdout (what was asked for) or stderr (what is said about the run),
and how far the work is.
The environment is read here (`NO_COLOR`, `TERM`, `TASKC_STORE`) and in `entry.py`, nowhere else.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

__all__ = [
    "Progress",
    "chosen_store",
    "emit",
    "emit_json",
    "paint",
    "say",
    "shows_color",
    "table",
]

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def shows_color(stream: TextIO) -> bool:
    """Whether colours are wanted on `stream`: a terminal, and no `NO_COLOR` (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def chosen_store(option: str | None) -> str | None:
    """Returns the store that `--store` or the environment names; None: the project's own."""
    return option or os.environ.get("TASKC_STORE") or None


def paint(text: str, style: str, *, color: bool) -> str:
    """Returns `text` in a style of the table above, or as it is where there is no colour."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if color else text


def emit(text: str) -> None:
    """Writes to stdout what the user asked for, ending in one line end."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def emit_json(value: object) -> None:
    """Writes one JSON object to stdout, keys in the order in which they are documented."""
    emit(json.dumps(value, ensure_ascii=False, indent=2))


def say(text: str) -> None:
    """Writes to stderr what is to be known about the run, ending in one line end."""
    sys.stdout.flush()  # where both go to one place, they stand in the order of writing
    sys.stderr.write(text if text.endswith("\n") else f"{text}\n")
    sys.stderr.flush()


def table(rows: Iterable[Sequence[str]], *, num_left: int = 1, indent: str = "  ") -> str:
    """Lays rows out in columns: the first `num_left` flush left, numbers flush right.

    Args:
        rows: Cells; every row has as many as the first.
        num_left: How many columns are words.
        indent: What each line starts with.
    """
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = [
            cell.ljust(width) if column < num_left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"{indent}{'  '.join(padded).rstrip()}")
    return "\n".join(lines)


class Progress:
    """How far the work is, on stderr: one line, redrawn, on a terminal; a line a stage elsewhere.

    How many rows a stage will have is known only when its source was read to the end, so a count
    that runs is shown, and no bar that guesses.
    """

    _MIN_INTERVAL_S = 0.1  # between two drawings

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._stage = ""
        self._num_rows = 0
        self._drawn_s = 0.0

    def __enter__(self) -> Self:
        """Starts with nothing drawn."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves the line empty, so that what follows starts at its left."""
        self.clear()

    def add(self, build: str, stage: str, what: str, num_rows: int) -> None:
        """Counts rows that are through a stage.

        Args:
            build: The build's name.
            stage: The stage's name; a new one ends the one before.
            what: What the stage works on: a source, a split.
            num_rows: Rows done since the last call.
        """
        head = f"{build}  {stage} {what}"
        if head != self._stage:
            self.clear()
            self._stage, self._drawn_s = head, 0.0
        self._num_rows += num_rows
        if self._live and monotonic() - self._drawn_s >= self._MIN_INTERVAL_S:
            self._drawn_s = monotonic()
            sys.stderr.write(f"\r\x1b[K{head}  {self._num_rows:,}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Ends the stage that is shown."""
        if not self._stage:
            return
        if self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        else:
            say(f"{self._stage}  {self._num_rows:,}")
        self._stage, self._num_rows = "", 0
