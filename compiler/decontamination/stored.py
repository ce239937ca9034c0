"""Stored: columns of different lengths in one object of the store, opened without copying.

In: arrays by name and a head that JSON can hold. Out: buffers; and the same arrays, as views of
what the store maps into memory. Workers that search the same index share its pages.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

__all__ = ["Columns", "columns_of", "from_buffer", "to_buffers"]

_ALIGNMENT_BYTES = 8

Columns = Mapping[str, npt.NDArray[Any]]


def to_buffers(head: Mapping[str, Any], columns: Columns) -> list[bytes]:
    """The bytes that stand for a head and some columns."""
    shapes = {name: [column.dtype.str, column.shape] for name, column in columns.items()}
    written = orjson.dumps({"head": head, "columns": shapes})
    buffers = [len(written).to_bytes(_ALIGNMENT_BYTES, "little"), _padded(written)]
    return buffers + [_padded(column.tobytes()) for column in columns.values()]


def from_buffer(content: bytes | memoryview) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """What `to_buffers` gave; columns are views of `content`."""
    num_bytes = int.from_bytes(content[:_ALIGNMENT_BYTES], "little")
    start = _ALIGNMENT_BYTES + num_bytes
    written = orjson.loads(content[_ALIGNMENT_BYTES:start])
    start += -num_bytes % _ALIGNMENT_BYTES
    columns = {}
    for name, (type_, shape) in written["columns"].items():
        count = int(np.prod(shape))
        column = np.frombuffer(content, type_, count, start).reshape(shape)
        start += column.nbytes + -column.nbytes % _ALIGNMENT_BYTES
        columns[name] = column
    return written["head"], columns


def columns_of(columns: Columns, prefix: str) -> dict[str, npt.NDArray[Any]]:
    """The columns whose names begin with `prefix.`, without it."""
    start = f"{prefix}."
    return {
        name.removeprefix(start): column
        for name, column in columns.items()
        if name.startswith(start)
    }


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % _ALIGNMENT_BYTES)
