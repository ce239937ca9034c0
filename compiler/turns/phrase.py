"""Phrase: from rows to turns.

In: a chunk of rows of one source and the templates that serve it. Out: turns `(role, text,
loss)`, never one string, for one prompt of each row, or for every prompt where the rows are
evaluated; and a reason for each row that gives none. Every choice is a keyed draw of the row, so
nothing depends on the chunk. About 5 us a row, and 0.55 us for each prompt that can be drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from taskc.compiler import plan
from taskc.compiler.examples import Drop, PhraseTask, Value
from taskc.compiler.keys import RowKey, Scope, permutation
from taskc.compiler.rows.evaluate import Env, compile_expression
from taskc.compiler.rows.findings import shown
from taskc.compiler.turns.choice import PromptChoice
from taskc.compiler.turns.options import Options
from taskc.compiler.turns.prompts import (
    Clause,
    CompiledPrompt,
    CompiledTemplate,
    RowLeftError,
    compiled,
)
from taskc.compiler.turns.turn import Loss, Mistake, Turn

__all__ = ["Phrased", "Phrasing", "phrase"]


@dataclass(slots=True)
class Phrased:
    """One example as turns.

    Attributes:
        row: Index into the task's rows.
        template: Index into the task's templates.
        prompt: Index into the template's prompts.
        turns: In order.
        options: The options, where the template has some.
        answers: Evaluation only: the text of the answering turn with each option as the answer;
            empty where there are no options or they don't change it.
        references: Evaluation only: what an evaluation accepts.
    """

    row: int
    template: int
    prompt: int
    turns: list[Turn]
    options: Options | None = None
    answers: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    @property
    def correct(self) -> list[int]:
        """Indices of the correct options: the row's own, and those that are accepted answers."""
        if self.options is None or not self.answers:
            return []
        return [
            index
            for index, surface in enumerate(self.options.surfaces)
            if index == self.options.own or surface in self.references
        ]


@dataclass(slots=True)
class Phrasing:
    """What became of a chunk's rows.

    Attributes:
        examples: In order of rows; in an evaluation in order of templates and prompts within a row.
        drops: Row -> why it gave no example.
        lost: Evaluation only: prompts that gave no example for a row that gave others.
        mistakes: (row, mistake).
    """

    examples: list[Phrased] = field(default_factory=list)
    drops: dict[int, Drop] = field(default_factory=dict)
    lost: list[tuple[str, Drop]] = field(default_factory=list)
    mistakes: list[tuple[int, Mistake]] = field(default_factory=list)


def phrase(task: PhraseTask) -> Phrasing:
    """Phrases every row of a task: by one drawn prompt, or for an evaluation by all of them."""
    phraser = _Phraser(task)
    phrasing = Phrasing()
    for row in range(len(task.rows)):
        if task.evaluation:
            phraser.evaluate(row, phrasing)
        else:
            phraser.draw(row, phrasing)
    return phrasing


class _Query(NamedTuple):
    """A row under one template, to be evaluated; `references` are the source's, if it has some."""

    row: int
    template: int
    names: Env
    references: tuple[str, ...] | None

    def phrased(self, prompt: CompiledPrompt, options: Options | None) -> Phrased:
        """The row by one prompt."""
        answers: tuple[str, ...] = ()
        if options is not None:
            answers = _answers(prompt, self.names, options)
            _answer(self.names, options, options.own)
        turns = prompt.turns(self.names)
        target = next((turn.text for turn in reversed(turns) if turn.loss is not Loss.NEVER), None)
        references = self.references
        if references is None:
            references = () if target is None else (target,)
        return Phrased(self.row, self.template, prompt.index, turns, options, answers, references)


