"""What a plan may ask for that this version does not carry out: said at build, never passed over.

In: a plan. Out: one error for each statement without an engine behind it.
"""

from taskc.compiler import plan
from taskc.compiler.places import error_at
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["not_carried_out"]


def not_carried_out(build: plan.BuildPlan) -> list[Diagnostic]:
    """Errors for the statements of a build that nothing carries out yet."""
    mixture = build.mixture
    asked = [
        *(("decontaminate", clause.at, True) for clause in mixture.decontaminate),
    ]
    return [
        error_at(
            "T0860",
            place,
            f"`{what}` is not carried out by this version",
            label="checked, but there is no engine for it yet",
            helps=("leave the statement out to build without it",),
        )
        for what, place, is_asked in asked
        if is_asked
    ]
