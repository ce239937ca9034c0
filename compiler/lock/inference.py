"""Types of columns from their values.

In: rows, chunk by chunk, in any order. Out: the type of each column: a column that some row lacks,
or where it holds null, is optional; ints and floats together are floats; any other mixture is left
open (`any`), and said. One pass, 0.4 us a cell; memory grows with the number of distinct names,
not of rows. A record of more than 1,000 distinct names is a table with keys of its own, and what is
nested deeper than 30 is not looked into: both are left open, as is a column of a kind that the
language has no type for.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from taskc.compiler.rows.connect.raw import Value
from taskc.dsl.model.types import (
    BOOL,
    FLOAT,
    INT,
    TEXT,
    UNKNOWN,
    List,
    Record,
    Type,
    optional,
)

__all__ = ["MAX_DEPTH", "MAX_FIELDS", "InferredRows"]

MAX_FIELDS: Final = 1_000
MAX_DEPTH: Final = 30

_SCALARS: Final[dict[type, Type]] = {bool: BOOL, int: INT, float: FLOAT, str: TEXT}
_NONE: Final[Mapping[str, str]] = {}
# In the order in which a note lists what a column holds.
_WORDS: Final[dict[type, str]] = {
    str: "texts",
    int: "ints",
    float: "floats",
    bool: "bools",
    list: "lists",
    dict: "records",
}


class InferredRows:
    """What the rows of a source hold, as far as they were seen.

    Attributes:
        num_rows: How many.
    """

    def __init__(self) -> None:
        self._rows = _Records(depth=0)
        self._untyped: dict[str, str] = {}

    @property
    def num_rows(self) -> int:
        """Rows seen so far."""
        return self._rows.num

    def add(self, rows: Sequence[dict[str, Value]], untyped: Mapping[str, str] = _NONE) -> None:
        """Looks at further rows; they are not changed.

        Args:
            rows: The rows.
            untyped: Columns that were left out of them, with the type that their file gives them.
        """
        self._rows.add(rows)
        if rows:
            self._untyped |= untyped

    def columns(self) -> dict[str, Type] | None:
        """Each column's type, by name; None where rows tell nothing: there are none, or no end."""
        found = self._rows.fields() if self.num_rows else None
        if found is None or not self._untyped:
            return found
        return dict(sorted((found | dict.fromkeys(self._untyped, UNKNOWN)).items()))

    def notes(self) -> Iterator[str]:
        """Yields a line for each place whose type is left open."""
        if self._rows.is_table:
            yield f"more than {MAX_FIELDS:,} different columns: none is kept"
        for name, kind in sorted(self._untyped.items()):
            yield f"`{name}` has the type {kind}, which is not one of the language's"
        yield from self._rows.notes("")


class _Records:
    """The fields of records that stand in one place."""

    __slots__ = ("_depth", "_fields", "is_table", "num")

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._fields: dict[str, _Place] = {}
        self.is_table = False
        self.num = 0

    def add(self, records: Sequence[dict[str, Value]]) -> None:
        self.num += len(records)
        if self.is_table:
            return
        cells: dict[str, list[Value]] = {}
        for record in records:
            for name, value in record.items():
                if name in cells:
                    cells[name].append(value)
                else:
                    cells[name] = [value]
        for name, values in cells.items():
            if name not in self._fields:
                self._fields[name] = _Place(self._depth)
            self._fields[name].add(values)
        if len(self._fields) > MAX_FIELDS:
            self.is_table = True
            self._fields.clear()

    def fields(self) -> dict[str, Type] | None:
        """The type of each field, sorted by name; None where the names have no end."""
        if self.is_table:
            return None
        return {
            name: place.type() if place.num == self.num else optional(place.type())
            for name, place in sorted(self._fields.items())
        }

    def notes(self, path: str) -> Iterator[str]:
        dot = "." if path else ""
        for name, place in sorted(self._fields.items()):
            yield from place.notes(f"{path}{dot}{name}")


class _Place:
    """The values that stand in one place of the rows: a column, an item, a field."""

    __slots__ = ("_depth", "_items", "_kinds", "_records", "num")

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._kinds: set[type] = set()
        self._items: _Place | None = None
        self._records: _Records | None = None
        self.num = 0

    def add(self, values: Sequence[Value]) -> None:
        self.num += len(values)
        kinds = set(map(type, values))
        self._kinds |= kinds
        if self._depth == MAX_DEPTH:
            return
        if list in kinds:
            self._items = self._items or _Place(self._depth + 1)
            lists = (value for value in values if isinstance(value, list))
            self._items.add(list(chain.from_iterable(lists)))
        if dict in kinds:
            self._records = self._records or _Records(self._depth + 1)
            self._records.add([value for value in values if isinstance(value, dict)])

    def type(self) -> Type:
        found = self._present()
        return optional(found) if type(None) in self._kinds else found

    def _present(self) -> Type:
        """The type of the values that are not null."""
        kinds = self._kinds - {type(None)}
        if kinds == {int, float}:
            return FLOAT
        if len(kinds) != 1:
            return UNKNOWN
        (kind,) = kinds
        if self._items is not None:
            return List(self._items.type())
        if self._records is not None:
            fields = self._records.fields()
            return UNKNOWN if fields is None else Record(tuple(fields.items()))
        return _SCALARS.get(kind, UNKNOWN)

    def notes(self, path: str) -> Iterator[str]:
        kinds = self._kinds - {type(None)}
        if not kinds and self.num:
            yield f"`{path}` is null in every row"
        elif len(kinds) > 1 and kinds != {int, float}:
            words = [word for kind, word in _WORDS.items() if kind in kinds]
            yield f"`{path}` holds {', '.join(words[:-1])} and {words[-1]}"
        elif self._records is not None and self._records.is_table:
            yield f"`{path}` has more than {MAX_FIELDS:,} different keys"
        elif self._depth == MAX_DEPTH and kinds & {list, dict}:
            yield f"`{path}` goes on deeper than {MAX_DEPTH} levels"
        elif self._items is not None:
            yield from self._items.notes(f"{path}[]")
        elif self._records is not None:
            yield from self._records.notes(path)
