"""Hits: what rows of one range share with evaluation rows, as the store keeps it.

In: one entry for each training row, stretch of words and evaluation row. Out: an Arrow table, and
the table again. Which row it is and what it shares are said here; where the evaluation row stands
the index knows.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from taskc.compiler.rows.row_keys import Ids, Uint32s

__all__ = ["Hits", "lines_of", "opened"]

_SCHEMA = pa.schema(
    [
        ("line", pa.uint32()),
        ("row_id", pa.binary(16)),
        ("field", pa.string()),
        ("words", pa.string()),
        ("num_words", pa.uint32()),
        ("similarity", pa.float64()),
        ("evaluated", pa.uint32()),
    ]
)


@dataclass(slots=True)
class Hits:
    """Entries, in the order of rows.

    Attributes:
        row: Index of the training row among the task's.
        field_index: Of the field among the task's.
        words: The words that are shared, with a blank between them; "" where rows are near.
        num_words: How many they are.
        similarity: How near the rows are; 0 where words are shared.
        evaluated: Index of the evaluation row.
    """

    row: list[int] = field(default_factory=list)
    field_index: list[int] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    num_words: list[int] = field(default_factory=list)
    similarity: list[float] = field(default_factory=list)
    evaluated: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        """The number of entries."""
        return len(self.row)

    def add(self, other: "Hits") -> None:
        """Adds the entries of later rows."""
        for name in Hits.__slots__:
            getattr(self, name).extend(getattr(other, name))

    def to_bytes(self, lines: Uint32s, ids: Ids, fields: tuple[str, ...]) -> bytes:
        """The table that the store keeps.

        Args:
            lines: Of the task's rows, uint32 [k].
            ids: Of the task's rows, uint8 [k, 16].
            fields: Names of the task's fields.
        """
        rows = np.array(self.row, np.int64)
        table = pa.table(
            [
                pa.array(lines[rows]),
                pa.array([ids[row].tobytes() for row in self.row], pa.binary(16)),
                pa.array(
                    [fields[number] if fields else "" for number in self.field_index], pa.string()
                ),
                pa.array(self.words, pa.string()),
                pa.array(self.num_words, pa.uint32()),
                pa.array(self.similarity, pa.float64()),
                pa.array(self.evaluated, pa.uint32()),
            ],
            schema=_SCHEMA,
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, _SCHEMA) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue())


def opened(content: bytes) -> pa.Table:
    """The table of `Hits.to_bytes`."""
    return pa.ipc.open_stream(content).read_all()


def lines_of(table: pa.Table) -> Uint32s:
    """The lines of the rows that share something, each once, rising, uint32."""
    found: Uint32s = np.unique(table["line"].to_numpy())
    return found
