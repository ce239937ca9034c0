"""Prompts: labels, conditions, turns.

In: the prompts of a template and the typers of a row. Out: prompts whose placeholders can be
written. How a text reads is judged in `wording`.
"""

from dataclasses import dataclass

from taskc.dsl.check.expressions.narrowing import path_of
from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.check.expressions.settle import settle, settle_text
from taskc.dsl.check.expressions.texts import check_text
from taskc.dsl.check.expressions.typer import Typer
from taskc.dsl.diagnostics import Reporter, insertion
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Expression, Piece, Text
from taskc.dsl.model.types import (
    BOOL,
    TEXT,
    Choice,
    List,
    Record,
    Type,
    Unknown,
    fits,
    is_text,
    optional,
)
from taskc.dsl.text.meaning import labelled
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import a_type, either, listed

__all__ = ["ROLES", "PromptNode", "Scopes", "check_labels", "check_prompt", "label_of", "texts_of"]

ROLES = ("system", "user", "assistant", "tool")

PromptNode = ast.Prompt | ast.Dialogue


@dataclass(slots=True)
class Scopes:
    """The scopes of a template for one row.

    Attributes:
        row: Fields and the template's lets: for `let`, `where`, `when`.
        text: The same, with `answer` and `options`: for texts.
        facts: Fields that the template's wheres say are never none.
    """

    row: Scope
    text: Scope
    facts: frozenset[str] = frozenset()


def label_of(node: PromptNode, position: int) -> str:
    """The prompt's label; its position from 1 where none is written."""
    return node.label.text if node.label and node.label.text else str(position + 1)


def texts_of(node: PromptNode) -> tuple[Text, ...]:
    """The texts of a prompt in order, what is learned and what is not."""
    if isinstance(node, ast.Dialogue):
        return tuple(turn.text for turn in node.turns)
    return (node.input,) if node.target is None else (node.input, node.target)


def check_labels(nodes: list[PromptNode], report: Reporter) -> None:
    """Labels are there where there are several prompts, and no two are alike."""
    seen: dict[str, Span] = {}
    written = [(_keyword(node), node.label.text if node.label else "") for node in nodes]
    for node, label in zip(nodes, labelled(written), strict=True):
        if node.label is None:
            if len(nodes) > 1:
                _report_no_label(node, label, report)
            continue
        name = node.label
        if name.text in seen:
            report.report(
                "T0314",
                name.span,
                f"two prompts are labelled `{name.text}`",
                label="again here",
                secondary=((seen[name.text], "first here"),),
            )
        seen.setdefault(name.text, name.span)


def _keyword(node: PromptNode) -> str:
    return node.keyword if isinstance(node, ast.Prompt) else "dialogue"


def _report_no_label(node: PromptNode, label: str, report: Reporter) -> None:
    keyword, span = _keyword(node), node.span
    word = Span(span.path, span.start, span.start + len(keyword))
    colon = ":" if isinstance(node, ast.Prompt) else ""
    report.report(
        "T0315",
        word,
        f"a {keyword} among several needs a label",
        label="no label",
        notes=("the label is part of the key by which rows choose their prompt",),
        helps=(f"name what it does: `{keyword} {label}{colon} ...`",),
        fix=insertion(Span(span.path, word.end, word.end), f" {label}{colon}"),
    )


# ---- one prompt ----------------------------------------------------------------------------------


def check_prompt(
    node: PromptNode, position: int, scopes: Scopes, report: Reporter
) -> program.Prompt:
    """A prompt with its turns."""
    when, facts = None, scopes.facts
    if node.when is not None:
        facts |= Typer(scopes.row, report, facts).condition(node.when).where_true
        when = settle(node.when, scopes.row)
    typer = Typer(scopes.text, report, facts)
    messages = None
    if isinstance(node, ast.Prompt):
        turns = _prompt_turns(node, typer)
        kind = node.keyword
    else:
        turns = _dialogue_turns(node, typer)
        kind = "dialogue"
        if node.messages is not None:
            _check_messages(node.messages, Typer(scopes.row, report, facts))
            messages = settle(node.messages, scopes.row)
    return program.Prompt(label_of(node, position), kind, when, turns, messages, node.span)


def _prompt_turns(node: ast.Prompt, typer: Typer) -> tuple[program.Turn, ...]:
    turns = [_turn("input", node.input, typer)]
    if node.target is not None:
        turns.append(_turn("target", node.target, typer))
        _check_not_empty(node.target, "target", typer.report)
    return tuple(turns)


def _turn(role: str, text: Text, typer: Typer) -> program.Turn:
    check_text(text, typer)
    trained = role in ("target", "assistant")
    return program.Turn(role, settle_text(text, typer.scope), trained, text.span)


def _check_not_empty(text: Text, what: str, report: Reporter) -> None:
    if all(isinstance(part, Piece) and not part.text.strip() for part in text.parts):
        report.report("T0330", text.span, f"the {what} has no text", label="empty")


# ---- dialogues -----------------------------------------------------------------------------------


def _dialogue_turns(node: ast.Dialogue, typer: Typer) -> tuple[program.Turn, ...]:
    report = typer.report
    turns = []
    for turn in node.turns:
        _check_not_empty(turn.text, f"{turn.role.text}'s turn", report)
        turns.append(_turn(turn.role.text, turn.text, typer))
    if node.messages is None and not turns:
        report.report(
            "T0325",
            node.span,
            "a dialogue without turns",
            label="nobody speaks",
            helps=('add turns: `user "{question}"`, `assistant "{answer}"`',),
        )
    return tuple(turns)


def _check_messages(messages: Expression, typer: Typer) -> None:
    """`dialogue from E` takes a list of { role: text  content: text  train: bool? }."""
    found = typer.value(messages)
    if isinstance(found, Unknown):
        return
    if not isinstance(found, List) or not isinstance(found.item, Record | Unknown):
        _report_messages(messages, f"not {a_type(found)}", typer.report)
        return
    if isinstance(found.item, Record):
        _check_message(messages, dict(found.item.fields), typer.report)


def _check_message(messages: Expression, fields: dict[str, Type], report: Reporter) -> None:
    for name in ("role", "content"):
        if name not in fields:
            path = path_of(messages) or "..."
            made = "{role: m.speaker, content: m.words}"
            helps = (
                f"fields of yours: {listed(fields)}",
                f"make messages of them: `dialogue from [{made} for m in {path}]`",
            )
            _report_messages(messages, f"without `{name}`", report, helps)
            return
        if not is_text(fields[name]) and not isinstance(fields[name], Unknown):
            _report_messages(messages, f"whose `{name}` is {a_type(fields[name])}", report)
            return
    role = fields["role"]
    if isinstance(role, Choice) and not set(role.values) <= set(ROLES):
        strange = [value for value in role.values if value not in ROLES]
        _report_messages(messages, f"with the role {either(strange[:2])}", report)
    elif not fits(fields.get("train", BOOL), optional(BOOL)):
        _report_messages(messages, f"whose `train` is {a_type(fields['train'])}", report)
    elif not fits(fields["content"], TEXT):
        _report_messages(messages, "whose `content` is not a text", report)


def _report_messages(
    messages: Expression, words: str, report: Reporter, helps: tuple[str, ...] = ()
) -> None:
    report.report(
        "T0326",
        messages.span,
        f"a dialogue comes from a list of messages, {words}"
        if words.startswith("not")
        else f"a dialogue cannot come from messages {words}",
        label="not messages",
        notes=(
            "a message is { role: text  content: text  train: bool? }",
            f"roles: {listed(ROLES)}",
        ),
        helps=helps,
    )