class _Phraser:
    """The templates of a task, compiled, and the draws of its rows."""

    def __init__(self, task: PhraseTask) -> None:
        self.task = task
        self.scope = Scope.mixture(task.seed)
        self.templates = compiled(task.templates)
        self.references = _references(task.source)
        self.drawable = [
            (position, prompt)
            for position, template in enumerate(self.templates)
            for prompt in template.prompts
            if prompt.has_target
        ]
        labels = [] if task.evaluation else [prompt.label for _, prompt in self.drawable]
        self.choice = PromptChoice(self.scope, task.rows, task.repetition, labels)
        self.everything = range(len(labels))
        self.is_gated = any(template.is_gated for template in self.templates)

    # ---- training ------------------------------------------------------------------------------

    def draw(self, row: int, phrasing: Phrasing) -> None:
        """Phrases a row by the prompt that it draws."""
        try:
            example = self._drawn(row)
        except RowLeftError as left:
            _leave(row, left.fate, phrasing)
        else:
            phrasing.examples.append(example)

    def _drawn(self, row: int) -> Phrased:
        env = self._env(row)
        admitted: dict[int, Env] = {}
        applying = self._applying(env, admitted) if self.is_gated else self.everything
        if not applying:
            raise RowLeftError(self._refusal(env))
        position, prompt = self.drawable[self.choice.of(row, applying)]
        template = self.templates[position]
        names = admitted[position] if self.is_gated else template.names(env)
        options = self._options(template, names, row)
        turns = prompt.turns(names)
        # Of what the template itself writes, `drawable` holds only prompts with a target.
        if prompt.messages is not None and all(turn.loss is Loss.NEVER for turn in turns):
            raise RowLeftError(Drop("phrase", "no trained turn", prompt.at))
        return Phrased(row, position, prompt.index, turns, options)

    def _applying(self, env: Env, admitted: dict[int, Env]) -> list[int]:
        """Indices of `drawable` that `where` and `when` let the row have.

        Args:
            env: The row's names.
            admitted: Filled with the names under each template whose `where` lets the row in.
        """
        for position, template in enumerate(self.templates):
            names = template.names(env)
            if template.refusal(names) is None:
                admitted[position] = names
        return [
            index
            for index, (position, prompt) in enumerate(self.drawable)
            if position in admitted and prompt.applies(admitted[position])
        ]

    def _refusal(self, env: Env) -> Drop:
        """Why no prompt applies: the `where` that kept the row out, if all templates have one."""
        refusals = [template.refusal(template.names(env)) for template in self.templates]
        first = next((refusal for refusal in refusals if refusal is not None), None)
        if first is not None and None not in refusals:
            return first
        at = self.templates[0].at if len(self.templates) == 1 else self.task.source.at
        return Drop("phrase", "no prompt applies", at)

    # ---- evaluation ----------------------------------------------------------------------------

    def evaluate(self, row: int, phrasing: Phrasing) -> None:
        """Phrases a row by every prompt but the inverse ones."""
        env = self._env(row)
        found: list[Phrased] = []
        lost: list[tuple[str, Drop]] = []
        fate: Drop | Mistake | None
        try:
            references = self.references(env) if self.references else None
            for position, template in enumerate(self.templates):
                names = template.names(env)
                if template.refusal(names) is None:
                    self._evaluate(_Query(row, position, names, references), found, lost)
            fate = None if found else lost[0][1] if lost else self._refusal(env)
        except RowLeftError as left:
            fate = left.fate
        if fate is not None:
            _leave(row, fate, phrasing)
            return
        phrasing.examples += found
        phrasing.lost += lost

    def _evaluate(self, query: _Query, found: list[Phrased], lost: list[tuple[str, Drop]]) -> None:
        """Phrases a row by the prompts of one template; what a drop takes is `lost`."""
        template = self.templates[query.template]
        prompts = [
            prompt
            for prompt in template.prompts
            if not prompt.is_inverse and prompt.applies(query.names)
        ]
        try:
            options = self._options(template, query.names, query.row) if prompts else None
        except RowLeftError as left:
            if isinstance(left.fate, Mistake):
                raise
            lost += [(prompt.label, left.fate) for prompt in prompts]
            return
        for prompt in prompts:
            try:
                found.append(query.phrased(prompt, options))
            except RowLeftError as left:
                if isinstance(left.fate, Mistake):
                    raise
                lost.append((prompt.label, left.fate))

    # ---- names ---------------------------------------------------------------------------------

    def _env(self, row: int) -> Env:
        """The names of a row; draws of `choose` are the row's, by the mixture's scope."""
        rows, scope = self.task.rows, self.scope

        def draw(name: str) -> int:
            key = RowKey(rows.ids[row], rows.ordinals[row])
            return scope.draw(rows.source, key, self.task.repetition, name)

        return Env(rows.values[row], draw)

    def _options(self, template: CompiledTemplate, names: Env, row: int) -> Options | None:
        """The row's options; adds `options` and `answer` to its names."""
        if template.options is None:
            return None
        rows, task = self.task.rows, self.task

        def shuffle(num_options: int) -> list[int]:
            key = RowKey(rows.ids[row], rows.ordinals[row])
            draw_name = f"options/{template.name}"
            return permutation(
                self.scope, rows.source, key, task.repetition, draw_name, num_options
            )

        options = template.options.of(names, shuffle)
        names.values["options"] = options.shown
        _answer(names, options, options.own)
        return options


def _leave(row: int, fate: Drop | Mistake, phrasing: Phrasing) -> None:
    if isinstance(fate, Mistake):
        phrasing.mistakes.append((row, fate))
    else:
        phrasing.drops[row] = fate


def _answer(names: Env, options: Options, index: int) -> None:
    """Makes option `index` the answer."""
    names.values["answer"] = options.answers[index]
    names.values["answer.text"] = options.surfaces[index]


def _answers(prompt: CompiledPrompt, names: Env, options: Options) -> tuple[str, ...]:
    """The answering turn with each option as the answer; () where they don't all differ."""
    texts: list[str] = []
    for index in range(len(options.answers)):
        _answer(names, options, index)
        text = prompt.answer_text(names)
        if text is None:
            return ()
        texts.append(text)
    return tuple(texts) if len(set(texts)) == len(texts) else ()


def _references(source: plan.Source) -> Callable[[Env], tuple[str, ...]] | None:
    """The function from a row to its accepted answers; None where the source names none."""
    if source.references is None:
        return None
    clause: Clause[Value] = Clause(
        compile_expression(source.references), source.at, f"`references` of `{source.name}`"
    )

    def references(env: Env) -> tuple[str, ...]:
        value = clause(env)
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            return tuple(texts)
        message = f"{clause.what} are no list of texts"
        raise RowLeftError(
            Mistake("T0830", clause.at, message, "evaluated here", value=shown(value))
        )

    return references
