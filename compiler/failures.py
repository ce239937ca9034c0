"""Failures: what ends a build from outside, said so that who started it can go on.

In: what a stage raised. Out: a diagnostic, so that a build that fails is a value like any other:
the builds beside it are made, and `--json` stays one object. A bug of our own is none of these.
"""

from taskc.compiler.engines.engine import MachineDiffersError, WorkerLostError
from taskc.compiler.store.objects import StoreError
from taskc.compiler.writing.place import OutputError
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["FAILURES", "failure"]

Failure = StoreError | OutputError | WorkerLostError | MachineDiffersError | MemoryError
FAILURES = (StoreError, OutputError, WorkerLostError, MachineDiffersError, MemoryError)
_LESS = "fewer workers need less memory: `--jobs 1`"


def failure(error: Failure) -> Diagnostic:
    """What to say of an exception that ended a build."""
    match error:
        case WorkerLostError():
            return _found("T1040", "workers were lost again and again", (str(error),), (_LESS,))
        case MachineDiffersError():
            helps = ("install the same versions on every machine",)
            return _found("T1042", "a machine differs from this one", (str(error),), helps)
        case MemoryError():
            notes = (str(error),) if str(error) else ()
            return _found("T1041", "the memory is not enough", notes, (_LESS,))
        case _:
            return error.diagnostic


def _found(code: str, message: str, notes: tuple[str, ...], helps: tuple[str, ...]) -> Diagnostic:
    return Diagnostic(
        code=code,
        severity=CODES[code].severity,
        message=message,
        primary=None,
        notes=notes,
        helps=helps,
    )
