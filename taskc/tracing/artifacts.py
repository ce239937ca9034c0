"""What an artefact says of rows: which examples are made of one, and where they stand.

In: an artefact, and a row by source, file and number. Out: its examples. Provenance is read a row
group at a time, shards are mapped: memory does not grow with the artefact.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow.parquet

from taskc.compiler.tracing.accounts import Placed
from taskc.runtime import artifact
from taskc.runtime.reader import Artifact, PackedSplit

__all__ = ["evaluated_examples", "sequence_of", "trained_examples"]


def trained_examples(
    opened: Artifact, split: str, source: str, file: str, row: int
) -> list[Placed]:
    """The examples of a row in the training split, in the stream's order."""
    packed = opened[split]
    assert isinstance(packed, PackedSplit), "the training split is packed"
    found = []
    for example, origin in _rows_of(opened, artifact.PROVENANCE, source, file, row):
        number = sequence_of(packed, example)
        sequence = packed[number]
        place = sequence.examples.tolist().index(example)
        start, end = sequence.cu_seq_lens[place : place + 2].tolist()
        found.append(
            Placed(
                prompt=f"{origin['template']}.{origin['label']}",
                at=origin["at"],
                repetition=origin["repetition"],
                part=origin["part"],
                example=example,
                sequence=number,
                start=start,
                tokens=end - start,
                trained=int((sequence.labels[start:end] >= 0).sum()),
            )
        )
    return found


def evaluated_examples(
    opened: Artifact, split: str, source: str, file: str, row: int
) -> list[Placed]:
    """The examples of a row in an evaluation split, in its order."""
    return [
        Placed(
            prompt=f"{origin['template']}.{origin['label']}",
            at=origin["at"],
            example=example,
            tokens=len(origin["input_ids"]) + len(origin["target_ids"]),
            trained=len(origin["target_ids"]),
        )
        for example, origin in _rows_of(opened, artifact.evaluation_path(split), source, file, row)
    ]


def sequence_of(packed: PackedSplit, example: int) -> int:
    """The number of the sequence that holds an example."""
    num_before = 0
    for batch in packed.record_batches():
        examples = batch.column("example_ids")
        found = np.flatnonzero(np.asarray(examples.values) == example)
        if len(found):
            offsets = np.asarray(examples.offsets)
            return num_before + int(np.searchsorted(offsets, found[0], side="right")) - 1
        num_before += len(batch)
    raise artifact.ArtifactError("train", "example_ids", f"example {example} once", "no such one")


def _rows_of(
    opened: Artifact, path: str, source: str, file: str, row: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields number and columns of each row of a table that an input row gave."""
    table = pyarrow.parquet.ParquetFile(opened.path / path)
    num_before = 0
    for group in range(table.num_row_groups):
        numbers = table.read_row_group(group, columns=["row"], use_threads=False)["row"].to_numpy()
        near = np.flatnonzero(numbers == row)
        if len(near):
            rows = table.read_row_group(group, use_threads=False).take(near).to_pylist()
            for at, origin in zip(near.tolist(), rows, strict=True):
                if (origin["source"], origin["file"]) == (source, file):
                    yield num_before + at, origin
        num_before += len(numbers)
