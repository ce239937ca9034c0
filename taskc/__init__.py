"""taskc: a compiler for instruction-tuning data.

Text goes in at `taskc.dsl`, a checked program goes up to `taskc.compiler`, an artefact comes out,
and `taskc.runtime` reads nothing but the artefact. This package is the face of the three: the
public API (`__all__` is all of it) and the command line. Names are looked up at first use, so
`import taskc` costs nothing and a machine that only checks specs loads no array library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskc.api import build, check, open, plan, render, sweep
    from taskc.compiler.plan import Plan
    from taskc.dsl.diagnostics import Diagnostic
    from taskc.dsl.errors import InternalError, TaskcError
    from taskc.rendering import Rendered
    from taskc.runtime.artifact import ArtifactError
    from taskc.runtime.reader import Artifact, Sequence
    from taskc.runtime.schedule import examples, sequences, tokens

__all__ = [
    "Artifact",
    "ArtifactError",
    "Diagnostic",
    "InternalError",
    "Plan",
    "Rendered",
    "Sequence",
    "TaskcError",
    "build",
    "check",
    "examples",
    "open",
    "plan",
    "render",
    "sequences",
    "sweep",
    "tokens",
]

_HOMES = {
    "Artifact": "taskc.runtime.reader",
    "ArtifactError": "taskc.runtime.artifact",
    "Diagnostic": "taskc.dsl.diagnostics",
    "InternalError": "taskc.dsl.errors",
    "Plan": "taskc.compiler.plan",
    "Rendered": "taskc.rendering",
    "Sequence": "taskc.runtime.reader",
    "TaskcError": "taskc.dsl.errors",
    "build": "taskc.api",
    "check": "taskc.api",
    "examples": "taskc.runtime.schedule",
    "open": "taskc.api",
    "plan": "taskc.api",
    "render": "taskc.api",
    "sequences": "taskc.runtime.schedule",
    "sweep": "taskc.api",
    "tokens": "taskc.runtime.schedule",
}


def __getattr__(name: str) -> object:
    """Looks up a public name where it lives, once (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Lists the public names beside what the module itself holds."""
    return sorted({*globals(), *__all__})
