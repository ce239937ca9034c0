"""Stage `write`: the artefact's folder, from pointers into the store.

In: the stream and its packs, evaluation splits, the ledger and the facts of the build. Out: a
folder as docs/artifact.md describes it, there whole or not at all. Nothing is chosen here: same
inputs and same library versions, same bytes. Every token is copied three times, whole examples at a
time, and hashed twice (file, content); what is in memory is bounded but for 24 bytes an example.
An example of 300 tokens takes 3 CPU us, and 2 of hashing.
"""

import platform
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from taskc.compiler.demand.supply import Figures
from taskc.compiler.plan import BuildPlan
from taskc.compiler.sequences.evaluation import EvaluationSet
from taskc.compiler.sequences.pack import Packs
from taskc.compiler.sequences.stream import Stream
from taskc.compiler.store.objects import Store
from taskc.compiler.writing import figures
from taskc.compiler.writing.evaluated import evaluation_groups
from taskc.compiler.writing.place import Place
from taskc.compiler.writing.provenance import Provenance
from taskc.compiler.writing.scatter import opener
from taskc.compiler.writing.shards import SHARD_BYTES, shards
from taskc.compiler.writing.tables import new_file, table_of, write_row_groups
from taskc.dsl.errors import InternalError
from taskc.runtime import artifact

if TYPE_CHECKING:
    from taskc.compiler.decontamination.report import Report
    from taskc.compiler.twins.report import TwinsReport

__all__ = ["BuildFacts", "TokenizerFacts", "write"]

GROUP_EXAMPLES = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerFacts:
    """The tokenizer as used.

    Attributes:
        files: What goes into tokenizer/, by file name: tokenizer.json and its configuration, added
            tokens included.
        special: Special tokens by name (eos, bos, pad, added ones).
        vocab_size: All ids are below it, added tokens included.
        digest: Hexadecimal digest of the tokenizer as the plan's keys know it.
    """

    files: Mapping[str, bytes]
    special: Mapping[str, artifact.SpecialToken]
    vocab_size: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFacts:
    """What the manifest says of the build beside its plan.

    Attributes:
        plan_digest: Hexadecimal digest of the plan.
        components: Digest of each part that the artefact is made from, by name.
        inputs: Hexadecimal digest of what was read, by source, then split.
        shares: The share of the examples that each source was asked for, by name; they sum to 1.
        delivered: What each source delivers for training, by name.
        tokenizer: The tokenizer as used.
        ledger: The row accounting; its sums must hold.
        twins: Which rows went for which; None where the mixture does not ask.
        decontamination: What rows were dropped for; None where the mixture does not ask.
    """

    plan_digest: str
    components: Mapping[str, str]
    inputs: Mapping[str, Mapping[str, str]]
    shares: Mapping[str, float]
    delivered: Mapping[str, Figures]
    tokenizer: TokenizerFacts
    ledger: artifact.Ledger
    twins: "TwinsReport | None" = None
    decontamination: "Report | None" = None


def write(
    place: Place,
    plan: BuildPlan,
    stream: Stream,
    packs: Packs,
    evaluations: Sequence[EvaluationSet],
    *,
    store: Store,
    facts: BuildFacts,
    shard_bytes: int = SHARD_BYTES,
    progress: Callable[[int], None] = lambda _examples: None,
) -> None:
    """Writes the artefact to its place, in one step at the end.

    Args:
        place: The artefact's own place, `OUT/PACKAGE/BUILD[@PARAM=VALUE]`; an older artefact there
            is replaced.
        plan: The build's plan.
        stream: Training examples in stream order, which are given up; none is fine.
        packs: `packed`'s answer for them.
        evaluations: The other splits, each once, which are given up.
        store: Where the examples lie.
        facts: The rest.
        shard_bytes: About how many bytes of ids a shard holds.
        progress: Told how many training examples were written since the last call.

    Raises:
        OutputError: If it can't be written, the disk is full, or something that is no artefact
            stands there; nothing is left behind.
        StoreError: If examples are no longer in the store.
        InternalError: If the ledger does not balance, a column is missing or holds a null, or
            tokens are not those that were counted.
    """
    wrong = facts.ledger.imbalances()
    if wrong:
        raise InternalError("the ledger does not balance: " + "; ".join(wrong))
    with place.filled() as folder:
        writer = _Writer(folder, plan, store, facts, progress)
        writer.fill(stream, packs, evaluations, shard_bytes)


