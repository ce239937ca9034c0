"""Choose: by which prompts the rows of a chunk are phrased.

In: rows and templates. Out: pairs of row and prompt: for training the one that `keys.rendezvous`
gives for the row by itself, for an evaluation all that apply. Where there is neither `where` nor
`when`, which is the common case, no value of a row is looked at, and the choice is one comparison
of columns: 0.55 us a row and prompt, nearly all the draws'.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.examples import Drop, PhraseTask
from taskc.compiler.keys import RowKey, Scope
from taskc.compiler.rows.values.evaluate import Env
from taskc.compiler.turns.templates.prompts import CompiledTemplate, RowLeftError, compiled
from taskc.compiler.turns.turn import Mistake

Int64s = npt.NDArray[np.int64]

__all__ = [
    "Chosen",
    "Names",
    "PromptChoice",
    "choose",
    "eligible",
    "is_gated",
    "no_prompt_applies",
]


class PromptChoice:
    """Draws of rows for each of several prompts.

    Attributes:
        of_all: For each row the index of the prompt that it draws where all apply, int64 [rows].
    """

    __slots__ = ("_columns", "_labels", "of_all")

    def __init__(
        self,
        labels: Sequence[str],
        num_rows: int,
        draws: Callable[[str], Sequence[int] | npt.NDArray[np.uint64]],
    ) -> None:
        """Draws for every row and label.

        Args:
            labels: "TEMPLATE.LABEL", all different.
            num_rows: How many rows choose.
            draws: From the name of a draw to each row's, by the mixture's scope.
        """
        self._labels = tuple(labels)
        self._columns = [draws(f"prompt/{label}") for label in (labels if len(labels) > 1 else ())]
        self.of_all = self._largest() if self._columns else np.zeros(num_rows, np.int64)

    def _downwards(self) -> tuple[Int64s, npt.NDArray[np.uint64]]:
        # Of equal draws the larger label counts, and numpy takes the first: labels run downwards.
        order = sorted(range(len(self._labels)), key=self._labels.__getitem__, reverse=True)
        return np.array(order, np.int64), np.array([self._columns[i] for i in order], np.uint64)

    def _largest(self) -> Int64s:
        order, draws = self._downwards()
        largest: Int64s = order[draws.argmax(axis=0)]
        return largest

    def of_choices(self, choices: Int64s, rows: Int64s) -> Int64s:
        """The index of each row's prompt where all apply, int64; -1 where it has no so many.

        Args:
            choices: Which of a row's prompts, counted from 0 in the order of its draws.
            rows: The row of each.
        """
        if not self._columns:
            return np.where(choices < len(self._labels), 0, -1)
        order, draws = self._downwards()
        ranked = order[np.argsort(~draws, axis=0, kind="stable")]
        is_there = choices < len(order)
        found: Int64s = np.where(is_there, ranked[np.where(is_there, choices, 0), rows], -1)
        return found

    def of(self, row: int, applying: Sequence[int], choice: int = 0) -> int | None:
        """The index of the prompt that `row` draws among `applying`, at least one, in order.

        Args:
            row: The row.
            applying: Indices of the prompts that apply to it.
            choice: Which of them, counted from 0 in the order of its draws; None comes back where
                there are no so many.
        """
        if choice >= len(applying):
            return None
        if choice == 0 and len(applying) == len(self._labels):
            return int(self.of_all[row])
        if len(applying) == 1:
            return applying[0]
        columns, labels = self._columns, self._labels
        ranked = sorted(applying, key=lambda i: (columns[i][row], labels[i]), reverse=True)
        return ranked[choice]


# ---- of a chunk --------------------------------------------------------------------------------


@dataclass(slots=True)
class Chosen:
    """Pairs of row and prompt that are to be phrased, and the rows that have none.

    Attributes:
        rows: Index of the row of each pair, never falling.
        prompts: Index of its prompt among all prompts of all templates, in order.
        drops: Row -> why no prompt applies to it.
        mistakes: (row, mistake).
    """

    rows: list[int] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    drops: dict[int, Drop] = field(default_factory=dict)
    mistakes: list[tuple[int, Mistake]] = field(default_factory=list)


class Names:
    """The names of one row after another, with draws of `choose` by the mixture's scope."""

    __slots__ = ("_draws", "_env", "_values", "scope")

    def __init__(self, task: PhraseTask) -> None:
        self.scope = Scope.mixture(task.seed)
        # Names that drew themselves would be a cycle, and all rows would stay until it is found.
        self._draws = _Draws(task, self.scope)
        self._values = task.rows.values
        self._env = Env({}, self._draws.draw)

    def of(self, row: int) -> Env:
        """The names of a row; good until the next row's are asked for."""
        self._draws.row = row
        self._env.values = self._values[row]
        return self._env

    def key(self) -> RowKey:
        """The row whose names were asked for last."""
        return self._draws.key()


class _Draws:
    """The draws of one row after another."""

    __slots__ = ("_scope", "_task", "row")

    def __init__(self, task: PhraseTask, scope: Scope) -> None:
        self._task = task
        self._scope = scope
        self.row = 0

    def key(self) -> RowKey:
        """The row."""
        rows = self._task.rows
        return RowKey(rows.ids[self.row], rows.ordinals[self.row])

    def draw(self, name: str) -> int:
        """The row's draw of a name."""
        task = self._task
        return self._scope.draw(task.rows.source, self.key(), task.repetition, name)


