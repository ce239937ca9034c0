"""What an example costs between the tokenizer and the artefact: CPU, memory and bytes.

In: how many examples, of how many tokens, from how many sources; all are made up, and lie in a
store in a temporary folder. Out: a line for each stage with the CPU microseconds an example takes,
and those of them that go into hashing (draws by key, SHA-256 of files and content, checksums of the
store), the memory that the process has at its end and had at most, and how many bytes a token takes
in the shards and in all files. Nothing is phrased or encoded. `--json FILE` keeps the numbers.

    python benchmarks/writing.py --examples 1000000 --tokens 300
"""

import argparse
import hashlib
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np

from taskc.compiler import plan
from taskc.compiler.demand import supply as supplies
from taskc.compiler.demand.supply import Supply
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.ranges import Range, SplitInputs
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.sequences.mixture import mix
from taskc.compiler.sequences.stream import packed, training_stream
from taskc.compiler.store import objects
from taskc.compiler.store.objects import Store
from taskc.compiler.store.segments import Entries, write_segment
from taskc.compiler.turns.make import Made, MakeTask
from taskc.compiler.writing import tables
from taskc.compiler.writing.place import Folder
from taskc.compiler.writing.write import BuildFacts, TokenizerFacts, write
from taskc.runtime import columns
from taskc.runtime.artifact import Ledger, LedgerEntry

RANGE_ROWS = 4_000
VOCAB_SIZE = 32_000
LENGTH = 2_048
AT = plan.Place(path="made/up.task", start=0, end=1, line=1, column=1)


# ---- made-up rows and examples -------------------------------------------------------------------


