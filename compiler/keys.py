"""Keys: canonical bytes of values, ids of rows, and every random draw, byte for byte.

In: values of rows and names of declarations. Out: bytes and unsigned integers that depend on
nothing
else: no path, no file order, no package alias, no clock, no library version. docs/keys.md is the
    page
that another program can be written from; it is part of the edition. About 1.5 us for the id of a
small row and 0.8 us a draw.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import repeat
from math import isfinite
from typing import NamedTuple

__all__ = [
    "EDITION",
    "NotCanonicalError",
    "RowKey",
    "Scope",
    "canonical",
    "columns_hasher",
    "permutation",
    "rendezvous",
    "row_hasher",
    "value_hash",
]

EDITION = 1
ROW_ID_BYTES = 16
_DRAW_BYTES = 8
_SCOPE_KEY_BYTES = 32
_MAX_HEADS = 1 << 16  # texts of more bytes are rare, and their heads not worth keeping
_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1

Value = object  # str | int | float | bool | None | list[Value] | dict[str, Value]


class NotCanonicalError(ValueError):
    """No value of the language: infinite, not a number, beyond 64 bits, or of a foreign kind."""


class RowKey(NamedTuple):
    """Which row: its id (16 bytes), and its position among equal rows of the split, from 0."""

    id: bytes
    ordinal: int


# ---- canonical bytes -----------------------------------------------------------------------------


def canonical(value: Value) -> bytes:
    """Returns the bytes that stand for `value`, and for no other value.

    Raises:
        NotCanonicalError: A float is infinite or not a number, an integer is beyond 64 bits, a text
            holds a lone surrogate, or the value is of a kind that no row may hold.
    """
    pieces: list[bytes] = []
    _append(value, pieces)
    return b"".join(pieces)


def _append(value: Value, pieces: list[bytes]) -> None:
    """Appends the canonical bytes of `value`; by exact type, so that no bool counts as an int."""
    kind = type(value)
    if kind is str:
        pieces.append(_text(value))  # type: ignore[arg-type]  # `kind` says so
    elif kind is int:
        pieces.append(_integer(value))  # type: ignore[arg-type]  # `kind` says so
    elif value is None:
        pieces.append(b"n")
    elif kind is bool:
        pieces.append(b"t" if value else b"f")
    elif kind is float:
        pieces.append(_float(value))  # type: ignore[arg-type]  # `kind` says so
    elif isinstance(value, list):
        pieces.append(b"l%d:" % len(value))
        for item in value:
            _append(item, pieces)
    elif isinstance(value, dict):
        pieces.append(b"r%d:" % len(value))
        # Sorting texts by code point is sorting their UTF-8 bytes.
        for name in sorted(value):
            pieces.append(_name(name))
            _append(value[name], pieces)
    elif isinstance(value, str):
        pieces.append(_text(str(value)))
    else:
        raise NotCanonicalError(f"a value of the kind `{kind.__name__}` can't stand in a row")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise NotCanonicalError("a text holds half of a surrogate pair") from error


def _text(text: str) -> bytes:
    raw = _utf8(text)
    return b"s%d:%b" % (len(raw), raw)


def _name(name: str) -> bytes:
    raw = _utf8(name)
    return b"%d:%b" % (len(raw), raw)


def _integer(number: int) -> bytes:
    if not _MIN_INT <= number <= _MAX_INT:
        raise NotCanonicalError("an integer is beyond 64 bits")
    digits = b"%d" % number
    return b"i%d:%b" % (len(digits), digits)


_pack_double = struct.Struct(">d").pack


def _float(number: float) -> bytes:
    if not isfinite(number):
        raise NotCanonicalError("a float is infinite or not a number")
    return b"d" + _pack_double(number + 0.0)  # -0.0 + 0.0 is 0.0


# ---- row ids -------------------------------------------------------------------------------------


def value_hash(value: Value) -> bytes:
    """Returns BLAKE2b-128 of the canonical bytes, 16 bytes: equal values, equal hash."""
    return blake2b(canonical(value), digest_size=ROW_ID_BYTES).digest()


def row_hasher(reads: Iterable[str] | None) -> Callable[[dict[str, Value]], bytes]:
    """Returns the function from a row to its id, 16 bytes.

    The id is the hash of the record of the columns that are read; a column that is missing or none
    is left out of that record, so a null and an absent key are the same row.

    Args:
        reads: The columns that the source reads; None: every column of the row.
    """
    if reads is None:
        return lambda row: value_hash({name: row[name] for name in row if row[name] is not None})
    columns = [(name, _name(name)) for name in sorted(set(reads))]

    def row_id(row: dict[str, Value]) -> bytes:
        pieces = [b""]
        num_columns = 0
        get = row.get
        for name, name_bytes in columns:
            value = get(name)
            if value is None:
                continue
            num_columns += 1
            pieces.append(name_bytes)
            if type(value) is str:
                pieces.append(_text(value))
            else:
                _append(value, pieces)
        pieces[0] = b"r%d:" % num_columns
        return blake2b(b"".join(pieces), digest_size=ROW_ID_BYTES).digest()

    return row_id


def columns_hasher(reads: Iterable[str]) -> Callable[[Sequence[list[Value]], int], list[bytes]]:
    """Returns the function from the columns of many rows to the ids of the rows.

    It gives what `row_hasher` gives for each row, in about 1.5 us for a row of three short texts.

    Args:
        reads: The columns that the source reads; the function takes them sorted by name, each with
            a value for every row, none where the row has none, and the number of rows.
    """
    heads = [_TextHeads(_name(name)) for name in sorted(set(reads))]
    fresh = blake2b(digest_size=ROW_ID_BYTES).copy

    def row_ids(columns: Sequence[list[Value]], num_rows: int) -> list[bytes]:
        pieces: list[Iterable[bytes]] = []
        has_none = False
        for text_heads, values in zip(heads, columns, strict=True):
            kinds = set(map(type, values))
            has_none |= type(None) in kinds
            pieces += _column_pieces(text_heads, values, kinds)
        tags: Iterable[bytes] = repeat(b"r%d:" % len(heads), num_rows)
        if has_none:
            tags = [b"r%d:" % (len(row) - row.count(None)) for row in zip(*columns, strict=True)]
        ids = []
        for message in map(b"".join, zip(tags, *pieces, strict=False)):
            state = fresh()
            state.update(message)
            ids.append(state.digest())
        return ids

    return row_ids


class _TextHeads(dict[int, bytes]):
    """Bytes before a text of each length in a column: its name, tag and length."""

    def __init__(self, name: bytes) -> None:
        super().__init__()
        self.name = name

    def __missing__(self, length: int) -> bytes:
        head = b"%bs%d:" % (self.name, length)
        if length < _MAX_HEADS:
            self[length] = head
        return head


def _column_pieces(
    heads: _TextHeads, values: list[Value], kinds: set[type]
) -> list[Iterable[bytes]]:
    """One or two columns of bytes that stand, joined, for a field of each row's record."""
    if kinds == {str}:
        try:
            texts = list(map(str.encode, values))  # type: ignore[arg-type]  # `kinds` says so
        except UnicodeEncodeError as error:
            raise NotCanonicalError("a text holds half of a surrogate pair") from error
        return [map(heads.__getitem__, map(len, texts)), texts]
    name = heads.name
    if kinds == {int}:
        return [repeat(name), map(_integer, values)]  # type: ignore[arg-type]  # `kinds` says so
    if kinds == {type(None)}:
        return []
    return [[b"" if value is None else name + canonical(value) for value in values]]


