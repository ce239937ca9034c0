r"""Words against a placeholder: which are slips, and which are meant to be one word.

In: the texts of a prompt, and what type an expression has. Out: warnings. A letter or digit that
touches a placeholder is taken for a lost `\n` or a lost space, save an ending (`{noun}s`), a unit
behind a number (`{size}GB`) and a label before one (`Q{position}`). Other marks than letters and
digits (`{name}'s`, `{city}-based`, `({year})`) are never judged, nor are scripts without spaces.
"""

from collections.abc import Callable, Iterable

from taskc.dsl.diagnostics import Fix, Reporter, Safety, replacement
from taskc.dsl.model.expressions import Expression, Piece, Placeholder, Text
from taskc.dsl.model.types import Float, Int, Optional, Type, Unknown
from taskc.dsl.text.source_text import Span

__all__ = ["ENDINGS", "check_glued"]

_GREEK_TO_CYRILLIC = range(0x370, 0x530)
_LATIN_END = 0x250

ENDINGS = frozenset(("s", "es", "d", "ed", "er", "ers", "est", "ing", "ly", "st", "nd", "rd", "th"))
_LOST_ESCAPES = ("n", "t", "r")
_MAX_UNIT_LETTERS = 3  # kHz, min, mph

TypeOf = Callable[[Expression], Type]


def check_glued(texts: Iterable[Text], type_of: TypeOf, report: Reporter) -> None:
    """Judges the texts of a prompt; `type_of` must not report."""
    for text in texts:
        _check_text(text, type_of, report)


def _check_text(text: Text, type_of: TypeOf, report: Reporter) -> None:
    parts = text.parts
    for position, after in enumerate(parts[1:], 1):
        before = parts[position - 1]
        following = parts[position + 1] if position + 1 < len(parts) else None
        if isinstance(before, Placeholder) and isinstance(after, Piece):
            if _touches(after.text[:1]) and not _is_one_word(before, after, following, type_of):
                _report_glued(before, after, report)
        elif isinstance(before, Piece) and isinstance(after, Placeholder):
            is_between = position > 1 and _first_word(before.text) == before.text
            if is_between:
                continue  # `{a}n{b}`: said, or found right, at its start
            if _touches(before.text[-1:]) and not _is_label(before, after, type_of):
                _report_runs_into(before, after, report)


def _touches(character: str) -> bool:
    """A letter or digit of a script that puts spaces between words."""
    if not character.isalnum():
        return False
    return ord(character) < _LATIN_END or ord(character) in _GREEK_TO_CYRILLIC


def _first_word(text: str) -> str:
    end = next((i for i, character in enumerate(text) if not character.isalnum()), len(text))
    return text[:end]


def _last_word(text: str) -> str:
    return _first_word(text[::-1])[::-1]


# ---- what is meant -------------------------------------------------------------------------------


def _is_one_word(before: Placeholder, piece: Piece, following: object, type_of: TypeOf) -> bool:
    """An ending, or a unit; never what a lost backslash leaves."""
    word = _first_word(piece.text)
    runs_on = len(word) == len(piece.text) and isinstance(following, Placeholder)
    if word in ENDINGS and not runs_on:
        return True
    is_unit = len(word) <= _MAX_UNIT_LETTERS and word.isalpha() and not _is_lost_escape(word)
    return is_unit and _may_be_number(type_of(before.expression))


def _is_lost_escape(word: str) -> bool:
    return word in _LOST_ESCAPES or (word.startswith("n") and word[1:2].isupper())


def _is_label(piece: Piece, after: Placeholder, type_of: TypeOf) -> bool:
    """`Q{position}`, `v{version}`, `20{year}`: one letter or digits before a number."""
    word = _last_word(piece.text)
    is_short = len(word) == 1 and word not in _LOST_ESCAPES
    return (is_short or word.isdigit()) and _may_be_number(type_of(after.expression))


def _may_be_number(type_: Type) -> bool:
    inner = type_.inner if isinstance(type_, Optional) else type_
    return isinstance(inner, Int | Float | Unknown)


# ---- reports -------------------------------------------------------------------------------------

_SPACE = "if a space is missing, put one there"


def _report_glued(placeholder: Placeholder, piece: Piece, report: Reporter) -> None:
    word = _first_word(piece.text)
    start = piece.span.start
    place = Span(piece.span.path, start, start + len(word))
    fix: Fix | None = None
    helps: tuple[str, ...] = (_SPACE, 'if it is one word, write it inside: `{word + "..."}`')
    if word == "n" or (word.startswith("n") and word[1:2].isupper()):
        helps = ("did you mean `\\n`, a new line?",)
        fix = replacement(Span(place.path, start, start + 1), "\\n", Safety.UNSAFE)
    report.report(
        "T0318",
        place,
        "a word is glued to a placeholder",
        label="no space before it",
        secondary=((placeholder.span, "the placeholder"),),
        helps=helps,
        fix=fix,
    )


def _report_runs_into(piece: Piece, placeholder: Placeholder, report: Reporter) -> None:
    end = piece.span.end
    report.report(
        "T0318",
        placeholder.span,
        "a word runs into a placeholder",
        label="no space before it",
        secondary=((Span(piece.span.path, end - 1, end), "this letter"),),
        helps=(_SPACE, 'if it is one word, write it inside: `{"..." + word}`'),
    )
