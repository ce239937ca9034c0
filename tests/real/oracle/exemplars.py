"""Which rows stand before an example, and what it is with them, from docs/keys.md and masks.md.

In: the examples that a mixture counts of a source, a query. Out: ids of exemplars, and the query's
ids and labels behind them. The lines of the page as they stand there, but for a bisection where the
page looks at every row.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from oracle import draws
from oracle.encoding import BLIND, Coded, PromptTarget

_MASK = 2**64 - 1


class Standing(NamedTuple):
    """A row on the circle; rows are sorted by this."""

    point: int
    key: draws.Key


# (row, name of a prompt) -> its whole example by it, or None.
Whole = Callable[[draws.Key, str], Coded | None]


@dataclass
class Pool:
    """The rows of one source that may be exemplars.

    Attributes:
        source: Its name.
        scope: The key of the mixture.
        prompt_of: Row -> the prompt that it draws.
        whole: Whole examples.
    """

    source: str
    scope: bytes
    prompt_of: dict[draws.Key, str]
    whole: Whole
    _circles: dict[str, tuple[list[Standing], list[Standing]]] = field(default_factory=dict)

    def number(self, key: draws.Key, repetition: int, fewest: int, most: int) -> int:
        """How many exemplars an example wants."""
        drawn = draws.draw(self.scope, self.source, key, repetition, "exemplars")
        return fewest + (drawn * (most - fewest + 1) >> 64)

    def before(
        self, key: draws.Key, repetition: int, prompt: str, wanted: int
    ) -> list[tuple[draws.Key, Coded]]:
        """The rows that stand before an example, in order, each with its own."""
        found: list[tuple[draws.Key, Coded]] = []
        taken = {key.id}
        for place in range(wanted):
            drawn = draws.draw(self.scope, self.source, key, repetition, f"exemplar/{place}")
            for row in self._from_nearest(prompt, drawn):
                whole = None if row.id in taken else self.whole(row, prompt)
                if whole is not None:
                    found.append((row, whole))
                    taken.add(row.id)
                    break
            else:
                break
        return found

    def _from_nearest(self, prompt: str, drawn: int) -> Iterator[draws.Key]:
        for circle in self._circles_of(prompt):
            start = _start(circle, drawn)
            for standing in (*circle[start:], *circle[:start]):
                yield standing.key

    def _circles_of(self, prompt: str) -> tuple[list[Standing], list[Standing]]:
        """The rows that draw a prompt themselves, and the others."""
        if prompt not in self._circles:
            standing = sorted(
                Standing(draws.draw(self.scope, self.source, key, 0, "exemplar"), key)
                for key in self.prompt_of
            )
            self._circles[prompt] = (
                [each for each in standing if self.prompt_of[each.key] == prompt],
                [each for each in standing if self.prompt_of[each.key] != prompt],
            )
        return self._circles[prompt]


def _start(circle: Sequence[Standing], drawn: int) -> int:
    """The row that comes soonest after one of eight points."""
    if not circle:
        return 0
    points = [mixed(drawn + i) for i in range(8)]
    nexts = [bisect_left(circle, (point,)) % len(circle) for point in points]
    gaps = [(circle[at].point - point) & _MASK for at, point in zip(nexts, points, strict=True)]
    return nexts[gaps.index(min(gaps))]


def mixed(key: int) -> int:
    """The finaliser of splitmix64."""
    key = (key + 0x9E3779B97F4A7C15) & _MASK
    key = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    key = ((key ^ (key >> 27)) * 0x94D049BB133111EB) & _MASK
    return key ^ (key >> 31)


def laid(
    form: PromptTarget,
    example: Coded,
    found: Sequence[tuple[draws.Key, Coded]],
    num_between: int,
) -> tuple[list[bytes], Coded]:
    """An example behind as many exemplars as there is room for, without BOS.

    Args:
        form: The format.
        example: What the example is alone.
        found: What was drawn, in order.
        num_between: Tokens of the separator, which an input's limit does not count.

    Returns:
        The exemplars' row ids, and ids and labels of everything.
    """
    own = example.labels.count(BLIND) - num_between
    kept = list(found)
    while kept and own + sum(len(coded.ids) for _, coded in kept) > form.input:
        kept.pop()
    ids = [token for _, coded in kept for token in coded.ids]
    return [key.id for key, _ in kept], Coded(
        ids + example.ids, [BLIND] * len(ids) + example.labels, example.trimmed
    )
