"""The artefact's format: its files, its models, its columns and its content digest, defined once.

In: nothing. Out: pydantic models of manifest.json, ledger.json and run.json, the paths of the other
files, and (from `columns`) the tables' schemas and the digest over them. Both the writer and the
reader stand on this file; it opens no shard and imports no torch. docs/artifact.md says the same in
prose, byte for byte, and docs/schemas/manifest.schema.json is generated from here.

    ArtifactError   an artefact is damaged, of another version, or not fit for what is asked of it
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from taskc.runtime.columns import (
    ContentDigest,
    common_runs_schema,
    decontamination_schema,
    evaluation_schema,
    id_bytes,
    provenance_schema,
    shard_schema,
    twins_schema,
)

__all__ = [
    "ArtifactError",
    "ClusterShare",
    "ContentDigest",
    "Counts",
    "Digests",
    "Dropped",
    "FileFacts",
    "Ledger",
    "LedgerEntry",
    "Manifest",
    "Mixture",
    "Packing",
    "Run",
    "RunBlock",
    "SourceShare",
    "SpecialToken",
    "Total",
    "Versions",
    "common_runs_schema",
    "decontamination_schema",
    "dump",
    "evaluation_schema",
    "id_bytes",
    "load",
    "manifest_json_schema",
    "provenance_schema",
    "shard_schema",
    "twins_schema",
]

FORMAT_VERSION: Literal[1] = 1
MANIFEST = "manifest.json"
LEDGER = "ledger.json"
RUN = "run.json"
COMPONENTS = "components.json"
PROVENANCE = "train/examples.parquet"
TOKENIZER = "tokenizer"
DECONTAMINATED = "decontamination/rows.parquet"
COMMON_RUNS = "decontamination/common.parquet"
TWINS = "twins/rows.parquet"

Scalar = str | int | float | bool | None
Hex = Annotated[str, StringConstraints(pattern="^[0-9a-f]+$")]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
NumItems = Annotated[int, Field(ge=0)]


class ArtifactError(Exception):
    """Something is not what the artefact's format or a reader of it needs.

    Attributes:
        file: The file or thing concerned, as the user would look for it.
        field: What in it.
        expected: What should stand there, in words.
        found: What stands there.
    """

    def __init__(self, file: str, field: str, expected: str, found: str) -> None:
        super().__init__(f"{file}: {field}: expected {expected}, found {found}")
        self.file = file
        self.field = field
        self.expected = expected
        self.found = found


def shard_path(index: int) -> str:
    """Returns where shard number `index` (from 0) lies inside the artefact."""
    return f"train/shard-{index:05d}.arrow"


def evaluation_path(split: str) -> str:
    """Returns where an evaluation split lies inside the artefact."""
    return f"eval/{split}.parquet"


def version_folder(manifest: bytes) -> str:
    """Returns where the files of a manifest lie beside it, at a URL.

    An object store can't exchange two folders in one step. So every version of an artefact has a
    folder of its own there, and the manifest beside them says which one counts.
    """
    return f"files-{hashlib.sha256(manifest).hexdigest()[:16]}"


class Model(BaseModel):
    """Closed and frozen: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# ---- manifest.json -----------------------------------------------------------------------------


class SpecialToken(Model):
    """A token that enters by id."""

    id: NumItems
    text: str


class Digests(Model):
    """What the build read; `inputs` by source, then split."""

    plan: Hex
    tokenizer: Hex
    inputs: dict[str, dict[str, Hex]]


class Counts(Model):
    """How much a split holds; an evaluation split is not packed and has no sequences."""

    sequences: NumItems
    examples: NumItems
    tokens: NumItems
    trained_tokens: NumItems


class Total(Model):
    """How much was asked for."""

    count: NumItems
    unit: Literal["tokens", "examples", "epochs"]


class SourceShare(Model):
    """What one source was asked for and what it delivered.

    Attributes:
        asked: Its share of the mixture's examples, from 0 to 1.
        rows: Distinct rows among its examples.
        repeats: How often the most repeated row was drawn.
        exemplars: How many exemplars stand before its examples.
    """

    name: str
    clusters: tuple[str, ...]
    asked: float
    rows: NumItems
    examples: NumItems
    tokens: NumItems
    trained_tokens: NumItems
    repeats: NumItems
    exemplars: NumItems = 0


class ClusterShare(Model):
    """The sum over a cluster's sources; `repeats` is the largest of theirs."""

    name: str
    asked: float
    rows: NumItems
    examples: NumItems
    tokens: NumItems
    trained_tokens: NumItems
    repeats: NumItems
    exemplars: NumItems = 0


class Mixture(Model):
    """The mixture as asked for and as delivered, in the spec's order of sources."""

    name: str
    rate: dict[str, JsonValue]
    total: Total
    seed: int
    sources: tuple[SourceShare, ...]
    clusters: tuple[ClusterShare, ...]


class Packing(Model):
    """How sequences were made.

    Attributes:
        length: Most tokens a sequence may hold.
        window: Examples in a window.
        window_sequences: Sequences of each window, in order; epochs after the first permute these.
        fill: Tokens over sequences x length, from 0 to 1.
    """

    length: Annotated[int, Field(ge=1)]
    window: Annotated[int, Field(ge=1)]
    window_sequences: tuple[NumItems, ...]
    fill: float


class Versions(Model):
    """What the artefact was made with; equal versions give equal files, not only equal content."""

    taskc: str
    python: str
    tokenizers: str
    pyarrow: str
    unicodedata: str


class FileFacts(Model):
    """Size and SHA-256 of a file."""

    size_bytes: NumItems
    sha256: Sha256