# ---- draws ---------------------------------------------------------------------------------------


class Scope:
    """What a draw may depend on besides the row: the edition, and perhaps a mixture's seed.

    Attributes:
        key: The 32 bytes that key every draw of the scope.
    """

    __slots__ = ("_states", "key")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._states: dict[tuple[str, int, str], blake2b] = {}

    @classmethod
    def source(cls) -> "Scope":
        """The scope of choices that belong to a source: `limit`, `carve`, `dedup`, `choose`."""
        return cls._of(["source", EDITION])

    @classmethod
    def mixture(cls, seed: int) -> "Scope":
        """The scope of choices that belong to a mixture with this seed."""
        return cls._of(["mixture", EDITION, seed])

    @classmethod
    def _of(cls, parts: list[Value]) -> "Scope":
        return cls(blake2b(canonical(parts), digest_size=_SCOPE_KEY_BYTES).digest())

    def __reduce__(self) -> tuple[type["Scope"], tuple[bytes]]:
        return Scope, (self.key,)  # hash states can't be pickled; they are made again at first use

    def draws(
        self,
        declaration: str,
        ids: Sequence[bytes],
        ordinals: Sequence[int],
        repetition: int,
        draw_name: str,
    ) -> list[int]:
        """Returns one draw for each row, as `draw` would.

        Args:
            declaration: Name of the source that the rows belong to; a package's name before it,
                with a dot, is left out.
            ids: Row ids, 16 bytes each.
            ordinals: Positions among equal rows, as many as `ids`.
            repetition: How often the rows were delivered before.
            draw_name: One of the names in docs/keys.md.
        """
        rows = [row_id + _integer(each) for row_id, each in zip(ids, ordinals, strict=True)]
        drawn = self.draw_bytes(declaration, rows, repetition, draw_name)
        return [number for (number,) in struct.iter_unpack(">Q", drawn)]

    def draw_bytes(
        self, declaration: str, rows: Iterable[bytes], repetition: int, draw_name: str
    ) -> bytes:
        """Returns one draw for each row as eight bytes, the highest first. 0.4 us a row.

        Args:
            declaration: As for `draws`.
            rows: Each row's id and the canonical bytes of its ordinal.
            repetition: How often the rows were delivered before.
            draw_name: One of the names in docs/keys.md.
        """
        fresh = self._state(declaration, repetition, draw_name).copy
        drawn = []
        for row in rows:
            state = fresh()
            state.update(row)
            drawn.append(state.digest())
        return b"".join(drawn)

    def draw(self, declaration: str, row: RowKey, repetition: int, draw_name: str) -> int:
        """Returns a number from 0 to 2**64 - 1 that is fixed by scope and arguments."""
        state = self._state(declaration, repetition, draw_name).copy()
        state.update(row.id + _integer(row.ordinal))
        return int.from_bytes(state.digest(), "big")

    def _state(self, declaration: str, repetition: int, draw_name: str) -> blake2b:
        """The hash state after all but the row; kept, because rows are many and names few."""
        name = (declaration, repetition, draw_name)
        state = self._states.get(name)
        if state is None:
            # "package.name" is how two sources of one name are told apart, and no part of the key.
            declared_name = declaration.rpartition(".")[2]
            state = blake2b(key=self.key, digest_size=_DRAW_BYTES)
            state.update(_text(declared_name) + _text(draw_name) + _integer(repetition))
            self._states[name] = state
        return state


