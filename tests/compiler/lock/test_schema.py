"""The published schema of the lock: what is written conforms, what the reader refuses does not."""

import json

import jsonschema
import pytest

from taskc.compiler.lock.schema import lock_json_schema
from taskc.dsl.lock.entries import Lock, LockedSource, LockedSplit, LockedTokenizer
from taskc.dsl.lock.text import as_text

DIGEST = "ab" * 32
LOCK = Lock(
    {
        "a": LockedSource("text", {}),
        "b": LockedSource(
            "csv",
            {"train": LockedSplit("b.csv", 3, {"b.csv": DIGEST})},
            options={"delimiter": ";", "columns": ["x", "y"]},
            revision="1a2b",
            columns={"x": "text?"},
        ),
    },
    {"t": LockedTokenizer("file", {"tokenizer.json": DIGEST}, revision="1")},
)
VALIDATOR = jsonschema.Draft202012Validator(lock_json_schema())


def test_the_schema_is_one():
    """It is itself what a JSON Schema has to be."""
    jsonschema.Draft202012Validator.check_schema(lock_json_schema())


def test_what_is_written_conforms():
    """Every part that may be there, and the least that must be."""
    VALIDATOR.validate(json.loads(as_text(LOCK)))
    VALIDATOR.validate(json.loads(as_text(Lock())))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 2),
        ("later", {}),
        ("sources/b/size", 1),
        ("sources/b/splits/train/rows", -1),
        ("sources/b/splits/train/mtime", 1),
        ("sources/b/splits/train/files/b.csv", "12"),
        ("sources/b/columns/x", 1),
        ("tokenizers/t/kind", None),
        ("tokenizers/t/path", "/somewhere"),
    ],
)
def test_it_is_closed(path, value):
    """What the reader refuses, a validator refuses."""
    lock = json.loads(as_text(LOCK))
    *way, last = path.split("/")
    inner = lock
    for name in way:
        inner = inner[name]
    inner[last] = value

    assert not VALIDATOR.is_valid(lock)
