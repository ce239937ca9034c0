"""Stage `order`: the mixture's stream, a sequence of sources in which every prefix is fair.

In: one integer weight a source. Out: which source each place of the stream belongs to. After any
number of places t, source i has had its share t * w_i / W within less than one example: the
chairman assignment (Tijdeman, "The chairman assignment problem", Discrete Mathematics 32, 1980),
whose bound for k sources is 1 - 1 / (2k - 2).

The stream is made in blocks: numpy lays out all turns that a block can give, in doubles, what is
too near to be told apart is compared in integers, and a heap of their ranks gives the places. So it
is the same everywhere, and a longer stream only adds places at its end. About 0.3 us a place for
10 sources and 0.6 us for 1,600.
"""

import heapq
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["blocks", "counts", "first_places", "integer_weights", "stream"]

_FIRST_BLOCK = 1_023
_LARGEST_BLOCK = 65_535  # a place within a block is a uint16, which sorts by radix

Places = npt.NDArray[np.uint16]
Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


def stream(weights: Sequence[int]) -> Iterator[int]:
    """Yields indices of `weights` for ever; a weight of 0 is never drawn.

    Args:
        weights: Non-negative integers, at least one of them positive.

    Raises:
        ValueError: If no weight is positive.
    """
    for block in blocks(weights):
        yield from block.tolist()


