"""What the input shows of what the target asks for: too much of it, or too little.

In: prompts as written, and their options. Out: warnings where the input gives the answer away, and
where a letter or number is asked for that stands for nothing the input shows. Expressions are
compared as they are written, never by value; what is written by hand counts as shown.
"""

from collections.abc import Iterator

from taskc.dsl.check.templates.prompts import PromptNode
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model.expressions import Expression, ListDisplay, Piece, Placeholder, Reference, Text
from taskc.dsl.model.walk import Fingerprint, fingerprint, names_read

__all__ = ["check_shown"]

_ANSWER: Fingerprint = ("name", "answer")
_ANSWER_TEXT: Fingerprint = ("field", "text", _ANSWER)
_LETTERED = ("letters", "numbers")


def check_shown(node: PromptNode, options: ast.Options | None, report: Reporter) -> None:
    """Judges one prompt of a template with these options."""
    _check_leak(node, _names_of_answer(options), report)
    if options is not None and options.style is not None and options.style.text in _LETTERED:
        _check_letters(node, options, options.style.text, report)


def _turns(node: PromptNode) -> Iterator[tuple[Text, bool]]:
    """The texts in order, each with whether it is learned."""
    if isinstance(node, ast.Dialogue):
        yield from ((turn.text, turn.role.text == "assistant") for turn in node.turns)
        return
    yield node.input, False
    if node.target is not None:
        yield node.target, True


def _placeholders(text: Text) -> Iterator[Placeholder]:
    return (part for part in text.parts if isinstance(part, Placeholder))


# ---- too much ------------------------------------------------------------------------------------


def _names_of_answer(options: ast.Options | None) -> dict[Fingerprint, str]:
    """Every way to write the answer of the options: one shown gives the others away."""
    if options is None:
        return {}
    found = {_ANSWER: "answer", _ANSWER_TEXT: "answer.text"}
    asked = options.answer if options.answer is not None else options.subject
    if isinstance(asked, Reference):
        found[fingerprint(asked)] = asked.name
    return found


def _check_leak(node: PromptNode, answers: dict[Fingerprint, str], report: Reporter) -> None:
    """The same expression in the input and, after it, in what is trained."""
    shown: dict[Fingerprint, Placeholder] = {}
    for text, trained in _turns(node):
        for placeholder in _placeholders(text):
            key = fingerprint(placeholder.expression)
            if not trained:
                shown.setdefault(key, placeholder)
            elif key in shown:
                _report_leak(shown.pop(key), placeholder, report)
            elif key in answers:
                _check_asked(shown, answers, placeholder, report)


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
    answers: dict[Fingerprint, str],
    target: Placeholder,
    report: Reporter,
) -> None:
    for key, name in answers.items():
        if key in shown:
            report.report(
                "T0320",
                shown.pop(key).span,
                f"the input shows `{name}`, which it asks for",
                label="the answer itself",
                secondary=((target.span, "asked for here"),),
                helps=("show the choices instead: `{options}`",),
            )


# ---- too little ----------------------------------------------------------------------------------


def _check_letters(node: PromptNode, options: ast.Options, style: str, report: Reporter) -> None:
    """`-> "{answer}"` is a letter: it means nothing unless the input says what it stands for."""
    before: list[Text] = []
    for text, trained in _turns(node):
        asked = [each for each in _placeholders(text) if _asks_for_letter(each.expression)]
        if trained and asked and not _shows_options(before, options):
            report.report(
                "T0321",
                asked[0].span,
                f"the answer is one of the {style}, and the input does not show the options",
                label="stands for nothing that is shown",
                secondary=((options.span, "the options"),),
                helps=("show them: `{options}`", "or ask for the words: `{answer.text}`"),
            )
            return
        before.append(text)


def _asks_for_letter(expression: Expression) -> bool:
    return fingerprint(expression) == _ANSWER


def _shows_options(texts: list[Text], options: ast.Options) -> bool:
    placeholders = [each for text in texts for each in _placeholders(text)]
    read = {name for each in placeholders for name in names_read(each.expression)}
    if "options" in read:
        return True
    if options.answer is None:
        return _writes_surfaces(texts, options)
    if isinstance(options.subject, ListDisplay):
        return all(names_read(item) & read for item in options.subject.items)
    return bool(names_read(options.subject) & read)


def _writes_surfaces(texts: list[Text], options: ast.Options) -> bool:
    """Whether the words of every option stand in the texts, written by hand."""
    written = " ".join(_pieces(text) for text in texts)
    return all(_pieces(each.surface) in written for each in options.surfaces)


def _pieces(text: Text) -> str:
    return "".join(part.text for part in text.parts if isinstance(part, Piece)).casefold()
