"""The manifest's figures: what was asked for and what was delivered.

In: the plan, what each supply delivers, and the packs. Out: models of `taskc.runtime.artifact`.
O(sources + windows).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from taskc.compiler.demand.supply import Figures
from taskc.compiler.plan import BuildPlan
from taskc.compiler.sequences.pack import Packs
from taskc.runtime import artifact

__all__ = ["mixture", "packing", "train_counts"]

_NOTHING = Figures(rows=0, examples=0, tokens=0, trained_tokens=0, repeats=0)


def train_counts(delivered: Mapping[str, Figures], packs: Packs) -> artifact.Counts:
    """Returns how much the training split holds.

    Args:
        delivered: What each source delivers, by name.
        packs: The packs of all of it.
    """
    return artifact.Counts(
        sequences=len(packs),
        examples=sum(figures.examples for figures in delivered.values()),
        tokens=sum(figures.tokens for figures in delivered.values()),
        trained_tokens=sum(figures.trained_tokens for figures in delivered.values()),
    )


def packing(plan: BuildPlan, delivered: Mapping[str, Figures], packs: Packs) -> artifact.Packing:
    """Returns how the sequences were made and how full they are."""
    first_examples = packs.order[packs.offsets[:-1]]
    room = len(packs) * plan.pack.length
    tokens = sum(figures.tokens for figures in delivered.values())
    return artifact.Packing(
        length=plan.pack.length,
        window=plan.pack.window,
        window_sequences=tuple(np.bincount(first_examples // plan.pack.window).tolist()),
        fill=tokens / room if room else 0.0,
    )


def mixture(
    plan: BuildPlan, delivered: Mapping[str, Figures], shares: Mapping[str, float]
) -> artifact.Mixture:
    """Returns the mixture as asked for, with what each source and cluster delivered."""
    sources = _source_shares(plan, delivered, shares)
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
    plan: BuildPlan, delivered: Mapping[str, Figures], shares: Mapping[str, float]
) -> tuple[artifact.SourceShare, ...]:
    """Returns the figures of every source that was asked for or delivered something."""
    found = [(source, delivered.get(source.name, _NOTHING)) for source in plan.sources]
    return tuple(
        artifact.SourceShare(
            name=source.name,
            clusters=source.clusters,
            asked=shares.get(source.name, 0.0),
            rows=figures.rows,
            examples=figures.examples,
            tokens=figures.tokens,
            trained_tokens=figures.trained_tokens,
            repeats=figures.repeats,
            exemplars=figures.exemplars,
        )
        for source, figures in found
        if source.name in shares or figures.examples
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
        exemplars=sum(source.exemplars for source in sources),
    )
