"""Stage `order`: the mixture's stream, a sequence of sources in which every prefix is fair.

In: one integer weight a source. Out: which source each place of the stream belongs to. After any
number of places t, source i has had its share t * w_i / W within less than one example: the
chairman assignment (Tijdeman, "The chairman assignment problem", Discrete Mathematics 32, 1980),
whose bound for k sources is 1 - 1 / (2k - 2). All arithmetic is in integers, so the stream is the
same everywhere, and a longer stream only adds places at its end. O(log k) a place.
"""

import heapq
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

__all__ = ["counts", "integer_weights", "stream"]


def stream(weights: Sequence[int]) -> Iterator[int]:
    """Yield indices of `weights` for ever; a weight of 0 is never drawn.

    The j-th turn of a source may be given once its share has grown past j - 1 by 1 / (2k - 2), and
    must be given before it exceeds j - 1 / (2k - 2); among the turns that may be given the most
    urgent one is.

    Args:
        weights: Non-negative integers, at least one of them positive.

    Raises:
        ValueError: If no weight is positive.
    """
    sources = [index for index, weight in enumerate(weights) if weight > 0]
    if not sources:
        message = "a stream needs at least one source with a positive weight"
        raise ValueError(message)
    if len(sources) == 1:
        while True:
            yield sources[0]
    total = sum(weights)
    slack = 2 * len(sources) - 2
    # A common multiple turns every deadline into an integer, so that ties are exact.
    multiple = math.lcm(*(weights[index] for index in sources))
    scale = {index: multiple // weights[index] for index in sources}
    waiting = [(_release(1, weights[index], total, slack), index, 1) for index in sources]
    heapq.heapify(waiting)
    ready: list[tuple[int, int, int]] = []
    place = 0
    while True:
        place += 1
        while waiting and waiting[0][0] <= place:
            _, index, turn = heapq.heappop(waiting)
            heapq.heappush(ready, ((turn * slack - 1) * scale[index], index, turn))
        _, index, turn = heapq.heappop(ready)
        heapq.heappush(waiting, (_release(turn + 1, weights[index], total, slack), index, turn + 1))
        yield index


def _release(turn: int, weight: int, total: int, slack: int) -> int:
    """The first place at which turn number `turn` (from 1) of a source may be given."""
    return -(-((turn - 1) * slack + 1) * total // (slack * weight))


def counts(weights: Sequence[int], length: int) -> list[int]:
    """How often each source stands in the first `length` places of its stream."""
    found = [0] * len(weights)
    for _, index in zip(range(length), stream(weights), strict=False):
        found[index] += 1
    return found


def integer_weights(weights: Sequence[float | Fraction]) -> list[int]:
    """The smallest integers in exactly the proportions of `weights`: doubles are fractions."""
    fractions = [Fraction(weight) for weight in weights]
    multiple = math.lcm(*(fraction.denominator for fraction in fractions))
    scaled = [int(fraction * multiple) for fraction in fractions]
    divisor = math.gcd(*scaled) or 1
    return [weight // divisor for weight in scaled]
