"""How the texts of a prompt read: what is likely a slip, though it can be built.

In: prompts as written. Out: warnings about a space before the seam, and errors about prompts that
say the same twice. Expressions are compared as they are written, never by value.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from taskc.dsl.check.templates.prompts import PromptNode
from taskc.dsl.diagnostics import Reporter, Safety, deletion
from taskc.dsl.model import declarations as ast
from taskc.dsl.model.expressions import Piece
from taskc.dsl.model.walk import Fingerprint, fingerprint, text_fingerprint
from taskc.dsl.text.source_text import Span

__all__ = ["Written", "check_same_texts", "check_wording"]

_BLANKS = " \t"


def check_wording(nodes: list[PromptNode], report: Reporter) -> None:
    """Judges the prompts of one template."""
    seen: dict[Fingerprint, Span] = {}
    for node in nodes:
        _check_seam(node, report)
        _check_same(node, seen, report)


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