class _Writer:
    """Fills one folder, file by file, and remembers what the manifest says of each."""

    def __init__(
        self,
        folder: Path,
        plan: BuildPlan,
        store: Store,
        facts: BuildFacts,
        progress: Callable[[int], None],
    ) -> None:
        self.folder = folder
        self.progress = progress
        self.plan = plan
        self.store = store
        self.facts = facts
        self.vocab_size = facts.tokenizer.vocab_size
        self.files: dict[str, artifact.FileFacts] = {}
        self.content = artifact.ContentDigest()

    def fill(
        self,
        stream: Stream,
        packs: Packs,
        evaluations: Sequence[EvaluationSet],
        shard_bytes: int,
    ) -> None:
        """Writes everything; the manifest last, since it speaks of all others."""
        splits = {"train": figures.train_counts(self.facts.delivered, packs)}
        self._provenance(stream)
        self._shards(stream, packs, shard_bytes, splits["train"])
        for evaluation in sorted(evaluations, key=lambda evaluation: evaluation.split):
            splits[evaluation.split] = self._evaluation(evaluation)
        for name, content in sorted(self.facts.tokenizer.files.items()):
            self._file(f"{artifact.TOKENIZER}/{name}", content)
        self._twins(self.facts.twins)
        self._decontamination(self.facts.decontamination)
        self._file(artifact.LEDGER, artifact.dump(self.facts.ledger))
        made_from = artifact.Components(components=dict(self.facts.components))
        self._file(artifact.COMPONENTS, artifact.dump(made_from))
        manifest = self._manifest(splits, packs)
        for path, document in (
            (artifact.RUN, run_document(self.plan)),
            (artifact.MANIFEST, manifest),
        ):
            with new_file(self.folder / path) as file:
                file.write(artifact.dump(document))

    def _file(self, path: str, content: bytes) -> None:
        with new_file(self.folder / path) as file:
            file.write(content)
        self.files[path] = file.facts()

    def _provenance(self, stream: Stream) -> None:
        """Writes where every example comes from; the columns that say so are given up."""
        schema = artifact.provenance_schema()
        provenance = Provenance(stream)
        self.files[artifact.PROVENANCE] = write_row_groups(
            self.folder / artifact.PROVENANCE,
            schema,
            (
                table_of(
                    provenance.columns(begin, min(begin + GROUP_EXAMPLES, len(stream))), schema
                )
                for begin in range(0, len(stream), GROUP_EXAMPLES)
            ),
            self.content.add_examples,
            plain=("row", "row_id"),
        )
        for name in ("row", "prompt", "repetition", "part", "trimmed"):
            stream.examples.release(name)

    def _shards(
        self, stream: Stream, packs: Packs, shard_bytes: int, counts: artifact.Counts
    ) -> None:
        opened = opener(self.store, stream.segments)
        batches = shards(
            stream,
            packs,
            opened,
            self.folder,
            vocab_size=self.vocab_size,
            shard_bytes=shard_bytes,
        )
        tokens = trained_tokens = index = 0
        with ThreadPoolExecutor(1) as beside:
            while (batch := next(batches, None)) is not None:
                # Hashing holds no interpreter lock: files and content are hashed at a time.
                hashed = beside.submit(self.content.add_sequences, batch)
                spans = np.asarray(batch["spans"].values)
                tokens += len(batch["input_ids"].values)
                trained_tokens += int((spans[1::2] - spans[::2]).sum())
                self._shard(artifact.shard_path(index), batch)
                hashed.result()
                self.progress(len(batch["example_ids"].values))
                index += 1
                del batch, spans, hashed  # before the next one is put together
        if (tokens, trained_tokens) != (counts.tokens, counts.trained_tokens):
            found = f"{tokens} tokens, {trained_tokens} of them trained"
            raise InternalError(f"{found}, were written, counted were {counts}")

    def _shard(self, path: str, batch: pa.RecordBatch) -> None:
        with (
            new_file(self.folder / path) as file,
            pa.ipc.new_stream(pa.PythonFile(file, mode="w"), batch.schema) as sink,
        ):
            sink.write_batch(batch)
        self.files[path] = file.facts()

    def _evaluation(self, evaluation: EvaluationSet) -> artifact.Counts:
        """Writes an evaluation split; returns how much it holds: nothing of it is trained on."""
        stream = evaluation.stream
        num_tokens = int(stream.examples.tokens.sum(dtype=np.int64))
        path = artifact.evaluation_path(evaluation.split)
        opened = opener(self.store, stream.segments)
        self.files[path] = write_row_groups(
            self.folder / path,
            artifact.evaluation_schema(),
            evaluation_groups(stream, opened, self.folder, vocab_size=self.vocab_size),
            lambda table: self.content.add_evaluation(evaluation.split, table),
        )
        return artifact.Counts(
            sequences=0, examples=len(stream), tokens=num_tokens, trained_tokens=0
        )

    def _twins(self, report: "TwinsReport | None") -> None:
        """Writes which rows went for which: it says where content is not from, and is none."""
        if report is not None:
            self.files[artifact.TWINS] = write_row_groups(
                self.folder / artifact.TWINS,
                artifact.twins_schema(),
                report.rows(),
                lambda _table: None,
            )

    def _decontamination(self, report: "Report | None") -> None:
        """Writes what rows were dropped for: it says where content is not from, and is none."""
        if report is None:
            return
        for path, schema, groups in (
            (artifact.DECONTAMINATED, artifact.decontamination_schema(), report.rows),
            (artifact.COMMON_RUNS, artifact.common_runs_schema(), report.common),
        ):
            self.files[path] = write_row_groups(
                self.folder / path, schema, groups(self.store), lambda _table: None
            )

    def _manifest(self, splits: dict[str, artifact.Counts], packs: Packs) -> artifact.Manifest:
        plan, facts = self.plan, self.facts
        return artifact.Manifest(
            package=plan.package,
            build=plan.name,
            params=dict(sorted(plan.params.items())),
            digests=artifact.Digests(
                plan=facts.plan_digest,
                tokenizer=facts.tokenizer.digest,
                inputs={
                    name: dict(sorted(by.items())) for name, by in sorted(facts.inputs.items())
                },
            ),
            mixture=figures.mixture(plan, facts.delivered, facts.shares),
            format=_without_places(plan.format.model_dump(mode="json")),
            special=dict(sorted(facts.tokenizer.special.items())),
            vocab_size=self.vocab_size,
            packing=figures.packing(plan, facts.delivered, packs),
            versions=_versions(),
            splits=splits,
            files=dict(sorted(self.files.items())),
            columns=self.content.columns(),
            content_digest=self.content.digest(),
        )


