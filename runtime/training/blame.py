"""Which examples made a step's loss or gradient infinite, by the rows that they come from.

In: what a step that failed says of its examples. Out: an error with their places in the data. They
are the examples whose own loss is no number, else those with the largest.
"""

import math

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.reader import Artifact
from taskc.runtime.training.ranks import Ranks
from taskc.runtime.training.step import NotFinite

__all__ = ["blamed"]

_MOST_SHOWN = 5


def blamed(failure: NotFinite, artifact: Artifact, step: int, ranks: Ranks) -> ArtifactError:
    """Returns the error that says where the examples of a failed step come from.

    Args:
        failure: What this rank found.
        artifact: Which knows where its examples come from.
        step: From 1.
        ranks: All of which have failed at this step.
    """
    losses = {id_: loss for each in ranks.gathered(failure.examples) for id_, loss in each.items()}
    wrong = sorted(id_ for id_, loss in losses.items() if not math.isfinite(loss))
    shown = wrong or sorted(losses, key=lambda id_: -losses[id_])
    places = "; ".join(_place(artifact, id_) for id_ in shown[:_MOST_SHOWN])
    more = f" and {len(shown) - _MOST_SHOWN} more" if len(shown) > _MOST_SHOWN else ""
    which = "of" if wrong else "all losses of examples are numbers; the largest are those of"
    return ArtifactError(
        f"step {step}",
        failure.figure,
        "a finite number",
        f"{failure.value}: {which} {places}{more}",
    )


def _place(artifact: Artifact, example: int) -> str:
    """Returns an example's row and prompt: "example 17 (ants a.jsonl:9, ask.plain demo.task:7)"."""
    row = artifact.examples.slice(example, 1).to_pylist()[0]
    return (
        f"example {example} ({row['source']} {row['file']}:{row['row']}, "
        f"{row['template']}.{row['label']} {row['at']})"
    )
