"""What a lock holds: one entry a source, one a tokenizer.

In: nothing. Out: dataclasses in the shape of the file; `docs/schemas/lock.schema.json` is generated
from them. Names of files are relative to their data root, so a lock is equal wherever the project
and its data lie; sizes and times of files are left out for the same reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "FILE_NAME",
    "FORMAT_VERSION",
    "Lock",
    "LockedSource",
    "LockedSplit",
    "LockedTokenizer",
    "OptionValue",
    "kept_options",
]

FILE_NAME = "taskc.lock"
FORMAT_VERSION = 1

OptionValue = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class LockedSplit:
    """The input of one split.

    Attributes:
        pattern: The path or glob as the spec has it, relative to its data root, names filled in.
        rows: Rows in the files, before anything is dropped.
        files: Name of each file, relative to its data root -> SHA-256 of its bytes, hexadecimal.
    """

    pattern: str
    rows: int
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class LockedSource:
    """The inputs of one source.

    Attributes:
        connector: The kind of its connector.
        splits: The splits that are read from files; what is carved out of another is none.
        options: The connector's arguments but its path, those that are not none.
        revision: The commit that was read of a data set that has commits; "" where it has none.
        columns: Name -> type as `notation` writes it, over the rows of all splits; None where no
            row says which columns there are.
    """

    connector: str
    splits: dict[str, LockedSplit]
    options: dict[str, OptionValue] = field(default_factory=dict)
    revision: str = ""
    columns: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class LockedTokenizer:
    """The files of one tokenizer.

    Attributes:
        kind: The kind of its connector.
        files: Name of each file, relative to the tokenizer's folder -> SHA-256, hexadecimal.
        revision: What was read of a repository that has revisions; "" where it has none.
    """

    kind: str
    files: dict[str, str]
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock of one package: entries by the names of its own sources and tokenizers."""

    sources: dict[str, LockedSource] = field(default_factory=dict)
    tokenizers: dict[str, LockedTokenizer] = field(default_factory=dict)


def kept_options(
    arguments: Mapping[str, OptionValue | None],
) -> dict[str, OptionValue]:
    """The arguments of a connector that an entry keeps: those that have a value."""
    return {name: value for name, value in arguments.items() if value is not None}
