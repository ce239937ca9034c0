"""Texts: the words of the fields that a clause names, row by row.

In: rows of one range by their keys, and names of fields. Out: their words, some thousand rows at a
time, each text by itself: a run of words never goes from one text into the next. A field that a row
lacks has no text, a list or record has every text within it, a number none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.resemblance.shingles import Int64s, offsets_of
from taskc.compiler.resemblance.words import texts_in, words
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.ranges import Range
from taskc.compiler.rows.reread import read_rows
from taskc.compiler.rows.row_keys import Ids, Uint32s

__all__ = ["Texts", "TextsTask", "row_texts", "row_words", "texts"]

Uint16s = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsTask:
    """Rows of one range whose words are wanted.

    Attributes:
        lines: Their places within the range, rising, uint32 [k].
        ids: Their ids, uint8 [k, 16].
        ordinals: Their positions among equal rows, uint32 [k].
        fields: Names of fields.
    """

    source: plan.Source
    file: InputFile
    range: Range
    lines: Uint32s
    ids: Ids
    ordinals: Uint32s
    fields: tuple[str, ...]


@dataclass(slots=True)
class Texts:
    """Texts of some rows of a task.

    Attributes:
        words: The words of each text that has any.
        row: Whose it is: an index into the task's rows, from 0, never falling.
        field_index: And of which of the task's fields.
        num_rows: How many rows were read for them.
    """

    words: list[list[str]] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    field_index: list[int] = field(default_factory=list)
    num_rows: int = 0

    def __len__(self) -> int:
        """The number of texts."""
        return len(self.words)

    def offsets(self) -> Int64s:
        """Where each text's words start among the words of all, int64 [t + 1]."""
        return offsets_of(np.fromiter(map(len, self.words), np.int64, len(self)))

    def flat(self) -> list[str]:
        """The words of all texts, one after another."""
        return list(chain.from_iterable(self.words))

    def by_row(self) -> tuple[list[list[str]], list[int]]:
        """The words of each row that has any, its texts one after another; and which row it is."""
        found: dict[int, list[str]] = {}
        for own, row in zip(self.words, self.row, strict=True):
            found[row] = found[row] + own if row in found else own
        return list(found.values()), list(found)


def row_texts(task: TextsTask) -> Iterator[list[list[str]]]:
    """Yields the texts of a task's rows, each row's one field after another, some rows at a time.

    Raises:
        RereadError: The file is not what it was.
    """
    keys = (task.ids, task.ordinals)
    for rows in read_rows(task.source, task.file, task.range, task.lines, keys):
        yield [
            [text for name in task.fields for text in texts_in(values.get(name))]
            for values in rows.values
        ]


def row_words(task: TextsTask) -> Iterator[list[list[str]]]:
    """Yields the words of a task's rows, those of a row's texts one after another.

    Raises:
        RereadError: The file is not what it was.
    """
    for rows in row_texts(task):
        yield [list(chain.from_iterable(map(words, own))) for own in rows]


def texts(task: TextsTask) -> Iterator[Texts]:
    """Yields the texts of a task's rows, some rows at a time.

    Raises:
        RereadError: The file is not what it was.
    """
    num_before = 0
    keys = (task.ids, task.ordinals)
    for rows in read_rows(task.source, task.file, task.range, task.lines, keys):
        found = Texts(num_rows=len(rows))
        for row, values in enumerate(rows.values, num_before):
            for number, name in enumerate(task.fields):
                for text in texts_in(values.get(name)):
                    own = words(text)
                    if own:
                        found.words.append(own)
                        found.row.append(row)
                        found.field_index.append(number)
        num_before += len(rows)
        yield found
