"""CSV (RFC 4180) and TSV: rows of cells under a header.

In: an input file. Out: chunks of rows whose values are texts, numbered by the line on which they
start. CSV cells may be quoted and hold newlines; TSV has no quotes, as registered at IANA: a quote
there is a character like any other. Which cell is a number is said by the declared types, never
guessed.
"""

import csv
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from taskc.compiler.rows.connect.files import FileProblemError, InputFile
from taskc.compiler.rows.connect.lines import text_blocks
from taskc.compiler.rows.connect.raw import BadRow, RawChunk, ReportRow, Value, Wanted
from taskc.compiler.rows.ranges import Range

__all__ = ["delimited_chunks"]

_CHUNK_ROWS = 8192


def delimited_chunks(
    file: InputFile,
    place: Range,
    bad_row: ReportRow,
    *,
    delimiter: str,
    quoted: bool,
    columns: tuple[str, ...] | None,
    wanted: Wanted = None,
) -> Iterator[RawChunk]:
    """Yields the rows of a CSV or TSV file; blank lines are no rows.

    Args:
        file: The file.
        place: All of it: a quoted cell may hold newlines.
        bad_row: Told of each row that has too few or too many cells.
        delimiter: One character.
        quoted: Whether a cell may stand in double quotes.
        columns: Names of the columns of a file without header; None: the first row names them.
        wanted: The lines on which rows start that are wanted.

    Raises:
        FileProblemError: The file can't be read, a quote is never closed, or the header is
        unusable.
    """
    records = (_quoted if quoted else _plain)(text_blocks(file, place), delimiter)
    header = columns
    if header is None:
        header = _header(next((cells for _, cells in records), None))
    width = len(header)
    if wanted is not None:
        records = _wanted_records(records, wanted)
    while batch := list(islice(records, _CHUNK_ROWS)):
        rows: list[dict[str, Value]] = []
        numbers: list[int] = []
        for number, cells in batch:
            if len(cells) == width:
                rows.append(dict(zip(header, cells, strict=True)))
                numbers.append(number)
            else:
                _report_width(number, cells, width, delimiter, bad_row, quoted=quoted)
        yield RawChunk(place.file, numbers, rows, columns=header, is_text=True)


def _quoted(blocks: Iterable[list[str]], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yields (line it starts on, cells) for each record of a file whose cells may be quoted."""
    # The module's limit of 131,072 characters a cell is process-wide; documents are longer than
    # that.
    csv.field_size_limit(sys.maxsize)
    lines = (f"{line}\n" for line in chain.from_iterable(blocks))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            if cells:
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise FileProblemError(
            "T0519",
            f"the record that starts on line {number} is not CSV: {error}"[:100],
            row=number,
            helps=(
                "double a quote that stands inside a quoted cell",
                "read a tab-separated file without quoted cells by `tsv(...)`",
            ),
        ) from error


def _plain(blocks: Iterable[list[str]], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yields (line, cells) for each line that is not blank."""
    for number, line in enumerate(chain.from_iterable(blocks), start=1):
        text = line.removesuffix("\r")
        if text:
            yield number, text.split(delimiter)


def _wanted_records(
    records: Iterable[tuple[int, list[str]]], wanted: npt.NDArray[np.uint32]
) -> Iterator[tuple[int, list[str]]]:
    """The records that start on lines of `wanted`; nothing is read beyond the last of them."""
    last = int(wanted[-1]) + 1 if len(wanted) else 0
    marks = np.zeros(last + 1, np.uint8)  # by number, from 1
    marks[wanted.astype(np.int64) + 1] = 1
    is_wanted = marks.tobytes()
    for number, cells in records:
        if number > last:
            return
        if is_wanted[number]:
            yield number, cells


def _header(cells: list[str] | None) -> tuple[str, ...]:
    if cells is None:
        raise FileProblemError("T0520", "the file is empty: it has no header")
    twice = sorted({name for name in cells if cells.count(name) > 1})
    if twice:
        raise FileProblemError(
            "T0520",
            f"two columns are called `{twice[0]}`"[:100],
            row=1,
            helps=("if the file has no header, name its columns: `columns: [...]`",),
        )
    return tuple(cells)


def _report_width(
    number: int,
    cells: list[str],
    width: int,
    delimiter: str,
    bad_row: ReportRow,
    *,
    quoted: bool,
) -> None:
    few_or_many = "few" if len(cells) < width else "many"
    message = f"row {number} has too {few_or_many} cells: {len(cells)}, not {width}"
    in_cell = f"put a cell that holds `{delimiter}` in double quotes"
    helps = (in_cell,) if quoted and len(cells) > width else ()
    bad_row(BadRow("T0518", message, number, delimiter.join(cells)[:60], helps=helps))
