"""Files that are hashed as they are written, and tables in them, a row group at a time.

In: Arrow tables, one a row group. Out: a parquet file, durable, with its size and SHA-256; what it
says of its content has gone into the content digest. One row group is in memory at a time.
"""

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet

from taskc.dsl.errors import InternalError
from taskc.runtime import artifact

__all__ = ["HashedFile", "new_file", "table_of", "write_row_groups"]


class HashedFile:
    """A file that is written once, from its beginning to its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        self.closed = False  # pyarrow asks

    def write(self, content: "bytes | pa.Buffer") -> int:
        """Writes and hashes; returns the number of bytes."""
        view = memoryview(content)
        self._hash.update(view)
        self._size_bytes += view.nbytes
        self._file.write(view)
        return view.nbytes

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._size_bytes

    def flush(self) -> None:
        """Nothing: what was written is made durable once, at the end."""

    def facts(self) -> artifact.FileFacts:
        """Size and SHA-256 of what was written so far."""
        return artifact.FileFacts(size_bytes=self._size_bytes, sha256=self._hash.hexdigest())


@contextmanager
def new_file(path: Path) -> Iterator[HashedFile]:
    """Yields a new file, which is durable when the block has ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        yield HashedFile(file)
        file.flush()
        os.fsync(file.fileno())


def table_of(columns: Mapping[str, pa.Array], schema: pa.Schema) -> pa.Table:
    """Returns the columns of a schema as a table; others are left out.

    Raises:
        InternalError: If a column is missing, of another type, or holds a null.
    """
    missing = [name for name in schema.names if name not in columns]
    if missing:
        raise InternalError(f"the table has no columns {missing}")
    table = pa.table([columns[name] for name in schema.names], schema=schema)
    nulls = [name for name in schema.names if table.column(name).null_count]
    if nulls:
        raise InternalError(f"the columns {nulls} hold a null")
    return table


def write_row_groups(
    path: Path,
    schema: pa.Schema,
    groups: Iterable[pa.Table],
    digest: Callable[[pa.Table], None],
    *,
    plain: Collection[str] = (),
) -> artifact.FileFacts:
    """Writes a parquet file, which holds no time and no path.

    Args:
        path: The new file.
        schema: Of all groups.
        groups: Its row groups; none is fine.
        digest: Told of each group.
        plain: Columns of which few values are equal: a dictionary would only add to them. Where
            any is named no column is a list.
    """
    named = [name for name in schema.names if name not in plain] if plain else True
    with new_file(path) as file:
        with pa.parquet.ParquetWriter(
            pa.PythonFile(file, mode="w"), schema, compression="zstd", use_dictionary=named
        ) as writer:
            is_empty = True
            for group in groups:
                digest(group)
                writer.write_table(group, row_group_size=max(1, len(group)))
                is_empty = False
            if is_empty:
                digest(schema.empty_table())
        return file.facts()
