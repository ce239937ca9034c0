"""Going on after a mistake: where reading starts again, and what is said about what stands nowhere.

In: a cursor at the token that could not be read. Out: the cursor at the next statement keyword
that starts a line, at the brace that closes the block, or at the next declaration. Mistakes in
what was skipped are not reported: they are as likely consequences as causes.
"""

import re

from taskc.dsl.diagnostics import insertion, replacement
from taskc.dsl.spelling import did_you_mean
from taskc.dsl.text.findings import shorten
from taskc.dsl.text.rules.blocks import BLOCKS
from taskc.dsl.text.rules.cursor import Cursor
from taskc.dsl.text.source_text import Span
from taskc.dsl.text.tokens import DECLARATION_WORDS, HEAD, is_line_start

__all__ = [
    "at_meant_head",
    "report_unclosed",
    "report_unknown_statement",
    "skip_to_declaration",
    "skip_to_statement",
]

_UNKNOWN_HEAD = re.compile(
    r"[A-Za-z_]\w*[ \t]+[A-Za-z_]\w*[^\n\"]*(?:\"[^\n\"]*\")?[ \t]*\{[ \t\r]*$", re.MULTILINE
)
# A file with more unknown words than this is no `.task` file: no more suggestions are sought.
_MAX_SUGGESTIONS = 50


def at_meant_head(cursor: Cursor) -> bool:
    """Whether the cursor is at a line that was meant as the head of a declaration.

    Either its keyword is known and it is indented, or it stands at column 1 and its keyword is not
    known.
    """
    if cursor.kind != "name" or cursor.value in cursor.keywords:
        return False
    if not cursor.is_at_column_one():
        is_known = cursor.value in DECLARATION_WORDS
        text, start = cursor.source.text, cursor.start
        return is_known and is_line_start(text, start) and HEAD.match(text, start) is not None
    is_head = _UNKNOWN_HEAD.match(cursor.source.text, cursor.start) is not None
    return is_head and not did_you_mean(cursor.value, cursor.keywords)


def skip_to_statement(cursor: Cursor, first: int) -> None:
    """Goes to the next statement of a block, its closing brace, or its end.

    Args:
        cursor: At the token that could not be read.
        first: Number of the first token of the statement.
    """
    failed_at = cursor.start
    open_braces = max(0, cursor.open_braces(first))
    while cursor.kind != "end" and not cursor.at_statement() and not at_meant_head(cursor):
        if cursor.kind == "{":
            open_braces += 1
        elif cursor.kind == "}":
            if _closes_block(cursor, open_braces):
                break
            open_braces = max(0, open_braces - 1)
        cursor.advance()
    cursor.forget_findings(failed_at)


def _closes_block(cursor: Cursor, open_braces: int) -> bool:
    """Whether the `}` at the cursor is the block's: at column 1, or where no other can be."""
    if cursor.is_at_column_one():
        return True
    if open_braces:
        return False
    is_one_line = "\n" not in cursor.source.text[cursor.block_start : cursor.start]
    return is_one_line or cursor.next_kind == "end"


def skip_to_declaration(cursor: Cursor) -> None:
    """Goes to the next declaration, or to what may have been meant as one."""
    failed_at = cursor.start
    cursor.keywords = ()
    while cursor.kind != "end":
        cursor.advance()
        if at_meant_head(cursor):
            break
    cursor.forget_findings(failed_at)


def report_unknown_statement(cursor: Cursor, kind: str) -> str:
    """Reports a word that starts no statement of a block; returns the one that was meant, or ""."""
    written = cursor.value
    keywords = BLOCKS[kind]
    near = did_you_mean(written, keywords) if _may_suggest(cursor) else []
    homes = [block for block, statements in BLOCKS.items() if written in statements]
    notes = [f"statements of `{kind}`: {', '.join(keywords)}"]
    if homes and not near:
        notes.append(f"`{written}` is a statement of `{'`, `'.join(homes)}`")
    cursor.reporter.report(
        "T0011",
        cursor.span(),
        f"`{shorten(written)}` is not a statement of `{kind}`",
        label="unknown statement",
        notes=tuple(notes),
        helps=(f"did you mean `{near[0]}`?",) if near else (),
        fix=replacement(cursor.span(), near[0]) if near else None,
    )
    return near[0] if len(near) == 1 else ""


def _may_suggest(cursor: Cursor) -> bool:
    return len(cursor.reporter.diagnostics) < _MAX_SUGGESTIONS


def report_unclosed(cursor: Cursor, kind: str, first: int, body: int) -> None:
    """Reports a declaration that ends without its closing brace.

    A closing brace at column 1 was meant for the declaration: if it closed an inner bracket, that
    one is reported.
    """
    opening, what = body, f"`{kind}` block"
    open_braces: list[int] = []
    for number in range(first, cursor.index):
        mark = cursor.token_kind(number)
        if mark == "{":
            open_braces.append(number)
        elif mark == "}" and open_braces:
            last = open_braces.pop()
            if open_braces and cursor.is_at_column_one(number):
                opening, what = last, "bracket"
                break
    span = cursor.token_span(opening)
    end = Span(cursor.path, cursor.last_end, cursor.last_end)
    cursor.reporter.report(
        "T0014",
        span,
        f"this {what} is not closed",
        label="no `}` closes this",
        helps=("close it with `}`",),
        fix=insertion(end, "\n}") if what != "bracket" else None,
    )
