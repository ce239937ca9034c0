"""Encode: from a chunk of rows to token ids with the spans that are trained.

In: an `EncodeTask`. Out: an `Encoded`, in which every row of the task gives at least one example,
or stands in `drops`, or has an error. All texts of a chunk are encoded in one call, each
different one once, and examples are laid out as slices: per token nothing runs but the tokenizer
and numpy. docs/masks.md states what is trained; nothing here looks into a text. About 2 us a row
besides phrasing and the tokenizer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.examples import Encoded, EncodeTask
from taskc.compiler.rows.findings import Findings
from taskc.compiler.turns.accounts import Clauses, accounts, notices
from taskc.compiler.turns.choice import choose
from taskc.compiler.turns.formats import chat, prompt_target, templated
from taskc.compiler.turns.formats.frame import Frame, frame_of
from taskc.compiler.turns.formats.layout import Layout
from taskc.compiler.turns.formats.pieces import Assembled, assembled
from taskc.compiler.turns.phrase import Phrased, Phrasing, phrase_by
from taskc.compiler.turns.tokenizer import Loaded, load
from taskc.compiler.turns.turn import Fate, Mistake
from taskc.dsl.diagnostics import Diagnostic, RowPlace

__all__ = ["EncodedPairs", "encode", "encode_pairs", "lay_out", "report_mistake"]


@dataclass(slots=True)
class EncodedPairs:
    """Examples of pairs of row and prompt; the columns are those of `Encoded`.

    Attributes:
        pair: Of each example, its pair, int64 [n], never falling.
        fates: Pair -> why it gave no example. A pair with neither has an error.
    """

    pair: npt.NDArray[np.int64]
    part: npt.NDArray[np.int64]
    trimmed_tokens: npt.NDArray[np.int64]
    seam_joined: npt.NDArray[np.bool_]
    laid: Assembled
    option_ids: list[list[list[int]]]
    correct: list[list[int]]
    references: list[list[str]]
    fates: dict[int, Fate]


def encode(task: EncodeTask) -> Encoded:
    """Phrases and encodes rows: a pure function of the task and the tokenizer's files."""
    loaded, errors = load(task.tokenizer)
    if loaded is None:
        return _nothing(errors)
    frame, errors = frame_of(task.format, loaded, task.templates)
    if frame is None:
        return _nothing(errors)
    findings = Findings(task.source.name, task.source.at)
    chosen = choose(task)
    for row, mistake in chosen.mistakes:
        report_mistake(task, row, mistake, findings)
    rows, prompts = chosen.rows, chosen.prompts
    pairs = encode_pairs(task, rows, prompts, frame, loaded, findings)
    clauses = Clauses(task.templates, task.format)
    found = accounts(rows, prompts, pairs.fates, clauses, evaluation=task.evaluation)
    owner = np.array(
        [
            (position, index)
            for position, template in enumerate(task.templates)
            for index in range(len(template.prompts))
        ],
        np.int32,
    ).reshape(-1, 2)[np.array(prompts, np.int64)[pairs.pair]]
    laid = pairs.laid
    return Encoded(
        row=np.array(rows, np.int64)[pairs.pair],
        part=pairs.part.astype(np.int32),
        template=owner[:, 0],
        prompt=owner[:, 1],
        trimmed_tokens=pairs.trimmed_tokens.astype(np.int32),
        seam_joined=pairs.seam_joined.astype(np.uint8),
        ids=laid.ids.astype(np.uint32, copy=False),
        offsets=laid.offsets,
        spans=laid.spans,
        span_offsets=laid.span_offsets,
        drops=chosen.drops | found.drops,
        option_ids=pairs.option_ids,
        correct=pairs.correct,
        references=pairs.references,
        errors=findings.diagnostics(),
        notices=notices(task.source, task.split, found.lost),
    )


def encode_pairs(  # noqa: PLR0917 - the task and its pairs, then what is made once for many tasks
    task: EncodeTask,
    rows: Sequence[int],
    prompts: Sequence[int],
    frame: Frame,
    loaded: Loaded,
    findings: Findings,
) -> EncodedPairs:
    """Phrases and encodes pairs of row and prompt.

    Args:
        task: The rows, templates and format.
        rows: Index of the row of each pair, never falling.
        prompts: Index of its prompt among all prompts of all templates.
        frame: What the format sets around texts.
        loaded: The tokenizer.
        findings: Mistakes are added.
    """
    phrasing = phrase_by(task, rows, prompts)
    for row, mistake in phrasing.mistakes:
        report_mistake(task, row, mistake, findings)
    return _Chunk(task, phrasing, findings).encoded(frame, loaded)


def lay_out(
    examples: Sequence[Phrased],
    format_: plan.Format,
    frame: Frame,
    loaded: Loaded,
    *,
    evaluation: bool,
) -> Layout:
    """Lays phrased examples out as the format says."""
    match format_:
        case plan.PromptTargetFormat():
            return prompt_target.laid_out(examples, format_, frame, loaded, evaluation=evaluation)
        case plan.ChatFormat(template="tokenizer"):
            return templated.laid_out(examples, format_, frame, loaded, evaluation=evaluation)
        case plan.ChatFormat():
            return chat.laid_out(examples, format_, frame, loaded, evaluation=evaluation)
        case _:
            assert_never(format_)


def report_mistake(task: EncodeTask, row: int, mistake: Mistake, findings: Findings) -> None:
    """Adds the mistake of a row."""
    findings.report(
        mistake.code,
        mistake.message,
        at=mistake.at,
        label=mistake.label,
        notes=mistake.notes,
        helps=mistake.helps,
        row=_place(task, row, mistake.field, mistake.value),
    )


