"""How the texts of a prompt read: what is likely a slip, though it can be built.

In: prompts as written. Out: warnings about answers that stand in the input, words glued to a
placeholder, a space before the seam, and prompts that say the same twice. Expressions are compared
as they are written, never by value.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from taskc.dsl.check.templates.prompts import PromptNode
from taskc.dsl.diagnostics import Fix, Reporter, Safety, deletion, replacement
from taskc.dsl.model import declarations as ast
from taskc.dsl.model.expressions import Piece, Placeholder, Reference, Text
from taskc.dsl.model.walk import Fingerprint, fingerprint, text_fingerprint
from taskc.dsl.text.source_text import Span

__all__ = ["Written", "check_same_texts", "check_wording"]

_GREEK_TO_CYRILLIC = range(0x370, 0x530)
_LATIN_END = 0x250
_BLANKS = " \t"


def check_wording(nodes: list[PromptNode], options: ast.Options | None, report: Reporter) -> None:
    """Judges the prompts of one template."""
    subjects = _asked_by_options(options)
    seen: dict[Fingerprint, Span] = {}
    for node in nodes:
        for text in _texts(node):
            _check_glued(text, report)
        _check_seam(node, report)
        _check_leak(node, subjects, report)
        _check_same(node, seen, report)


def _texts(node: PromptNode) -> Iterator[Text]:
    if isinstance(node, ast.Dialogue):
        yield from (turn.text for turn in node.turns)
        return
    yield node.input
    if node.target is not None:
        yield node.target


def _placeholders(text: Text) -> Iterator[Placeholder]:
    return (part for part in text.parts if isinstance(part, Placeholder))


# ---- glued words ---------------------------------------------------------------------------------


def _check_glued(text: Text, report: Reporter) -> None:
    """`{hypothesis}n`: a lost backslash or a lost space."""
    reported: Piece | None = None
    for before, after in zip(text.parts, text.parts[1:], strict=False):
        if isinstance(before, Placeholder) and isinstance(after, Piece):
            if after.text and _is_spaced_letter(after.text[0]):
                _report_glued(before, after, report)
                reported = after
        elif isinstance(before, Piece) and isinstance(after, Placeholder):
            is_word = _first_word(before.text) == before.text
            if is_word and reported is before:
                continue  # `{a}n{b}`: said once
            if before.text and _is_spaced_letter(before.text[-1]):
                _report_runs_into(before, after, report)


def _report_runs_into(piece: Piece, placeholder: Placeholder, report: Reporter) -> None:
    end = piece.span.end
    report.report(
        "T0318",
        placeholder.span,
        "a word runs into a placeholder",
        label="no space before it",
        secondary=((Span(piece.span.path, end - 1, end), "this letter"),),
        helps=("if a space is missing, put one there",),
    )


def _is_spaced_letter(character: str) -> bool:
    """A letter or digit of a script that puts spaces between words."""
    if not character.isalnum():
        return False
    return ord(character) < _LATIN_END or ord(character) in _GREEK_TO_CYRILLIC


def _report_glued(placeholder: Placeholder, piece: Piece, report: Reporter) -> None:
    word = _first_word(piece.text)
    start = piece.span.start
    place = Span(piece.span.path, start, start + len(word))
    fix: Fix | None = None
    helps: tuple[str, ...] = ("if a space is missing, put one there",)
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


def _first_word(text: str) -> str:
    end = next((i for i, character in enumerate(text) if not character.isalnum()), len(text))
    return text[:end]


# ---- the seam ------------------------------------------------------------------------------------


def _check_seam(node: PromptNode, report: Reporter) -> None:
    if isinstance(node, ast.Dialogue) or node.target is None or not node.input.parts:
        return
    last = node.input.parts[-1]
    if not isinstance(last, Piece) or not last.text.endswith(tuple(_BLANKS)):
        return
    width = len(last.text) - len(last.text.rstrip(_BLANKS))
    place = Span(last.span.path, last.span.end - width, last.span.end)
    report.report(
        "T0319",
        place,
        "the input ends in a space",
        label="a space before the seam",
        notes=("the two are encoded apart: most tokenizers would join the space to the next word",),
        helps=("take it away; what stands between the two is the format's `separator`",),
        fix=deletion(place, Safety.UNSAFE),
    )


# ---- leaks ---------------------------------------------------------------------------------------


def _asked_by_options(options: ast.Options | None) -> dict[Fingerprint, str]:
    """What a prompt with options asks for: showing it gives the answer away."""
    if options is None:
        return {}
    asked = options.answer if options.answer is not None else options.subject
    if not isinstance(asked, Reference):
        return {}
    return {fingerprint(asked): asked.name}


def _turns(node: PromptNode) -> Iterator[tuple[Text, bool]]:
    if isinstance(node, ast.Dialogue):
        yield from ((turn.text, turn.role.text == "assistant") for turn in node.turns)
        return
    yield node.input, False
    if node.target is not None:
        yield node.target, True


def _check_leak(node: PromptNode, asked: dict[Fingerprint, str], report: Reporter) -> None:
    """The same expression in the input and, after it, in what is trained."""
    shown: dict[Fingerprint, Placeholder] = {}
    for text, trained in _turns(node):
        for placeholder in _placeholders(text):
            key = fingerprint(placeholder.expression)
            if not trained:
                shown.setdefault(key, placeholder)
            elif key in shown:
                _report_leak(shown.pop(key), placeholder, report)
            elif key == _ANSWER:
                _check_asked(shown, asked, placeholder, report)


_ANSWER: Fingerprint = ("name", "answer")


def _report_leak(shown: Placeholder, target: Placeholder, report: Reporter) -> None:
    report.report(
        "T0317",
        shown.span,
        "the input shows what the target says",
        label="shown here",
        secondary=((target.span, "and to be learned here"),),
        notes=("a model learns to copy it",),
    )


def _check_asked(
    shown: dict[Fingerprint, Placeholder],
    asked: dict[Fingerprint, str],
    target: Placeholder,
    report: Reporter,
) -> None:
    for key, name in asked.items():
        if key in shown:
            report.report(
                "T0320",
                shown[key].span,
                f"the input shows `{name}`, which it asks for",
                label="the answer itself",
                secondary=((target.span, "asked for here"),),
                helps=("show the choices instead: `{options}`",),
            )


# ---- the same text twice -------------------------------------------------------------------------


def _prompt_fingerprint(node: PromptNode) -> Fingerprint:
    """Equal for prompts that show and ask the same under the same condition."""
    when = () if node.when is None else fingerprint(node.when)
    if isinstance(node, ast.Prompt):
        target = () if node.target is None else text_fingerprint(node.target)
        return node.keyword, when, text_fingerprint(node.input), target
    if node.messages is not None:
        return "messages", when, fingerprint(node.messages)
    turns = tuple((turn.role.text, text_fingerprint(turn.text)) for turn in node.turns)
    return "turns", when, turns


def _check_same(node: PromptNode, seen: dict[Fingerprint, Span], report: Reporter) -> None:
    key = _prompt_fingerprint(node)
    place = _place(node)
    if key in seen:
        report.report(
            "T0316",
            place,
            "two prompts have the same text",
            label="the same again",
            secondary=((seen[key], "first here"),),
            notes=("such a prompt is drawn twice as often as the others",),
        )
    seen.setdefault(key, place)


@dataclass(slots=True)
class Written:
    """A template's prompts as written, and what they serve."""

    name: str
    nodes: list[PromptNode]
    options: ast.Options | None
    sources: frozenset[int]


