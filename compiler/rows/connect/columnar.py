"""Columnar formats: Parquet, and Arrow IPC as file or stream.

In: a range of an input file. Out: chunks of rows as plain values, numbered from 1. Only the columns
that are read are decoded, and of them only the rows that are wanted. Integers, floats, texts,
booleans, lists, records, nulls and dictionaries of these have a meaning in the language; a column
of another kind (a timestamp, a decimal, bytes) is reported once a file, or left out where nothing
uses it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from taskc.compiler.rows.connect.files import FileProblemError, InputFile, check_unchanged
from taskc.compiler.rows.connect.raw import RawChunk, Value, Wanted, wanted_among
from taskc.compiler.rows.connect.remote import is_url, opened
from taskc.compiler.rows.ranges import Range

__all__ = ["Group", "arrow_chunks", "groups", "is_parquet", "parquet_chunks"]

_CHUNK_ROWS = 8192
_ARROW_FILE_MAGIC = b"ARROW1"
_PARQUET_MAGIC = b"PAR1"


def parquet_chunks(
    file: InputFile,
    place: Range,
    columns: Sequence[str] | None,
    wanted: Wanted = None,
    used: Sequence[str] | None = None,
) -> Iterator[RawChunk]:
    """Yields the rows of a range of a Parquet file, a row group's batch at a time.

    Args:
        file: The file.
        place: Which row groups.
        columns: The columns that are read, those that the file has of them; None: all.
        wanted: The rows that are; None: all.
        used: Columns that must have a type of the language, others are left out; None: all.

    Raises:
        FileProblemError: The file is no Parquet, is damaged, or a column has no type of the
        language.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_unchanged(file)
    try:
        with opened(file.path) as content, pq.ParquetFile(content) as parquet:
            decoded, untyped = _decoded(parquet.schema_arrow, columns, used)
            batches = parquet.iter_batches(
                batch_size=_CHUNK_ROWS,
                row_groups=range(place.start, place.stop or parquet.num_row_groups),
                columns=decoded,
            )
            names = tuple(parquet.schema_arrow.names)
            yield from _chunks(batches, place, names, wanted, untyped)
        check_unchanged(file)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(error, "Parquet") from error


def arrow_chunks(
    file: InputFile,
    place: Range,
    columns: Sequence[str] | None,
    wanted: Wanted = None,
    used: Sequence[str] | None = None,
) -> Iterator[RawChunk]:
    """Yields the rows of a range of an Arrow IPC file, or of a stream: the first bytes say which.

    Args:
        file: The file.
        place: Which record batches of a file; which bytes of a stream.
        columns: The columns that are read, those that the file has of them; None: all.
        wanted: The rows that are; None: all.
        used: Columns that must have a type of the language, others are left out; None: all.

    Raises:
        FileProblemError: The file is no Arrow IPC, is damaged, or a column has no type of the
        language.
    """
    import pyarrow as pa

    check_unchanged(file)
    try:
        batches_of = _file_batches if _is_arrow_file(file) else _stream_batches
        with _mapped(file) as mapped:
            schema, whole = batches_of(mapped, place)
            decoded, untyped = _decoded(schema, columns, used)
            batches = (batch.select(decoded) for batch in whole)
            yield from _chunks(batches, place, tuple(schema.names), wanted, untyped)
        check_unchanged(file)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(error, "Arrow IPC") from error


def _file_batches(mapped: Any, place: Range) -> tuple[Any, Iterator[Any]]:
    """Schema and record batches of a range of an Arrow file."""
    import pyarrow as pa

    reader = pa.ipc.open_file(mapped)
    numbers = range(place.start, place.stop or reader.num_record_batches)
    return reader.schema, map(reader.get_batch, numbers)


def _stream_batches(mapped: Any, place: Range) -> tuple[Any, Iterator[Any]]:
    """Schema and record batches of a range of an Arrow stream."""
    import pyarrow as pa

    if place.is_whole_file:
        reader = pa.ipc.open_stream(mapped)
        return reader.schema, iter(reader)
    schema = pa.ipc.read_schema(mapped)
    mapped.seek(place.start)

    def batches() -> Iterator[Any]:
        while mapped.tell() < place.stop:
            yield pa.ipc.read_record_batch(pa.ipc.read_message(mapped), schema)

    return schema, batches()


# ---- where files may be cut ----------------------------------------------------------------------


class Group(NamedTuple):
    """Rows of a columnar file that can be read by themselves.

    Attributes:
        start, stop: Which, as in `Range`.
        num_rows: How many rows.
        num_bytes: How much their values take, uncompressed.
    """

    start: int
    stop: int
    num_rows: int
    num_bytes: int


