"""Literals: the value of a number, and the characters that a quoted text stands for.

In: a cursor at the literal, or characters as written. Out: values. An escape, an indentation or a
brace that is wrong is reported and left as it stands; it never ends a statement.
"""

import re
from typing import NamedTuple

from taskc.dsl.diagnostics import replacement
from taskc.dsl.text.findings import shorten
from taskc.dsl.text.rules.cursor import Cursor
from taskc.dsl.text.source_text import Span

__all__ = [
    "Characters",
    "any_plain_text",
    "block_characters",
    "number_value",
    "plain_text",
    "text_characters",
]

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_ESCAPED = r"\\(?:([nrt\"\\])|u\{([0-9A-Fa-f]+)\}|(u\{?[0-9A-Za-z]*\}?|.|\Z))"
_ESCAPE = re.compile(_ESCAPED, re.DOTALL)
_SPECIAL = re.compile(_ESCAPED + r"|\{\{|\}\}|[{}]", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_SCALAR = 0x10FFFF


class Characters(NamedTuple):
    """A piece of a quoted text as written.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last one.
        indent: The blanks to take from the front of every line; None in a one-line text.
        is_first: Whether it starts a line of a block.
        is_last: Whether the closing quotes follow it.
    """

    start: int
    end: int
    indent: str | None = None
    is_first: bool = True
    is_last: bool = True


def number_value(written: str) -> tuple[int | float | None, bool]:
    """The value of a number and whether it is a percentage; None where it is not one."""
    digits = written.replace("_", "")
    try:
        if digits.endswith("%"):
            # Read as one decimal number: 0.7 / 100 would be a different float than 0.007.
            return float(f"{digits[:-1]}e-2"), True
        return (int(digits) if digits.isdecimal() else float(digits)), False
    except ValueError:
        return None, False  # the lexer has said what is wrong with it


def plain_text(cursor: Cursor) -> str:
    """Reads a one-line text without placeholders; the cursor is at it."""
    kind, start, end = cursor.kind, cursor.start, cursor.end
    cursor.advance()
    if kind == "broken":
        cursor.num_broken += 1
        return ""
    if kind == "raw":
        return _checked(cursor, Characters(start + 2, end - 1))
    return text_characters(cursor, Characters(start + 1, end - 1), has_braces=False)


def any_plain_text(cursor: Cursor, what: str) -> str:
    """Reads a one-line text or a block, without placeholders."""
    if cursor.kind == "block":
        start, end = cursor.start, cursor.end
        cursor.advance()
        return text_characters(cursor, block_characters(cursor, start, end), has_braces=False)
    if cursor.kind not in ("string", "broken"):
        cursor.fail_expected("T0018", what)
    return plain_text(cursor)


def block_characters(cursor: Cursor, start: int, end: int) -> Characters:
    """What stands between the quotes of a block, without its first and last line ends."""
    text = cursor.source.text
    first = text.index("\n", start, end) + 1
    last_line = text.rindex("\n", start, end) + 1
    indent = text[last_line : end - 3]
    if last_line == first:
        return Characters(first, first, indent)
    before = last_line - 1
    return Characters(first, before - (text[before - 1] == "\r"), indent)


def text_characters(cursor: Cursor, piece: Characters, *, has_braces: bool) -> str:
    """The characters that a piece stands for: indentation taken away, escapes and braces undone."""
    text = cursor.source.text
    written = text[piece.start : piece.end]
    pattern = _SPECIAL if has_braces else _ESCAPE
    is_plain = "\\" not in written and not (has_braces and ("{" in written or "}" in written))
    if not written.isascii():
        _checked(cursor, piece)
    if piece.indent is None:
        return written if is_plain else _unescape(cursor, written, piece.start, pattern)
    lines: list[str] = []
    start = piece.start
    rows = written.split("\n")
    for number, row in enumerate(rows):
        line, offset = row, start
        start += len(row) + 1
        is_whole = piece.is_last or number < len(rows) - 1
        if number < len(rows) - 1:
            line = line.removesuffix("\r")
        if number or piece.is_first:
            line = _dedent(cursor, line, piece.indent, offset, is_whole=is_whole)
            offset += len(row.removesuffix("\r")) - len(line)
        lines.append(line if is_plain else _unescape(cursor, line, offset, pattern))
    return "\n".join(lines)


def _dedent(cursor: Cursor, line: str, indent: str, offset: int, *, is_whole: bool) -> str:
    """Takes the indentation from a line; a blank line may have less of it."""
    if line.startswith(indent):
        return line[len(indent) :]
    blanks = len(line) - len(line.lstrip(" \t"))
    if is_whole and blanks == len(line):
        return ""
    cursor.reporter.report(
        "T0006",
        Span(cursor.path, offset, offset + max(blanks, 1)),
        "this line is indented less than the closing quotes of its block",
        label="starts left of the closing quotes, or mixes tabs and blanks",
        helps=("the indentation of the closing quotes is taken from every line: indent them less",),
    )
    return line[blanks:]


def _unescape(cursor: Cursor, written: str, offset: int, pattern: re.Pattern[str]) -> str:
    """Undoes escapes, and doubled braces where `pattern` looks for them."""

    def meant(match: re.Match[str]) -> str:
        simple, digits = match[1], match[2]
        if simple:
            return _ESCAPES[simple]
        if digits:
            number = int(digits[-7:], 16) if not digits[:-7].strip("0") else _MAX_SCALAR + 1
            if number <= _MAX_SCALAR and not 0xD800 <= number <= 0xDFFF:  # noqa: PLR2004
                return chr(number)
        elif match[3] is None and len(match[0]) == 2:  # noqa: PLR2004 # a doubled brace
            return match[0][0]
        start = offset + match.start()
        _report_escape(cursor, match[0], Span(cursor.path, start, start + len(match[0])))
        return match[0]

    return pattern.sub(meant, written)


def _report_escape(cursor: Cursor, written: str, span: Span) -> None:
    if written in ("{", "}"):
        cursor.reporter.report(
            "T0005",
            span,
            f"a lone `{written}` in a text",
            label="opens no placeholder and closes none",
            helps=(f"write `{written * 2}` for a brace",),
            fix=replacement(span, written * 2),
        )
        return
    if written.startswith("\\u"):
        cursor.reporter.report(
            "T0004",
            span,
            f"`{shorten(written)}` is not a character",
            label="no such character",
            notes=("the codes are 0 to 10FFFF in hex, without the surrogates D800 to DFFF",),
            helps=(r"write the code between braces, one for the whole character: `\u{1F600}`",),
        )
        return
    cursor.reporter.report(
        "T0004",
        span,
        f"`{shorten(written)}` is not an escape",
        label="unknown escape",
        notes=(r"the escapes are `\n`, `\r`, `\t`, `\"`, `\\` and `\u{...}` with a code in hex",),
        helps=(r"write `\\` for a backslash",),
        fix=replacement(span, "\\" + written),
    )


def _checked(cursor: Cursor, piece: Characters) -> str:
    """The characters as written; reports any that are no Unicode scalar values."""
    written = cursor.source.text[piece.start : piece.end]
    surrogate = _SURROGATE.search(written)
    if surrogate:
        start = piece.start + surrogate.start()
        cursor.reporter.report(
            "T0001",
            Span(cursor.path, start, start + 1),
            f"U+{ord(surrogate[0]):04X} is half of a character",
            label="not a Unicode scalar value",
        )
    return written
