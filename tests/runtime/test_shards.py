"""Shards: sequences by number, however rows, record batches and files lie."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.runtime.artifact import shard_schema
from taskc.runtime.layout import derive, lay_out
from taskc.runtime.shards import Shards

LENGTH = 8
PAD = 99


def row_of(lengths, seed):
    """A row whose examples are trained on from their middle on, and which ids tell apart."""
    ends = np.cumsum(lengths)
    spans = [
        bound for end, n in zip(ends, lengths, strict=True) for bound in (end - (n + 1) // 2, end)
    ]
    return {
        "input_ids": [seed % 90 + i for i in range(sum(lengths))],
        "lengths": lengths,
        "spans": spans,
        "example_ids": list(range(len(lengths))),
        "source": [0] * len(lengths),
    }


def write(folder, files):
    """One file for each list of record batches, each a list of rows given by their lengths."""
    seed = 0
    paths = []
    for number, batches in enumerate(files):
        path = folder / f"shard-{number}.arrow"
        paths.append(path)
        with pa.ipc.new_stream(path, shard_schema(100)) as stream:
            for batch in batches:
                rows = [row_of(lengths, seed + 7 * i) for i, lengths in enumerate(batch)]
                seed += 7 * len(batch)
                stream.write_batch(pa.RecordBatch.from_pylist(rows, schema=shard_schema(100)))
    return paths


lengths_of_row = st.lists(st.integers(1, LENGTH), min_size=1, max_size=4).map(
    lambda lengths: lengths[: max(1, int((np.cumsum(lengths) <= LENGTH).sum()))]
)
files_of_rows = st.lists(
    st.lists(st.lists(lengths_of_row, max_size=6), max_size=3), min_size=1, max_size=2
)


@given(files_of_rows, st.data())
@settings(max_examples=60)
def test_what_is_gathered_is_what_single_rows_say(files, data):
    """Full rows and short ones, at the end of a file, of several record batches, twice, or none."""
    with tempfile.TemporaryDirectory() as folder:
        shards = Shards(write(Path(folder), files), 100, LENGTH)
        places = st.integers(0, max(len(shards) - 1, 0))
        drawn = data.draw(st.lists(places, max_size=6 if len(shards) else 0))
        indices = np.array(drawn, np.int64)
        begin = data.draw(st.integers(0, len(indices)))
        end = data.draw(st.integers(begin, len(indices)))
        found = shards.find(indices)
        expected = lay_out(shards.rows(indices[begin:end]), LENGTH, PAD)
        batch = derive(shards.ids(found[begin:end], PAD), shards.borders(found), begin)

    for name in ("input_ids", "labels", "position_ids", "cu_seq_lens", "segment_ids"):
        of_rows, gathered = getattr(expected, name), getattr(batch, name)
        assert of_rows.tolist() == gathered.tolist(), name
        assert of_rows.dtype == gathered.dtype, name
        assert of_rows.shape == gathered.shape, name
    assert expected.num_tokens == batch.num_tokens


@pytest.mark.parametrize("files", [[], [[[]]], [[[[2, 3]]]], [[[[8]], [[8], [5]]], [[[1]]]]])
def test_rows_are_counted_over_files(files, tmp_path):
    """A sequence's number is its place in all of them together."""
    shards = Shards(write(tmp_path, files), 100, LENGTH)
    expected = [
        row_of(lengths, 0)["lengths"] for file in files for batch in file for lengths in batch
    ]

    assert len(expected) == len(shards)
    assert expected == [shards.row(i).lengths.tolist() for i in range(len(shards))]
