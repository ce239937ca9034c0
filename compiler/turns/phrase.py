"""Phrase: from rows to turns.

In: a chunk of rows of one source and the templates that serve it. Out: turns `(role, text,
loss)`, never one string, for one prompt of each row, or for every prompt where the rows are
evaluated; and a reason for each row that gives none. It is done in two steps, so that examples may
be looked up between them: `choose` says by which prompts, `phrase_by` carries it out. Every choice
is a keyed draw of the row, so nothing depends on the chunk. 0.8 us a row where prompts hold nothing
but names, which are filled a column at a time; else about 2 us.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, overload

import numpy as np

from taskc.compiler import plan
from taskc.compiler.examples import Drop, PhraseTask, Value
from taskc.compiler.keys import permutation
from taskc.compiler.rows.findings import shown
from taskc.compiler.rows.values.evaluate import Env, compile_expression, compile_parts
from taskc.compiler.turns.accounts import Clauses, accounts
from taskc.compiler.turns.choice import Names, choose
from taskc.compiler.turns.templates.options import Options
from taskc.compiler.turns.templates.prompts import (
    Clause,
    CompiledPrompt,
    CompiledTemplate,
    RowLeftError,
    TextColumn,
    compiled,
)
from taskc.compiler.turns.turn import Fate, Loss, Mistake, Turn, Voice

__all__ = ["Phrased", "PhrasedColumns", "Phrasing", "phrase", "phrase_by", "turn_parts"]


@dataclass(slots=True)
class Phrased:
    """One example as turns.

    Attributes:
        row: Index into the task's rows.
        template: Index into the task's templates.
        prompt: Index into the template's prompts.
        texts: What is said in each turn, in order.
        voices: Who speaks each turn.
        options: The options, where the template has some.
        answers: Evaluation only: the text of the answering turn with each option as the answer;
            empty where there are no options or they don't change it.
        references: Evaluation only: what an evaluation accepts.
    """

    row: int
    template: int
    prompt: int
    texts: list[str]
    voices: tuple[Voice, ...]
    options: Options | None = None
    answers: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    @property
    def turns(self) -> list[Turn]:
        """The turns in order."""
        return [
            Turn(voice.role, text, voice.loss)
            for voice, text in zip(self.voices, self.texts, strict=True)
        ]

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


class PhrasedColumns(Sequence[Phrased]):
    """Examples for training that have equally many turns and no options; made where asked for.

    Attributes:
        turns: For each turn the text of each example.
    """

    __slots__ = ("_prompts", "_rows", "_spoken", "turns")

    def __init__(
        self,
        rows: Sequence[int],
        prompts: Sequence[int],
        turns: Sequence[list[str]],
        spoken: Sequence[tuple[int, CompiledTemplate, CompiledPrompt]],
    ) -> None:
        """Takes the row and the prompt of each example, and the prompts that these point at."""
        self._rows, self._prompts, self._spoken = rows, prompts, spoken
        self.turns = turns

    def __len__(self) -> int:
        """The number of examples."""
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Phrased: ...
    @overload
    def __getitem__(self, index: slice) -> list[Phrased]: ...
    def __getitem__(self, index: int | slice) -> Phrased | list[Phrased]:
        """One example, or some."""
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        position, _, prompt = self._spoken[self._prompts[index]]
        texts = [texts[index] for texts in self.turns]
        return Phrased(self._rows[index], position, prompt.index, texts, prompt.voices)


@dataclass(slots=True)
class Phrasing:
    """What became of pairs of row and prompt.

    Attributes:
        examples: In order of pairs.
        pairs: Of each example, its pair.
        fates: Pair -> why it gave no example.
        mistakes: (row, mistake); such a row has neither examples nor fates.
        drops: Row -> why it gave no example at all.
        lost: Evaluation only: prompts that gave no example for a row that gave others.
    """

    examples: Sequence[Phrased] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)
    fates: dict[int, Fate] = field(default_factory=dict)
    mistakes: list[tuple[int, Mistake]] = field(default_factory=list)
    drops: dict[int, Drop] = field(default_factory=dict)
    lost: list[tuple[str, Drop]] = field(default_factory=list)


def phrase(task: PhraseTask) -> Phrasing:
    """Phrases every row of a task: by one drawn prompt, or for an evaluation by all of them."""
    chosen = choose(task)
    phrasing = phrase_by(task, chosen.rows, chosen.prompts)
    clauses = Clauses(task.templates)
    found = accounts(
        chosen.rows, chosen.prompts, phrasing.fates, clauses, evaluation=task.evaluation
    )
    phrasing.drops = chosen.drops | found.drops
    phrasing.lost = found.lost
    phrasing.mistakes += chosen.mistakes
    phrasing.mistakes.sort(key=lambda found: found[0])
    return phrasing


def phrase_by(task: PhraseTask, rows: Sequence[int], prompts: Sequence[int]) -> Phrasing:
    """Phrases pairs of row and prompt; accounts for pairs, not for rows.

    Args:
        task: The rows and templates.
        rows: Index of the row of each pair, never falling.
        prompts: Index of its prompt among all prompts of all templates, one that applies.
    """
    phraser = _Phraser(task)
    columns = None if task.evaluation else phraser.columns(rows, prompts)
    if columns is not None:
        return Phrasing(columns, list(range(len(rows))))
    phrased = phraser.evaluated if task.evaluation else phraser.trained
    examples: list[Phrased] = []
    phrasing = Phrasing(examples)
    pairs = phrasing.pairs
    failed: dict[int, Mistake] = {}
    for pair, (row, prompt) in enumerate(zip(rows, prompts, strict=True)):
        if row in failed:
            continue
        try:
            example = phrased(row, prompt)
        except RowLeftError as left:
            if isinstance(left.fate, Mistake):
                failed[row] = left.fate
            else:
                phrasing.fates[pair] = left.fate
        else:
            examples.append(example)
            pairs.append(pair)
    if failed:
        _leave_out(phrasing, rows, failed)
    return phrasing


def turn_parts(task: PhraseTask, row: int, prompt: int) -> list[list[str]]:
    """The parts of each turn that a prompt's template writes, as they stand in the turn's text.

    Args:
        task: The rows and templates.
        row: Index of a row that gives an example by the prompt.
        prompt: Index among all prompts of all templates.

    Returns:
        Nothing where the row brings the turns.
    """
    return _Phraser(task).parts(row, prompt)


def _leave_out(phrasing: Phrasing, rows: Sequence[int], failed: dict[int, Mistake]) -> None:
    """Takes rows with a mistake out of the rest."""
    kept = [index for index, pair in enumerate(phrasing.pairs) if rows[pair] not in failed]
    phrasing.examples = [phrasing.examples[index] for index in kept]
    phrasing.pairs = [phrasing.pairs[index] for index in kept]
    phrasing.fates = {
        pair: fate for pair, fate in phrasing.fates.items() if rows[pair] not in failed
    }
    phrasing.mistakes = list(failed.items())


class _Query(NamedTuple):
    """A row under one template, to be evaluated: what its prompts have in common."""

    names: Env
    options: Options | None
    fate: Fate | None  # why no prompt of the template gives an example


class _Phraser:
    """The templates of a task, compiled, and the names of its rows."""

    def __init__(self, task: PhraseTask) -> None:
        self.task = task
        self.names = Names(task)
        self.prompts = [
            (position, template, prompt)
            for position, template in enumerate(compiled(task.templates))
            for prompt in template.prompts
        ]
        self.references = _references(task.source) if task.evaluation else None
        self._row = -1
        self._accepted: tuple[str, ...] | None = None  # references of that row
        self._queries: dict[int, _Query] = {}  # of that row, by template

    def trained(self, row: int, prompt_index: int) -> Phrased:
        """A row by the prompt that it drew."""
        position, template, prompt = self.prompts[prompt_index]
        names = self.names.of(row)
        options = None
        if not template.is_plain:
            names = template.names(names)
            options = self._options(template, names)
        texts, voices = prompt.spoken(names)
        # Of what the template itself writes, only prompts with a target are drawn.
        if prompt.messages is not None and all(voice.loss is Loss.NEVER for voice in voices):
            raise RowLeftError(Fate("phrase", "no trained turn", "prompt"))
        return Phrased(row, position, prompt.index, texts, voices, options)

    def columns(self, rows: Sequence[int], prompts: Sequence[int]) -> PhrasedColumns | None:
        """Rows by the prompts that they drew, a column at a time; None where that can't be."""
        chosen = np.array(prompts, np.int64)
        used = np.unique(chosen).tolist()
        written = [self._columns(prompt) for prompt in used]
        if len(set(map(len, written))) != 1 or not written[0]:
            return None
        every = self.task.rows.values
        turns = [[""] * len(rows) for _ in written[0]]
        for prompt, columns in zip(used, written, strict=True):
            own = np.flatnonzero(chosen == prompt).tolist()
            values = [every[rows[pair]] for pair in own]
            for turn, column in zip(turns, columns, strict=True):
                texts = column(values)
                if texts is None:
                    return None
                if len(used) == 1:
                    turn[:] = texts
                else:
                    for pair, text in zip(own, texts, strict=True):
                        turn[pair] = text
        return PhrasedColumns(rows, prompts, turns, self.prompts)

    def _columns(self, prompt_index: int) -> tuple[TextColumn, ...]:
        """A prompt's texts as columns; () where they are more than the row's own names."""
        _, template, prompt = self.prompts[prompt_index]
        return (prompt.columns or ()) if template.is_plain else ()

    def parts(self, row: int, prompt_index: int) -> list[list[str]]:
        """The parts of the texts that `trained` and `evaluated` give."""
        position, template, prompt = self.prompts[prompt_index]
        names = template.names(self.names.of(row))
        self._options(template, names)
        written = self.task.templates[position].prompts[prompt.index]
        return [compile_parts(turn.text)(names) for turn in written.turns]

    # ---- evaluation ----------------------------------------------------------------------------

    def evaluated(self, row: int, prompt_index: int) -> Phrased:
        """A row by one of the prompts that it is evaluated by."""
        position, template, prompt = self.prompts[prompt_index]
        if row != self._row:
            self._row, self._queries = row, {}
            self._accepted = self.references(self.names.of(row)) if self.references else None
        if position not in self._queries:
            self._queries[position] = self._query(template)
        names, options, fate = self._queries[position]
        if fate is not None:
            raise RowLeftError(fate)
        answers: tuple[str, ...] = ()
        if options is not None:
            answers = _answers(prompt, names, options)
            _answer(names, options, options.own)
        texts, voices = prompt.spoken(names)
        accepted = self._accepted
        if accepted is None:
            targets = [
                text
                for text, voice in zip(texts, voices, strict=True)
                if voice.loss is not Loss.NEVER
            ]
            accepted = tuple(targets[-1:])
        return Phrased(row, position, prompt.index, texts, voices, options, answers, accepted)

    def _query(self, template: CompiledTemplate) -> _Query:
        """The present row under a template."""
        names = template.names(self.names.of(self._row))
        try:
            return _Query(names, self._options(template, names), None)
        except RowLeftError as left:
            if isinstance(left.fate, Mistake):
                raise
            return _Query(names, None, left.fate)

    # ---- options -------------------------------------------------------------------------------

    def _options(self, template: CompiledTemplate, names: Env) -> Options | None:
        """The present row's options; adds `options` and `answer` to its names."""
        if template.options is None:
            return None
        task, scope = self.task, self.names.scope

        def shuffle(num_options: int) -> list[int]:
            draw_name = f"options/{template.name}"
            key = self.names.key()
            return permutation(
                scope, task.rows.source, key, task.repetition, draw_name, num_options
            )

        options = template.options.of(names, shuffle)
        names.values["options"] = options.shown
        _answer(names, options, options.own)
        return options


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
