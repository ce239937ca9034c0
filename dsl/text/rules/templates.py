"""Statements of a template, and those of a test, which show one rendering of it.

In: a cursor behind the statement's keyword, and the offset at which that starts. Out: the node. An
option or a turn that cannot be read costs the statement.
"""

from taskc.dsl.diagnostics import deletion
from taskc.dsl.model.declarations import (
    Dialogue,
    DialogueTurn,
    Options,
    OptionSurface,
    Prompt,
    TestPrompt,
    TestRow,
    TestText,
)
from taskc.dsl.model.expressions import DictDisplay, Expression, Name, Text
from taskc.dsl.text.rules.cursor import Cursor
from taskc.dsl.text.rules.expressions import close, expression, key
from taskc.dsl.text.rules.literals import any_plain_text
from taskc.dsl.text.rules.statements import one_of, value
from taskc.dsl.text.rules.texts import text
from taskc.dsl.text.rules.types import refuse_commas
from taskc.dsl.text.source_text import Span

__all__ = [
    "ROLES",
    "STYLES",
    "dialogue",
    "options",
    "prompt",
    "test_prompt",
    "test_row",
    "test_text",
]

ROLES = ("system", "user", "assistant", "tool")
STYLES = ("dashes", "letters", "numbers", "none")
_OPTION_STARTS = ("name", "word", "string", "broken", ",")


def options(cursor: Cursor, start: int) -> Options:
    """Reads `FIELD [as style] [shuffled] { value: text ... }` or `LIST answer E [as style] ...`."""
    subject = expression(cursor, "a field or a list of texts after `options`")
    answer = None
    if cursor.take_word("answer"):
        answer = expression(cursor, "the right option after `answer`")
    style = None
    if cursor.take_word("as"):
        style = one_of(cursor, STYLES, "how options are marked after `as`")
    shuffled = cursor.take_word("shuffled")
    surfaces: tuple[OptionSurface, ...] = ()
    if answer is None:
        if cursor.kind != "{":
            cursor.fail_expected(
                "T0019", "`{` with the options, or `answer`,", "after `options ...`"
            )
        surfaces = _surfaces(cursor)
    return Options(subject, surfaces, answer, style, shuffled, cursor.span_from(start))


def _surfaces(cursor: Cursor) -> tuple[OptionSurface, ...]:
    """Reads `{ value: text ... }`."""
    opening = cursor.span()
    cursor.braces[cursor.index] = "options"
    cursor.advance()
    read: list[OptionSurface] = []
    commas: list[Span] = []
    while cursor.kind in _OPTION_STARTS and not cursor.at_statement():
        if cursor.kind == ",":
            commas.append(cursor.span())
            cursor.advance()
            continue
        name = key(cursor, "a value")
        cursor.expect(":", f"after the option `{name.text}`")
        surface = text(cursor, f"the text of the option `{name.text}`")
        read.append(OptionSurface(name, surface, cursor.span_from(name.span.start)))
    close(cursor, "}", "these options", opening)
    if commas:
        refuse_commas(cursor, commas, "options")
    return tuple(read)


def _label(cursor: Cursor, keyword: str) -> tuple[Name, Expression | None]:
    """Reads `label` or `label when condition`."""
    name = cursor.name(f"a label or a text after `{keyword}`")
    is_bare_when = name.text == "when" and not cursor.at_word("when") and cursor.kind not in ":{"
    if is_bare_when and not cursor.at_word("from"):
        cursor.fail(
            "T0016",
            f"a {keyword} with a condition needs a label before `when`",
            label="no label before this",
            span=name.span,
            helps=(f"write `{keyword} LABEL when ...`",),
        )
    if not cursor.take_word("when"):
        return name, None
    return name, expression(cursor, "a condition after `when`")


def prompt(cursor: Cursor, start: int, keyword: str) -> Prompt:
    """Reads what follows `prompt` or `inverse`: `[label [when E]:] text [-> text]`."""
    label: Name | None = None
    when: Expression | None = None
    if cursor.kind not in ("string", "block", "broken"):
        label, when = _label(cursor, keyword)
        cursor.expect(":", f"after the label of this {keyword}")
    source = text(cursor, f"the text of this {keyword}")
    target: Text | None = None
    if cursor.take("->"):
        target = text(cursor, "the target after `->`")
    elif keyword == "inverse":
        cursor.expect("->", "after the text of this inverse")
    return Prompt(keyword, label, when, source, target, cursor.span_from(start))


def dialogue(cursor: Cursor, start: int) -> Dialogue:
    """Reads what follows `dialogue`: `[label [when E]]`, then `{ role text ... }` or `from E`.

    A dialogue cannot be labelled `from`.
    """
    label: Name | None = None
    when: Expression | None = None
    if cursor.kind != "{" and not cursor.at_word("from"):
        label, when = _label(cursor, "dialogue")
    if cursor.take_word("from"):
        messages = expression(cursor, "a list of messages after `from`")
        return Dialogue(label, when, (), messages, cursor.span_from(start))
    if cursor.kind != "{":
        cursor.fail_expected("T0019", "`{` with the turns, or `from`,", "in this dialogue")
    turns = _turns(cursor)
    return Dialogue(label, when, turns, None, cursor.span_from(start))


def _turns(cursor: Cursor) -> tuple[DialogueTurn, ...]:
    """Reads `{ role text ... }`."""
    opening = cursor.span()
    cursor.braces[cursor.index] = "turns"
    cursor.advance()
    turns: list[DialogueTurn] = []
    while cursor.kind in ("name", "word") and not cursor.at_statement():
        role = one_of(cursor, ROLES, "a role in this dialogue")
        if cursor.kind == ":":
            _refuse_colon(cursor, role)
        words = text(cursor, f"the text of this turn after `{role.text}`")
        turns.append(DialogueTurn(role, words, cursor.span_from(role.span.start)))
    close(cursor, "}", "these turns", opening)
    return tuple(turns)


def _refuse_colon(cursor: Cursor, role: Name) -> None:
    """Reports a colon behind a role, and goes past it."""
    cursor.reporter.report(
        "T0027",
        cursor.span(),
        f"no colon stands behind the role `{role.text}`",
        label="no colon here",
        helps=("take the colon away",),
        fix=deletion(cursor.span()),
    )
    cursor.advance()


def test_row(cursor: Cursor, start: int) -> TestRow:
    """Reads what follows `row`: `{ field: value, ... }`."""
    opening = cursor.span()
    cursor.braces[cursor.index] = "row"
    cursor.expect("{", "after `row`")
    entries: list[tuple[Name, Expression]] = []
    while True:
        name = key(cursor, "a field of the row")
        cursor.expect(":", f"after the field `{name.text}`")
        entries.append((name, value(cursor, f"a value for the field `{name.text}`")))
        if not cursor.take(",") or cursor.kind == "}":
            break
    close(cursor, "}", "this row", opening, ",")
    row = DictDisplay(tuple(entries), cursor.span_from(opening.start))
    return TestRow(row, cursor.span_from(start))


def test_prompt(cursor: Cursor, start: int) -> TestPrompt:
    """Reads what follows `prompt` in a test: `template.label`."""
    read = cursor.qualified_name("`template.label` after `prompt`")
    return TestPrompt(read, cursor.span_from(start))


def test_text(cursor: Cursor, start: int, keyword: str) -> TestText:
    """Reads what follows `input` or `target` in a test: a text without placeholders."""
    read = any_plain_text(cursor, f"a text after `{keyword}`")
    return TestText(keyword, read, cursor.span_from(start))
