"""The manifest's figures: what was asked for and what was delivered, counted.

In: the plan, the delivered examples and their packs. Out: models of `taskc.runtime.artifact`.
O(examples).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taskc.compiler.examples import Delivered
from taskc.compiler.plan import BuildPlan
from taskc.compiler.sequences.pack import Packs
from taskc.runtime import artifact

__all__ = ["evaluation_counts", "mixture", "packing", "train_counts"]

Ints = npt.NDArray[np.int64]


def train_counts(delivered: Delivered, packs: Packs) -> artifact.Counts:
    """Returns how much the training split holds."""
    return artifact.Counts(
        sequences=len(packs),
        examples=len(delivered),
        tokens=int(delivered.offsets[-1]),
        trained_tokens=int(_trained_tokens(delivered).sum()),
    )


def _trained_tokens(delivered: Delivered) -> Ints:
    """Returns the tokens inside spans of each example, [n]."""
    spans = delivered.spans.astype(np.int64)
    until = np.concatenate([[0], np.cumsum(spans[1::2] - spans[::2])])[delivered.span_offsets]
    return np.diff(until)


def evaluation_counts(table: pa.Table) -> artifact.Counts:
    """Returns how much an evaluation split holds; nothing of it is trained on."""
    tokens = sum(
        len(chunk.flatten())
        for name in ("input_ids", "target_ids")
        for chunk in table.column(name).chunks
    )
    return artifact.Counts(sequences=0, examples=len(table), tokens=tokens, trained_tokens=0)


def packing(plan: BuildPlan, delivered: Delivered, packs: Packs) -> artifact.Packing:
    """Returns how the sequences were made and how full they are."""
    first_examples = packs.order[packs.offsets[:-1]]
    room = len(packs) * plan.pack.length
    return artifact.Packing(
        length=plan.pack.length,
        window=plan.pack.window,
        window_sequences=tuple(np.bincount(first_examples // plan.pack.window).tolist()),
        fill=int(delivered.offsets[-1]) / room if room else 0.0,
    )


def mixture(
    plan: BuildPlan, delivered: Delivered, examples: pa.Table, shares: Mapping[str, float]
) -> artifact.Mixture:
    """Returns the mixture as asked for, with what each source and cluster delivered."""
    sources = _source_shares(plan, delivered, examples, shares)
    clusters = dict.fromkeys(cluster for source in sources for cluster in source.clusters)
    return artifact.Mixture(
        name=plan.mixture.name,
        rate=plan.mixture.rate.model_dump(mode="json"),
        total=artifact.Total(count=plan.mixture.total.count, unit=plan.mixture.total.unit),
        seed=plan.mixture.seed,
        sources=sources,
        clusters=tuple(
            _cluster_share(name, [source for source in sources if name in source.clusters])
            for name in clusters
        ),
    )


def _source_shares(
    plan: BuildPlan, delivered: Delivered, examples: pa.Table, shares: Mapping[str, float]
) -> tuple[artifact.SourceShare, ...]:
    """Returns the figures of every source that was asked for or delivered something."""
    num_sources = len(plan.sources)
    figures = {
        "rows": _rows_of_sources(delivered, num_sources),
        "examples": np.bincount(delivered.source, minlength=num_sources),
        "tokens": _summed(np.diff(delivered.offsets), delivered.source, num_sources),
        "trained_tokens": _summed(_trained_tokens(delivered), delivered.source, num_sources),
        "repeats": np.zeros(num_sources, np.int64),
    }
    repetitions = np.asarray(examples.column("repetition"))
    np.maximum.at(figures["repeats"], delivered.source, repetitions + 1)
    return tuple(
        artifact.SourceShare(
            name=source.name,
            clusters=source.clusters,
            asked=shares.get(source.name, 0.0),
            **{name: int(values[index]) for name, values in figures.items()},
        )
        for index, source in enumerate(plan.sources)
        if source.name in shares or figures["examples"][index]
    )


def _cluster_share(name: str, sources: Sequence[artifact.SourceShare]) -> artifact.ClusterShare:
    return artifact.ClusterShare(
        name=name,
        asked=sum(source.asked for source in sources),
        rows=sum(source.rows for source in sources),
        examples=sum(source.examples for source in sources),
        tokens=sum(source.tokens for source in sources),
        trained_tokens=sum(source.trained_tokens for source in sources),
        repeats=max(source.repeats for source in sources),
    )


def _summed(values: Ints, source: npt.NDArray[np.uint16], num_sources: int) -> Ints:
    """Returns the sum of the values of each source; exact, unlike `bincount` with weights."""
    sums = np.zeros(num_sources, np.int64)
    np.add.at(sums, source, values)
    return sums


def _rows_of_sources(delivered: Delivered, num_sources: int) -> Ints:
    """Returns the distinct rows of each source: a row is its id and its ordinal among equals."""
    names = np.zeros(
        len(delivered), np.dtype([("source", "<u2"), ("id", "V16"), ("ordinal", "<i4")])
    )
    names["source"] = delivered.source
    names["id"] = np.frombuffer(b"".join(delivered.provenance["row_id"]), "V16")  # type: ignore[arg-type]
    names["ordinal"] = delivered.provenance["ordinal"]
    distinct = pa.array(names.view("V22"), pa.binary(22)).unique()
    return np.bincount(
        np.frombuffer(distinct.buffers()[1], names.dtype)["source"][: len(distinct)],
        minlength=num_sources,
    )
