"""Digests of what a build reads: its plan without places and paths, and its input files.

In: plans and paths. Out: hexadecimal SHA-256. A moved folder, a comment or another line break in
the spec changes neither.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from taskc.compiler import plan
from taskc.compiler.rows.connect.files import InputFile

__all__ = ["files_digest", "plan_digest"]

# Fields that say where something stands or how it is shown, not what it is.
_PLACES = frozenset({"at", "limit_at", "places", "patterns", "roots", "path", "params", "runs"})


def plan_digest(build: plan.BuildPlan) -> str:
    """The digest of everything in a plan that can change content, save the inputs themselves."""
    canonical = json.dumps(_content(build), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _content(value: object) -> object:
    """A model as JSON without its places; names of the user's own fields are never left out."""
    match value:
        case BaseModel():
            return {
                name: _content(getattr(value, name))
                for name in type(value).model_fields
                if name not in _PLACES and not _is_wording(value, name)
            }
        case dict():
            return {key: _content(item) for key, item in value.items()}
        case list() | tuple():
            return [_content(item) for item in value]
        case _:
            return value


def _is_wording(model: BaseModel, name: str) -> bool:
    """Whether a field is a clause as it was written, kept for the ledger only."""
    return name == "text" and isinstance(getattr(model, name), str)


def files_digest(files: Sequence[InputFile]) -> str:
    """One digest over the names and bytes of the files of a split, in the order of their names."""
    state = hashlib.sha256()
    for file in files:
        with Path(file.path).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        state.update(f"{digest}  {file.name}\n".encode())
    return state.hexdigest()
