"""Blame: from a token of an artefact back to the row, the prompt and the words that gave it.

In: an artefact, which token, and the specs that it was built from. Out: what provenance says of its
example; and, where what the example is made from has not changed, what of the prompt's text or of
the row the token is: the example is made again, and believed where its ids are those that stand in
the artefact.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from taskc.compiler import plan
from taskc.compiler.components import Change, changes
from taskc.compiler.examples import EncodeTask
from taskc.compiler.records import record_of
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.inputs import split_inputs
from taskc.compiler.store.objects import Store
from taskc.compiler.tracing.phrasing import Laid, laid
from taskc.compiler.tracing.row import Look, look, range_of
from taskc.compiler.tracing.spans import SEPARATOR, Slot, TokenPlace, token_places
from taskc.compiler.turns.phrase import turn_parts
from taskc.dsl.checker import Checked
from taskc.runtime import artifact
from taskc.runtime.reader import Artifact, EvaluationSplit, PackedSplit
from taskc.tracing.written import Origin, Written

__all__ = ["Blame", "Blamed", "NoSuchTokenError", "Specs", "TokenName"]


class NoSuchTokenError(ValueError):
    """The artefact has no such split, sequence or token; the words say what it has."""


class TokenName(NamedTuple):
    """SPLIT:SEQUENCE:TOKEN; in an evaluation split the second is a row of its table."""

    split: str
    number: int
    token: int


class Specs(NamedTuple):
    """What the artefact may be made from.

    Attributes:
        checked: The specs.
        build: The plan of the artefact's build.
        store: Knows the digests of its inputs.
    """

    checked: Checked
    build: plan.BuildPlan
    store: Store


class _UntracedError(Exception):
    """The example can't be made again as it was; the words say why."""


@dataclass(slots=True)
class Blamed:
    """A token and where it comes from.

    Attributes:
        name: Which token.
        token_id: Its id.
        text: What it is decoded to, and the text of its example before and after it.
        is_trained: Whether the loss sees it; in an evaluation, whether it is asked for.
        position: Its place in its example.
        example: The example's row of provenance.
        slot: What the format says stands there; None where only provenance speaks.
        role: Of the turn that it is of.
        origins: The parts of texts that it covers.
        changes: What differs between what the artefact was made from and what is there now.
        reason: Why only provenance speaks; "" where more is known.
    """

    name: TokenName
    token_id: int
    text: str
    before: str
    after: str
    is_trained: bool
    position: int
    example: dict[str, Any]
    slot: Slot | None = None
    role: str = ""
    origins: list[Origin] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    reason: str = ""


class Blame:
    """An artefact whose tokens are asked for; what one example needs is kept for its next token.

    Args:
        opened: The artefact.
        specs: What it may be made from; None: nothing was found.
        lacking: Why there are no specs.
    """

    def __init__(self, opened: Artifact, specs: Specs | None, *, lacking: str = "") -> None:
        self._opened = opened
        self._specs = specs
        self._lacking = lacking
        self._tokenizer = Tokenizer.from_file(str(opened.tokenizer / "tokenizer.json"))
        self._changes: list[Change] | None = None
        self._again: tuple[dict[str, Any], _Again] | None = None

    def of(self, name: TokenName) -> Blamed:
        """Returns where a token comes from.

        Raises:
            NoSuchTokenError: If there is no such token.
        """
        read = _read(self._opened, name)
        blamed = self._decoded(name, read)
        if self._specs is None:
            blamed.reason = self._lacking
            return blamed
        try:
            self._trace(self._specs, read, blamed)
        except _UntracedError as error:
            blamed.reason = str(error)
        return blamed

    def _decoded(self, name: TokenName, read: "_Read") -> Blamed:
        """The token, and the text around it."""

        def decode(ids: list[int]) -> str:
            return str(self._tokenizer.decode(ids, skip_special_tokens=False))

        ids, position = read.ids, read.position
        whole, before, until = decode(ids), decode(ids[:position]), decode(ids[: position + 1])
        is_plain = until.startswith(before) and whole.startswith(until)
        return Blamed(
            name=name,
            token_id=ids[position],
            text=until[len(before) :] if is_plain else decode([ids[position]]),
            before=before,
            after=whole[len(until) :] if is_plain else decode(ids[position + 1 :]),
            is_trained=read.trained[position],
            position=position,
            example=read.example,
        )

    def _trace(self, specs: Specs, read: "_Read", blamed: Blamed) -> None:
        """Makes the example again, and finds the token in it."""
        if self._changes is None:
            self._changes = _changes(self._opened, specs)
        blamed.changes = [str(change) for change in self._changes]
        concerned = [
            str(change) for change in self._changes if _concerns(change.name, read.example)
        ]
        if concerned:
            words = "; ".join(concerned)
            raise _UntracedError(f"what the example was made from has changed: {words}")
        if self._again is None or self._again[0] != read.example:
            self._again = read.example, _Again(specs, read)
        _find(self._again[1], read, blamed)


