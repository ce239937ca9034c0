"""One row before its prompts: which apply to it, which it draws, and how its example is laid out.

In: an `EncodeTask` of one row. Out: a verdict on every prompt of every template that serves the
source, and the layout of one example, asked of the stages that phrase and encode.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from taskc.compiler import plan
from taskc.compiler.examples import EncodeTask
from taskc.compiler.rows.shaping import Row
from taskc.compiler.rows.values.evaluate import Env
from taskc.compiler.rows.values.names import names_in
from taskc.compiler.turns.choice import Names, choose, eligible
from taskc.compiler.turns.encode import lay_out
from taskc.compiler.turns.formats.frame import Frame, frame_of
from taskc.compiler.turns.formats.layout import Layout
from taskc.compiler.turns.phrase import Phrased, phrase_by
from taskc.compiler.turns.templates.prompts import (
    CompiledPrompt,
    CompiledTemplate,
    RowLeftError,
    compiled,
)
from taskc.compiler.turns.tokenizer import Loaded, load

__all__ = ["Laid", "Verdict", "VerdictWord", "laid", "verdicts"]

VerdictWord = Literal["drawn", "applies", "where", "when", "inverse", "no target", "fails"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a prompt is to a row.

    Attributes:
        label: "TEMPLATE.LABEL".
        at: Where the prompt stands; for "where", where that clause does.
        word: "drawn" (in an evaluation: evaluated by it) and "applies"; or why it does not apply:
            its template's `where` or its `when` is false, it is inverse and this an evaluation, it
            has no target and this is training, or a clause fails on the row.
        values: What the clause that is false looked at.
    """

    label: str
    at: plan.Place
    word: VerdictWord
    values: Row = field(default_factory=dict)


class Laid(NamedTuple):
    """One example, phrased and laid out, with what it was made with."""

    phrased: Phrased
    layout: Layout
    frame: Frame
    loaded: Loaded


def verdicts(task: EncodeTask) -> list[Verdict]:
    """Returns a verdict on every prompt, in order, for the one row of a task."""
    drawn = set(choose(task).prompts)
    candidates = set(eligible(compiled(task.templates), evaluation=task.evaluation))
    found: list[Verdict] = []
    for written, template in zip(task.templates, compiled(task.templates), strict=True):
        for each in _of_template(task, written, template):
            index = len(found)
            if index in drawn:
                found.append(Verdict(each.label, each.at, "drawn"))
            elif each.word == "applies" and index not in candidates:
                word: VerdictWord = "inverse" if task.evaluation else "no target"
                found.append(Verdict(each.label, each.at, word))
            else:
                found.append(each)
    return found


def _of_template(
    task: EncodeTask, written: plan.Template, template: CompiledTemplate
) -> Iterator[Verdict]:
    """Yields for each prompt whether the conditions let the row in."""
    try:
        names = template.names(Names(task).of(0))
        refusal = template.refusal(names)
    except RowLeftError:
        yield from (Verdict(prompt.label, prompt.at, "fails") for prompt in template.prompts)
        return
    if refusal is None:
        for own, prompt in zip(written.prompts, template.prompts, strict=True):
            yield _of_prompt(own, prompt, names)
        return
    where = next(each for each in written.wheres if each.at == refusal.at)
    values = _values(where.condition, names)
    for prompt in template.prompts:
        yield Verdict(prompt.label, where.at, "where", values)


def _of_prompt(written: plan.Prompt, prompt: CompiledPrompt, names: Env) -> Verdict:
    try:
        applies = prompt.applies(names)
    except RowLeftError:
        return Verdict(prompt.label, prompt.at, "fails")
    if applies:
        return Verdict(prompt.label, prompt.at, "applies")
    return Verdict(prompt.label, prompt.at, "when", _values(written.when, names))


def _values(expression: plan.Expr | None, names: Env) -> Row:
    """The values of the names that an expression looks up."""
    return {name: names.values[name] for name in names_in(expression) if name in names.values}


def laid(task: EncodeTask, prompt: int) -> Laid | None:
    """Lays out the example of the one row of a task by a prompt; None where it gives none.

    Args:
        task: One row.
        prompt: Index among all prompts of all templates.
    """
    loaded, _ = load(task.tokenizer)
    if loaded is None:
        return None
    frame, _ = frame_of(task.format, loaded, task.templates)
    examples = phrase_by(task, [0], [prompt]).examples
    if frame is None or not examples:
        return None
    layout = lay_out(examples, task.format, frame, loaded, evaluation=task.evaluation)
    return Laid(examples[0], layout, frame, loaded)
