"""How many examples each source owes, in which order, and how few packs hold them: by hand.

In: weights, lengths. Out: exact shares, bins. Plain Python over exact fractions and lists; slow on
purpose where the slow way is the obvious one.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from fractions import Fraction


def shares(weights: dict[str, int | float]) -> dict[str, Fraction]:
    """Each source's exact part of the whole."""
    exact = {name: Fraction(weight) for name, weight in weights.items()}
    whole = sum(exact.values())
    return {name: weight / whole for name, weight in exact.items()}


def furthest_from_share(stream: Iterable[str], share: dict[str, Fraction]) -> Fraction:
    """The largest distance, over every prefix, between what a source has and what it is owed."""
    had = dict.fromkeys(share, 0)
    denominator = 1
    for part in share.values():
        denominator = denominator * part.denominator
    # In whole numbers of 1/denominator, so that a long stream stays quick.
    owed = {name: int(part * denominator) for name, part in share.items()}
    furthest = 0
    for length, name in enumerate(stream, 1):
        had[name] += 1
        for each, count in had.items():
            furthest = max(furthest, abs(count * denominator - length * owed[each]))
    return Fraction(furthest, denominator)


def best_fit_decreasing(lengths: Sequence[int], capacity: int) -> int:
    """The number of bins that best-fit-decreasing needs, seeing all `lengths` at once."""
    rooms: list[int] = []  # the free room of every open bin, ascending
    bins = 0
    for length in sorted(lengths, reverse=True):
        place = bisect_left(rooms, length)
        if place == len(rooms):
            bins += 1
            room = capacity
        else:
            room = rooms.pop(place)
        if room > length:
            insort(rooms, room - length)
    return bins
