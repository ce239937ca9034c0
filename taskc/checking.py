"""Which findings are said where: mistakes before a build, lints when they are asked for.

In: what the checker returns, which is every finding. Out: the same program with the findings that
a shell shows. The checker decides nothing of this and the shells decide nothing else, so a file is
right or wrong wherever it is checked, and noise is chosen in this file alone.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from taskc.dsl import checker
from taskc.dsl.checker import Checked
from taskc.dsl.diagnostics import Severity
from taskc.dsl.packages import FileSystem

__all__ = ["Policy", "check", "errors", "lints", "mistakes"]

Policy = Callable[[Checked], Checked]

_NO_PARAMS: Mapping[str, str] = MappingProxyType({})


def mistakes(checked: Checked) -> Checked:
    """Errors and warnings: what `check` says, and what is said before a build."""
    return _only(checked, {Severity.ERROR, Severity.WARNING})


def lints(checked: Checked) -> Checked:
    """Lints, or the errors where there are any: what is unused is known of a sound spec only."""
    return errors(checked) if checked.has_errors else _only(checked, {Severity.LINT})


def errors(checked: Checked) -> Checked:
    """Errors alone: what keeps a verb from doing what was asked."""
    return _only(checked, {Severity.ERROR})


def check(
    paths: Sequence[str],
    *,
    params: Mapping[str, str] = _NO_PARAMS,
    policy: Policy = mistakes,
    files: FileSystem | None = None,
    with_locks: bool = True,
) -> Checked:
    """Checks specs and keeps the findings that are to be said.

    Args:
        paths: Files or folders.
        params: Values of parameters, as written on a command line.
        policy: Which findings are kept.
        files: Where files are read from; None = the disk.
        with_locks: Whether locks are believed; not where they are about to be made.
    """
    return policy(checker.check(paths, params=params, files=files, with_locks=with_locks))


def _only(checked: Checked, severities: Collection[Severity]) -> Checked:
    kept = tuple(found for found in checked.diagnostics if found.severity in severities)
    return replace(checked, diagnostics=kept)