# ---- what the artefact says ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    """The example that a token is of.

    Attributes:
        ids: Its ids.
        trained: For each whether it is trained.
        position: The token's place among them.
        example: Its row of provenance.
    """

    ids: list[int]
    trained: list[bool]
    position: int
    example: dict[str, Any]
    is_evaluation: bool


def _read(opened: Artifact, name: TokenName) -> _Read:
    splits = opened.manifest.splits
    if name.split not in splits:
        raise NoSuchTokenError(
            f"there is no split `{name.split}`\nhelp: splits: {', '.join(splits)}"
        )
    split = opened[name.split]
    noun = "sequence" if isinstance(split, PackedSplit) else "row"
    if name.number >= len(split):
        raise NoSuchTokenError(
            f"there is no {noun} {name.number:,} in `{name.split}`\n"
            f"help: it holds {len(split):,}, counted from 0"
        )
    if isinstance(split, PackedSplit):
        read = _of_sequence(opened, split, name)
    else:
        read = _of_row(split, name)
    if read is None:
        length = _length(split, name.number)
        raise NoSuchTokenError(
            f"there is no token {name.token:,} in {noun} {name.number:,} of `{name.split}`\n"
            f"help: it holds {length:,}, counted from 0"
        )
    return read


def _length(split: PackedSplit | EvaluationSplit, number: int) -> int:
    if isinstance(split, PackedSplit):
        return len(split[number])
    row: dict[str, Any] = split[number]
    return len(row["input_ids"]) + len(row["target_ids"])


def _of_sequence(opened: Artifact, split: PackedSplit, name: TokenName) -> _Read | None:
    sequence = split[name.number]
    if name.token >= len(sequence):
        return None
    place = int(np.searchsorted(sequence.cu_seq_lens, name.token, side="right")) - 1
    start, end = sequence.cu_seq_lens[place : place + 2].tolist()
    number = int(sequence.examples[place])
    origin = opened.examples.slice(number, 1).to_pylist()[0]
    return _Read(
        sequence.input_ids[start:end].tolist(),
        (sequence.labels[start:end] >= 0).tolist(),
        name.token - start,
        {"example": number, **origin},
        is_evaluation=False,
    )


def _of_row(split: EvaluationSplit, name: TokenName) -> _Read | None:
    row: dict[str, Any] = split[name.number]
    given, asked = row.pop("input_ids"), row.pop("target_ids")
    if name.token >= len(given) + len(asked):
        return None
    kept = ("example", "source", "file", "row", "row_id", "ordinal", "template", "label", "at")
    trained = [False] * len(given) + [True] * len(asked)
    origin = {column: row[column] for column in kept}
    return _Read(given + asked, trained, name.token, origin, is_evaluation=True)


# ---- what the specs say --------------------------------------------------------------------------


def _changes(opened: Artifact, specs: Specs) -> list[Change]:
    """What differs between what the artefact was built from and what is there now."""
    try:
        content = (opened.path / artifact.COMPONENTS).read_bytes()
    except OSError as error:
        raise _UntracedError("the artefact does not say what it was made from") from error
    before = artifact.load(artifact.Components, content, artifact.COMPONENTS).components
    record = record_of(specs.build, specs.store)
    if record is None:
        raise _UntracedError("inputs of its build can't be read now")
    return changes(before, record.components)


def _concerns(component: str, example: dict[str, Any]) -> bool:
    """Whether an example's text or ids are made from a component; its row is looked at itself."""
    kind, _, rest = component.partition(" ")
    owner, _, part = rest.partition(": ")
    match kind:
        case "source":
            return owner == example["source"] and part.split(" ")[0] in {"from", "fields", "let"}
        case "template":
            word, _, name = part.partition(" ")
            is_other = word in {"prompt", "inverse", "dialogue"} and name != example["label"]
            is_gate = word in {"where", "sources"}
            return owner == example["template"] and not is_other and not is_gate
        case "mixture":
            return part in {"seed", "templates", "fewshot"}
        case "tokenizer" | "format":
            return True
        case _:
            return component.startswith("files of tokenizer ")


