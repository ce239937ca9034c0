"""How fast batches come out of an artefact: beside a raw gather of its ids, and `datasets`.

In: an artefact, or made-up rows that one is built from. Out: tokens a second of each way to get the
same batches, the median of runs in turn in one process, by CPU time, and shares of the raw gather;
and how long the first batch takes in a new process that has imported torch. All read the same packs
in one keyed order, of mapped files in the page cache.

    gather       rows of a memmap of ids, as wide as a pack, copied into int64
    stored       the same without widening, as they lie in the file
    ids          `Batches.input_ids_at`: the gather's array, from the artefact
    full         `Batches.at`: ids, labels, positions and cu_seq_lens
    full_torch   the same as tensors, which share the arrays' memory
    datasets_*   the four columns, stored whole as lists, by `datasets.Dataset` in three formats:
                 torch, numpy, and python, its lists of int. Lists of a declared length are read no
                 faster.
    datasets_loader  format torch through torch's `DataLoader`, as trainers read it: in one process,
                 whole batches asked for by number, rows stacked

    python benchmarks/reader.py --megabytes 60 --tokenizer tokenizer.json --eos TEXT
    python benchmarks/reader.py --artifact PATH
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from datasets import Dataset, Features, List, Value, load_from_disk
from project import Project
from rows import made_up_rows, write_rows
from torch.utils.data import DataLoader

import taskc
from taskc.runtime.layout import Batch
from taskc.runtime.reader import Artifact
from taskc.runtime.schedule import sequences

NUM_RUNS = 9
ROWS = 8  # packs of a batch
FORMATS = ("torch", "numpy", "python")
MOST_BATCHES = 250
_FIRST = """
import sys, time
import torch
begun = time.perf_counter()
from taskc.runtime.reader import open
from taskc.runtime.schedule import sequences
opened = time.perf_counter()
next(open(sys.argv[1], verify=False)["train"].batches(sequences(8))).torch()
print(time.perf_counter() - begun, time.perf_counter() - opened)
"""


def main() -> None:
    """Prints tokens a second, shares, and milliseconds to the first batch."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--artifact", type=Path)
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--eos", default="<|endoftext|>")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.artifact or built(Path(folder), options)
        found = measured(taskc.open(path), Path(folder))
        found |= first_batch_ms(path)
    for name, value in found.items():
        print(f"{name:34} {value:14,.3f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def built(folder: Path, options: argparse.Namespace) -> Path:
    """Builds made-up rows and returns the artefact's folder."""
    project = Project(folder=folder / "project", tokenizer=options.tokenizer, eos=options.eos)
    project.write()
    write_rows(project.rows(), made_up_rows(), int(options.megabytes * 1e6))
    subprocess.run(project.command(), cwd=project.folder, check=True, capture_output=True)
    return next((project.folder / "artifacts").glob("*/rows"))


def measured(artifact: Artifact, folder: Path) -> dict[str, float]:
    """Times every way on the same batches."""
    split = artifact["train"]
    batches = split.batches(sequences(ROWS), seed=1, epochs=2)
    per_epoch = batches.schedule.steps_per_epoch
    positions = range(per_epoch, per_epoch + min(per_epoch - 1, MOST_BATCHES))  # in keyed order
    order = [batches.schedule.rows(epoch=1, step=p - per_epoch, rank=0) for p in positions]
    raw = as_memmap(artifact, batches.length, batches.pad_id, folder / "ids.bin")
    given = [batches.at(p) for p in positions]
    stored = as_dataset(given, folder / "dataset")
    places = [range(i * ROWS, (i + 1) * ROWS) for i in range(len(order))]
    ways: dict[str, Callable[[], Iterable[object]]] = {
        "gather": lambda: (raw[rows].astype(np.int64) for rows in order),
        "stored": lambda: (raw[rows] for rows in order),
        "ids": lambda: map(batches.input_ids_at, positions),
        "full": lambda: map(batches.at, positions),
        "full_torch": lambda: (as_tensors(batches.at(p)) for p in positions),
    }
    for name in FORMATS:
        each = stored.with_format(None if name == "python" else name)
        ways[f"datasets_{name}"] = lambda each=each: (each[list(rows)] for rows in places)
        check(batches.at(positions[3]), raw[order[3]], each[list(places[3])])
    loader = DataLoader(
        stored.with_format("torch"), batch_sampler=list(map(list, places)), collate_fn=stacked
    )
    ways["datasets_loader"] = lambda: loader
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(NUM_RUNS):
        for name, way in ways.items():
            begun = time.process_time()
            deque(way(), maxlen=0)  # each batch goes before the next one comes
            rates[name].append(len(order) * ROWS * batches.length / (time.process_time() - begun))
    found = {f"{name}_tokens_per_s": median(each) for name, each in rates.items()}
    peers = [name for name in ways if name.startswith("datasets")]
    shares = {
        "ids_of_gather": ("ids", "gather"),
        "full_of_gather": ("full", "gather"),
        "ids_of_stored": ("ids", "stored"),
        "full_of_stored": ("full", "stored"),
        **{f"full_torch_of_{name}": ("full_torch", name) for name in peers},
    }
    # Shares of runs next to each other: what else the machine does meets both.
    return found | {
        name: median(a / b for a, b in zip(rates[one], rates[other], strict=True))
        for name, (one, other) in shares.items()
    }


def as_tensors(batch: Batch) -> dict[str, torch.Tensor]:
    """Returns all four columns as tensors."""
    tensors = batch.torch()
    tensors["cu_seq_lens"] = torch.from_numpy(batch.cu_seq_lens)
    return tensors


def stacked(rows: list[dict[str, torch.Tensor]]) -> dict[str, Any]:
    """Returns rows as a batch; of borders there are as many as a row has examples."""
    names = ("input_ids", "labels", "position_ids")
    batch: dict[str, Any] = {name: torch.stack([row[name] for row in rows]) for name in names}
    batch["cu_seq_lens"] = [row["cu_seq_lens"] for row in rows]
    return batch


def as_memmap(artifact: Artifact, length: int, pad_id: int, path: Path) -> npt.NDArray[np.uint16]:
    """Writes the ids of all packs as one matrix and maps it, as an array that gathers fast."""
    split = artifact["train"]
    ids = np.full((len(split), length), pad_id, np.uint16)
    for row, sequence in zip(ids, split, strict=True):
        row[: len(sequence)] = sequence.input_ids
    ids.tofile(path)
    return np.asarray(np.memmap(path, np.uint16, "r", shape=ids.shape))


def as_dataset(batches: list[Batch], folder: Path) -> Dataset:
    """Writes the columns of those batches, and maps them."""
    whole = List(Value("int64"))
    columns = {"input_ids": whole, "labels": whole, "position_ids": whole}
    rows = {name: [row for each in batches for row in getattr(each, name)] for name in columns}
    borders = [of_row for each in batches for of_row in borders_of(each)]
    features = Features({**columns, "cu_seq_lens": List(Value("int32"))})
    Dataset.from_dict({**rows, "cu_seq_lens": borders}, features=features).save_to_disk(folder)
    return load_from_disk(folder)


def borders_of(batch: Batch) -> list[npt.NDArray[np.int32]]:
    """Returns the borders of each row of a batch, from 0."""
    num_rows, length = batch.input_ids.shape
    found = []
    for b in range(num_rows):
        places = batch.cu_seq_lens - b * length
        found.append(places[(places >= 0) & (places <= length)].astype(np.int32))
    return found


def check(batch: Batch, raw: npt.NDArray[np.uint16], stored: dict[str, Any]) -> None:
    """Sees that all ways deliver the same."""
    assert np.array_equal(batch.input_ids, raw)
    for name in ("input_ids", "labels", "position_ids"):
        assert np.array_equal(getattr(batch, name), stored[name]), name
    assert all(map(np.array_equal, borders_of(batch), stored["cu_seq_lens"]))


def first_batch_ms(path: Path) -> dict[str, float]:
    """Returns the best of new processes: from torch, and from torch and the reader, to a batch."""
    took = [
        [
            float(part) * 1e3
            for part in subprocess.run(
                [sys.executable, "-c", _FIRST, str(path)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()
        ]
        for _ in range(NUM_RUNS)
    ]
    whole, opened = (min(each) for each in zip(*took, strict=True))
    return {"first_batch_ms": opened, "first_batch_and_imports_ms": whole}


if __name__ == "__main__":
    main()
