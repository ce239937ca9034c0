"""Lints: what can be built and is likely not meant.

In: a checked package. Out: lints about what nothing uses.
"""

from taskc.dsl.check.units import Unit, Workspace
from taskc.dsl.diagnostics import Reporter

__all__ = ["check_lints"]


def check_lints(unit: Unit, workspace: Workspace, report: Reporter) -> None:
    """Reports what a package declares and does not use."""
    del unit, workspace, report
