"""Again: an example of an artefact made once more from its row, by the stages that made it.

In: specs, and an example's row of provenance. Out: its ids, and for each of them what gave it. The
row is looked at in its file as it is now: one that is another row than it was is not made.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from taskc.compiler import plan
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.examples import EncodeTask
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.inputs import split_inputs
from taskc.compiler.rows.load import load
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.store.objects import Store
from taskc.compiler.tracing.phrasing import laid
from taskc.compiler.tracing.row import Look, look, range_of
from taskc.compiler.tracing.spans import SEPARATOR, TokenPlace, token_places
from taskc.compiler.tracing.templated import template_places
from taskc.compiler.turns.phrase import turn_parts
from taskc.dsl.checker import Checked
from taskc.tracing.written import Origin, Written

__all__ = ["Again", "Made", "UntracedError"]


class UntracedError(Exception):
    """The example can't be made again as it was; the words say why."""


class Made:
    """One example, made again.

    Attributes:
        look: Its row.
        ids: All its ids.
        places: Where each comes from.
        num_bos: Ids at its beginning that stand once where examples are joined.
    """

    def __init__(self, task: EncodeTask, found: Look, prompt: int, part: int) -> None:
        """Makes it.

        Raises:
            UntracedError: If there is no such example now.
        """
        made = laid(task, prompt)
        if made is None:
            raise UntracedError("the row gives no example by its prompt now")
        if made.frame.rendering is not None and isinstance(task.format, plan.ChatFormat):
            is_there = part in made.layout.part
            evaluation = task.evaluation
            placed = template_places(made, task.format, evaluation=evaluation) if is_there else None
        else:
            placed = token_places(made, task.format, part, evaluation=task.evaluation)
        if placed is None:
            raise UntracedError(f"the row's example has no part {part} now")
        self.look = found
        self.ids, self.places = placed
        self.num_bos = len(made.frame.bos)
        self._format = task.format
        self._phrased = made.phrased
        self._parts = turn_parts(task, 0, prompt)
        self._written: Written | None = None

    def written(self, written: Written) -> "Made":
        """The same, with the words of its prompt."""
        self._written = written
        return self

    def role_of(self, place: TokenPlace) -> str:
        """Who speaks the turn that a token is of; "" before the first."""
        return self._phrased.voices[place.turn].role if place.turn >= 0 else ""

    def origins(self, place: TokenPlace) -> Iterator[Origin]:
        """Yields what a token covers: parts of the prompt's texts, or what the format sets."""
        assert self._written is not None, "an example is told by its words"
        if place.slot != "text":
            yield _of_format(self._format, place)
        for cover in place.covers:
            if cover.turn == SEPARATOR:
                yield _of_format(self._format, TokenPlace("separator", 0))
            elif self._parts:
                yield from self._written.origins(self._phrased, self._parts[cover.turn], cover)
            else:
                yield self._written.of_message(self._phrased, cover)


def _of_format(format_: plan.Format, place: TokenPlace) -> Origin:
    """What the format says of a token that stands in no text."""
    use: plan.TokenUse | None = None
    match place.slot, format_:
        case "separator", plan.PromptTargetFormat():
            use = format_.separator
        case "end", plan.PromptTargetFormat():
            use = format_.end
        case "end", plan.ChatFormat():
            use = format_.end_of_turn
        case "template", plan.ChatFormat():
            return Origin("format", "template: tokenizer", at=_shown(format_.at))
        case _:
            pass
    at = format_.at if use is None else use.at
    written = place.slot if use is None else use.name or repr(use.literal)
    return Origin("format", written, at=_shown(at))


def _shown(at: plan.Place) -> str:
    return f"{at.path}:{at.line}:{at.column}"


class Again:
    """Makes an example of an artefact, and the exemplars before it, again.

    Args:
        checked: The specs.
        build: The plan of the artefact's build.
        store: Knows what builds have seen of the files.
        example: The example's row of provenance.
    """

    def __init__(
        self, checked: Checked, build: plan.BuildPlan, store: Store, example: dict[str, Any]
    ) -> None:
        self._build = build
        self._store = store
        self._example = example
        self._source = next(each for each in build.sources if each.name == example["source"])
        self._templates = tuple(t for t in build.templates if self._source.name in t.sources)
        template, prompt, self._prompt = next(
            (template, prompt, index)
            for index, (template, prompt) in enumerate(
                (template, prompt) for template in self._templates for prompt in template.prompts
            )
            if (template.name, prompt.label) == (example["template"], example["label"])
        )
        self._written = Written(checked, template, prompt)

    def own(self, *, is_evaluation: bool) -> Made:
        """The example itself, without exemplars.

        Raises:
            UntracedError: If its row is another one now, or gives no such example.
        """
        example = self._example
        found = self._look(example["file"], example["row"])
        if found is None or found.row_id != example["row_id"] or not found.is_kept:
            raise UntracedError(f"row {example['file']}:{example['row']} is another one now")
        task = self._task(
            found,
            example["ordinal"],
            repetition=example.get("repetition", 0),
            evaluation=is_evaluation,
        )
        made = Made(task, found, self._prompt, example.get("part", 0))
        return made.written(self._written)

    def exemplars(self, row_id: bytes) -> Iterator[Made]:
        """Yields the examples that a row of the training split may stand there with."""
        rows = self._trained()
        for index in np.flatnonzero((rows.ids == np.frombuffer(row_id, np.uint8)).all(axis=1)):
            found = self._look(*rows.place(int(index)))
            ordinal = int(rows.ordinals_of(np.array([index]))[0])
            if found is not None and found.is_kept:
                task = self._task(found, ordinal, repetition=0, evaluation=False)
                yield Made(task, found, self._prompt, 0).written(self._written)

    def _trained(self) -> RowKeys:
        with LocalEngine() as engine:
            loaded = load(self._source, ["train"], engine=engine, store=self._store)
        if "train" not in loaded.rows:
            raise UntracedError(f"{self._source.name} has no training split now")
        return loaded.rows["train"]

    def _task(self, found: Look, ordinal: int, *, repetition: int, evaluation: bool) -> EncodeTask:
        build = self._build
        return EncodeTask(
            source=self._source,
            split="train",
            templates=self._templates,
            tokenizer=build.tokenizer,
            format=build.format,
            seed=build.mixture.seed,
            repetition=repetition,
            evaluation=evaluation,
            rows=found.rows(self._source.name, "train", ordinal),
        )

    def _look(self, name: str, number: int) -> Look | None:
        """A row as it stands in its file now."""
        source = self._source
        for split in source.splits:
            findings = Findings(source.name, source.at)
            inputs = split_inputs(source.connector, split, findings, self._store)
            for index, file in enumerate(inputs.files):
                if file.name == name:
                    place = inputs.ranges[range_of(inputs, index, number)]
                    return look(source, file, place, number)
        return None
