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
from taskc.compiler.records import record_of
from taskc.compiler.store.objects import Store
from taskc.compiler.tracing.spans import Slot
from taskc.dsl.checker import Checked
from taskc.runtime import artifact
from taskc.runtime.reader import Artifact, EvaluationSplit, PackedSplit
from taskc.tracing.again import Again, Made, UntracedError
from taskc.tracing.written import Origin

__all__ = ["Blame", "Blamed", "Exemplar", "NoSuchTokenError", "Specs", "TokenName"]


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


@dataclass(frozen=True, slots=True)
class Exemplar:
    """An example of another row that stands before one.

    Attributes:
        number: Which of those before it, from 1.
        count: How many there are.
        file, row, row_id: Its input row.
    """

    number: int
    count: int
    file: str
    row: int
    row_id: str


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
        exemplar: The row that it is of, where it stands before the example as an exemplar.
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
    exemplar: Exemplar | None = None
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
        self._last: tuple[dict[str, Any], _Pieces] | None = None

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
        except UntracedError as error:
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
            raise UntracedError(f"what the example was made from has changed: {words}")
        if self._last is None or self._last[0] != read.example:
            self._last = read.example, _Pieces(specs, read)
        self._last[1].find(read.position, blamed)


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


_EVALUATED = (
    *("example", "source", "file", "row", "row_id", "ordinal", "template", "label", "at"),
    *("shots", "exemplars"),
)


def _of_row(split: EvaluationSplit, name: TokenName) -> _Read | None:
    row: dict[str, Any] = split[name.number]
    given, asked = row.pop("input_ids"), row.pop("target_ids")
    if name.token >= len(given) + len(asked):
        return None
    trained = [False] * len(given) + [True] * len(asked)
    origin = {column: row[column] for column in _EVALUATED if column in row}
    return _Read(given + asked, trained, name.token, origin, is_evaluation=True)


# ---- what the specs say --------------------------------------------------------------------------


def _changes(opened: Artifact, specs: Specs) -> list[Change]:
    """What differs between what the artefact was built from and what is there now."""
    try:
        content = (opened.path / artifact.COMPONENTS).read_bytes()
    except OSError as error:
        raise UntracedError("the artefact does not say what it was made from") from error
    before = artifact.load(artifact.Components, content, artifact.COMPONENTS).components
    record = record_of(specs.build, specs.store)
    if record is None:
        raise UntracedError("inputs of its build can't be read now")
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


class _Pieces:
    """An example that is made again: its own part, and the exemplars before it when asked for."""

    def __init__(self, specs: Specs, read: _Read) -> None:
        self._makes = Again(specs.checked, specs.build, specs.store, read.example)
        self._read = read
        self._exemplars: list[tuple[int, Made]] | None = None
        example = read.example
        self._own = self._makes.own(is_evaluation=read.is_evaluation)
        self._skipped = self._own.num_bos if example.get("exemplars") else 0
        self._begin = len(read.ids) - len(self._own.ids) + self._skipped
        if self._begin < 0 or read.ids[self._begin :] != self._own.ids[self._skipped :]:
            raise UntracedError("made again, its tokens are others than those in the artefact")
        if self._begin and not example.get("exemplars"):
            raise UntracedError("made again, it has fewer tokens than in the artefact")

    def find(self, position: int, blamed: Blamed) -> None:
        """Fills in what of the example a token is."""
        made, at = self._own, position - self._begin + self._skipped
        if position < self._begin:
            number, made, at = self._before(position)
            blamed.exemplar = Exemplar(
                number + 1,
                len(blamed.example["exemplars"]),
                made.look.file.name,
                made.look.number,
                made.look.row_id.hex(),
            )
        place = made.places[at]
        blamed.slot = place.slot
        blamed.role = made.role_of(place)
        blamed.origins = list(made.origins(place))

    def _before(self, position: int) -> tuple[int, Made, int]:
        """Which exemplar a token is of, and its place among that one's own tokens."""
        if self._exemplars is None:
            self._exemplars = list(self._laid())
        for number, (begin, made) in enumerate(self._exemplars):
            skipped = made.num_bos if number else 0
            if position < begin + len(made.ids) - skipped:
                return number, made, position - begin + skipped
        raise UntracedError("made again, its exemplars have other tokens than in the artefact")

    def _laid(self) -> Iterator[tuple[int, Made]]:
        """Yields where each exemplar begins, and the exemplar."""
        begin = 0
        for number, row_id in enumerate(self._read.example["exemplars"]):
            for made in self._makes.exemplars(row_id):
                ids = made.ids[made.num_bos if number else 0 :]
                if self._read.ids[begin : begin + len(ids)] == ids:
                    yield begin, made
                    begin += len(ids)
                    break
            else:
                raise UntracedError(f"exemplar {number + 1} comes out otherwise when made again")