def check_same_texts(templates: Iterable[Written], report: Reporter) -> None:
    """Prompts of two templates that serve the same source with the same text."""
    seen: dict[Fingerprint, tuple[Written, PromptNode]] = {}
    for template in templates:
        options = _options_fingerprint(template.options)
        key: Fingerprint
        own: dict[Fingerprint, tuple[Written, PromptNode]] = {}
        for node in template.nodes:
            key = (options, _prompt_fingerprint(node))
            found = seen.get(key)
            if found is not None and found[0].sources & template.sources:
                _report_same_elsewhere(node, found[0], found[1], report)
            own.setdefault(key, (template, node))
        for key, value in own.items():
            seen.setdefault(key, value)


def _options_fingerprint(options: ast.Options | None) -> Fingerprint:
    if options is None:
        return ()
    words = tuple((each.value.text, text_fingerprint(each.surface)) for each in options.surfaces)
    answer = () if options.answer is None else fingerprint(options.answer)
    return fingerprint(options.subject), words, answer


def _place(node: PromptNode) -> Span:
    return node.span if isinstance(node, ast.Dialogue) else node.input.span


def _report_same_elsewhere(
    node: PromptNode, other: Written, before: PromptNode, report: Reporter
) -> None:
    report.report(
        "T0316",
        _place(node),
        f"template `{other.name}` has a prompt with the same text for the same source",
        label="the same again",
        secondary=((_place(before), "first here"),),
        notes=("such a prompt is drawn twice as often as the others",),
    )
