"""Stage `overlap`: rows that are trained on and evaluated, and options that no row picks.

In: shaped rows of all sources of a build. Out: warnings; nothing is dropped. Rows are equal where
their ids are: the same columns with the same values, whatever file or source they stand in. What
the text alone shows (two sources over one file) the checker has said before. O(rows), one set.
"""

from collections.abc import Iterator, Mapping

from taskc.compiler import plan
from taskc.compiler.places import error_at
from taskc.compiler.rows.shape import Loaded
from taskc.dsl.diagnostics import Diagnostic, RowPlace

__all__ = ["overlaps", "unseen_options"]


def overlaps(build: plan.BuildPlan, loaded: Mapping[str, Loaded]) -> list[Diagnostic]:
    """Returns a warning for each evaluation split that holds rows which are trained on.

    Args:
        build: The build.
        loaded: What `shape` made of each source, by name.
    """
    takes = (take.source for take in build.mixture.takes)
    trained: dict[bytes, str] = {}
    for name in dict.fromkeys([*build.mixture.sources, *takes]):
        rows = loaded[name].rows.get("train")
        for row_id in rows.ids if rows else ():
            trained.setdefault(row_id, name)
    places = {source.name: source.at for source in build.sources}
    return [
        finding
        for name in build.evaluated
        for split in loaded[name].rows
        if split != "train"
        for finding in _overlap(places, loaded[name], split, trained)
    ]


def _overlap(
    places: Mapping[str, plan.Place], found: Loaded, split: str, trained: Mapping[bytes, str]
) -> Iterator[Diagnostic]:
    """A warning for one split; its row place is the first of the rows that are in both."""
    rows = found.rows[split]
    shared = [index for index, row_id in enumerate(rows.ids) if row_id in trained]
    if not shared:
        return
    first = shared[0]
    trainer = trained[rows.ids[first]]
    both = "row is" if len(shared) == 1 else "rows are"
    yield error_at(
        "T0854",
        places[rows.source],
        f"{len(shared)} {both} in split `{split}` of `{rows.source}` and trained on",
        label=f"`{split}` holds {len(rows)} in all",
        notes=(f"the first one stands in `train` of `{trainer}` as well",),
        helps=(f"take the rows out of one of them, or read the scores on `{split}` with care",),
        row=RowPlace(rows.file_names[rows.files[first]], rows.numbers[first]),
    )


def unseen_options(build: plan.BuildPlan, loaded: Mapping[str, Loaded]) -> list[Diagnostic]:
    """Returns a warning for each option of a choice field that no training row picks.

    Args:
        build: The build.
        loaded: What `shape` made of each source, by name.
    """
    findings = []
    for template in build.templates:
        options = template.options
        if not isinstance(options, plan.ChoiceOptions):
            continue
        rows = [
            found
            for name in template.sources
            if (found := loaded[name].rows.get("train")) is not None and len(found)
        ]
        picked = {row.get(options.field) for found in rows for row in found.values}
        unseen = [value for value, _ in options.surfaces if value not in picked]
        if not rows or not unseen or build.sample is not None:
            continue
        listed = ", ".join(f"`{value}`" for value in unseen)
        findings.append(
            error_at(
                "T0853",
                options.at,
                f"no training row of template `{template.name}` has the option {listed}",
                label=f"values of `{options.field}`",
                notes=(f"{sum(map(len, rows))} rows were looked at",),
                helps=("is the value spelt as the data spell it, or is a `let` missing?",),
            )
        )
    return findings