def _place(task: EncodeTask, row: int, field: str = "", value: str = "") -> RowPlace:
    rows = task.rows
    return RowPlace(rows.file_names[rows.files[row]], rows.numbers[row], field, value)


class _Chunk:
    """Phrased examples on their way: where each of them ends is written down here."""

    def __init__(self, task: EncodeTask, phrasing: Phrasing, findings: Findings) -> None:
        self.task = task
        self.examples = phrasing.examples
        self.pairs = phrasing.pairs
        self.findings = findings
        self.fates = dict(phrasing.fates)

    def encoded(self, frame: Frame, loaded: Loaded) -> EncodedPairs:
        """Lays out, assembles and says what became of every example."""
        task = self.task
        layout = lay_out(self.examples, task.format, frame, loaded, evaluation=task.evaluation)
        if frame.rendering is None:  # a rendering holds special tokens, and counts them itself
            self._find_spelled(layout, loaded)
        self._find_refused(layout)
        self._find_too_long(layout)
        laid = self._assembled(layout)
        evaluated = layout.phrased.tolist() if self.task.evaluation else []
        of = [self.examples[index] for index in evaluated]
        return EncodedPairs(
            pair=np.array(self.pairs, np.int64)[layout.phrased],
            part=layout.part,
            trimmed_tokens=layout.trimmed_tokens,
            seam_joined=layout.seam_joined,
            laid=laid,
            option_ids=[layout.option_ids[index] for index in evaluated],
            correct=[example.correct for example in of],
            references=[list(example.references) for example in of],
            fates=self.fates,
        )

    def _assembled(self, layout: Layout) -> Assembled:
        """Assembles, leaving out examples in which nothing would be trained."""
        evaluation = self.task.evaluation
        laid = assembled(
            layout.pool.ids, layout.pieces, len(layout.phrased), train_first=evaluation
        )
        keep = np.diff(laid.span_offsets) > 0
        if evaluation or keep.all():
            return laid
        for index in layout.phrased[~keep].tolist():
            self.fates[self.pairs[index]] = Fate("encode", "no trained token", "prompt")
        layout.leave_out(~keep, np.diff(laid.offsets))
        for index in layout.phrased.tolist():  # another part of it is trained
            self.fates.pop(self.pairs[index], None)
        return assembled(layout.pool.ids, layout.pieces, len(layout.phrased), train_first=False)

    # ---- examples that leave -------------------------------------------------------------------

    def _find_too_long(self, layout: Layout) -> None:
        format_ = self.task.format
        for index, too_long in layout.too_long.items():
            if format_.overflow != "error":
                self.fates[self.pairs[index]] = Fate("encode", too_long.reason, "format")
                continue
            self.findings.report(
                "T0834",
                f"{too_long.what} has {too_long.num_tokens} tokens, the limit is {too_long.limit}",
                at=format_.at,
                label="`overflow: error` stands here or by default",
                notes=(f"phrased by `{self._label(self.examples[index])}`",),
                helps=(
                    "raise the limit, or choose `overflow: trim`, `trim_prompt`, `split` or `drop`",
                ),
                row=_place(self.task, self.examples[index].row),
            )

    def _find_refused(self, layout: Layout) -> None:
        """Reports rows whose conversation the chat template cannot mark."""
        for index, refused in layout.refused.items():
            self.findings.report(
                "T0837",
                "a conversation cannot be rendered and marked",
                at=self.task.format.at,
                label="`template: tokenizer`",
                notes=(refused.reason, f"phrased by `{self._label(self.examples[index])}`"),
                helps=refused.helps,
                row=_place(self.task, self.examples[index].row),
            )

    def _find_spelled(self, layout: Layout, loaded: Loaded) -> None:
        """Reports rows whose text gives a special token in spite of everything."""
        texts = layout.pool.ids[layout.pool.num_constants :]
        spelled = loaded.spelled(texts) + layout.pool.num_constants
        if not len(spelled):
            return
        pieces = layout.pieces
        first = np.searchsorted(spelled, pieces.start)
        last = np.searchsorted(spelled, pieces.start + pieces.length)
        is_text = pieces.start >= layout.pool.num_constants
        for example in np.unique(pieces.example[(last > first) & is_text]).tolist():
            phrased = self.examples[int(layout.phrased[example])]
            self.findings.report(
                "T0835",
                "a text gives the id of a special token",
                at=self.task.tokenizer.at,
                label="this tokenizer reads it so",
                notes=(f"phrased by `{self._label(phrased)}`",),
                helps=("take the noncharacters U+FDD0 and U+FDD1 out of the text",),
                row=_place(self.task, phrased.row),
            )

    def _label(self, example: Phrased) -> str:
        template = self.task.templates[example.template]
        return f"{template.name}.{template.prompts[example.prompt].label}"


def _nothing(errors: Sequence[Diagnostic]) -> Encoded:
    """No examples, and why."""
    return Encoded(
        row=np.zeros(0, np.int64),
        part=np.zeros(0, np.int32),
        template=np.zeros(0, np.int32),
        prompt=np.zeros(0, np.int32),
        trimmed_tokens=np.zeros(0, np.int32),
        seam_joined=np.zeros(0, np.uint8),
        ids=np.zeros(0, np.uint32),
        offsets=np.zeros(1, np.int64),
        spans=np.zeros(0, np.int32),
        span_offsets=np.zeros(1, np.int64),
        drops={},
        option_ids=[],
        correct=[],
        references=[],
        errors=list(errors),
        notices=[],
    )
