"""Opens an artefact: checks that it is whole, maps it, and hands out sequences and evaluation rows.

In: an artefact's folder, or its URL. Out: numpy arrays, built when a row is asked for. Nothing is
written but the copy of what lies at a URL, and neither torch nor a tokenizer is loaded. Opening
hashes every file once, about 1.3 GB/s a core; `verify=False` checks names and sizes only, in
milliseconds.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from taskc.runtime import artifact, remote
from taskc.runtime.artifact import ArtifactError, Ledger, Manifest, Run
from taskc.runtime.batches import Batches
from taskc.runtime.layout import lay_out
from taskc.runtime.schedule import BatchRule, Schedule
from taskc.runtime.shards import Shards

__all__ = ["Artifact", "EvaluationSplit", "PackedSplit", "Sequence", "open"]

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """One packed sequence of T tokens and K examples, unpadded.

    Attributes:
        input_ids: Token ids, int64 [T].
        labels: The ids that are trained on, -100 elsewhere, not shifted, int64 [T]. The first token
            of an example is never trained on: nothing before it may predict it.
        position_ids: From 0 in each example, int64 [T].
        segment_ids: 1 for the first example's tokens, 2 for the second's ..., int32 [T].
        cu_seq_lens: Where examples begin, and T, int32 [K + 1].
        examples: Example ids: rows of `Artifact.examples`, int64 [K].
    """

    input_ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    position_ids: npt.NDArray[np.int64]
    segment_ids: npt.NDArray[np.int32]
    cu_seq_lens: npt.NDArray[np.int32]
    examples: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """The number of tokens."""
        return len(self.input_ids)

    @property
    def lengths(self) -> npt.NDArray[np.int32]:
        """Tokens of each example, int32 [K]."""
        return np.diff(self.cu_seq_lens)


def open(  # noqa: A001 (the verb's name)
    path: str | os.PathLike[str],
    *,
    verify: bool = True,
    cache: str | os.PathLike[str] = remote.CACHE,
) -> "Artifact":
    """Opens the artefact in a local folder, or at a URL, from where it is fetched once.

    Args:
        path: The folder that holds manifest.json, or a URL of one that fsspec knows.
        verify: Whether to hash every file; without it a damaged shard is read as it is. What is
            fetched is always hashed.
        cache: The folder that keeps what was fetched.

    Raises:
        ArtifactError: If it is no artefact, of another version, or any of its files is missing or
            changed; the message names the file.
    """
    if remote.is_url(os.fspath(path)):
        folder = remote.fetched(os.fspath(path), Path(cache), verify=verify)
        return Artifact(folder, _manifest_bytes(folder), verify=False)
    folder = Path(path)
    for attempt in range(_ATTEMPTS):
        content = _manifest_bytes(folder)
        own = folder / artifact.version_folder(content)  # a copy of what lay at a URL
        try:
            return Artifact(own if own.is_dir() else folder, content, verify=verify)
        except ArtifactError:
            # A new build may take the folder's place while this one is being read: read that one
            # then.
            if attempt == _ATTEMPTS - 1 or _manifest_bytes(folder) == content:
                raise
    raise AssertionError


class Artifact:
    """A built artefact; see docs/artifact.md for what its files hold.

    Attributes:
        path: Its folder.
        manifest: manifest.json.
    """

    def __init__(self, folder: Path, manifest: bytes, *, verify: bool) -> None:
        self.path = folder
        self.manifest = artifact.load(Manifest, manifest, str(folder / artifact.MANIFEST))
        _check_files(folder, self.manifest, hashed=verify)
        self._train = PackedSplit(folder, self.manifest)

    def __repr__(self) -> str:
        train = self.manifest.splits["train"]
        return (
            f"<Artifact {self.manifest.package}/{self.manifest.build}: "
            f"{train.sequences:,} sequences, {train.examples:,} examples, {train.tokens:,} tokens>"
        )

    @overload
    def __getitem__(self, split: Literal["train"]) -> "PackedSplit": ...
    @overload
    def __getitem__(self, split: str) -> "PackedSplit | EvaluationSplit": ...
    def __getitem__(self, split: str) -> "PackedSplit | EvaluationSplit":
        """Returns a split: "train" is packed, every other one is an evaluation set.

        Raises:
            KeyError: If the artefact has no such split.
        """
        if split == "train":
            return self._train
        if split not in self.manifest.splits:
            raise KeyError(f"no split {split!r}, there are {', '.join(self.manifest.splits)}")
        return EvaluationSplit(split, self._table(artifact.evaluation_path(split)))

    @cached_property
    def examples(self) -> pa.Table:
        """Where each training example comes from; row i is example id i."""
        return self._table(artifact.PROVENANCE)

    @cached_property
    def ledger(self) -> Ledger:
        """What became of every input row."""
        path = artifact.LEDGER
        return artifact.load(Ledger, self._bytes(path), str(self.path / path))

    @cached_property
    def run(self) -> Run:
        """The `train` and `evaluate` blocks that came with the build."""
        path = self.path / artifact.RUN
        return artifact.load(Run, _read(path), str(path))

    @property
    def tokenizer(self) -> Path:
        """The folder of the tokenizer as used."""
        return self.path / artifact.TOKENIZER

    def verify(self) -> None:
        """Checks everything that can be: files, the content digest, the ledger's sums, the runs.

        Raises:
            ArtifactError: On the first thing that is not as the manifest says.
        """
        _check_files(self.path, self.manifest, hashed=True)
        digest = artifact.ContentDigest()
        for batch in self._train.record_batches():
            digest.add_sequences(batch)
        digest.add_examples(self.examples)
        for split in self.manifest.splits:
            if split != "train":
                digest.add_evaluation(split, self._table(artifact.evaluation_path(split)))
        name, expected = str(self.path), self.manifest.columns
        for column, found in digest.columns().items():
            if expected.get(column) != found:
                wanted = expected.get(column, "no such column")
                raise ArtifactError(name, f"content of {column}", wanted, found)
        if digest.digest() != self.manifest.content_digest:
            wanted = self.manifest.content_digest
            raise ArtifactError(name, "content digest", wanted, digest.digest())
        wrong = self.ledger.imbalances()
        if wrong:
            raise ArtifactError(artifact.LEDGER, "sums", "every row accounted for", wrong[0])
        _ = self.run

    def _bytes(self, path: str) -> bytes:
        """Returns a file's bytes, checked again: it may have changed since the opening."""
        content = _read(self.path / path)
        expected, found = self.manifest.files[path].sha256, hashlib.sha256(content).hexdigest()
        if found != expected:
            raise ArtifactError(str(self.path / path), "sha256", expected, found)
        return content

    def _table(self, path: str) -> pa.Table:
        # `read_table` reads on threads that may outlive the interpreter: of 285 scripts that ended
        # right after it 5 were aborted, of 400 that read like this none.
        opened = pa.parquet.ParquetFile(pa.BufferReader(self._bytes(path)))
        return opened.read(use_threads=False)