@dataclass
class MadeUp:
    """Examples of rows that nobody wrote; `make` finds all of them in the store."""

    store: Store
    tokens: int
    segments: dict[str, tuple[str, Any, Any]] = field(default_factory=dict)

    def rows(self, source: str, num_rows: int) -> RowKeys:
        """Rows in ranges, with the segments of their examples."""
        rng = np.random.default_rng(int(source[1:]))
        starts = range(0, num_rows, RANGE_ROWS)
        ranges = []
        for start in starts:
            digest = hashlib.blake2b(f"{source}/{start}".encode(), digest_size=16).hexdigest()
            ranges.append(Range(0, start, start + 1, start + 1, digest))
            self.segments[digest] = self._segment(digest, rng)
        file = InputFile(f"{source}.jsonl", f"data/{source}/train.jsonl")
        return RowKeys(
            source,
            "train",
            SplitInputs((file,), tuple(ranges), "0" * 64),
            rng.integers(0, 256, (num_rows, 16), dtype=np.uint8),
            np.repeat(np.arange(len(ranges), dtype=np.uint32), RANGE_ROWS)[:num_rows],
            np.tile(np.arange(RANGE_ROWS, dtype=np.uint32), len(ranges))[:num_rows],
        )

    def _segment(self, family: str, rng: np.random.Generator) -> tuple[str, Any, Any]:
        lengths = rng.integers(self.tokens // 2, self.tokens * 3 // 2 + 1, RANGE_ROWS)
        seams = lengths * 3 // 4
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        # Frequent tokens have small ids, as in a vocabulary of merges.
        ids = (VOCAB_SIZE ** rng.random(offsets[-1])).astype(np.uint16)
        entries = Entries(
            keys=rng.integers(0, 256, (RANGE_ROWS, 16), dtype=np.uint8),
            fates=np.zeros(RANGE_ROWS, np.uint8),
            parts=np.zeros(RANGE_ROWS, np.uint16),
            trimmed=np.zeros(RANGE_ROWS, np.uint32),
            seam_joined=np.zeros(RANGE_ROWS, np.bool_),
            trained=(lengths - seams).astype(np.uint32),
            ids=ids,
            offsets=offsets,
            spans=np.stack([seams, lengths], axis=1).astype(np.int32).reshape(-1),
            span_offsets=np.arange(RANGE_ROWS + 1),
        )
        name = write_segment(self.store, family, entries, vocab_size=VOCAB_SIZE)
        return name, lengths.astype(np.uint32), entries.trained

    def make(self, task: MakeTask) -> Made:
        """Stands for `turns.make.make`, in no time."""
        name, lengths, trained = self.segments[task.range.digest]
        number = len(task)
        return Made(
            family=task.range.digest,
            segments=[name],
            candidate=np.arange(number, dtype=np.uint32),
            part=np.zeros(number, np.uint16),
            prompt=(task.ids[:, 0] % 10).astype(np.uint16),
            trimmed=np.zeros(number, np.uint32),
            seam_joined=np.zeros(number, np.bool_),
            num_tokens=lengths[task.lines],
            num_trained=trained[task.lines],
            segment=np.zeros(number, np.uint16),
            entry=task.lines,
        )


def build_of(names: list[str]) -> plan.BuildPlan:
    """One epoch of all sources, phrased by ten prompts."""
    rate = plan.ProportionalRate(cap=None, limit=None)
    member = plan.Member(name="all", sources=tuple(names))
    prompts = tuple(
        plan.Prompt.model_construct(label=f"p{number}", kind="prompt", at=AT)
        for number in range(10)
    )
    return plan.BuildPlan.model_construct(
        name="writing",
        package="benchmarks",
        params={},
        sources=tuple(
            plan.Source.model_construct(name=name, clusters=("all",), metric="", at=AT)
            for name in names
        ),
        templates=(
            plan.Template.model_construct(
                name="t", sources=tuple(names), prompts=prompts, options=None, at=AT
            ),
        ),
        mixture=plan.Mixture.model_construct(
            name="m",
            seed=0,
            rate=rate,
            blend=plan.Blend(rate=rate, members=(member,), takes=()),
            takes=(),
            total=plan.Total(count=1, unit="epochs"),
            repeat=0,
            at=AT,
        ),
        tokenizer=None,
        format=plan.PromptTargetFormat.model_construct(kind="prompt_target"),
        pack=plan.Pack(length=LENGTH, window=20_000),
        runs=(),
        at=AT,
    )


# ---- measuring -----------------------------------------------------------------------------------


class Clock:
    """CPU seconds by stage, and those of them that hashing took."""

    def __init__(self, num_examples: int) -> None:
        self.num_examples = num_examples
        self.hashing_s = 0.0
        self.stages: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures a stage."""
        begin, hashing_s = time.process_time(), self.hashing_s
        yield
        self.stages[name] = {
            "cpu_us": (time.process_time() - begin) / self.num_examples * 1e6,
            "hashing_us": (self.hashing_s - hashing_s) / self.num_examples * 1e6,
            "memory_mb": _memory_mb(),
        }

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time counted as hashing."""

        def counted(*arguments: Any, **named: Any) -> Any:
            begin = time.thread_time()
            try:
                return call(*arguments, **named)
            finally:
                self.hashing_s += time.thread_time() - begin

        return counted

    def hasher(self) -> Any:
        """A SHA-256 whose time is counted."""
        hasher = hashlib.sha256()
        return SimpleNamespace(update=self.timed(hasher.update), hexdigest=hasher.hexdigest)


def _memory_mb() -> float:
    """Memory of this process that is no file's."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in status if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


@contextmanager
def watched(clock: Clock, made_up: MadeUp) -> Iterator[None]:
    """Puts the made-up `make` in place, and counts what is hashed."""
    counted = SimpleNamespace(sha256=clock.hasher)
    kept = supplies.make, tables.hashlib, columns.hashlib, objects._is_sound, RowKeys.draws  # noqa: SLF001
    supplies.make, tables.hashlib = made_up.make, counted
    columns.hashlib = SimpleNamespace(
        sha256=lambda *content: hashlib.sha256(*content) if content else clock.hasher()
    )
    objects._is_sound = clock.timed(objects._is_sound)  # noqa: SLF001
    RowKeys.draws = clock.timed(RowKeys.draws)
    try:
        yield
    finally:
        supplies.make, tables.hashlib, columns.hashlib, objects._is_sound, RowKeys.draws = kept  # noqa: SLF001


def measure(num_examples: int, tokens: int, num_sources: int, folder: Path) -> dict[str, Any]:
    """Takes made-up examples through all stages behind the tokenizer."""
    made_up = MadeUp(Store.open(folder / "store"), tokens)
    names = [f"s{number}" for number in range(num_sources)]
    build = build_of(names)
    rows = [made_up.rows(name, num_examples // num_sources) for name in names]
    clock = Clock(sum(map(len, rows)))
    with watched(clock, made_up), LocalEngine(1) as engine:
        with clock.stage("rank"):
            own = [
                Supply(build, source, each, made_up.store)
                for source, each in zip(build.sources, rows, strict=True)
            ]
        with clock.stage("mix"):
            mixed = mix(build, own, engine, lambda _rows: None)
            delivered = {
                each.source.name: each.figures(num)
                for each, num in zip(own, mixed.num_units, strict=True)
            }
        with clock.stage("stream"):
            stream = training_stream(own, mixed.places)
        with clock.stage("pack"):
            packs = packed(build, stream)
        facts = BuildFacts(
            plan_digest="00",
            components={},
            inputs={},
            shares=dict.fromkeys(names, 1 / num_sources),
            delivered=delivered,
            tokenizer=TokenizerFacts(files={}, special={}, vocab_size=VOCAB_SIZE, digest="00"),
            ledger=Ledger(
                entries=tuple(
                    LedgerEntry(source=name, split="train", read=own.rows, delivered=own.rows)
                    for name, own in delivered.items()
                )
            ),
        )
        with clock.stage("write"):
            write(
                Folder(folder / "out"), build, stream, packs, [], store=made_up.store, facts=facts
            )
    files = [path for path in (folder / "out").rglob("*") if path.is_file()]
    num_tokens = sum(own.tokens for own in delivered.values())
    shards = sum(path.stat().st_size for path in files if path.suffix == ".arrow")
    return {
        "examples": clock.num_examples,
        "tokens": num_tokens,
        "stages": clock.stages,
        "most_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "shard_bytes_a_token": shards / num_tokens,
        "bytes_a_token": sum(path.stat().st_size for path in files) / num_tokens,
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=300, help="of an example, in the mean")
    parser.add_argument("--sources", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = measure(arguments.examples, arguments.tokens, arguments.sources, Path(folder))
    print(f"{found['examples']:,} examples, {found['tokens']:,} tokens")
    for name, stage in found["stages"].items():
        print(
            f"{name:8}{stage['cpu_us']:8.2f} us, {stage['hashing_us']:.2f} of them hashing"
            f"{stage['memory_mb']:8.0f} MB"
        )
    print(f"at most {found['most_memory_mb']:.0f} MB, files in memory included")
    print(f"{found['shard_bytes_a_token']:.3f} bytes a token in shards, ", end="")
    print(f"{found['bytes_a_token']:.3f} in all files")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
