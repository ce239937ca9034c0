"""Reading: the shingles of rows whose keys are known, from the files they stand in.

In: a range and the places of rows in it. Out: their shingles, each once a row; no value of any row.
"""

from dataclasses import dataclass

from taskc.compiler import plan
from taskc.compiler.resemblance.shingles import Shingles, shingles
from taskc.compiler.resemblance.words import WordHashes
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.ranges import Range
from taskc.compiler.rows.reread import RereadError, read_dedup_words
from taskc.compiler.rows.row_keys import Ids, Uint32s
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["ShinglesFound", "ShinglesTask", "find_shingles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShinglesTask:
    """Rows of one range whose shingles are wanted.

    Attributes:
        lines: Their places within the range, rising, uint32 [k].
        ids: Their ids, uint8 [k, 16].
    """

    source: plan.Source
    file: InputFile
    range: Range
    lines: Uint32s
    ids: Ids


@dataclass(frozen=True, slots=True)
class ShinglesFound:
    """The shingles of the rows of a task, in its order; `error` says why there are none."""

    shingles: Shingles
    error: Diagnostic | None = None


def find_shingles(task: ShinglesTask) -> ShinglesFound:
    """Reads the rows of a task again."""
    known = WordHashes()
    try:
        pieces = [
            shingles(rows, known).as_sets()
            for rows in read_dedup_words(task.source, task.file, task.range, task.lines, task.ids)
        ]
    except RereadError as error:
        return ShinglesFound(Shingles.joined([]), error.diagnostic)
    return ShinglesFound(Shingles.joined(pieces))
