"""Shaped rows on their way through the choices of a split: columns that are picked from together.

In: rows as they are shaped, appended column by column. Out: the same columns for fewer rows, and
`Rows`, as they are handed on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from taskc.compiler.examples import Rows
from taskc.compiler.rows.operators import Value

__all__ = ["ShapedRows"]


@dataclass(slots=True)
class ShapedRows:
    """Columns of rows, all of the same length; see `Rows`.

    Attributes:
        dedup_keys: Hash of each row's dedup key; empty where the source has no dedup.
    """

    values: list[dict[str, Value]] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    dedup_keys: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.ids)

    def pick(self, indices: Sequence[int]) -> "ShapedRows":
        """Returns the rows at `indices`."""
        if len(indices) == len(self):
            return self
        return ShapedRows(
            values=[self.values[index] for index in indices],
            ids=[self.ids[index] for index in indices],
            ordinals=[self.ordinals[index] for index in indices],
            files=[self.files[index] for index in indices],
            numbers=[self.numbers[index] for index in indices],
            dedup_keys=[self.dedup_keys[index] for index in indices] if self.dedup_keys else [],
        )

    def without(self, indices: Sequence[int]) -> "ShapedRows":
        """Returns the rows that are not at `indices`."""
        gone = set(indices)
        return self.pick([index for index in range(len(self)) if index not in gone])

    def rows(self, source: str, split: str, file_names: list[str]) -> Rows:
        """Returns the rows as they are handed on."""
        return Rows(
            source,
            split,
            self.values,
            self.ids,
            self.ordinals,
            self.files,
            self.numbers,
            file_names,
        )
