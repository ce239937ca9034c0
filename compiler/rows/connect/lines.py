"""Line formats: JSON Lines, and plain text with one row a line.

In: an input file. Out: chunks of rows, numbered by line from 1. A line that is no JSON object, or
holds an integer beyond 64 bits, is reported with its place and left out; the rest of the file is
still read. One pass, about 2 s per GB.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO

import numpy as np
import numpy.typing as npt
import orjson

from taskc.compiler.rows.connect.files import (
    FileProblemError,
    InputFile,
    changed_file,
    line_blocks,
)
from taskc.compiler.rows.connect.raw import (
    BadRow,
    RawChunk,
    ReportRow,
    Value,
    Wanted,
    wanted_among,
)
from taskc.compiler.rows.findings import shown
from taskc.compiler.rows.ranges import Range
from taskc.compiler.store.files import range_digest

__all__ = ["json_chunks", "text_blocks", "text_chunks"]

_MAX_INT64_DIGITS = 19
_EXCERPT_CHARS = 30  # on each side of the place
# Digits become zeros, so that one `find` sees whether any number is long enough to overflow.
_DIGITS_TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_NUM_DIGITS = 10
_LONG_NUMBER = b"0" * _MAX_INT64_DIGITS
_LOOKED_AT = _MAX_INT64_DIGITS // 2  # one byte of so many
_CONVERT = ("convert the file, for example `iconv -f LATIN1 -t UTF-8`",)


class _NotAnObjectError(ValueError):
    """The line is JSON, but no object."""


class _BigIntegerError(ValueError):
    """The line holds an integer beyond 64 bits."""


# ---- JSON Lines ----------------------------------------------------------------------------------


def json_chunks(
    file: InputFile, place: Range, bad_row: ReportRow, wanted: Wanted = None
) -> Iterator[RawChunk]:
    """Yields the rows of a range of a JSON Lines file.

    Lines of nothing but whitespace are no rows. Where an object has a key twice the last one
    counts, as in most readers of JSON.

    Args:
        file: The file.
        place: The range.
        bad_row: Told of each line that is no row.
        wanted: The lines that are parsed; lines that are no rows are not looked for among them.
    """
    first = place.first_number
    if wanted is not None and not place.is_whole_file:
        yield from _picked_of_range(file, place, wanted)
        return
    for block in line_blocks(file, place.start, place.stop):
        lines = BytesIO(block).readlines()
        if wanted is not None:
            yield _picked(place, first, lines, wanted)
        elif (rows := _all_at_once(block, lines)) is not None:
            yield RawChunk(place.file, range(first, first + len(lines)), rows)
        else:
            yield _one_by_one(place.file, first, lines, bad_row)
        first += len(lines)


def _picked_of_range(
    file: InputFile, place: Range, wanted: npt.NDArray[np.uint32]
) -> Iterator[RawChunk]:
    """Lines of a range that is cut of a file, some at a time."""
    blocks = list(line_blocks(file, place.start, place.stop))
    is_proved = place.digest == range_digest(*blocks)
    first = place.first_number
    for block in blocks:
        lines = BytesIO(block).readlines()
        yield replace(_picked(place, first, lines, wanted), is_proved=is_proved)
        first += len(lines)


def _picked(
    place: Range, first: int, lines: list[bytes], wanted: npt.NDArray[np.uint32]
) -> RawChunk:
    at = wanted_among(wanted, first - place.first_number, len(lines))
    try:
        rows = list(map(orjson.loads, map(lines.__getitem__, at)))
    except orjson.JSONDecodeError as error:
        raise changed_file() from error
    if not {dict}.issuperset(map(type, rows)):
        raise changed_file()
    return RawChunk(place.file, [first + index for index in at], rows)


def _all_at_once(block: bytes, lines: list[bytes]) -> list[dict[str, Value]] | None:
    """Parses a block in which nothing is unusual; None where a line needs a closer look."""
    if _may_hold_long_number(block):
        return None
    try:
        rows = list(map(orjson.loads, lines))
    except orjson.JSONDecodeError:
        return None
    return rows if {dict}.issuperset(map(type, rows)) else None


def _may_hold_long_number(block: bytes) -> bool:
    """Whether so many digits stand in a row that no integer of 64 bits has more.

    Where they do, digits stand at two neighbours among the few bytes that are looked at first.
    """
    is_digit = np.frombuffer(block, np.uint8)[::_LOOKED_AT] - np.uint8(ord("0")) < _NUM_DIGITS
    pairs = np.flatnonzero(is_digit[1:] & is_digit[:-1]) * _LOOKED_AT
    # Among many digits the surroundings of each pair would take longer than the block.
    surroundings = (
        [block]
        if len(pairs) > len(block) >> 10
        else [block[max(at - _LOOKED_AT, 0) : at + 3 * _LOOKED_AT] for at in pairs.tolist()]
    )
    return any(_LONG_NUMBER in part.translate(_DIGITS_TO_ZEROS) for part in surroundings)


def _one_by_one(file_index: int, first: int, lines: list[bytes], bad_row: ReportRow) -> RawChunk:
    rows: list[dict[str, Value]] = []
    numbers: list[int] = []
    for number, whole in enumerate(lines, start=first):
        line = whole.removesuffix(b"\n")
        if not line.strip():
            continue
        try:
            rows.append(_object(line))
            numbers.append(number)
        except orjson.JSONDecodeError as error:
            _report_bad_json(number, line, error, bad_row)
        except _BigIntegerError as error:
            _report_big_integer(number, line, str(error), bad_row)
        except _NotAnObjectError as error:
            helps = ('write an object a line: `{"field": value, ...}`',)
            bad_row(BadRow("T0517", f"row {number} is no object", number, str(error), helps=helps))
    return RawChunk(file_index, numbers, rows)


def _object(line: bytes) -> dict[str, Value]:
    row = orjson.loads(line)
    if _LONG_NUMBER in line.translate(_DIGITS_TO_ZEROS):
        # orjson turns an integer beyond 64 bits into a float without a word; json keeps it whole.
        json.loads(line, parse_int=_checked_int)
    if type(row) is not dict:
        raise _NotAnObjectError(shown(row))
    return row


def _checked_int(digits: str) -> int:
    # Digits are counted first: converting a very long number is slow, and refused beyond 4,300.
    if len(digits) > _MAX_INT64_DIGITS + 1 or not -(2**63) <= int(digits) < 2**63:
        raise _BigIntegerError(digits if len(digits) < _EXCERPT_CHARS else f"{digits[:27]}...")
    return int(digits)


def _report_big_integer(number: int, line: bytes, digits: str, bad_row: ReportRow) -> None:
    # Integers stay texts here: only the field is sought.
    row = json.loads(line, parse_int=str)
    fields = row if isinstance(row, dict) else {}
    wanted = digits.removesuffix("...")
    name = next((name for name, value in fields.items() if str(value).startswith(wanted)), "")
    message = f"row {number} holds an integer beyond 64 bits"
    helps = ("write it as a text in the file: in double quotes",)
    bad_row(BadRow("T0524", message, number, digits, helps=helps, field=name))


def _report_bad_json(
    number: int, line: bytes, error: orjson.JSONDecodeError, bad_row: ReportRow
) -> None:
    try:
        text = line.decode()
    except UnicodeDecodeError as wrong:
        around = line[max(0, wrong.start - _EXCERPT_CHARS) : wrong.start + _EXCERPT_CHARS]
        message = f"row {number} is not UTF-8"
        notes = (f"byte {wrong.start + 1} of the line is 0x{line[wrong.start]:02x}",)
        excerpt = around.decode(errors="replace")
        bad_row(BadRow("T0514", message, number, excerpt, notes, helps=_CONVERT))
        return
    position = min(error.pos, len(text))
    start = max(0, position - _EXCERPT_CHARS)
    end = position + _EXCERPT_CHARS
    excerpt = "..." * (start > 0) + text[start:end] + "..." * (end < len(text))
    message = f"row {number} is not JSON: {error.msg} at column {position + 1}"
    helps: tuple[str, ...] = ()
    if number == 1 and text.lstrip().startswith("["):
        helps = ("JSON Lines holds one object a line: `jq -c '.[]'` makes them of an array",)
    elif text.lstrip().startswith("{'"):
        helps = ("JSON has double quotes: write rows with `json.dumps`, not with `print`",)
    bad_row(BadRow("T0516", message[:100], number, excerpt, helps=helps))


# ---- plain text ----------------------------------------------------------------------------------


def text_blocks(file: InputFile, place: Range) -> Iterator[list[str]]:
    """Yields the lines of a range of a UTF-8 file in blocks, without line feeds.

    Raises:
        FileProblemError: The file can't be read, or is not UTF-8.
    """
    first = place.first_number
    for block in line_blocks(file, place.start, place.stop):
        try:
            lines = block.decode().removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            number = first + block.count(b"\n", 0, error.start)
            raise FileProblemError(
                "T0514",
                f"line {number} is not UTF-8: byte 0x{block[error.start]:02x}",
                row=number,
                helps=_CONVERT,
            ) from error
        yield lines
        first += len(lines)


def text_chunks(file: InputFile, place: Range, wanted: Wanted = None) -> Iterator[RawChunk]:
    """Yields one row a line with the one field `text`; an empty line is an empty text."""
    first = place.first_number
    for lines in text_blocks(file, place):
        at: Sequence[int] = range(len(lines))
        if wanted is not None:
            at = wanted_among(wanted, first - place.first_number, len(lines))
        rows: list[dict[str, Value]] = [{"text": lines[index].removesuffix("\r")} for index in at]
        yield RawChunk(place.file, [first + index for index in at], rows, columns=("text",))
        first += len(lines)
