"""Stage `write`: the artefact's folder, from delivered examples and their packs.

In: what `order` and `pack` decided, evaluation sets, the ledger and the facts of the build. Out: a
folder as docs/artifact.md describes it, there whole or not at all. Nothing is chosen here: same
inputs and same library versions, same bytes. Tokens are gathered once, shard by shard, and hashed
twice (file, content).
"""

import hashlib
import os
import platform
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from taskc.compiler.examples import Delivered, EvaluationSet
from taskc.compiler.plan import BuildPlan
from taskc.compiler.sequences import figures
from taskc.compiler.sequences.pack import Packs
from taskc.compiler.sequences.shards import shards
from taskc.compiler.writing.publish import published
from taskc.dsl.errors import InternalError
from taskc.runtime import artifact
from taskc.runtime.artifact import ArtifactError

__all__ = ["BuildFacts", "TokenizerFacts", "write"]


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
        inputs: Hexadecimal digest of what was read, by source, then split.
        shares: The share of the examples that each source was asked for, by name; they sum to 1.
        tokenizer: The tokenizer as used.
        ledger: The row accounting; its sums must hold.
    """

    plan_digest: str
    inputs: Mapping[str, Mapping[str, str]]
    shares: Mapping[str, float]
    tokenizer: TokenizerFacts
    ledger: artifact.Ledger


def write(
    place: Path,
    plan: BuildPlan,
    delivered: Delivered,
    packs: Packs,
    evaluations: Sequence[EvaluationSet],
    *,
    facts: BuildFacts,
) -> Path:
    """Writes the artefact to the folder `place`, in one step at the end; returns `place`.

    Args:
        place: The artefact's own folder, `OUT/PACKAGE/BUILD[@PARAM=VALUE]`; an older artefact there
            is replaced.
        plan: The build's plan.
        delivered: Training examples in stream order; none is fine.
        packs: `pack`'s answer for their lengths.
        evaluations: The other splits, each once.
        facts: The rest.

    Raises:
        ArtifactError: If something that is no artefact stands at `place`.
        InternalError: If the ledger does not balance, or a column is missing or holds a null.
    """
    wrong = facts.ledger.imbalances()
    if wrong:
        raise InternalError("the ledger does not balance: " + "; ".join(wrong))
    if place.exists() and not (place / artifact.MANIFEST).is_file() and any(place.iterdir()):
        raise ArtifactError(str(place), "folder", "an artefact or nothing", "other files")
    with published(place) as folder:
        _Writer(folder, plan, delivered, packs, facts).fill(evaluations)
    return place


class _Writer:
    """Fills one folder, file by file, and remembers what the manifest says of each."""

    def __init__(
        self, folder: Path, plan: BuildPlan, delivered: Delivered, packs: Packs, facts: BuildFacts
    ) -> None:
        self.folder = folder
        self.plan = plan
        self.delivered = delivered
        self.packs = packs
        self.facts = facts
        self.files: dict[str, artifact.FileFacts] = {}
        self.content = artifact.ContentDigest()

    def fill(self, evaluations: Sequence[EvaluationSet]) -> None:
        """Writes everything; the manifest last, since it speaks of all others."""
        self._shards()
        examples = _table(self.delivered.provenance, artifact.provenance_schema())
        self.content.add_examples(examples)
        self._file(artifact.PROVENANCE, _parquet(examples))
        splits = {"train": figures.train_counts(self.delivered, self.packs)}
        for evaluation in sorted(evaluations, key=lambda evaluation: evaluation.split):
            table = _table(evaluation.columns, artifact.evaluation_schema())
            self.content.add_evaluation(evaluation.split, table)
            self._file(artifact.evaluation_path(evaluation.split), _parquet(table))
            splits[evaluation.split] = figures.evaluation_counts(table)
        for name, content in sorted(self.facts.tokenizer.files.items()):
            self._file(f"{artifact.TOKENIZER}/{name}", content)
        self._file(artifact.LEDGER, artifact.dump(self.facts.ledger))
        _write_file(self.folder / artifact.RUN, artifact.dump(run_document(self.plan)))
        _write_file(
            self.folder / artifact.MANIFEST, artifact.dump(self._manifest(splits, examples))
        )

    def _file(self, path: str, content: "bytes | pa.Buffer") -> None:
        digest = hashlib.sha256(content).hexdigest()
        self.files[path] = artifact.FileFacts(size_bytes=len(content), sha256=digest)
        _write_file(self.folder / path, content)

    def _shards(self) -> None:
        batches = shards(self.delivered, self.packs, self.facts.tokenizer.vocab_size)
        for index, batch in enumerate(batches):
            self.content.add_sequences(batch)
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as stream:
                stream.write_batch(batch)
            self._file(artifact.shard_path(index), sink.getvalue())

    def _manifest(
        self, splits: dict[str, artifact.Counts], examples: pa.Table
    ) -> artifact.Manifest:
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
            mixture=figures.mixture(plan, self.delivered, examples, facts.shares),
            format=_without_places(plan.format.model_dump(mode="json")),
            special=dict(sorted(facts.tokenizer.special.items())),
            vocab_size=facts.tokenizer.vocab_size,
            packing=figures.packing(plan, self.delivered, self.packs),
            versions=_versions(),
            splits=splits,
            files=dict(sorted(self.files.items())),
            columns=self.content.columns(),
            content_digest=self.content.digest(),
        )


def _write_file(path: Path, content: "bytes | pa.Buffer") -> None:
    """Writes a new file and makes it durable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _table(columns: Mapping[str, Iterable[object]], schema: pa.Schema) -> pa.Table:
    """Returns the columns as a table of exactly that schema.

    Raises:
        InternalError: If a column is missing, unknown, or holds a null.
    """
    if set(columns) != set(schema.names):
        difference = sorted(set(columns) ^ set(schema.names))
        raise InternalError(f"the table's columns differ from the format's in {difference}")
    table = pa.table(
        {name: pa.array(columns[name], schema.field(name).type) for name in schema.names}
    )
    nulls = [name for name in schema.names if table.column(name).null_count]
    if nulls:
        raise InternalError(f"the columns {nulls} hold a null")
    return table


def _parquet(table: pa.Table) -> pa.Buffer:
    """Returns the table as a parquet file's bytes, which hold no time and no path."""
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


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
