"""What an artefact says of rows: which examples are made of one, and where they stand.

In: an artefact, and a row by source, file and number. Out: its examples. Provenance is read a row
group at a time, shards are mapped: memory does not grow with the artefact.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet

from taskc.compiler.tracing.accounts import Placed
from taskc.runtime import artifact
from taskc.runtime.reader import Artifact, PackedSplit

__all__ = ["evaluated_examples", "origins_of", "starts_of", "trained_examples"]


def trained_examples(
    opened: Artifact, split: str, source: str, file: str, row: int
) -> list[Placed]:
    """The examples of a row in the training split, in the stream's order."""
    packed = opened[split]
    assert isinstance(packed, PackedSplit), "the training split is packed"
    origins = dict(_rows_of(opened, artifact.PROVENANCE, source, file, row))
    sequences = _sequences_of(packed, list(origins))
    found = []
    for example, origin in origins.items():
        sequence = packed[sequences[example]]
        place = sequence.examples.tolist().index(example)
        start, end = sequence.cu_seq_lens[place : place + 2].tolist()
        found.append(
            Placed(
                prompt=f"{origin['template']}.{origin['label']}",
                at=origin["at"],
                repetition=origin["repetition"],
                part=origin["part"],
                example=example,
                sequence=sequences[example],
                start=start,
                tokens=end - start,
                trained=int((sequence.labels[start:end] >= 0).sum()),
                exemplars=len(origin.get("exemplars", ())),
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
            exemplars=len(origin.get("exemplars", ())),
        )
        for example, origin in _rows_of(opened, artifact.evaluation_path(split), source, file, row)
    ]


def starts_of(opened: Artifact, split: str, examples: Sequence[int]) -> dict[int, str]:
    """Where the first token of each example stands, as SPLIT:SEQUENCE:TOKEN."""
    packed = opened[split]
    if not isinstance(packed, PackedSplit):
        return {example: f"{split}:{example}:0" for example in examples}
    starts = {}
    for example, number in _sequences_of(packed, examples).items():
        sequence = packed[number]
        place = sequence.examples.tolist().index(example)
        starts[example] = f"{split}:{number}:{int(sequence.cu_seq_lens[place])}"
    return starts


def _sequences_of(packed: PackedSplit, wanted: Sequence[int]) -> dict[int, int]:
    """The number of the sequence that holds each of some examples; one pass over all ids."""
    found: dict[int, int] = {}
    num_before = 0
    for batch in packed.record_batches():
        examples = batch.column("example_ids")
        ids, offsets = np.asarray(examples.flatten()), np.asarray(examples.offsets)
        offsets = offsets - offsets[0]
        for at in np.flatnonzero(np.isin(ids, wanted)).tolist():
            found[int(ids[at])] = num_before + int(np.searchsorted(offsets, at, side="right")) - 1
        num_before += len(batch)
    missing = set(wanted) - set(found)
    if missing:
        expected = f"example {min(missing)} in some sequence"
        raise artifact.ArtifactError("train", "example_ids", expected, "in none")
    return found


# ---- provenance ----------------------------------------------------------------------------------

_ORIGIN = ("file", "row", "row_id", "template", "label", "repetition")


def origins_of(opened: Artifact, split: str, examples: Sequence[int]) -> dict[int, dict[str, Any]]:
    """File, row, row id, template, label and repetition of some examples; no repetition in eval."""
    path = artifact.PROVENANCE if split == "train" else artifact.evaluation_path(split)
    table = pyarrow.parquet.ParquetFile(opened.path / path)
    columns = [name for name in _ORIGIN if name in table.schema_arrow.names]
    wanted = np.array(sorted(examples), np.int64)
    found: dict[int, dict[str, Any]] = {}
    num_before = 0
    for group in range(table.num_row_groups):
        end = num_before + table.metadata.row_group(group).num_rows
        own = wanted[(wanted >= num_before) & (wanted < end)]
        if len(own):
            rows = table.read_row_group(group, columns=columns, use_threads=False)
            origins = rows.take(own - num_before).to_pylist()
            found |= dict(zip(own.tolist(), origins, strict=True))
        num_before = end
    return found


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
