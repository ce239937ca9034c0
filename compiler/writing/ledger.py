"""The ledger: what became of every row that was read.

In: the counts of `load`, what became of the mixture's candidates and of the evaluation rows. Out:
`artifact.Ledger`, one entry a source and split, whose sums balance: read = dropped + moved + not
asked for + only exemplars + delivered.
"""

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from taskc.compiler import plan
from taskc.compiler.demand.supply import Supply
from taskc.compiler.examples import Drop
from taskc.compiler.rows.load import Loaded
from taskc.compiler.sequences.evaluation import Evaluations
from taskc.compiler.sequences.stream import written_at
from taskc.runtime.artifact import Dropped, Ledger, LedgerEntry

__all__ = ["ledger"]


def ledger(
    build: plan.BuildPlan,
    loaded: Mapping[str, Loaded],
    supplies: Sequence[Supply],
    num_units: Sequence[int],
    evaluations: Evaluations,
) -> Ledger:
    """Accounts for every row of every source and split that the build read.

    Args:
        build: The build.
        loaded: What is left of each source, by name.
        supplies: The mixture's supplies.
        num_units: Units that the stream takes of each.
        evaluations: The evaluation sets.
    """
    shown = evaluations.exemplars
    trained = {
        supply.source.name: (
            supply.figures(num).rows,
            supply.dropped(num),
            supply.num_shown(num, shown.get(supply.source.name)),
        )
        for supply, num in zip(supplies, num_units, strict=True)
    }
    folder = posixpath.dirname(build.at.path)
    entries = []
    for source in build.sources:
        carved = {split.name: split for split in source.carved}
        found = loaded[source.name]
        for split, counts in found.counts.items():
            dropped = [*found.drops[split].items()]
            delivered = evaluations.delivered.get((source.name, split), 0)
            exemplars = 0
            if split == "train":
                num_shown = len(shown.get(source.name, ()))
                delivered, fallen, exemplars = trained.get(source.name, (0, [], num_shown))
                dropped += fallen
            dropped += evaluations.drops.get((source.name, split), [])
            gone = sum(count for _, count in dropped)
            entries.append(
                LedgerEntry(
                    source=source.name,
                    split=split,
                    carved_from=carved[split].origin if split in carved else "",
                    read=counts.read + counts.carved_in,
                    dropped=_dropped(dropped, folder),
                    moved={
                        name: found.counts[name].carved_in
                        for name, split_carved in carved.items()
                        if split_carved.origin == split and name in found.counts
                    },
                    exemplars=exemplars,
                    not_asked=counts.read
                    + counts.carved_in
                    - gone
                    - counts.carved_out
                    - exemplars
                    - delivered,
                    delivered=delivered,
                )
            )
    return Ledger(entries=tuple(entries))


def _dropped(drops: Iterable[tuple[Drop, int]], folder: str) -> tuple[Dropped, ...]:
    """Counts by stage, reason and place, in the order in which the stages meet them."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for drop, count in drops:
        counted[drop.stage, drop.reason, written_at(drop.at, folder)] += count
    return tuple(
        Dropped(stage=stage, reason=reason, at=at, rows=count)
        for (stage, reason, at), count in counted.items()
    )
