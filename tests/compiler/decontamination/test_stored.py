"""Stored: columns that come back as they went."""

import numpy as np

from taskc.compiler.decontamination.stored import columns_of, from_buffer, to_buffers


def test_columns_come_back():
    """Of any type, shape and length, beside a head."""
    columns = {
        "a.x": np.arange(3, dtype=np.uint8),
        "a.y": np.zeros((0, 16), np.uint8),
        "b.x": np.array([[1, 2], [3, 4]], np.uint32),
        "b.z": np.array([2**63], np.uint64),
    }
    head, found = from_buffer(memoryview(b"".join(to_buffers({"é": [1, None]}, columns))))

    assert head == {"é": [1, None]}
    assert list(columns) == list(found)
    for name, column in columns.items():
        assert (column.dtype, column.shape) == (found[name].dtype, found[name].shape)
        assert column.tolist() == found[name].tolist()
    assert ["x", "y"] == list(columns_of(found, "a"))
    assert [[1, 2], [3, 4]] == columns_of(found, "b")["x"].tolist()