class PackedSplit:
    """The training split: a sequence of `Sequence`, by number or slice."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        names = sorted(name for name in manifest.files if name.endswith(".arrow"))
        files = [folder / name for name in names]
        self._shards = Shards(files, manifest.vocab_size, manifest.packing.length)
        self._manifest = manifest
        counts = manifest.splits["train"]
        for field, expected, found in (
            ("sequences", counts.sequences, len(self._shards)),
            ("sequences in windows", sum(manifest.packing.window_sequences), len(self._shards)),
            ("examples", counts.examples, self._shards.num_examples),
        ):
            if expected != found:
                raise ArtifactError(str(folder / "train"), field, str(expected), str(found))

    def __len__(self) -> int:
        """The number of sequences."""
        return len(self._shards)

    @overload
    def __getitem__(self, index: int) -> Sequence: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sequence]: ...
    def __getitem__(self, index: int | slice) -> Sequence | list[Sequence]:
        """Returns one sequence, counted from the end where negative, or a list of them."""
        if isinstance(index, slice):
            return [self._sequence(i) for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        return self._sequence(place)

    def __iter__(self) -> Iterator[Sequence]:
        """Yields the sequences as written: a window after another, packs by key inside each."""
        return (self._sequence(index) for index in range(len(self)))

    @property
    def longest_example(self) -> int:
        """Most tokens of any example, 0 where there is none: one more than the last position."""
        return self._shards.longest_example

    def trained_ids(self, ids: Iterable[int]) -> list[int]:
        """Returns those of some ids that are trained on anywhere; reads until all are found."""
        return self._shards.trained_ids(list(ids))

    def record_batches(self) -> Iterator[pa.RecordBatch]:
        """Yields the shards' columns as they are stored."""
        return (batch.table for batch in self._shards.batches)

    def batches(
        self,
        batch: BatchRule,
        *,
        seed: int = 0,
        epochs: int = 1,
        rank: int = 0,
        world_size: int = 1,
        state: Mapping[str, object] | None = None,
    ) -> Batches:
        """Returns batches over some epochs; see `taskc.runtime.batches`.

        Args:
            batch: `sequences(8)`, `tokens(16_384)` or `examples(32)`, over all ranks together.
            seed: Orders the epochs after the first; the first is read as written.
            epochs: How often everything is read.
            rank: Which process this is, from 0.
            world_size: How many processes share each step's batch.
            state: What `state_dict` of such batches returned, on any number of ranks: go on from
                there.

        Raises:
            ArtifactError: If `state` belongs to other content or other arguments.
        """
        schedule = Schedule.of(self._manifest, batch, seed=seed, world_size=world_size)
        batches = Batches(self._shards, self._manifest, schedule, epochs=epochs, rank=rank)
        if state is not None:
            batches.load_state_dict(state)
        return batches

    def _sequence(self, index: int) -> Sequence:
        row = self._shards.row(index)
        batch = lay_out([row], len(row.ids), pad_id=0)
        until_K = np.cumsum(row.lengths, dtype=np.int32)
        return Sequence(
            input_ids=batch.input_ids[0],
            labels=batch.labels[0],
            position_ids=batch.position_ids[0],
            segment_ids=batch.segment_ids[0],
            cu_seq_lens=np.concatenate([np.zeros(1, np.int32), until_K]),
            examples=row.examples.astype(np.int64),
        )


