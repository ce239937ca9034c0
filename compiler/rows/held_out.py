"""Stage `overlap`, held-out clusters: rows elsewhere that equal one of theirs are not trained on.

In: keys of the rows of all sources of a build. Out: the same without the training rows whose ids
are those of a held-out source's row, in whatever split; each is in the ledger. Sources that are
held out themselves the checker has taken from the mixture (Wei et al. 2022, section 2.2).
"""

from collections.abc import Mapping

import numpy as np

from taskc.compiler import plan
from taskc.compiler.examples import Drop
from taskc.compiler.rows.load import Loaded
from taskc.compiler.rows.row_keys import first_halves, rows_among

__all__ = ["without_held_out"]


def without_held_out(build: plan.BuildPlan, loaded: Mapping[str, Loaded]) -> None:
    """Drops training rows that equal a held-out row, with stage "overlap", from what is `loaded`.

    Args:
        build: The build.
        loaded: What is left of each source, by name; all splits of the held-out ones.
    """
    mixture = build.mixture
    held = [rows.ids for name in mixture.held_out_sources for rows in loaded[name].rows.values()]
    if not held:
        return
    ids = np.concatenate(held)
    wanted = np.unique(first_halves(ids))
    if not len(wanted):
        return
    exact = {bytes(each) for each in ids}
    drop = Drop(
        "overlap", f"equal to a row of {', '.join(mixture.held_out)}", mixture.place("holdout")
    )
    for name in dict.fromkeys([*mixture.sources, *(take.source for take in mixture.takes)]):
        rows = loaded[name].rows.get("train")
        if rows is None:
            continue
        near = rows_among(rows.ids, wanted)
        gone = [at for at in near.tolist() if bytes(rows.ids[at]) in exact]
        if gone:
            kept = np.ones(len(rows), np.bool_)
            kept[gone] = False
            loaded[name].leave("train", kept, drop)
