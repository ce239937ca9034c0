"""Row ids and keyed draws, from the byte-for-byte description in docs/keys.md.

In: values of rows, names of declarations. Out: ids, numbers and orders. Written from the page, one
draw at a time and without any of the compiler's shortcuts.
"""

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

EDITION = 1


class Key(NamedTuple):
    """Which row: its id, and its position among equal rows of the split, from 0."""

    id: bytes
    ordinal: int


def canonical(value: Any) -> bytes:
    """The bytes that stand for a value."""
    if value is None:
        return b"n"
    if value is True:
        return b"t"
    if value is False:
        return b"f"
    if isinstance(value, int):
        digits = str(value).encode()
        return b"i" + str(len(digits)).encode() + b":" + digits
    if isinstance(value, float):
        return b"d" + struct.pack(">d", 0.0 if value == 0 else value)
    if isinstance(value, str):
        raw = value.encode("utf-8")
        return b"s" + str(len(raw)).encode() + b":" + raw
    if isinstance(value, list):
        return b"l" + str(len(value)).encode() + b":" + b"".join(canonical(item) for item in value)
    return _record(value)


def _record(fields: dict[str, Any]) -> bytes:
    pieces = [b"r" + str(len(fields)).encode() + b":"]
    for name in sorted(fields):
        raw = name.encode("utf-8")
        pieces += [str(len(raw)).encode() + b":" + raw, canonical(fields[name])]
    return b"".join(pieces)


def row_id(raw: dict[str, Any], columns: Sequence[str]) -> bytes:
    """The id of a row: a hash of those columns that the source reads and the row has."""
    read = {name: raw[name] for name in columns if raw.get(name) is not None}
    return blake2b(canonical(read), digest_size=16).digest()


def value_hash(value: Any) -> bytes:
    """The hash by which `dedup` compares."""
    return blake2b(canonical(value), digest_size=16).digest()


def _scope(parts: list[Any]) -> bytes:
    return blake2b(canonical(parts), digest_size=32).digest()


def source_scope() -> bytes:
    """The key of `limit`, `carve`, `dedup` and `choose`: no mixture's seed."""
    return _scope(["source", EDITION])


def mixture_scope(seed: int) -> bytes:
    """The key of what a mixture decides."""
    return _scope(["mixture", EDITION, seed])


def draw(scope: bytes, declaration: str, key: Key, repetition: int, name: str) -> int:
    """One draw, from 0 to 2**64 - 1."""
    hashed = blake2b(key=scope, digest_size=8)
    hashed.update(canonical(declaration))
    hashed.update(canonical(name))
    hashed.update(canonical(repetition))
    hashed.update(key.id)
    hashed.update(canonical(key.ordinal))
    return int.from_bytes(hashed.digest(), "big")


def drawn_order(
    scope: bytes, declaration: str, keys: Sequence[Key], repetition: int, name: str
) -> list[int]:
    """Indices of `keys`, sorted by draw, then id, then ordinal."""
    drawn = [draw(scope, declaration, key, repetition, name) for key in keys]
    return sorted(range(len(keys)), key=lambda index: (drawn[index], keys[index]))


def chosen(scope: bytes, declaration: str, key: Key, repetition: int, labels: list[str]) -> str:
    """The label whose draw is largest."""
    return max(
        labels,
        key=lambda label: (draw(scope, declaration, key, repetition, f"prompt/{label}"), label),
    )


def shuffled(
    scope: bytes, declaration: str, key: Key, repetition: int, *, template: str, count: int
) -> list[int]:
    """The order in which `count` options are shown: item i is the index of the i-th."""
    drawn = [
        draw(scope, declaration, key, repetition, f"options/{template}/{index}")
        for index in range(count)
    ]
    return sorted(range(count), key=lambda index: (drawn[index], index))


def choice(scope: bytes, declaration: str, key: Key, name: str, count: int) -> int:
    """Which of `count` arguments a `choose` takes."""
    return draw(scope, declaration, key, 0, f"choose/{name}") * count >> 64
