"""Stage `write`: the artefact's folder, from delivered examples and their packs.

In: what `order` and `pack` decided, evaluation sets, the ledger and the facts of the build. Out: a folder
as docs/artifact.md describes it, there whole or not at all. Nothing is chosen here: same inputs and same
library versions, same bytes. Tokens are gathered once, shard by shard, and hashed twice (file, content).
"""

import hashlib
import os
import platform
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from taskc.compiler.examples import Delivered, EvaluationSet
from taskc.compiler.plan import BuildPlan
from taskc.compiler.sequences.pack import Packs
from taskc.compiler.sequences.publish import published
from taskc.dsl.errors import InternalError
from taskc.runtime import artifact
from taskc.runtime.artifact import ArtifactError

__all__ = ["BuildFacts", "TokenizerFacts", "write"]

SHARD_BYTES = 64 << 20
Ints = npt.NDArray[np.int64]


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
    facts: BuildFacts,
) -> Path:
    """Writes the artefact to the folder `place`, in one step at the end; returns `place`.

    Args:
        place: The artefact's own folder, `OUT/PACKAGE/BUILD[@PARAM=VALUE]`; an older artefact there is
            replaced.
        plan: The build's plan.
        delivered: Training examples in stream order; none is fine.
        packs: `pack`'s answer for their lengths.
        evaluations: The other splits, each once.
        facts: The rest.

    Raises:
        ArtifactError: If something that is no artefact stands at `place`.
        InternalError: If the ledger does not balance, or a column is missing or holds a null.
    """
    raise NotImplementedError