def groups(kind: str, file: InputFile) -> list[Group]:
    """Returns the parts of a file that can be read by themselves, in order.

    Args:
        kind: A connector's kind.
        file: The file.

    Returns:
        Row groups of Parquet, record batches of Arrow; nothing where batches need what stands
        before them, for Arrow at a URL, which would be read to find them, for other kinds, and for
        a file that can't be read.
    """
    import pyarrow as pa

    if kind not in {"parquet", "arrow", "hf"}:
        return []
    try:
        if kind == "parquet" or (kind == "hf" and is_parquet(file)):
            return _row_groups(file)
        if is_url(file.path):
            return []
        return (_file_groups if _is_arrow_file(file) else _stream_groups)(file)
    except (pa.ArrowException, OSError):
        return []  # reported where it is read


def _row_groups(file: InputFile) -> list[Group]:
    import pyarrow.parquet as pq

    with opened(file.path) as content:
        metadata = pq.read_metadata(content)
    rows = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    return [
        Group(index, index + 1, each.num_rows, each.total_byte_size)
        for index, each in enumerate(rows)
    ]


def _file_groups(file: InputFile) -> list[Group]:
    import pyarrow as pa

    with pa.memory_map(file.path) as mapped:
        reader = pa.ipc.open_file(mapped)
        batches = map(reader.get_batch, range(reader.num_record_batches))
        return [
            Group(index, index + 1, batch.num_rows, batch.nbytes)
            for index, batch in enumerate(batches)
        ]


def _stream_groups(file: InputFile) -> list[Group]:
    """Record batches by their bytes: reading the 200th must not mean reading 199 before it."""
    import pyarrow as pa

    found = []
    with pa.memory_map(file.path) as mapped:
        schema = pa.ipc.read_schema(mapped)
        stop = mapped.tell()
        for message in iter(lambda: _next_message(mapped), None):
            if message.type != "record batch":
                return []  # a dictionary, which the batches after it need
            start, stop = stop, mapped.tell()
            batch = pa.ipc.read_record_batch(message, schema)
            found.append(Group(start, stop, batch.num_rows, batch.nbytes))
    return found


def _next_message(mapped: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.ipc.read_message(mapped)
    except EOFError:  # the stream's end, said or not
        return None


def is_parquet(file: InputFile) -> bool:
    """Whether a file is Parquet, by its first bytes."""
    with opened(file.path) as content:
        return content.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC


def _is_arrow_file(file: InputFile) -> bool:
    with opened(file.path) as content:
        return content.read(len(_ARROW_FILE_MAGIC)) == _ARROW_FILE_MAGIC


@contextmanager
def _mapped(file: InputFile) -> Iterator[Any]:
    """A file of Arrow as the library reads it: mapped into memory where it lies on this machine."""
    import pyarrow as pa

    if is_url(file.path):
        with opened(file.path) as content, pa.PythonFile(content) as python_file:
            yield python_file
    else:
        with pa.memory_map(file.path) as mapped:
            yield mapped


def _chunks(
    batches: Any,
    place: Range,
    columns: tuple[str, ...],
    wanted: Wanted,
    untyped: Mapping[str, str],
) -> Iterator[RawChunk]:
    import pyarrow as pa

    first = place.first_number
    for batch in batches:
        for start in range(0, batch.num_rows, _CHUNK_ROWS):
            part = batch.slice(start, _CHUNK_ROWS)
            numbers: Sequence[int] = range(first, first + part.num_rows)
            first += part.num_rows
            if wanted is not None:
                at = wanted_among(wanted, numbers[0] - place.first_number, part.num_rows)
                numbers = [numbers[index] for index in at]
                if len(at) < part.num_rows:
                    part = part.take(pa.array(at, pa.int64()))
            yield RawChunk(place.file, numbers, _rows(part), columns=columns, untyped=untyped)


def _rows(batch: Any) -> list[dict[str, Value]]:
    names = batch.schema.names
    if not names:
        return [{} for _ in range(batch.num_rows)]
    values = [column.to_pylist() for column in batch.columns]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*values, strict=True)]


def _decoded(
    schema: Any, columns: Sequence[str] | None, used: Sequence[str] | None
) -> tuple[list[str], dict[str, str]]:
    """The columns to decode, in the file's order, and those without a type, with what they hold."""
    decoded: list[str] = []
    untyped: dict[str, str] = {}
    for name in schema.names:
        if columns is not None and name not in columns:
            continue
        if len(schema.get_all_field_indices(name)) > 1:
            raise FileProblemError("T0520", f"two columns are called `{name}`"[:100])
        foreign = _foreign(schema.field(name).type)
        if not foreign:
            decoded.append(name)
        elif used is not None and name not in used:
            untyped[name] = foreign
        else:
            raise FileProblemError(
                "T0522",
                f"column `{name}` has the type {foreign}, which is not one of the language's"[:100],
                helps=("convert the column to a text, an int or a float when the file is written",),
            )
    return decoded, untyped


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
