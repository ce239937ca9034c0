"""What a build did, and what the store had already: counts, not times.

In: nothing. Out: one dataclass that tasks and stages add up. It is no part of the artefact, which
says the same whatever the store held.
"""

from dataclasses import dataclass, fields

__all__ = ["Work"]


@dataclass(slots=True)
class Work:
    """Counts.

    Attributes:
        num_ranges_surveyed: Ranges of input files that were read for their keys.
        num_ranges_known: Ranges whose keys the store had.
        num_rows_read: Rows whose values were read again to be phrased.
        num_encoded: Pairs of row and prompt that were encoded.
        num_reused: Pairs that the store had.
    """

    num_ranges_surveyed: int = 0
    num_ranges_known: int = 0
    num_rows_read: int = 0
    num_encoded: int = 0
    num_reused: int = 0

    def add(self, other: "Work") -> None:
        """Adds the counts of another."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
