"""The JSON Schema of a lock, from the dataclasses that it is read into.

In: nothing. Out: the schema that docs/schemas/lock.schema.json holds. Like the reader it is closed:
an unknown part is an error. What a type may be is said in words; `dsl/lock/notation.py` decides.
"""

from typing import Any

from pydantic import TypeAdapter

from taskc.dsl.lock.entries import FORMAT_VERSION, Lock

__all__ = ["lock_json_schema"]


def lock_json_schema() -> dict[str, Any]:
    """Returns the published JSON Schema of `taskc.lock` (draft 2020-12)."""
    schema = TypeAdapter(Lock).json_schema()
    parts = schema["$defs"]
    for part in (schema, *parts.values()):
        part["additionalProperties"] = False
    for name in ("LockedSplit", "LockedTokenizer"):
        files = parts[name]["properties"]["files"]
        files["additionalProperties"]["pattern"] = "^[0-9a-f]{64}$"
    parts["LockedSplit"]["properties"]["rows"]["minimum"] = 0
    schema["properties"] = {"version": {"const": FORMAT_VERSION}, **schema["properties"]}
    schema["required"] = ["version"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:taskc:lock:{FORMAT_VERSION}",
        **schema,
    }
