"""Encode: from a chunk of rows to token ids with the spans that are trained.

In: an `EncodeTask`. Out: an `Encoded`, in which every row of the task gives at least one example,
or stands in `drops`, or has an error. All texts of a chunk are encoded in one call, each
different one once, and examples are laid out as slices: per token nothing runs but the tokenizer
and numpy. docs/masks.md states what is trained; nothing here looks into a text.
"""

from collections.abc import Sequence
from typing import assert_never

import numpy as np

from taskc.compiler import plan
from taskc.compiler.examples import Drop, Encoded, EncodeTask
from taskc.compiler.places import error_at
from taskc.compiler.rows.findings import Findings
from taskc.compiler.turns.formats import chat, prompt_target
from taskc.compiler.turns.formats.frame import Frame, frame_of
from taskc.compiler.turns.formats.layout import Layout
from taskc.compiler.turns.formats.pieces import Assembled, assembled
from taskc.compiler.turns.phrase import Phrasing, phrase
from taskc.compiler.turns.tokenizer import Loaded, load
from taskc.dsl.diagnostics import Diagnostic, RowPlace

__all__ = ["encode"]


def encode(task: EncodeTask) -> Encoded:
    """Phrases and encodes rows: a pure function of the task and the tokenizer's files."""
    loaded, errors = load(task.tokenizer)
    if loaded is None:
        return _nothing(errors)
    frame, errors = frame_of(task.format, loaded, task.templates)
    if frame is None:
        return _nothing(errors)
    return _Chunk(task, phrase(task)).encoded(frame, loaded)


class _Chunk:
    """One task's rows on their way: where each of them ends is written down here."""

    def __init__(self, task: EncodeTask, phrasing: Phrasing) -> None:
        self.task = task
        self.phrasing = phrasing
        self.examples = phrasing.examples
        self.findings = Findings(task.source.name, task.source.at)
        self.fates: dict[int, Drop] = {}  # by phrased example

    def encoded(self, frame: Frame, loaded: Loaded) -> Encoded:
        """Lays out, assembles and accounts for every row."""
        for row, mistake in self.phrasing.mistakes:
            self.findings.report(
                mistake.code,
                mistake.message,
                at=mistake.at,
                label=mistake.label,
                notes=mistake.notes,
                helps=mistake.helps,
                row=self._place(row, mistake.field, mistake.value),
            )
        layout = self._laid_out(frame, loaded)
        self._find_spelled(layout, loaded)
        self._find_too_long(layout)
        laid = self._assembled(layout)
        return self._columns(layout, laid)

    def _laid_out(self, frame: Frame, loaded: Loaded) -> Layout:
        evaluation = self.task.evaluation
        match self.task.format:
            case plan.PromptTargetFormat() as format_:
                return prompt_target.laid_out(
                    self.examples, format_, frame, loaded, evaluation=evaluation
                )
            case plan.ChatFormat() as format_:
                return chat.laid_out(self.examples, format_, frame, loaded, evaluation=evaluation)
            case _:
                assert_never(self.task.format)

    def _place(self, row: int, field: str = "", value: str = "") -> RowPlace:
        rows = self.task.rows
        return RowPlace(rows.file_names[rows.files[row]], rows.numbers[row], field, value)

    # ---- rows that leave -----------------------------------------------------------------------

    def _find_too_long(self, layout: Layout) -> None:
        format_ = self.task.format
        for index, too_long in layout.too_long.items():
            if format_.overflow != "error":
                self.fates[index] = Drop("encode", too_long.reason, format_.at)
                continue
            self.findings.report(
                "T0834",
                f"{too_long.what} has {too_long.num_tokens} tokens, the limit is {too_long.limit}",
                at=format_.at,
                label="`overflow: error` stands here or by default",
                notes=(f"phrased by `{self._label(index)}`",),
                helps=(
                    "raise the limit, or choose `overflow: trim`, `trim_prompt`, `split` or `drop`",
                ),
                row=self._place(self.examples[index].row),
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
            index = int(layout.phrased[example])
            self.findings.report(
                "T0835",
                "a text gives the id of a special token",
                at=self.task.tokenizer.at,
                label="this tokenizer reads it so",
                notes=(f"phrased by `{self._label(index)}`",),
                helps=("take the noncharacters U+FDD0 and U+FDD1 out of the text",),
                row=self._place(self.examples[index].row),
            )

    def _label(self, index: int) -> str:
        example = self.examples[index]
        template = self.task.templates[example.template]
        return f"{template.name}.{template.prompts[example.prompt].label}"

    # ---- columns -------------------------------------------------------------------------------

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
            prompt = self.task.templates[self.examples[index].template].prompts[
                self.examples[index].prompt
            ]
            self.fates[index] = Drop("encode", "no trained token", prompt.at)
        layout.leave_out(~keep, np.diff(laid.offsets))
        return assembled(layout.pool.ids, layout.pieces, len(layout.phrased), train_first=False)

    def _columns(self, layout: Layout, laid: Assembled) -> Encoded:
        of = [self.examples[index] for index in layout.phrased.tolist()]
        delivered = {example.row for example in of}
        drops = dict(self.phrasing.drops)
        for index, drop in self.fates.items():
            row = self.examples[index].row
            if row not in delivered:
                drops.setdefault(row, drop)
        evaluation = self.task.evaluation
        return Encoded(
            row=np.array([example.row for example in of], np.int64),
            part=layout.part.astype(np.int32),
            template=np.array([example.template for example in of], np.int32),
            prompt=np.array([example.prompt for example in of], np.int32),
            trimmed_tokens=layout.trimmed_tokens.astype(np.int32),
            seam_joined=layout.seam_joined.astype(np.uint8),
            ids=laid.ids,
            offsets=laid.offsets,
            spans=laid.spans,
            span_offsets=laid.span_offsets,
            drops=drops,
            option_ids=[layout.option_ids[index] for index in layout.phrased.tolist()]
            if evaluation
            else [],
            correct=[example.correct for example in of] if evaluation else [],
            references=[list(example.references) for example in of] if evaluation else [],
            errors=self.findings.diagnostics(),
            notices=self._notices(delivered) if evaluation else [],
        )

    def _notices(self, delivered: set[int]) -> list[Diagnostic]:
        """Prompts that some rows went without, although they have others: said once a prompt."""
        lost = list(self.phrasing.lost)
        for index, drop in self.fates.items():
            if self.examples[index].row in delivered:
                lost.append((self._label(index), drop))
        return [
            error_at(
                "T0836",
                drop.at,
                f"some rows of `{self.task.source.name}` are evaluated without `{label}`",
                label=drop.reason,
                notes=(f"split `{self.task.split}`",),
            )
            for label, drop in dict.fromkeys(lost)
        ]


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
