"""Did you mean: the known names nearest to one that is not known.

In: a name and the names that could stand in its place. Out: at most three of them. Cost:
O(candidates x length squared), paid only when something is already wrong.
"""

from collections.abc import Iterable

__all__ = ["did_you_mean"]

_MAX_SUGGESTIONS = 3


def did_you_mean(name: str, candidates: Iterable[str]) -> list[str]:
    """Returns at most three candidates near `name`, best first.

    A candidate equal but for case comes first; others are near when their edit distance (a swap of
    neighbours counts as one) is at most max(1, length / 3). Equal distances keep the order of
    `candidates`.
    """
    wanted = name.casefold()
    most_edits = max(1, len(name) // 3)
    near: list[tuple[int, int, str]] = []
    for position, candidate in enumerate(dict.fromkeys(candidates)):
        other = candidate.casefold()
        if candidate == name or abs(len(other) - len(wanted)) > most_edits:
            continue
        distance = 0 if other == wanted else _edit_distance(wanted, other)
        if distance <= most_edits:
            near.append((distance, position, candidate))
    return [candidate for _, _, candidate in sorted(near)[:_MAX_SUGGESTIONS]]


def _edit_distance(left: str, right: str) -> int:
    """How many insertions, deletions, replacements and swaps of neighbours lead across."""
    before_previous: list[int] = []
    previous = list(range(len(right) + 1))
    for row, here in enumerate(left, start=1):
        current = [row]
        for column, there in enumerate(right, start=1):
            cost = min(
                previous[column] + 1,
                current[column - 1] + 1,
                previous[column - 1] + (here != there),
            )
            swapped = (
                row > 1 and column > 1 and here == right[column - 2] and left[row - 2] == there
            )
            if swapped:
                cost = min(cost, before_previous[column - 2] + 1)
            current.append(cost)
        before_previous, previous = previous, current
    return previous[-1]