class _Again:
    """An example that is made again from its row."""

    def __init__(self, specs: Specs, read: _Read) -> None:
        self.specs = specs
        build, example = specs.build, read.example
        self.source = next(each for each in build.sources if each.name == example["source"])
        found = self._look(example)
        if found is None or found.row_id != example["row_id"] or not found.is_kept:
            raise _UntracedError(f"row {example['file']}:{example['row']} is another one now")
        templates = tuple(each for each in build.templates if self.source.name in each.sources)
        self.task = EncodeTask(
            source=self.source,
            split="train",
            templates=templates,
            tokenizer=build.tokenizer,
            format=build.format,
            seed=build.mixture.seed,
            repetition=example.get("repetition", 0),
            evaluation=read.is_evaluation,
            rows=found.rows(self.source.name, "train", example["ordinal"]),
        )
        self.template, self.prompt, self.index = next(
            (template, prompt, index)
            for index, (template, prompt) in enumerate(
                (template, prompt) for template in templates for prompt in template.prompts
            )
            if (template.name, prompt.label) == (example["template"], example["label"])
        )
        made = laid(self.task, self.index)
        if made is None:
            raise _UntracedError("the row gives no example by its prompt now")
        self.laid: Laid = made
        self.parts = turn_parts(self.task, 0, self.index)
        placed = token_places(
            made, build.format, example.get("part", 0), evaluation=read.is_evaluation
        )
        if placed is None or placed[0] != read.ids:
            raise _UntracedError("made again, its tokens are others than those in the artefact")
        self.places = placed[1]
        self.written = Written(specs.checked, self.template, self.prompt)

    def _look(self, example: dict[str, Any]) -> Look | None:
        """The row as it stands in its file now."""
        source = self.source
        for split in source.splits:
            findings = Findings(source.name, source.at)
            inputs = split_inputs(source.connector, split, findings, self.specs.store)
            for index, file in enumerate(inputs.files):
                if file.name == example["file"]:
                    place = inputs.ranges[range_of(inputs, index, example["row"])]
                    return look(source, file, place, example["row"])
        return None


def _find(again: _Again, read: _Read, blamed: Blamed) -> None:
    """Fills in what of the example the token is."""
    place = again.places[read.position]
    voices = again.laid.phrased.voices
    blamed.slot = place.slot
    blamed.role = voices[place.turn].role if place.turn >= 0 else ""
    if place.slot == "text":
        blamed.origins = list(_origins(again, place))
    else:
        blamed.origins = list(_of_format(again.specs.build.format, place))


def _of_format(format_: plan.Format, place: TokenPlace) -> Iterator[Origin]:
    """Yields what the format says of a token that stands in no text."""
    use: plan.TokenUse | None = None
    match place.slot, format_:
        case "separator", plan.PromptTargetFormat():
            use = format_.separator
        case "end", plan.PromptTargetFormat():
            use = format_.end
        case "end", plan.ChatFormat():
            use = format_.end_of_turn
        case _:
            pass
    at = format_.at if use is None else use.at
    written = place.slot if use is None else use.name or repr(use.literal)
    yield Origin("format", written, at=f"{at.path}:{at.line}:{at.column}")


def _origins(again: _Again, place: TokenPlace) -> Iterator[Origin]:
    """Yields the parts of the prompt's texts that a token covers."""
    phrased = again.laid.phrased
    for cover in place.covers:
        if cover.turn == SEPARATOR:
            yield from _of_format(again.specs.build.format, TokenPlace("separator", 0))
        elif again.parts:
            yield from again.written.origins(phrased, again.parts[cover.turn], cover)
        else:
            yield again.written.of_message(phrased, cover)
