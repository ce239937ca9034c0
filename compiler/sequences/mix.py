"""Stage `order`, second half: how much of each source, and the stream that follows from it.

In: the supplies of a mixture's sources. Out: for each place of the stream, which unit of which
supply. `n` in min(n, cap) counts surviving examples: a row that falls is replaced by the next in
key order, and only a source whose rows are all used up weighs less than its cap. Without `total` a
mixture is one epoch: as many examples as the weights (or the quotas) add up to, none of them twice.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from taskc.compiler import plan
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.places import error_at
from taskc.compiler.sequences.order import integer_weights, stream
from taskc.compiler.supply import Supply, fill
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Mixed", "mix"]

# How many units more than expected to encode when the stream's length is known only in tokens. A
# constant: it must not depend on the number of workers.
AHEAD_UNITS = 16
# Weights that are no integers by nature are rounded to so many parts of one, so that a last bit of
# the platform's power function cannot change a stream.
WEIGHT_PARTS = 1_000_000


@dataclass(slots=True)
class Mixed:
    """The stream.

    Attributes:
        places: (index of the supply, index of the unit) for each place.
        weights: Weight of each supply, by its index.
        errors: Why there is no stream, if there is none.
    """

    places: list[tuple[int, int]]
    weights: list[int]
    errors: list[Diagnostic]


def mix(
    build: plan.BuildPlan,
    supplies: Sequence[Supply],
    engine: LocalEngine,
    progress: Callable[[int], None],
) -> Mixed:
    """Decide the stream, encoding as much as it takes.

    Args:
        build: The build.
        supplies: Those of the mixture's `from` in order, then those of its takes.
        engine: What encodes.
        progress: Called with the number of rows encoded since the last call.
    """
    takes = {take.source: take for take in build.mixture.takes}
    wants = [_wanted(build.mixture, supply, takes) for supply in supplies]
    for num_rows in fill(supplies, wants, engine, repeat=False):
        progress(num_rows)
    for supply in supplies:
        if supply.source.name in takes:
            supply.settle()
    errors = [finding for supply in supplies for finding in supply.errors]
    errors += [
        finding
        for supply in supplies
        for finding in _shortage(supply, takes.get(supply.source.name))
    ]
    if errors:
        return Mixed([], [], errors)
    available = [min(want, len(supply.units)) for want, supply in zip(wants, supplies, strict=True)]
    weights = _weights(build.mixture, supplies, available, takes)
    if not any(weights):
        return Mixed([], weights, [])
    mixture = build.mixture
    supplier = _Supplier(supplies, engine, progress)
    match mixture.total.unit:
        case "epochs":
            length = mixture.total.count * sum(available)
            places = supplier.examples(weights, length)
        case "examples":
            places = supplier.examples(weights, mixture.total.count)
        case "tokens":
            places = supplier.tokens(weights, mixture.total.count)
        case _:
            assert_never(mixture.total.unit)
    errors = [finding for supply in supplies for finding in supply.errors]
    return Mixed(places, weights, errors or _repeats(build, supplies, places))


def _wanted(mixture: plan.Mixture, supply: Supply, takes: dict[str, plan.Take]) -> int:
    """How many distinct examples of a source its weight can count."""
    take = takes.get(supply.source.name)
    if take:
        return take.count
    match mixture.rate:
        case plan.ProportionalRate(cap=cap) | plan.TemperatureRate(cap=cap):
            return len(supply.rows) if cap is None else min(cap, len(supply.rows))
        case plan.EqualRate() | plan.SharesRate():
            return len(supply.rows)
        case _:
            assert_never(mixture.rate)


def _weights(
    mixture: plan.Mixture,
    supplies: Sequence[Supply],
    available: Sequence[int],
    takes: dict[str, plan.Take],
) -> list[int]:
    """Integer weights of the supplies; a take weighs its quota."""
    rate = mixture.rate
    weights: list[float] = []
    for supply, count in zip(supplies, available, strict=True):
        if supply.source.name in takes:
            weights.append(count)
            continue
        match rate:
            case plan.ProportionalRate():
                weights.append(count)
            case plan.TemperatureRate(temperature=temperature):
                weight = count ** (1.0 / temperature)
                weights.append(round(weight * WEIGHT_PARTS) / WEIGHT_PARTS)
            case plan.EqualRate():
                weights.append(1 if count else 0)
            case plan.SharesRate(shares=shares):
                weights.append(shares.get(supply.source.name, 0.0) if count else 0)
            case _:
                assert_never(rate)
    return integer_weights(weights)


def _shortage(supply: Supply, take: plan.Take | None) -> list[Diagnostic]:
    """A quota that the surviving rows cannot fill is an error, unless the spec says `at most`."""
    if take is None or take.at_most or len(supply.units) >= take.count or supply.errors:
        return []
    found = len(supply.units)
    fallen = len(supply.fates)
    return [
        error_at(
            "T0851",
            take.at,
            f"`take {take.count} from {take.source}`: only {found} examples survive",
            label=f"{take.count - found} too many",
            notes=(
                f"{len(supply.rows)} rows are left after `where` and `limit`",
                *((f"{fallen} of them fell while being phrased or encoded",) if fallen else ()),
            ),
            helps=(f"ask for {found} or fewer, or write `take at most {take.count}`",),
        )
    ]


def _repeats(
    build: plan.BuildPlan, supplies: Sequence[Supply], places: Sequence[tuple[int, int]]
) -> list[Diagnostic]:
    """A source that would have to be repeated more often than `repeat at most` allows."""
    limit = build.mixture.repeat
    if limit == 0:
        return []
    worst: dict[int, int] = {}
    for supply_index, unit_index in places:
        times = supplies[supply_index].units[unit_index].repetition + 1
        worst[supply_index] = max(worst.get(supply_index, 0), times)
    return [
        error_at(
            "T0852",
            build.mixture.at,
            f"source `{supplies[index].source.name}` would be repeated {times} times",
            label=f"`repeat at most {limit}`",
            notes=(f"{supplies[index].distinct} examples of it are there",),
            helps=("lower the total or the source's share, or allow more repeats",),
        )
        for index, times in sorted(worst.items())
        if times > limit
    ]


@dataclass(slots=True)
class _Supplier:
    """Walks the stream and asks the supplies for what it needs."""

    supplies: Sequence[Supply]
    engine: LocalEngine
    progress: Callable[[int], None]

    def examples(self, weights: Sequence[int], length: int) -> list[tuple[int, int]]:
        """The first `length` places."""
        places = self._places(weights, length)
        wants = [0] * len(self.supplies)
        for index, unit in places:
            wants[index] = max(wants[index], unit + 1)
        self._fill(wants)
        return places

    def tokens(self, weights: Sequence[int], num_tokens: int) -> list[tuple[int, int]]:
        """The shortest run of places that holds at least `num_tokens` tokens."""
        taken = [0] * len(self.supplies)
        places: list[tuple[int, int]] = []
        delivered = 0
        for index in stream(weights):
            if delivered >= num_tokens:
                return places
            units = self.supplies[index].units
            unit = taken[index]
            if unit >= len(units):
                wants = self._expected(weights, num_tokens - delivered)
                self._fill([count + want for count, want in zip(taken, wants, strict=True)])
                if unit >= len(units):
                    return places  # the supply has an error; it is reported by the caller
            taken[index] += 1
            places.append((index, unit))
            delivered += units[unit].num_tokens
        return places

    def _expected(self, weights: Sequence[int], num_tokens: int) -> list[int]:
        """About how many further units of each supply hold so many tokens together.

        Reckoned from the units at hand alone, so it is the same on every machine.
        """
        means = [
            sum(unit.num_tokens for unit in supply.units) / len(supply.units)
            if supply.units
            else 0.0
            for supply in self.supplies
        ]
        tokens_per_place = sum(w * m for w, m in zip(weights, means, strict=True)) / sum(weights)
        num_places = num_tokens / tokens_per_place
        return [
            math.ceil(num_places * weight / sum(weights)) + AHEAD_UNITS if weight else 0
            for weight in weights
        ]

    @staticmethod
    def _places(weights: Sequence[int], length: int) -> list[tuple[int, int]]:
        taken = [0] * len(weights)
        places = []
        for _, index in zip(range(length), stream(weights), strict=False):
            places.append((index, taken[index]))
            taken[index] += 1
        return places

    def _fill(self, wants: Sequence[int]) -> None:
        for num_rows in fill(self.supplies, wants, self.engine, repeat=True):
            self.progress(num_rows)
