"""The digest of a plan: everything in it that can change content, save the inputs themselves.

In: a plan. Out: hexadecimal SHA-256. A moved folder, a comment or another line break in the spec
does not change it.
"""

import hashlib
import json

from pydantic import BaseModel

from taskc.compiler import plan

__all__ = ["content_of", "plan_digest"]

# Fields that say where something stands or how it is shown, not what it is.
_PLACES = frozenset(
    {"at", "limit_at", "places", "patterns", "roots", "path", "params", "runs", "variant"}
)


def plan_digest(build: plan.BuildPlan) -> str:
    """The digest of everything in a plan that can change content, save the inputs themselves."""
    canonical = json.dumps(content_of(build), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def content_of(value: object) -> object:
    """A model as JSON without its places; names of the user's own fields are never left out."""
    match value:
        case BaseModel():
            return {
                name: content_of(getattr(value, name))
                for name in type(value).model_fields
                if name not in _PLACES and not _is_wording(value, name)
            }
        case dict():
            return {key: content_of(item) for key, item in value.items()}
        case list() | tuple():
            return [content_of(item) for item in value]
        case _:
            return value


def _is_wording(model: BaseModel, name: str) -> bool:
    """Whether a field is a clause as it was written, kept for the ledger only."""
    return name == "text" and isinstance(getattr(model, name), str)
