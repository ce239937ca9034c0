"""One row by its place: as it stands in its file, and what its source's clauses make of it.

In: a source, a file and a row's number. Out: the row's values before and after `let`, its id, and
whether `where` keeps it, as `survey` says. A file is read up to the row and no further; where its
ranges are known, from the beginning of the row's range.
"""

from dataclasses import dataclass, field

from taskc.compiler import plan
from taskc.compiler.examples import Rows
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.ranges import Range, SplitInputs
from taskc.compiler.rows.shaping import BadRowError, Row, Shaping
from taskc.compiler.rows.survey import SurveyTask, survey_row
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Look", "look", "range_of", "whole"]


@dataclass(slots=True)
class Look:
    """A row and what its source's clauses made of it, as far as it came.

    Attributes:
        file: The file that it stands in.
        number: Its number there, from 1.
        raw: Its fields as they stand in the file; empty where the format can't read it.
        values: Its columns as their types hold them, and what `let` made.
        shaped: The fields that are handed on; empty where the row does not come so far.
        row_id: 16 bytes; b"" where it has none.
        dedup_key: The hash of what `dedup` compares; b"" where nothing does.
        refused: The `where` that is false.
        diagnostics: What is wrong with the row, or with the file before it.
    """

    file: InputFile
    number: int
    raw: Row = field(default_factory=dict)
    values: Row = field(default_factory=dict)
    shaped: Row = field(default_factory=dict)
    row_id: bytes = b""
    dedup_key: bytes = b""
    refused: plan.Where | None = None
    diagnostics: list[Diagnostic] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """Whether it is left after `where`."""
        return self.refused is None and not self.diagnostics

    def rows(self, source: str, split: str, ordinal: int) -> Rows:
        """The row by itself, as stages take it."""
        return Rows(
            source=source,
            split=split,
            values=[self.shaped],
            ids=[self.row_id],
            ordinals=[ordinal],
            files=[0],
            numbers=[self.number],
            file_names=[self.file.name],
        )


def whole(index: int) -> Range:
    """All of a file, whose ranges nobody has looked for."""
    return Range(index, 0, 0, 1, "")


def range_of(inputs: SplitInputs, file: int, number: int) -> int:
    """The index of the range in which a row of a file would stand."""
    own = [index for index, place in enumerate(inputs.ranges) if place.file == file]
    before = [index for index in own if inputs.ranges[index].first_number <= number]
    return max(before, default=own[0])


def look(source: plan.Source, file: InputFile, place: Range, number: int) -> Look | None:
    """Looks at one row; None where no row has that number.

    Args:
        source: Whose row it is.
        file: The file.
        place: The range of it that would hold the row.
        number: The row's number in the file, from 1.
    """
    surveyed, chunk = survey_row(SurveyTask(source=source, file=file, range=place), number)
    found = Look(file, number)
    if surveyed.findings is not None:
        found.diagnostics = surveyed.findings.diagnostics()
    if not surveyed.num_read and not found.diagnostics:
        return None
    found.refused = next(
        (where for where, count in zip(source.wheres, surveyed.refused, strict=True) if count),
        None,
    )
    if chunk is not None:
        found.raw = dict(chunk.rows[0])
        _shape(found, Shaping(source), is_text=chunk.is_text)
    if len(surveyed.dedup_keys):
        found.dedup_key = surveyed.dedup_keys.tobytes()
    return found


def _shape(found: Look, shaping: Shaping, *, is_text: bool) -> None:
    """Fills in what the clauses made, up to the one that could make nothing."""
    try:
        found.values, found.row_id = shaping.conform(dict(found.raw), is_text=is_text)
        shaping.evaluate_lets(shaping.env(found.values, found.row_id))
        if found.is_kept:
            shaping.check_fields(found.values)
            (found.shaped,) = shaping.finished([found.values])
    except BadRowError:
        return  # which `survey` has reported
