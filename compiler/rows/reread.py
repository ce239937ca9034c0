"""Reread: the values of rows whose keys are known, from the files they stand in.

In: a range, the places of rows in it and their keys. Out: the rows with their values, a bounded
number at a time. Only wanted lines are parsed and only wanted columns decoded, where the format
allows it; what can't be cut streams through once. A file that holds other rows than were surveyed
stops the build: the digest of a range of lines says that it does not, elsewhere every row's id is
made again.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Generic, TypeVar

from taskc.compiler import plan
from taskc.compiler.examples import Rows
from taskc.compiler.keys import ROW_ID_BYTES
from taskc.compiler.places import error_at
from taskc.compiler.rows.connect.files import FileProblemError, InputFile, changed_file
from taskc.compiler.rows.connect.raw import BadRow, RawChunk
from taskc.compiler.rows.connect.reading import range_chunks
from taskc.compiler.rows.ranges import Range
from taskc.compiler.rows.row_keys import Ids, Uint32s
from taskc.compiler.rows.shaping import BadRowError, Row, Shaping
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["MAX_ROWS", "RereadError", "read_dedup_words", "read_rows"]

MAX_ROWS = 2_000  # in one `Rows`

MadeT = TypeVar("MadeT")
# What is wanted of rows: of their source, their columns and their ids.
Finish = Callable[[Shaping, list[Row], bytes], list[MadeT]]


class RereadError(Exception):
    """A range does not hold the rows that were surveyed in it; caught by the stage that asked.

    Attributes:
        diagnostic: What to say of it.
    """

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic


def read_rows(
    source: plan.Source,
    file: InputFile,
    place: Range,
    lines: Uint32s,
    keys: tuple[Ids, Uint32s],
) -> Iterator[Rows]:
    """Yields the wanted rows of a range in file order, at most `MAX_ROWS` at a time.

    Their `split` is "": a range doesn't know which splits are read from it.

    Args:
        source: Whose rows they are.
        file: The file that the range is cut of.
        place: The range.
        lines: Places of the wanted rows within it, rising, uint32 [k].
        keys: Their ids, uint8 [k, 16], and their ordinals, uint32 [k].

    Raises:
        RereadError: The file is not what it was.
    """
    ids, ordinals = keys
    pending = Rows(source.name, "", file_names=[file.name])
    num_rows = 0
    for values, numbers in _read(source, file, place, lines, ids, _finished):
        pending.values += values
        pending.numbers += numbers
        while len(pending) >= MAX_ROWS:
            yield _completed(pending, ids, ordinals, num_rows)
            num_rows += MAX_ROWS
            pending = replace(
                pending, values=pending.values[MAX_ROWS:], numbers=pending.numbers[MAX_ROWS:]
            )
    if len(pending):
        yield _completed(pending, ids, ordinals, num_rows)


def read_dedup_words(
    source: plan.Source, file: InputFile, place: Range, lines: Uint32s, ids: Ids
) -> Iterator[list[list[str]]]:
    """Yields the words that `dedup ... near` compares, of the wanted rows in file order.

    Args:
        source: Whose rows they are.
        file: The file that the range is cut of.
        place: The range.
        lines: Places of the wanted rows within it, rising, uint32 [k].
        ids: Their ids, uint8 [k, 16].

    Raises:
        RereadError: The file is not what it was.
    """
    for found, _ in _read(source, file, place, lines, ids, _dedup_words):
        yield found


def _read(  # noqa: PLR0917 - as `read_rows` is called
    source: plan.Source,
    file: InputFile,
    place: Range,
    lines: Uint32s,
    ids: Ids,
    finish: "Finish[MadeT]",
) -> Iterator[tuple[list[MadeT], list[int]]]:
    """Yields what is made of the wanted rows, and their numbers; at the end they were all there."""
    rereading = _Rereading(Shaping(source), ids.tobytes(), finish)
    num_rows = 0
    try:
        chunks = range_chunks(
            source.connector, file, place, rereading.shaping.columns, _no_row, wanted=lines
        )
        for made, numbers in rereading.rows(chunks):
            num_rows += len(made)
            yield made, numbers
        if num_rows != len(lines):
            raise changed_file()
    except FileProblemError as problem:
        raise RereadError(
            error_at(
                problem.code,
                source.connector.at,
                problem.message,
                label="read from here",
                notes=(f"file `{file.name}`", *problem.notes),
                helps=problem.helps,
            )
        ) from problem


def _completed(pending: Rows, ids: Ids, ordinals: Uint32s, start: int) -> Rows:
    """The first `MAX_ROWS` of the pending rows with their keys; `start` rows came before them."""
    count = min(len(pending), MAX_ROWS)
    raw = ids[start : start + count].tobytes()
    return replace(
        pending,
        values=pending.values[:count],
        numbers=pending.numbers[:count],
        ids=_split(raw),
        ordinals=ordinals[start : start + count].tolist(),
        files=[0] * count,
    )


def _no_row(_bad: BadRow) -> None:
    """A wanted line was a row when it was surveyed."""
    raise changed_file()


class _Rereading(Generic[MadeT]):
    """Wanted rows on their way, held against the ids that they had."""

    def __init__(self, shaping: Shaping, expected: bytes, finish: "Finish[MadeT]") -> None:
        self.shaping = shaping
        self._expected = expected
        self._finish = finish
        self._start = 0

    def rows(self, chunks: Iterator[RawChunk]) -> Iterator[tuple[list[MadeT], list[int]]]:
        """Yields what is made of rows and their numbers, at most `MAX_ROWS` at a time."""
        for chunk in chunks:
            for start in range(0, len(chunk.rows), MAX_ROWS):
                stop = start + MAX_ROWS
                values = self._shaped(chunk, chunk.rows[start:stop])
                yield values, list(chunk.numbers[start:stop])

    def _shaped(self, chunk: RawChunk, rows: list[Row]) -> list[MadeT]:
        """What is made of some rows of a chunk.

        Raises:
            FileProblemError: They are not the rows that were surveyed.
        """
        ids = self._expected[self._start : self._start + ROW_ID_BYTES * len(rows)]
        self._start += len(ids)
        try:
            return self._finish(self.shaping, self._conformed(chunk, rows, ids), ids)
        except BadRowError as error:
            raise changed_file() from error

    def _conformed(self, chunk: RawChunk, rows: list[Row], expected: bytes) -> list[Row]:
        """Values; of bytes that are those of the survey the ids need not be made again."""
        if chunk.is_proved and self.shaping.conform_known(rows, is_text=chunk.is_text):
            return rows
        conformed, ids = self._conformed_anew(rows, is_text=chunk.is_text)
        if b"".join(ids) != expected:
            raise changed_file()
        return conformed

    def _conformed_anew(self, rows: list[Row], *, is_text: bool) -> tuple[list[Row], list[bytes]]:
        ids = self.shaping.conform_all(rows, is_text=is_text)
        if ids is not None:
            return rows, ids
        pairs = [self.shaping.conform(row, is_text=is_text) for row in rows]
        return [values for values, _ in pairs], [row_id for _, row_id in pairs]


def _split(ids: bytes) -> list[bytes]:
    return [ids[at : at + ROW_ID_BYTES] for at in range(0, len(ids), ROW_ID_BYTES)]


def _finished(shaping: Shaping, rows: list[Row], ids: bytes) -> list[Row]:
    """The shaped rows."""
    if not shaping.check_all(rows, known=True):
        for values, row_id in zip(rows, _split(ids), strict=True):
            shaping.evaluate_lets(shaping.env(values, row_id))
            shaping.check_fields(values)
    return shaping.finished(rows)


def _dedup_words(shaping: Shaping, rows: list[Row], ids: bytes) -> list[list[str]]:
    """The words of what `dedup` compares."""
    found = []
    for values, row_id in zip(rows, _split(ids), strict=True):
        env = shaping.env(values, row_id)
        shaping.evaluate_lets(env)
        found.append(shaping.dedup_words(env))
    return found
