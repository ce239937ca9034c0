"""The plan file: builds as they were planned, and what each was to be made from.

In: plans and their records. Out: one JSON document, from which `taskc build` makes exactly that;
where spec, inputs, tokenizer or compiler are no longer what was planned, it says which and refuses.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import ValidationError

from taskc.compiler import plan
from taskc.compiler.components import changes
from taskc.compiler.places import error_at
from taskc.compiler.records import Record, record_of
from taskc.compiler.store.objects import Store
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Planned", "PlannedBuild", "differences", "dump", "load"]

_MAX_LISTED = 5


class PlannedBuild(plan.Model):
    """One build, and the digests of what it was to be made from."""

    plan: plan.BuildPlan
    components: dict[str, str]


class Planned(plan.Model):
    """A plan file."""

    taskc_plan: Literal[1] = 1
    builds: tuple[PlannedBuild, ...]


def dump(builds: Sequence[tuple[plan.BuildPlan, Record]]) -> bytes:
    """The plan file of some builds."""
    planned = Planned(
        builds=tuple(
            PlannedBuild(plan=build, components=record.digests()) for build, record in builds
        )
    )
    return planned.model_dump_json(indent=1).encode() + b"\n"


def load(content: bytes) -> Planned | None:
    """Reads a plan file; None: it is none, or one of another version."""
    try:
        return Planned.model_validate_json(content)
    except ValidationError:
        return None


def differences(planned: PlannedBuild, store: Store) -> list[Diagnostic]:
    """An error (T1011) where what the build was planned from is no longer so."""
    record = record_of(planned.plan, store)
    if record is None:
        return []  # inputs that can't be read: the build says so
    found = changes(planned.components, record.components)
    if not found:
        return []
    return [
        error_at(
            "T1011",
            planned.plan.at,
            "the build is no longer what was planned",
            label=f"{len(found)} of what it is made from differ",
            notes=tuple(str(change) for change in found[:_MAX_LISTED]),
            helps=("plan again: `taskc plan PATH --out FILE`",),
        )
    ]
