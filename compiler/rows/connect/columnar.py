"""Columnar formats: Parquet, and Arrow IPC as file or stream.

In: an input file. Out: chunks of rows as plain values, numbered from 1. Only the columns that are
read are decoded. Integers, floats, texts, booleans, lists, records, nulls and dictionaries of these
have a meaning in the language; a column of another kind (a timestamp, a decimal, bytes) is reported
once a file.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from taskc.compiler.rows.connect.files import FileProblemError, InputFile
from taskc.compiler.rows.connect.raw import RawChunk

__all__ = ["arrow_chunks", "parquet_chunks"]

_CHUNK_ROWS = 8192
_ARROW_FILE_MAGIC = b"ARROW1"


def parquet_chunks(
    file: InputFile, file_index: int, columns: Sequence[str] | None
) -> Iterator[RawChunk]:
    """Yields the rows of a Parquet file, a row group's batch at a time.

    Args:
        file: The file.
        file_index: Its index among the split's files.
        columns: The columns that are read, those that the file has of them; None: all.

    Raises:
        FileProblemError: The file is no Parquet, is damaged, or a column has no type of the
        language.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file.path) as opened:
            wanted = _wanted(opened.schema_arrow, columns)
            batches = opened.iter_batches(batch_size=_CHUNK_ROWS, columns=wanted)
            yield from _chunks(batches, file_index, tuple(opened.schema_arrow.names))
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(error, "Parquet") from error


def arrow_chunks(
    file: InputFile, file_index: int, columns: Sequence[str] | None
) -> Iterator[RawChunk]:
    """Yields the rows of an Arrow IPC file or stream, told apart by the first bytes.

    Args:
        file: The file.
        file_index: Its index among the split's files.
        columns: The columns that are read, those that the file has of them; None: all.

    Raises:
        FileProblemError: The file is no Arrow IPC, is damaged, or a column has no type of the
        language.
    """
    import pyarrow as pa

    try:
        with Path(file.path).open("rb") as opened:
            is_file = opened.read(len(_ARROW_FILE_MAGIC)) == _ARROW_FILE_MAGIC
        with pa.memory_map(file.path) as mapped:
            reader = pa.ipc.open_file(mapped) if is_file else pa.ipc.open_stream(mapped)
            wanted = _wanted(reader.schema, columns)
            whole = (
                (reader.get_batch(index) for index in range(reader.num_record_batches))
                if is_file
                else reader
            )
            batches = (batch.select(wanted) for batch in whole)
            yield from _chunks(batches, file_index, tuple(reader.schema.names))
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(error, "Arrow IPC") from error


def _chunks(batches: Any, file_index: int, columns: tuple[str, ...]) -> Iterator[RawChunk]:
    first = 1
    for batch in batches:
        for start in range(0, batch.num_rows, _CHUNK_ROWS):
            part = batch.slice(start, _CHUNK_ROWS)
            names = part.schema.names
            values = [column.to_pylist() for column in part.columns]
            rows = [dict(zip(names, cells, strict=True)) for cells in zip(*values, strict=True)]
            if not names:
                rows = [{} for _ in range(part.num_rows)]
            yield RawChunk(file_index, range(first, first + len(rows)), rows, columns=columns)
            first += len(rows)


def _wanted(schema: Any, columns: Sequence[str] | None) -> list[str]:
    """Returns the columns to decode, in the file's order, after looking at their types."""
    names = [name for name in schema.names if columns is None or name in columns]
    for name in names:
        if len(schema.get_all_field_indices(name)) > 1:
            raise FileProblemError("T0520", f"two columns are called `{name}`"[:100])
        if foreign := _foreign(schema.field(name).type):
            raise FileProblemError(
                "T0522",
                f"column `{name}` has the type {foreign}, which is not one of the language's"[:100],
                helps=("convert the column to a text, an int or a float when the file is written",),
            )
    return names


def _foreign(arrow_type: Any) -> str:
    """Returns the part of a type that the language has no word for, "" if there is none."""
    import pyarrow.types as kinds

    scalar = (
        kinds.is_string,
        kinds.is_large_string,
        kinds.is_string_view,
        kinds.is_integer,
        kinds.is_floating,
        kinds.is_boolean,
        kinds.is_null,
    )
    if any(is_kind(arrow_type) for is_kind in scalar):
        return ""
    if kinds.is_dictionary(arrow_type):
        return _foreign(arrow_type.value_type)
    if (
        kinds.is_list(arrow_type)
        or kinds.is_large_list(arrow_type)
        or kinds.is_fixed_size_list(arrow_type)
    ):
        return _foreign(arrow_type.value_type)
    if kinds.is_struct(arrow_type):
        inside = (_foreign(arrow_type.field(at).type) for at in range(arrow_type.num_fields))
        return next(filter(None, inside), "")
    return str(arrow_type)


def _unreadable(error: Exception, what: str) -> FileProblemError:
    if isinstance(error, PermissionError):
        reason = (error.strerror or "not readable").lower()
        return FileProblemError("T0512", f"the file cannot be read: {reason}")
    first_line = next(iter(str(error).splitlines()), "").rstrip(".")
    return FileProblemError("T0521", f"the file is no readable {what}", notes=(first_line[:200],))
