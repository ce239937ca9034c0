"""What the stages hand to one another: rows, encoded examples, and the tasks that engines carry.

In: nothing. Out: plain dataclasses over lists and numpy arrays; picklable, so that any engine can
carry them. Columns are flat with offsets: example i of a chunk owns `ids[offsets[i]:offsets[i +
1]]`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.dsl.diagnostics import Diagnostic

Value = object  # str | int | float | bool | None | list[Value] | dict[str, Value]


@dataclass(slots=True)
class Rows:
    """Shaped rows of one source and split, in file order: what `connect` and `shape` hand on.

    Attributes:
        values: Fields of each row after `let` and type conformance.
        ids: Row ids, 16 bytes each (see docs/language.md, "Keys").
        ordinals: Position among equal rows of the source and split, from 0 (almost always 0).
        files: Index into `file_names` for each row.
        numbers: Row (line) number in its file, from 1.
        file_names: Files relative to their data root, sorted.
    """

    source: str
    split: str
    values: list[dict[str, Value]] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    file_names: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.values)

    def pick(self, indices: Sequence[int]) -> "Rows":
        """Returns the rows at `indices`, in that order."""
        return replace(
            self,
            values=[self.values[index] for index in indices],
            ids=[self.ids[index] for index in indices],
            ordinals=[self.ordinals[index] for index in indices],
            files=[self.files[index] for index in indices],
            numbers=[self.numbers[index] for index in indices],
        )


@dataclass(frozen=True, slots=True)
class Drop:
    """Why a row left: the stage, a short reason, and the clause of the spec that did it.

    `stage` is one of the stages' names (shape, rank, phrase, encode); `reason` is short and stable,
    such as "where", "limit", "no prompt applies", "input longer than 1024 tokens".
    """

    stage: str
    reason: str
    at: plan.Place


@dataclass(slots=True, kw_only=True)
class PhraseTask:
    """A chunk of candidate rows of one source with everything needed to phrase them.

    Attributes:
        templates: Those that serve the source.
        seed: The mixture's seed.
        repetition: How often these rows were delivered before: each repetition draws again.
        evaluation: False: one example a row, its prompt drawn by key. True: every prompt of every
            template that has a target or is generation-only, inverse ones left out.
    """

    source: plan.Source
    split: str
    templates: tuple[plan.Template, ...]
    seed: int
    repetition: int
    evaluation: bool
    rows: Rows


@dataclass(slots=True, kw_only=True)
class EncodeTask(PhraseTask):
    """A chunk that is phrased and encoded."""

    tokenizer: plan.Tokenizer
    format: plan.Format


@dataclass(slots=True)
class Encoded:
    """Examples that came out of one `EncodeTask`, in the order of its rows.

    Attributes:
        row: For each example, the index of its row in the task's `rows`, int64 [n].
        part: 0, or 1, 2, ... for the later parts of an example that `overflow: split` cut, int32
            [n].
        template: Index into the task's `templates`, int32 [n].
        prompt: Index into that template's `prompts`, int32 [n].
        trimmed_tokens: Tokens that overflow cut off, int32 [n].
        seam_joined: 1 where `seam: join` gave a token that spans the seam, uint8 [n].
        ids: Token ids of all examples one after another, uint32.
        offsets: int64 [n + 1].
        spans: Trained ranges, [start, end) pairs relative to the example's start, int32 [2 *
            spans].
        span_offsets: In pairs, int64 [n + 1].
        drops: Row index -> why it gave no example.
        option_ids: Evaluation only: per example the ids of each option under the training seam.
        correct: Evaluation only: per example the indices of all correct options.
        references: Evaluation only: per example the accepted answers.
        errors: Mistakes in rows; any of them stops the build.
        notices: Warnings to show once.
    """

    row: npt.NDArray[np.int64]
    part: npt.NDArray[np.int32]
    template: npt.NDArray[np.int32]
    prompt: npt.NDArray[np.int32]
    trimmed_tokens: npt.NDArray[np.int32]
    seam_joined: npt.NDArray[np.uint8]
    ids: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int32]
    span_offsets: npt.NDArray[np.int64]
    drops: dict[int, Drop]
    option_ids: list[list[list[int]]]
    correct: list[list[int]]
    references: list[list[str]]
    errors: list[Diagnostic]
    notices: list[Diagnostic]

    def __len__(self) -> int:
        """The number of examples."""
        return len(self.row)
