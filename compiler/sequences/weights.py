"""Stage `order`, first half: what each source weighs in a mixture.

In: a mixture's blend (members, rate, quotas; nested ones inside) and how many examples of each
source survive. Out: integer weights in exact proportion. A nested mixture with a rate or quotas of
its own counts as one source of the outer one, and divides its weight as it says itself; a share of
a cluster is divided by its sources' examples. Everything is exact but the root of a temperature,
which is rounded to a millionth, so that no platform's last bit decides.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import assert_never

from taskc.compiler import plan
from taskc.compiler.sequences.order import integer_weights

__all__ = ["WEIGHT_PARTS", "counted_up_to", "root", "row_limits", "weights"]

WEIGHT_PARTS = 1_000_000


def counted_up_to(blend: plan.Blend, *, every: bool = False) -> dict[str, int | None]:
    """How many survivors of each source its weight can count; None = all of them.

    Args:
        blend: The mixture's blend.
        every: Whether the number of all survivors decides the total besides (`total N epochs`).
    """
    found: dict[str, int | None] = {take.source: take.count for take in blend.takes}
    cap = _cap(blend.rate)
    for member in blend.members:
        if member.blend is not None:
            found |= counted_up_to(member.blend, every=every or not _is_even(blend.rate))
            continue
        for source in member.sources:
            if _is_even(blend.rate) and not every and _is_alone(blend.rate, member):
                found[source] = 1  # whether there is any is all that counts
            else:
                found[source] = cap
    return found


def row_limits(blend: plan.Blend) -> dict[str, int]:
    """How many rows of a source count at all, by `proportional(limit: ...)`, where that is said."""
    found: dict[str, int] = {}
    for member in blend.members:
        if member.blend is not None:
            found |= row_limits(member.blend)
        elif isinstance(blend.rate, plan.ProportionalRate) and blend.rate.limit is not None:
            found |= dict.fromkeys(member.sources, blend.rate.limit)
    return found


def weights(blend: plan.Blend, survivors: Mapping[str, int]) -> dict[str, int]:
    """The smallest integers in the proportions of the blend, by source; 0 where nothing survives.

    Args:
        blend: The mixture's blend.
        survivors: Surviving examples of each source, counted up to `counted_up_to`.
    """
    weighed = _weighed(blend, survivors)
    return dict(zip(weighed, integer_weights([*weighed.values()]), strict=True))


def _weighed(blend: plan.Blend, survivors: Mapping[str, int]) -> dict[str, Fraction]:
    """The weight of each source, as a number of examples where the rate counts examples."""
    found: dict[str, Fraction] = {}
    for parts, weight in _members(blend, survivors):
        whole = sum(parts.values())
        for source, part in parts.items():
            found[source] = weight * part / whole if whole else Fraction(0)
    for take in blend.takes:
        found[take.source] = Fraction(min(take.count, survivors[take.source]))
    return found


def _members(
    blend: plan.Blend, survivors: Mapping[str, int]
) -> Iterator[tuple[dict[str, Fraction], Fraction]]:
    """Yields what is weighed as one: its parts in proportion, and what it weighs."""
    for member in blend.members:
        if member.blend is not None:
            parts = _weighed(member.blend, survivors)
            count = sum(survivors[source] for source in parts)
            yield parts, _weight(blend.rate, member.name, count)
        elif isinstance(blend.rate, plan.SharesRate):
            parts = {source: Fraction(survivors[source]) for source in member.sources}
            yield parts, _weight(blend.rate, member.name, sum(map(int, parts.values())))
        else:
            for source in member.sources:
                yield {source: Fraction(1)}, _weight(blend.rate, source, survivors[source])


def _weight(rate: plan.Rate, name: str, count: int) -> Fraction:
    """What `count` survivors weigh."""
    if not count:
        return Fraction(0)
    match rate:
        case plan.ProportionalRate(cap=cap):
            return Fraction(count if cap is None else min(count, cap))
        case plan.TemperatureRate(temperature=temperature, cap=cap):
            counted = count if cap is None else min(count, cap)
            return root(counted, temperature)
        case plan.EqualRate():
            return Fraction(1)
        case plan.SharesRate(shares=shares):
            return Fraction(str(shares[name]))  # 0.1 as it is written, not as a double holds it
        case _:
            assert_never(rate)


def root(count: int, temperature: float) -> Fraction:
    """The count to the power 1 / temperature, rounded to a millionth, halves to even."""
    return Fraction(round(count ** (1.0 / temperature) * WEIGHT_PARTS), WEIGHT_PARTS)


def _cap(rate: plan.Rate) -> int | None:
    match rate:
        case plan.ProportionalRate(cap=cap) | plan.TemperatureRate(cap=cap):
            return cap
        case plan.EqualRate() | plan.SharesRate():
            return None
        case _:
            assert_never(rate)


def _is_even(rate: plan.Rate) -> bool:
    """Whether a member's weight is the same however many survivors it has."""
    return isinstance(rate, plan.EqualRate | plan.SharesRate)


def _is_alone(rate: plan.Rate, member: plan.Member) -> bool:
    """Whether a source shares its weight with no other."""
    return isinstance(rate, plan.EqualRate) or len(member.sources) == 1
