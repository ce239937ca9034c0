"""The exceptions that reach a caller of the library.

    TaskcError      a spec or its input is wrong; carries diagnostics with place, cause and mend
    InternalError   our own bug; asks for a report
    ArtifactError   an artefact is damaged or of another version (in `taskc.runtime.artifact`)

In: nothing. Out: these classes. Passes and stages never raise them for a user's mistake: they
return diagnostics, and only the public functions turn errors among those into a `TaskcError`.
"""

from collections.abc import Sequence

from taskc.dsl.diagnostics import Diagnostic, Severity

__all__ = ["InternalError", "TaskcError"]


class TaskcError(Exception):
    """A spec or its input is wrong.

    Attributes:
        diagnostics: Every finding of the call, warnings included.
        report: The findings as a person reads them; also `str(error)`.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic], report: str) -> None:
        super().__init__(report)
        self.diagnostics = tuple(diagnostics)
        self.report = report


class InternalError(Exception):
    """Something that cannot happen did: a bug of taskc, not of the spec."""


def has_errors(diagnostics: Sequence[Diagnostic]) -> bool:
    """Whether any finding is an error."""
    return any(finding.severity is Severity.ERROR for finding in diagnostics)
