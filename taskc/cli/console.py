"""What the terminal is told: colours where they can be seen, tables, and JSON for programs.

In: text. Out: the same text on stdout (what was asked for) or stderr (what is said about the run).
The environment is read here (`NO_COLOR`, `TERM`, `COLUMNS`, `TASKC_STORE`) and in `entry.py`,
nowhere else.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

__all__ = [
    "can_redraw",
    "chosen_store",
    "emit",
    "emit_json",
    "num_columns",
    "paint",
    "say",
    "shows_color",
    "table",
]

_COLUMNS = 80  # of a terminal that does not say
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def shows_color(stream: TextIO) -> bool:
    """Whether colours are wanted on `stream`: a terminal, and no `NO_COLOR` (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def can_redraw(stream: TextIO) -> bool:
    """Whether what was written to `stream` can be written over: a terminal that knows how."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def num_columns(stream: TextIO) -> int:
    """Columns of the terminal that `stream` is, or of what the environment says that it is."""
    if os.environ.get("COLUMNS", "").isdecimal():
        return int(os.environ["COLUMNS"]) or _COLUMNS
    try:
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    except (OSError, ValueError):  # no terminal of the system
        return _COLUMNS


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