class Manifest(Model):
    """manifest.json: everything about the artefact but the tokens.

    Attributes:
        format: The build's `format` as lowered.
        special: Special tokens by name (eos, bos, pad and added ones).
        vocab_size: Ids are below it; up to 65,536 they are stored in two bytes, else in four.
        splits: Counts by split; "train" is packed.
        files: Every file but manifest.json and run.json, by path, sorted.
        columns: Digest of every logical column, so that two artefacts tell where they differ.
        content_digest: The digest of `columns`.
        digest: SHA-256 of this file's bytes before the comma that precedes this field.
    """

    format_version: Literal[1] = FORMAT_VERSION
    package: str
    build: str
    params: dict[str, Scalar]
    digests: Digests
    mixture: Mixture
    format: dict[str, JsonValue]
    special: dict[str, SpecialToken]
    vocab_size: Annotated[int, Field(ge=1)]
    packing: Packing
    versions: Versions
    splits: dict[str, Counts]
    files: dict[str, FileFacts]
    columns: dict[str, Sha256]
    content_digest: Sha256
    digest: str = ""


# ---- ledger.json -------------------------------------------------------------------------------


class Dropped(Model):
    """Rows that one clause dropped; `at` is the clause's place, "nli.task:14"."""

    stage: str
    reason: str
    at: str
    rows: NumItems


class LedgerEntry(Model):
    """Where the rows of one source and split went.

    Attributes:
        read: Rows that entered: from files, or moved in where `carved_from` names a split.
        dropped: By stage, reason and place.
        moved: Rows carved out of this split, by the split that got them.
        exemplars: Rows that stand before examples of others, and give none themselves.
        not_asked: Rows that survived everything they met but that no quota asked for.
        delivered: Distinct rows of which at least one example was delivered.
    """

    source: str
    split: str
    carved_from: str = ""
    read: NumItems
    dropped: tuple[Dropped, ...] = ()
    moved: dict[str, NumItems] = {}
    exemplars: NumItems = 0
    not_asked: NumItems = 0
    delivered: NumItems

    @property
    def accounted(self) -> int:
        """Rows whose way is known: equal to `read` where the entry balances."""
        dropped = sum(drop.rows for drop in self.dropped)
        kept = self.exemplars + self.not_asked + self.delivered
        return dropped + sum(self.moved.values()) + kept


class Ledger(Model):
    """ledger.json: every row that was read, accounted for."""

    entries: tuple[LedgerEntry, ...]

    def imbalances(self) -> list[str]:
        """Returns a sentence for each sum that does not hold; none in a sound build."""
        received = {(entry.source, entry.split): entry for entry in self.entries}
        wrong = [
            f"{entry.source} {entry.split}: {entry.read} rows read, {entry.accounted} accounted for"
            for entry in self.entries
            if entry.read != entry.accounted
        ]
        for entry in self.entries:
            for split, rows in sorted(entry.moved.items()):
                other = received.get((entry.source, split))
                if other is None or other.carved_from != entry.split or other.read != rows:
                    wrong.append(
                        f"{entry.source} {entry.split}: {rows} rows moved to {split}, "
                        f"which received {other.read if other else 0}"
                    )
        return wrong

    def balances(self) -> bool:
        """Whether every row is accounted for."""
        return not self.imbalances()


# ---- run.json ----------------------------------------------------------------------------------


class RunBlock(Model):
    """A `train` or `evaluate` block, lowered."""

    kind: Literal["train", "evaluate"]
    name: str
    settings: dict[str, JsonValue]


class Run(Model):
    """run.json: what may change without a new build, hence with a digest of its own.

    Attributes:
        digest: SHA-256 of this file's bytes before the comma that precedes this field.
    """

    runs: tuple[RunBlock, ...]
    digest: str = ""


# ---- components.json ---------------------------------------------------------------------------


class Components(Model):
    """components.json: what the artefact was made from, part by part.

    Two artefacts with the same components are the same; where one differs its name says what
    changed: "template conclude: prompt infer", "files of source rte, train".

    Attributes:
        components: 16 or more hexadecimal digits for each part, by its name.
    """

    version: Literal[1] = 1
    components: dict[str, str]


# ---- documents ---------------------------------------------------------------------------------

Document = TypeVar("Document", bound=Model)
_SIGNED = ',\n  "digest": "'


def dump(document: Model) -> bytes:
    """Returns the document's bytes; a manifest or run ends with the digest of what precedes."""
    fields = document.model_dump(mode="json")
    signed = fields.pop("digest", None) is not None
    text = json.dumps(fields, ensure_ascii=False, indent=2)
    if signed:
        text = text.removesuffix("\n}")
        text = f'{text}{_SIGNED}{hashlib.sha256(text.encode()).hexdigest()}"\n}}'
    return f"{text}\n".encode()


def load(model: type[Document], content: bytes, file: str) -> Document:
    """Parses and checks a document.

    Args:
        content: The bytes of the file.
        file: Its name, for messages.

    Raises:
        ArtifactError: If it is not JSON, misses a field, or its bytes don't match its digest.
    """
    try:
        document = model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "text"
        raise ArtifactError(file, field, first["msg"], repr(first["input"])[:80]) from error
    expected = getattr(document, "digest", None)
    if expected is not None:
        body, _, _ = content.rpartition(_SIGNED.encode())
        found = hashlib.sha256(body).hexdigest()
        if found != expected:
            raise ArtifactError(file, "digest", expected or "a SHA-256", found)
    return document


def manifest_json_schema() -> dict[str, JsonValue]:
    """Returns the published JSON Schema of manifest.json (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:taskc:manifest:{FORMAT_VERSION}",
        **Manifest.model_json_schema(mode="serialization"),
    }


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes, read in pieces; about 1.3 GB/s with SHA-NI."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
