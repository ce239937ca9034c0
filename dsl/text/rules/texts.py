"""Texts with placeholders: prompts, turns, surfaces, paths.

In: a cursor at a quoted text. Out: its pieces and expressions in order. A placeholder that cannot
be read costs that placeholder: the text goes on behind it.
"""

from taskc.dsl.model.expressions import Expression, Missing, Piece, Placeholder, Text
from taskc.dsl.text.rules.cursor import Cursor, Unreadable
from taskc.dsl.text.rules.expressions import expression
from taskc.dsl.text.rules.literals import Characters, block_characters, text_characters
from taskc.dsl.text.source_text import Span

__all__ = ["text", "text_as_written"]


def text(cursor: Cursor, what: str) -> Text:
    """Reads a text with placeholders, one line or a block; `what` names it where there is none."""
    start = cursor.start
    if cursor.kind == "broken":
        cursor.num_broken += 1
        cursor.advance()
        return Text((), cursor.span_from(start))
    if cursor.kind not in ("string", "block"):
        name = cursor.value if cursor.kind == "name" else ""
        helps = (f'write `"{{{name}}}"` for what `{name}` holds',) if name else ()
        cursor.fail_expected("T0018", what, helps=helps)
    is_block = cursor.kind == "block"
    end = cursor.end
    if "{" in cursor.value:
        cursor.lexer.read_text()
        cursor.reload()
        if cursor.kind == "broken":
            return text(cursor, what)
    frame = block_characters(cursor, start, end) if is_block else Characters(start + 1, -1)
    if cursor.kind != "head":
        piece = frame if is_block else frame._replace(end=cursor.end - 1)
        cursor.advance()
        parts = _piece(cursor, piece)
        return Text(tuple(parts), cursor.span_from(start))
    return _parts(cursor, start, frame)


def _parts(cursor: Cursor, start: int, frame: Characters) -> Text:
    """Reads the pieces and placeholders of a text; the cursor is at its head."""
    parts: list[Piece | Placeholder] = []
    piece = frame._replace(end=cursor.end - 1, is_last=False)
    while True:
        parts.extend(_piece(cursor, piece))
        opening = cursor.end - 1
        cursor.advance()
        value = _placeholder(cursor, opening)
        closing = cursor.start + 1
        parts.append(Placeholder(value, Span(cursor.path, opening, closing)))
        if cursor.kind == "tail":
            break
        piece = Characters(closing, cursor.end - 1, frame.indent, is_first=False, is_last=False)
    end = cursor.end - 1 if frame.indent is None else max(frame.end, closing)
    cursor.advance()
    parts.extend(_piece(cursor, Characters(closing, end, frame.indent, is_first=False)))
    return Text(tuple(parts), cursor.span_from(start))


def _piece(cursor: Cursor, piece: Characters) -> list[Piece]:
    characters = text_characters(cursor, piece, has_braces=True)
    if not characters:
        return []
    return [Piece(characters, Span(cursor.path, piece.start, piece.end))]


def _placeholder(cursor: Cursor, opening: int) -> Expression:
    """Reads the expression of a placeholder; leaves the cursor at the `}` that ends it."""
    depth, start = cursor.depth, cursor.start
    try:
        if cursor.kind in ("middle", "tail"):
            cursor.fail(
                "T0022",
                "this placeholder is empty",
                label="nothing between the braces",
                span=Span(cursor.path, opening, cursor.start + 1),
                helps=("write `{{}}` for a pair of braces",),
            )
        value = expression(cursor, "an expression in this placeholder")
        if cursor.kind not in ("middle", "tail"):
            cursor.fail_expected(
                "T0022",
                "`}`",
                "after the expression of this placeholder",
                notes=("a placeholder holds one expression and no format",),
                helps=("write `{{` for a brace",),
            )
    except Unreadable:
        failed_at = cursor.start
        while cursor.kind not in ("middle", "tail"):
            cursor.advance()
        cursor.depth = depth
        cursor.forget_findings(failed_at)
        return Missing(Span(cursor.path, start, max(start, cursor.start)))
    return value


def text_as_written(cursor: Cursor, read: Text) -> str:
    """The characters of a text with its placeholders as they stand in the file."""
    source = cursor.source.text
    return "".join(
        part.text if isinstance(part, Piece) else source[part.span.start : part.span.end]
        for part in read.parts
    )
