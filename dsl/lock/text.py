"""A lock as text: JSON, one value a line, every name in its place.

In: a lock, or the bytes of its file. Out: the text, or the lock. Names are sorted and there is one
way to write an entry, so equal locks are equal files, and two branches that add different sources
change different lines. What can't be read is a `LockTextError` with its place, which the checker
turns into a diagnostic.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from taskc.dsl.lock.entries import (
    FORMAT_VERSION,
    Lock,
    LockedSource,
    LockedSplit,
    LockedTokenizer,
    OptionValue,
)
from taskc.dsl.lock.notation import NotationError, read_type

__all__ = ["LockTextError", "as_text", "entry_offset", "parse"]

_T = TypeVar("_T")
_Json = dict[str, object]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7})", re.MULTILINE)


class LockTextError(ValueError):
    """A text that is no lock.

    Attributes:
        words: What is wrong.
        offset: Where, in code points; 0 where no one place is.
        helps: What to do.
    """

    def __init__(self, words: str, offset: int = 0, helps: tuple[str, ...] = ()) -> None:
        super().__init__(words)
        self.words = words
        self.offset = offset
        self.helps = helps


# ---- writing -------------------------------------------------------------------------------------


def as_text(lock: Lock) -> str:
    """Returns the text of a lock's file."""
    value = {
        "version": FORMAT_VERSION,
        "sources": {name: _source_json(each) for name, each in sorted(lock.sources.items())},
        "tokenizers": {
            name: _tokenizer_json(each) for name, each in sorted(lock.tokenizers.items())
        },
    }
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _source_json(source: LockedSource) -> _Json:
    found: _Json = {"connector": source.connector}
    if source.options:
        found["options"] = _sorted(source.options)
    if source.revision:
        found["revision"] = source.revision
    if source.columns is not None:
        found["columns"] = _sorted(source.columns)
    found["splits"] = {
        name: {"pattern": split.pattern, "rows": split.rows, "files": _sorted(split.files)}
        for name, split in sorted(source.splits.items())
    }
    return found


def _tokenizer_json(tokenizer: LockedTokenizer) -> _Json:
    found: _Json = {"kind": tokenizer.kind}
    if tokenizer.revision:
        found["revision"] = tokenizer.revision
    found["files"] = _sorted(tokenizer.files)
    return found


def _sorted(values: Mapping[str, object]) -> _Json:
    return dict(sorted(values.items()))


def entry_offset(text: str, table: str, name: str) -> int:
    """Returns where the name of an entry stands in the text of a lock; 0 where it can't be found.

    Args:
        text: As `as_text` writes it.
        table: "sources" or "tokenizers".
        name: The entry's name.
    """
    start = text.find(f'\n  "{table}":')
    found = text.find(f"\n    {json.dumps(name, ensure_ascii=False)}:", start)
    return 0 if min(start, found) < 0 else found + len("\n    ")


# ---- reading -------------------------------------------------------------------------------------


def parse(content: bytes) -> Lock:
    """Returns the lock that the bytes of a file hold.

    Raises:
        LockTextError: If they hold none, or one of another version.
    """
    value = _object(_loaded(content), "the lock")
    version = value.pop("version", None)
    if version != FORMAT_VERSION:
        raise LockTextError(
            f"its format version is {json.dumps(version)}, this taskc reads {FORMAT_VERSION}",
            helps=("lock again with this taskc, or use the taskc that wrote it",),
        )
    found = Lock(
        _table(value.pop("sources", {}), "sources", _source),
        _table(value.pop("tokenizers", {}), "tokenizers", _tokenizer),
    )
    _refuse_rest(value, "the lock")
    return found


def _loaded(content: bytes) -> object:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LockTextError("it is not UTF-8") from None
    try:
        return json.loads(text, object_pairs_hook=_without_twins)
    except json.JSONDecodeError as error:
        conflict = _CONFLICT.search(text)
        if conflict is not None:
            raise LockTextError(
                "it holds the marks of a merge that is not finished",
                conflict.start(),
                ("take both sides' entries, or one side's, and lock again",),
            ) from None
        raise LockTextError(f"it is not JSON: {error.msg.lower()}", error.pos) from None
    except RecursionError:
        raise LockTextError("it is nested too deep") from None


def _without_twins(pairs: list[tuple[str, object]]) -> _Json:
    """An object of JSON; a key that stands twice is what a merge leaves behind."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twin = next(name for name, _ in pairs if sum(other == name for other, _ in pairs) > 1)
        raise LockTextError(f"`{twin}` stands twice in one place")
    return found


def _source(value: object, what: str) -> LockedSource:
    entry = _object(value, what)
    columns = entry.pop("columns", None)
    found = LockedSource(
        connector=_text(entry.pop("connector", None), f"`connector` of {what}"),
        options=_table(entry.pop("options", {}), f"`options` of {what}", _option),
        revision=_text(entry.pop("revision", ""), f"`revision` of {what}"),
        columns=None if columns is None else _table(columns, f"`columns` of {what}", _type),
        splits=_table(entry.pop("splits", None), f"`splits` of {what}", _split),
    )
    _refuse_rest(entry, what)
    return found


def _split(value: object, what: str) -> LockedSplit:
    entry = _object(value, what)
    rows = entry.pop("rows", None)
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
        raise LockTextError(f"`rows` of {what} is no number of rows")
    found = LockedSplit(
        pattern=_text(entry.pop("pattern", None), f"`pattern` of {what}"),
        rows=rows,
        files=_table(entry.pop("files", None), f"`files` of {what}", _digest),
    )
    _refuse_rest(entry, what)
    return found


def _tokenizer(value: object, what: str) -> LockedTokenizer:
    entry = _object(value, what)
    found = LockedTokenizer(
        kind=_text(entry.pop("kind", None), f"`kind` of {what}"),
        revision=_text(entry.pop("revision", ""), f"`revision` of {what}"),
        files=_table(entry.pop("files", None), f"`files` of {what}", _digest),
    )
    _refuse_rest(entry, what)
    return found


def _type(value: object, what: str) -> str:
    text = _text(value, what)
    try:
        read_type(text)
    except NotationError as error:
        raise LockTextError(f"{what}: {error}") from None
    return text


def _digest(value: object, what: str) -> str:
    text = _text(value, what)
    if not _SHA256.fullmatch(text):
        raise LockTextError(f"{what} is no SHA-256 in hexadecimal")
    return text


def _option(value: object, what: str) -> OptionValue:
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [str(item) for item in value]
    raise LockTextError(f"{what} is no argument of a connector")


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise LockTextError(f"{what} is no text")
    return value


def _object(value: object, what: str) -> _Json:
    if not isinstance(value, dict):
        raise LockTextError(f"{what} is no object")
    return value


def _table(value: object, what: str, read: Callable[[object, str], _T]) -> dict[str, _T]:
    """An object whose values are all of one kind, by name."""
    return {name: read(each, f"`{name}` in {what}") for name, each in _object(value, what).items()}


def _refuse_rest(entry: _Json, what: str) -> None:
    """What is not known may be what a later version pins; it is not passed over in silence."""
    for name in entry:
        raise LockTextError(f"{what} has an unknown part `{name}`")