def run_document(plan: BuildPlan) -> artifact.Run:
    """Returns run.json of a plan: its `train` and `evaluate` blocks."""
    blocks = (
        artifact.RunBlock(
            kind=run.kind,
            name=run.name,
            settings={name: _setting(value) for name, value in run.settings.items()},
        )
        for run in plan.runs
    )
    return artifact.Run(runs=tuple(blocks))


def _setting(value: object) -> Any:
    """Returns a setting as JSON: a call, lowered as (name, arguments), says that it is one."""
    match value:
        case (str(name), dict(arguments)):
            return {"call": name, "arguments": _setting(arguments)}
        case dict():
            return {name: _setting(each) for name, each in value.items()}
        case list() | tuple():
            return [_setting(each) for each in value]
        case _:
            return value


def _versions() -> artifact.Versions:
    return artifact.Versions(
        taskc=version("taskc-lang"),
        python=platform.python_version(),
        tokenizers=version("tokenizers"),
        pyarrow=version("pyarrow"),
        unicodedata=unicodedata.unidata_version,
    )


def _without_places(lowered: dict[str, Any]) -> dict[str, Any]:
    """Returns the lowered setting without where it stood: a moved clause changes no manifest."""
    return {
        name: _without_places(value) if isinstance(value, dict) else value
        for name, value in lowered.items()
        if name != "at"
    }