class EvaluationSplit:
    """An evaluation split: rows as dictionaries of its columns, in order.

    Attributes:
        table: All columns; docs/artifact.md says what each holds.
    """

    def __init__(self, name: str, table: pa.Table) -> None:
        self.name = name
        self.table = table

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> dict[str, object]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, object]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, object] | list[dict[str, object]]:
        """Returns one row, counted from the end where negative, or a list of them."""
        if isinstance(index, slice):
            places = range(*index.indices(len(self)))
            rows: list[dict[str, object]] = self.table.take(
                pa.array(places, pa.int64())
            ).to_pylist()
            return rows
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        row: dict[str, object] = self.table.slice(place, 1).to_pylist()[0]
        return row

    def __iter__(self) -> Iterator[dict[str, object]]:
        """Yields the rows in order."""
        for batch in self.table.to_batches(max_chunksize=1024):
            yield from batch.to_pylist()


# ---- files -------------------------------------------------------------------------------------


def _manifest_bytes(folder: Path) -> bytes:
    if not folder.is_dir():
        raise ArtifactError(str(folder), "folder", "an artefact", "no such folder")
    return _read(folder / artifact.MANIFEST)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ArtifactError(str(path), "file", "to be there", "nothing") from error


def _check_files(folder: Path, manifest: Manifest, *, hashed: bool) -> None:
    """Compares every file with what the manifest says of it, several at a time.

    Raises:
        ArtifactError: On the first, in the manifest's order, that is missing or differs.
    """
    for name, facts in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ArtifactError(str(path), "file", f"{facts.size_bytes} bytes", "nothing")
        size_bytes = path.stat().st_size
        if size_bytes != facts.size_bytes:
            raise ArtifactError(str(path), "bytes", str(facts.size_bytes), str(size_bytes))
    if not hashed:
        return
    paths = [folder / name for name in manifest.files]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing holds no interpreter lock
        for path, facts, found in zip(
            paths, manifest.files.values(), pool.map(artifact.sha256_of, paths), strict=True
        ):
            if found != facts.sha256:
                raise ArtifactError(str(path), "sha256", facts.sha256, found)