def is_gated(templates: Sequence[CompiledTemplate]) -> bool:
    """Whether values of a row decide which prompts it may have."""
    return any(template.is_gated for template in templates)


def eligible(templates: Sequence[CompiledTemplate], *, evaluation: bool) -> list[int]:
    """Indices among all prompts of those that rows may have: all but inverse ones, or answered."""
    prompts = [prompt for template in templates for prompt in template.prompts]
    return [
        index
        for index, prompt in enumerate(prompts)
        if (not prompt.is_inverse if evaluation else prompt.has_target)
    ]


def no_prompt_applies(source: plan.Source, templates: Sequence[CompiledTemplate]) -> Drop:
    """The drop of a row that no prompt is left for."""
    at = templates[0].at if len(templates) == 1 else source.at
    return Drop("phrase", "no prompt applies", at)


def choose(
    task: PhraseTask,
    *,
    choices: Sequence[int] | None = None,
    named: Sequence[int] | None = None,
) -> Chosen:
    """Says by which prompts each row is phrased: by the one it draws, or in an evaluation by all.

    A row's values are only looked at where a `where` or a `when` asks for them.

    Args:
        task: The rows and templates.
        choices: For each row which of its prompts it is, counted from 0 in the order of its draws;
            a row with no so many has none. None: the first one.
        named: For each row the index of the one prompt that it may have, among all prompts of all
            templates; a row to which it does not apply has none. None: whichever it draws.
    """
    templates = compiled(task.templates)
    prompts = [prompt for template in templates for prompt in template.prompts]
    applying = eligible(templates, evaluation=task.evaluation)
    rows = task.rows
    if not applying and not is_gated(templates):
        drop = no_prompt_applies(task.source, templates)
        return Chosen(drops=dict.fromkeys(range(len(rows)), drop))
    is_drawn = not task.evaluation and named is None
    labels = [prompts[index].label for index in applying] if is_drawn else []
    draws = partial(
        Scope.mixture(task.seed).draws, rows.source, rows.ids, rows.ordinals, task.repetition
    )
    choice = PromptChoice(labels, len(rows), draws)

    def taken(row: int, own: list[int]) -> list[int]:
        if task.evaluation:
            return own
        if named is not None:
            return [index for index in own if applying[index] == named[row]]
        index = choice.of(row, own, 0 if choices is None else choices[row])
        return [] if index is None else [index]

    if is_gated(templates) or choices is not None or named is not None:
        return _chosen(task, templates, applying, taken)
    if task.evaluation:
        owners = np.repeat(np.arange(len(rows)), len(applying)).tolist()
        return Chosen(owners, applying * len(rows))
    drawn: list[int] = np.array(applying, np.int64)[choice.of_all].tolist()
    return Chosen(list(range(len(rows))), drawn)


def _chosen(
    task: PhraseTask,
    templates: Sequence[CompiledTemplate],
    applying: Sequence[int],
    taken: Callable[[int, list[int]], list[int]],
) -> Chosen:
    """Chooses row by row, among the prompts that the row's values let it have."""
    gates = _Gates(task, templates, applying)
    chosen = Chosen()
    values: object = None
    own: list[int] | Drop | None = None
    for row in range(len(task.rows)):
        if task.rows.values[row] is not values:  # a row may stand there once for each choice
            values = task.rows.values[row]
            own = gates.judged(row, chosen.mistakes)
        if isinstance(own, Drop):
            chosen.drops[row] = own
        elif own is not None:
            indices = taken(row, own)
            chosen.rows += [row] * len(indices)
            chosen.prompts += [applying[index] for index in indices]
    return chosen


class _Gates:
    """`where` and `when` of a task's templates."""

    def __init__(
        self, task: PhraseTask, templates: Sequence[CompiledTemplate], applying: Sequence[int]
    ) -> None:
        self.names = Names(task)
        self.source = task.source
        self.templates = templates
        owned = [
            (position, prompt)
            for position, template in enumerate(templates)
            for prompt in template.prompts
        ]
        self.prompts = [owned[index] for index in applying]

    def judged(self, row: int, mistakes: list[tuple[int, Mistake]]) -> list[int] | Drop | None:
        """As `applying`; None where the row has a mistake, which is added to `mistakes`."""
        try:
            return self.applying(row)
        except RowLeftError as left:
            if isinstance(left.fate, Mistake):  # a condition drops no row this way
                mistakes.append((row, left.fate))
            return None

    def applying(self, row: int) -> list[int] | Drop:
        """Positions among the eligible prompts, at least one, or why there is none."""
        env = self.names.of(row)
        admitted: dict[int, Env] = {}
        refusals: list[Drop] = []
        for position, template in enumerate(self.templates):
            names = template.names(env)
            refusal = template.refusal(names)
            if refusal is None:
                admitted[position] = names
            else:
                refusals.append(refusal)
        if refusals and not admitted:
            return refusals[0]
        found = [
            index
            for index, (position, prompt) in enumerate(self.prompts)
            if position in admitted and prompt.applies(admitted[position])
        ]
        return found or no_prompt_applies(self.source, self.templates)