def first_places(weights: Sequence[int], length: int) -> Places:
    """The first `length` places of the stream, uint16: after the sum of weights it repeats."""
    period = sum(weights) // (math.gcd(*weights) or 1)
    wanted = min(length, period)
    found = [np.zeros(0, np.uint16)]
    num_places = 0
    for block in blocks(weights):
        found.append(block[: wanted - num_places])
        num_places += len(found[-1])
        if num_places >= wanted:
            break
    places = np.concatenate(found)
    return np.tile(places, -(-length // max(1, wanted)))[:length]


def blocks(weights: Sequence[int]) -> Iterator[Places]:
    """Yields the places of the stream in pieces, for ever; see `stream`.

    Raises:
        ValueError: If no weight is positive.
    """
    sources = [index for index, weight in enumerate(weights) if weight > 0]
    if not sources:
        message = "a stream needs at least one source with a positive weight"
        raise ValueError(message)
    is_wide = sources[-1] > np.iinfo(np.uint16).max  # groups of a quota may be that many
    names: Any = np.array(sources, np.uint32 if is_wide else np.uint16)
    chairs = _Chairs([weights[index] for index in sources])
    size = _FIRST_BLOCK
    while True:
        yield names[chairs.block(size)] if len(sources) > 1 else np.repeat(names, size)
        size = min(2 * size + 1, _LARGEST_BLOCK)


class _Chairs:
    """The places so far, of two sources or more.

    The j-th turn of a source may be given once its share has grown past j - 1 by 1 / (2k - 2), and
    must be given before it exceeds j - 1 / (2k - 2); among the turns that may be given the one that
    is due first is. Of turns due at once the first source's is given.
    """

    def __init__(self, weights: Sequence[int]) -> None:
        self.weights = weights
        self.total = sum(weights)
        self.slack = 2 * len(weights) - 2
        self.given = np.zeros(len(weights), np.int64)  # turns of each source
        self.place = 0  # places in all
        self._steps = np.array([self.total / weight for weight in weights])
        numbers = {weight: number for number, weight in enumerate(dict.fromkeys(weights))}
        self._kinds = np.array([numbers[weight] for weight in weights])  # equal weights, one kind
        self._bases = self.given

    def block(self, num_places: int) -> Ints:
        """The sources of the next places."""
        # Turns are counted from one base for all sources of a weight, so that doubles which stand
        # for equal numbers are equal.
        least = np.full(len(self.weights), np.iinfo(np.int64).max)
        np.minimum.at(least, self._kinds, self.given)
        self._bases = least[self._kinds]
        released = [self._released(source, self.place + num_places) for source in range(len(least))]
        counts = np.array(released) - self.given
        source = np.repeat(np.arange(len(counts)), counts)
        begins = self.given - self._bases - (np.cumsum(counts) - counts)
        turn = np.arange(len(source)) + begins[source]

        release = np.clip(self._releases(source, turn), 0, None).astype(np.uint16)
        by_due = self._by_due(source, turn)
        rank = np.empty_like(by_due)
        rank[by_due] = np.arange(len(by_due))
        arriving = rank[np.argsort(release, kind="stable")].tolist()
        num_arriving = np.bincount(release, minlength=num_places + 1).tolist()
        places: Ints = source[by_due[_served(arriving, num_arriving)]]
        self.given = self.given + np.bincount(places, minlength=len(counts))
        self.place += num_places
        return places

    def _released(self, source: int, place: int) -> int:
        """How many turns of a source may be given up to a place, counted from 1."""
        numerator = place * self.slack * self.weights[source] - self.total
        return max(0, numerator // (self.slack * self.total) + 1)

    def _releases(self, source: Ints, turn: Ints) -> Ints:
        """The first place, within the block and from 1, at which each turn may be given."""
        exact = self._doubles(source, turn, 1)
        release = np.ceil(exact).astype(np.int64)
        for index in np.flatnonzero(_near(exact, np.rint(exact))).tolist():
            numerator, denominator = self._ratio(int(source[index]), int(turn[index]), 1)
            release[index] = -(-numerator // denominator)
        return release

    def _by_due(self, source: Ints, turn: Ints) -> Ints:
        """The order of turns by the place before which each must be given, then by source."""
        due = self._doubles(source, turn, self.slack - 1)
        order = np.argsort(due)
        ranked = due[order]
        close = np.flatnonzero(_near(ranked[1:], ranked[:-1]))
        if not len(close):
            return order
        is_tied = np.zeros(len(order), np.bool_)
        is_tied[close] = is_tied[close + 1] = True
        at = np.flatnonzero(is_tied)
        tied = order[at]
        order[at] = tied[np.lexsort((source[tied], due[tied]))]
        # Turns of equal weights and equal number are due at once: those stand right by now.
        kinds, turns = self._kinds[source[order]], turn[order]
        differ = (kinds[close] != kinds[close + 1]) | (turns[close] != turns[close + 1])
        runs = np.cumsum(np.diff(close, prepend=-2) > 1)
        for run in np.unique(runs[differ]).tolist():
            first, last = np.searchsorted(runs, [run, run + 1])
            span = slice(close[first], close[last - 1] + 2)
            order[span] = self._exactly_by_due(order[span], source, turn)
        return order

    def _exactly_by_due(self, run: Ints, source: Ints, turn: Ints) -> list[int]:
        """A few turns in their order, compared in integers."""
        keys = []
        for index in run.tolist():
            own = int(source[index])
            ratio = self._ratio(own, int(turn[index]), self.slack - 1)
            keys.append((Fraction(*ratio), own, index))
        return [index for _, _, index in sorted(keys)]

    def _doubles(self, source: Ints, turn: Ints, offset: int) -> Doubles:
        """`_ratio` of every turn, off by less than 1e-15 of itself."""
        first = np.empty(len(self.weights))
        for own in range(len(self.weights)):
            numerator, denominator = self._ratio(own, 0, offset)
            whole, rest = divmod(numerator, denominator)
            first[own] = whole + rest / denominator
        doubles: Doubles = first[source] + turn * self._steps[source]
        return doubles

    def _ratio(self, source: int, turn: int, offset: int) -> tuple[int, int]:
        """The place, within the block, at which a share has grown by offset / slack.

        Args:
            source: Whose share.
            turn: How many turns after its base it has grown by 0.
            offset: 1 for the turn's release, slack - 1 for when it is due.
        """
        denominator = self.slack * self.weights[source]
        steps = (int(self._bases[source]) + turn) * self.slack + offset
        return steps * self.total - self.place * denominator, denominator


def _near(values: Doubles, others: Doubles) -> npt.NDArray[np.bool_]:
    """Where two doubles may stand for one number, or for two in the other order.

    A turn's place is rounded four times on its way to a double.
    """
    near: npt.NDArray[np.bool_] = np.abs(values - others) <= 1e-9 + 2e-15 * np.abs(values)
    return near


def _served(arriving: list[int], num_arriving: list[int]) -> list[int]:
    """The least rank that has arrived and was not served before, for every place.

    Args:
        arriving: Ranks in the order of their arrival.
        num_arriving: How many arrive before the first place, at the first, at the second ...
    """
    waiting = arriving[: num_arriving[0]]
    heapq.heapify(waiting)
    next_rank = iter(arriving[num_arriving[0] :]).__next__
    push, pop, push_pop = heapq.heappush, heapq.heappop, heapq.heappushpop
    served: list[int] = []
    serve = served.append
    for count in num_arriving[1:]:
        if count == 1:
            serve(push_pop(waiting, next_rank()))
        elif count == 0:
            serve(pop(waiting))
        else:
            for _ in range(count - 1):
                push(waiting, next_rank())
            serve(push_pop(waiting, next_rank()))
    return served


def counts(weights: Sequence[int], length: int) -> list[int]:
    """How often each source stands in the first `length` places of its stream."""
    found: list[int] = np.bincount(first_places(weights, length), minlength=len(weights)).tolist()
    return found


def integer_weights(weights: Sequence[float | Fraction]) -> list[int]:
    """The smallest integers in exactly the proportions of `weights`: doubles are fractions."""
    fractions = [Fraction(weight) for weight in weights]
    multiple = math.lcm(*(fraction.denominator for fraction in fractions))
    scaled = [int(fraction * multiple) for fraction in fractions]
    divisor = math.gcd(*scaled) or 1
    return [weight // divisor for weight in scaled]
