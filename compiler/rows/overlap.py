"""Stage `overlap`: rows that are trained on and evaluated, and options that no row picks.

In: keys of the rows of all sources of a build. Out: warnings; nothing is dropped. Rows are equal
where their ids are: the same columns with the same values, whatever file or source they stand in.
What the text alone shows (two sources over one file) the checker has said before. One pass over the
ids that are trained on, about 10 ns each.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.places import error_at
from taskc.compiler.rows.load import Loaded
from taskc.compiler.rows.row_keys import Ids, RowKeys, first_halves, id_halves, rows_among
from taskc.dsl.diagnostics import Diagnostic, RowPlace

__all__ = ["overlaps", "unseen_options", "watched"]


# ---- rows ----------------------------------------------------------------------------------------


def overlaps(build: plan.BuildPlan, loaded: Mapping[str, Loaded]) -> list[Diagnostic]:
    """Returns a warning for each evaluation split that holds rows which are trained on.

    Args:
        build: The build.
        loaded: What `load` made of each source, by name.
    """
    evaluated = [
        rows
        for name in build.evaluated
        for split, rows in loaded[name].rows.items()
        if split != "train" and len(rows)
    ]
    trained = _trained(build, loaded)
    if not evaluated or not trained:
        return []
    places = {source.name: source.at for source in build.sources}
    shared = _Shared.of(trained, evaluated)
    return [
        _overlap(places[rows.source], rows, *found)
        for rows in evaluated
        if (found := shared.among(rows)) is not None
    ]


def _trained(build: plan.BuildPlan, loaded: Mapping[str, Loaded]) -> list[RowKeys]:
    """The training rows of the sources that the mixture draws from, in the spec's order."""
    takes = (take.source for take in build.mixture.takes)
    names = dict.fromkeys([*build.mixture.sources, *takes])
    return [rows for name in names if (rows := loaded[name].rows.get("train")) is not None]


@dataclass(slots=True)
class _Shared:
    """Ids that are both trained on and evaluated.

    Attributes:
        ids: Sorted as bytes are, no two alike, uint8 [m, 16].
        first: Their first eight bytes as numbers, uint64 [m].
        trainers: Names of the sources that are trained on.
        trainer: Index into `trainers` of the first that holds each id, int64 [m].
    """

    ids: Ids
    first: npt.NDArray[np.uint64]
    trainers: list[str]
    trainer: npt.NDArray[np.int64]

    @classmethod
    def of(cls, trained: list[RowKeys], evaluated: list[RowKeys]) -> "_Shared":
        """Finds them: the ids of `evaluated` are looked for among those of `trained`."""
        wanted = np.unique(np.concatenate([first_halves(rows.ids) for rows in evaluated]))
        near = [rows.ids[rows_among(rows.ids, wanted)] for rows in trained]
        ids = np.concatenate(near)
        trainer = np.repeat(np.arange(len(near)), [len(found) for found in near])
        first, second = id_halves(ids)
        # Stable: of equal ids that of the first source comes first.
        order = np.lexsort((second, first))
        ids, first, second, trainer = ids[order], first[order], second[order], trainer[order]
        is_new = np.ones(len(ids), bool)
        is_new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
        names = [rows.source for rows in trained]
        return cls(ids[is_new], first[is_new], names, trainer[is_new])

    def among(self, rows: RowKeys) -> tuple[int, int, str] | None:
        """How many of `rows` are trained on, the first of them, and who trains on it."""
        near = rows_among(rows.ids, self.first)
        if not len(near):
            return None
        places = np.searchsorted(self.first, first_halves(rows.ids[near]))
        is_same = (rows.ids[near] == self.ids[places]).all(axis=1)
        for at in np.flatnonzero(~is_same).tolist():
            places[at] = self._place(rows.ids[near[at]], int(places[at]))
        near, places = near[places >= 0], places[places >= 0]
        if not len(near):
            return None
        return len(near), int(near[0]), self.trainers[int(self.trainer[places[0]])]

    def _place(self, row_id: npt.NDArray[np.uint8], at: int) -> int:
        """Where an id stands, from the first that shares its first eight bytes on; -1: nowhere."""
        while at < len(self.ids) and (self.ids[at, :8] == row_id[:8]).all():
            if (self.ids[at] == row_id).all():
                return at
            at += 1
        return -1


def _overlap(at: plan.Place, rows: RowKeys, count: int, first_row: int, trainer: str) -> Diagnostic:
    """A warning for one split; its row place is the first of the rows that are in both."""
    both = "row is" if count == 1 else "rows are"
    return error_at(
        "T0854",
        at,
        f"{count} {both} in split `{rows.split}` of `{rows.source}` and trained on",
        label=f"`{rows.split}` holds {len(rows)} in all",
        notes=(f"the first one stands in `train` of `{trainer}` as well",),
        helps=(
            f"take the rows out of one of them, or read the scores on `{rows.split}` with care",
        ),
        row=RowPlace(*rows.place(first_row)),
    )


# ---- options -------------------------------------------------------------------------------------


def watched(build: plan.BuildPlan, source_name: str) -> tuple[str, ...]:
    """Fields of a source whose values `load` has to tell: those that options stand over, sorted."""
    fields = {
        options.field for template, options in _choices(build) if source_name in template.sources
    }
    return tuple(sorted(fields))


def unseen_options(build: plan.BuildPlan, loaded: Mapping[str, Loaded]) -> list[Diagnostic]:
    """Returns a warning for each option of a choice field that no training row picks.

    Args:
        build: The build.
        loaded: What `load` made of each source, by name; it was told of the `watched` fields.
    """
    return [
        finding
        for template, options in (_choices(build) if build.sample is None else ())
        if (finding := _unseen(template, options, loaded)) is not None
    ]


def _choices(build: plan.BuildPlan) -> Iterator[tuple[plan.Template, plan.ChoiceOptions]]:
    """Options over a field of the row; what a template makes itself is known in no source."""
    for template in build.templates:
        made = {let.name for let in template.lets}
        options = template.options
        if isinstance(options, plan.ChoiceOptions) and options.field not in made:
            yield template, options


def _unseen(
    template: plan.Template, options: plan.ChoiceOptions, loaded: Mapping[str, Loaded]
) -> Diagnostic | None:
    served = [
        found
        for name in template.sources
        if (found := loaded[name]).rows.get("train") is not None and len(found.rows["train"])
    ]
    picked = {value for found in served for value in found.seen[options.field]}
    unseen = [value for value, _ in options.surfaces if value not in picked]
    if not served or not unseen:
        return None
    listed = ", ".join(f"`{value}`" for value in unseen)
    return error_at(
        "T0853",
        options.at,
        f"no training row of template `{template.name}` has the option {listed}",
        label=f"values of `{options.field}`",
        notes=(f"{sum(len(found.rows['train']) for found in served)} rows were looked at",),
        helps=("is the value spelt as the data spell it, or is a `let` missing?",),
    )
