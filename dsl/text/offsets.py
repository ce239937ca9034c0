"""Offsets: where each character of a text stands in its file.

In: a file and a text as parsed. Out: for every piece the offset of each of its characters, escapes,
doubled braces and the indentation of blocks counted. The inverse of what reading does; nothing is
checked, since the text was read before.
"""

import re

from taskc.dsl.model.expressions import Piece, Text
from taskc.dsl.text.source_text import SourceText

__all__ = ["character_offsets"]

_ESCAPE = re.compile(r"\\(?:u\{[0-9A-Fa-f]+\}|.)", re.DOTALL)


def character_offsets(source: SourceText, text: Text, part: int) -> list[int]:
    """Returns the offset in the file of each character of a piece.

    Args:
        source: The file that the text stands in.
        text: A text of it, read without an error.
        part: Which of its parts, one that is a piece.
    """
    piece = text.parts[part]
    assert isinstance(piece, Piece), "only pieces have characters of their own"
    indent = _indent(source.text, text)
    offsets: list[int] = []
    at = piece.span.start
    is_line_start = indent is not None and part == 0
    while len(offsets) < len(piece.text):
        if is_line_start and indent is not None:
            at += _indentation(source.text, at, indent)
            is_line_start = False
        character = source.text[at]
        if indent is not None and source.text.startswith("\r\n", at):
            at += 1
            continue
        offsets.append(at)
        is_line_start = character == "\n"
        at += _length(source.text, at)
    return offsets


def _indent(source: str, text: Text) -> str | None:
    """The blanks that are taken from each line of a block; None in a one-line text."""
    if not source.startswith('"""', text.span.start):
        return None
    closing = text.span.end - 3
    return source[source.rindex("\n", 0, closing) + 1 : closing]


def _indentation(source: str, at: int, indent: str) -> int:
    """How much of a line's beginning is its indentation."""
    if source.startswith(indent, at):
        return len(indent)
    end = source.find("\n", at)
    line = source[at:end].removesuffix("\r")
    return len(line) - len(line.lstrip(" \t"))


def _length(source: str, at: int) -> int:
    """How many characters of the file stand for one of the text."""
    if source[at] == "\\":
        found = _ESCAPE.match(source, at)
        return 1 if found is None else len(found[0])
    return 2 if source[at] in "{}" else 1
