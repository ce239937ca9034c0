"""Where a text block ends, and where it was meant to end when its closing quotes are missing.

In: the text and the offset of three opening quotes. Out: the end of the block and what is wrong
with its quotes. A block without its closing quotes must not swallow what follows it, so its end is
sought at the next line that stands as far left as the line of its opening quotes and begins like a
statement, a declaration or a closing brace. Each character is looked at a bounded number of times.
"""

import re
from enum import Enum
from typing import NamedTuple

from taskc.dsl.text.tokens import DECLARATION_WORDS, STATEMENT_WORDS

__all__ = ["BlockEnd", "QuoteMistake", "find_block_end", "find_closing_quotes"]

_OPENING = re.compile(r'"""[ \t]*\r?\n')
_LINE_WORD = re.compile(r"^([ \t]*)([a-z]+|\})", re.MULTILINE)


class QuoteMistake(Enum):
    """What is wrong with the quotes of a text block."""

    NONE = "none"
    UNCLOSED = "unclosed"
    OPENING = "opening"
    CLOSING = "closing"


class BlockEnd(NamedTuple):
    """Where a block ends (after its closing quotes, if it has any) and what is wrong with it."""

    end: int
    mistake: QuoteMistake


def find_closing_quotes(text: str, start: int) -> int:
    """The offset of the next three quotes that no backslash escapes, or -1."""
    position = text.find('"""', start)
    while position != -1:
        backslash = position
        while backslash > start and text[backslash - 1] == "\\":
            backslash -= 1
        if (position - backslash) % 2 == 0:
            return position
        position = text.find('"""', position + 1)
    return -1


def find_block_end(text: str, start: int, closing: int) -> BlockEnd:
    """Decides where the block at `start` ends.

    `closing` is what `find_closing_quotes` says after its opening quotes.
    """
    limit = len(text) if closing == -1 else closing
    line_start = text.rfind("\n", start, limit) + 1
    if closing != -1 and line_start and not text[line_start:closing].strip(" \t"):
        is_opened = _OPENING.match(text, start) is not None
        return BlockEnd(closing + 3, QuoteMistake.NONE if is_opened else QuoteMistake.OPENING)
    end = _statement_after(text, start, limit)
    if end != -1:
        return BlockEnd(end, QuoteMistake.UNCLOSED)
    if closing == -1:
        return BlockEnd(len(text), QuoteMistake.UNCLOSED)
    is_one_line = not line_start
    return BlockEnd(closing + 3, QuoteMistake.OPENING if is_one_line else QuoteMistake.CLOSING)


def _statement_after(text: str, start: int, limit: int) -> int:
    """The end of the line before the first one that does not belong to the block, or -1."""
    line = text.rfind("\n", 0, start) + 1
    indent = len(text[line:start]) - len(text[line:start].lstrip(" \t"))
    first_line_end = text.find("\n", start, limit)
    if first_line_end == -1:
        return -1
    for match in _LINE_WORD.finditer(text, first_line_end + 1, limit):
        word = match[2]
        is_known = word == "}" or word in STATEMENT_WORDS or word in DECLARATION_WORDS
        if len(match[1]) <= indent and is_known:
            return match.start() - 1
    return -1