def rendezvous(
    scope: Scope, declaration: str, row: RowKey, repetition: int, labels: Sequence[str]
) -> int:
    """Returns the index of the label whose draw "prompt/LABEL" is largest.

    A label that is added draws for itself alone, so only rows that choose it move, and a label that
    is taken away moves only the rows that had chosen it.

    Args:
        scope: The mixture's scope.
        declaration: Name of the row's source.
        row: The row that chooses.
        repetition: How often the row was delivered before.
        labels: "TEMPLATE.LABEL" of every prompt that applies, at least one, all different.
    """
    if len(labels) == 1:
        return 0
    drawn = [
        (scope.draw(declaration, row, repetition, f"prompt/{label}"), label) for label in labels
    ]
    return drawn.index(max(drawn))


def permutation(  # noqa: PLR0917 - the order is that of `draw`, then what is drawn for
    scope: Scope, declaration: str, row: RowKey, repetition: int, draw_name: str, num_items: int
) -> list[int]:
    """Returns 0 .. `num_items` - 1 sorted by the draws "DRAW_NAME/0", "DRAW_NAME/1", ...

    Item i of the result is the index of what comes i-th; for shuffled options `draw_name` is
    "options/TEMPLATE".
    """
    drawn = [
        scope.draw(declaration, row, repetition, f"{draw_name}/{index}")
        for index in range(num_items)
    ]
    return sorted(range(num_items), key=lambda index: (drawn[index], index))
