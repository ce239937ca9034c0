"""Standing: where the rows of several sources and splits are, to be told by their number.

In: rows by their keys, source by source. Out: columns that say of each where it stands, and the
tasks that read its words. 30 bytes a row.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.decontamination.texts import TextsTask
from taskc.compiler.engines.engine import Engine
from taskc.compiler.rows.row_keys import Ids, RowKeys, RowNumbers, Uint32s
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Part", "Standing", "StandingRow", "UnreadableError", "made_of", "tasks_of"]

FoundT = TypeVar("FoundT")
TaskT = TypeVar("TaskT")


class UnreadableError(Exception):
    """Rows could not be read again; caught by the stage.

    Attributes:
        diagnostic: What to say of it.
    """

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic


class Part(NamedTuple):
    """The rows of one source and split."""

    source: plan.Source
    rows: RowKeys


class StandingRow(NamedTuple):
    """Where a row stands."""

    source: str
    split: str
    file: str
    number: int
    row_id: bytes


@dataclass(slots=True)
class Standing:
    """Where rows stand.

    Attributes:
        parts: Source and split of each part.
        files: Names of files.
        part: Which part each row is of, uint16 [r].
        file: Which file it stands in, uint32 [r].
        number: Its number there, int64 [r].
        ids: Its id, uint8 [r, 16].
    """

    parts: list[tuple[str, str]]
    files: list[str]
    part: npt.NDArray[np.uint16]
    file: Uint32s
    number: npt.NDArray[np.int64]
    ids: Ids

    @classmethod
    def of(cls, parts: Sequence[RowKeys]) -> "Standing":
        """Says it of the rows of several sources and splits, one after another."""
        names: list[str] = []
        numbers, files = [np.empty(0, np.int64)], [np.empty(0, np.uint32)]
        for part in parts:
            every = np.arange(len(part))
            numbers.append(part.numbers(every))
            files.append(part.file_indices(every).astype(np.uint32) + np.uint32(len(names)))
            names += [file.name for file in part.inputs.files]
        sizes = [len(part) for part in parts]
        return cls(
            parts=[(part.source, part.split) for part in parts],
            files=names,
            part=np.repeat(np.arange(len(parts), dtype=np.uint16), sizes),
            file=np.concatenate(files),
            number=np.concatenate(numbers),
            ids=np.concatenate([np.empty((0, 16), np.uint8), *(part.ids for part in parts)]),
        )

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.part)

    def pick(self, rows: RowNumbers) -> "Standing":
        """The same of the rows at `rows`, in that order."""
        return Standing(
            self.parts,
            self.files,
            self.part[rows],
            self.file[rows],
            self.number[rows],
            self.ids[rows],
        )

    def row(self, number: int) -> StandingRow:
        """Where one of the rows stands."""
        source, split = self.parts[int(self.part[number])]
        file, row = self.files[int(self.file[number])], int(self.number[number])
        return StandingRow(source, split, file, row, self.ids[number].tobytes())


def tasks_of(part: Part, fields: tuple[str, ...]) -> Iterator[tuple[int, TextsTask]]:
    """Yields the index of each range that holds some of the rows, and the task of their words."""
    rows = part.rows
    # Rows are in file order, so those of a range stand together: nothing is copied.
    first = np.flatnonzero(np.diff(rows.ranges, prepend=-1)).tolist() if len(rows) else []
    for start, stop in pairwise([*first, len(rows)]):
        own = slice(start, stop)
        index = int(rows.ranges[start])
        place = rows.inputs.ranges[index]
        task = TextsTask(
            source=part.source,
            file=rows.inputs.files[place.file],
            range=place,
            lines=rows.lines[own],
            ids=rows.ids[own],
            ordinals=np.zeros(stop - start, np.uint32)
            if rows.ordinals is None
            else rows.ordinals[own],
            fields=fields,
        )
        yield index, task


def made_of(
    make: Callable[[TaskT], FoundT | Diagnostic],
    tasks: Sequence[TaskT],
    engine: Engine,
    *,
    num_rows: int,
) -> Iterator[FoundT]:
    """Yields what workers make of the rows of each task, `num_rows` in all.

    Raises:
        UnreadableError: A file changed.
    """
    for found in engine.map(make, tasks, num_rows=num_rows):
        if isinstance(found, Diagnostic):
            raise UnreadableError(found)
        yield found
