"""Found: where the store has what a clause found among the rows of one source.

In: nothing. Out: two small records that `Loaded` carries from the search to the report.
"""

from dataclasses import dataclass
from typing import NamedTuple

from taskc.compiler import plan

__all__ = ["Found", "IndexName"]


class IndexName(NamedTuple):
    """Under which key and name the store has an index of evaluation rows."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one clause found among the training rows of one source.

    Attributes:
        clause: The clause.
        index: The evaluation rows that were asked.
        ranges: Index of each range that was searched, and the key of its hits.
    """

    clause: plan.Decontaminate
    index: IndexName
    ranges: list[tuple[int, str]]
