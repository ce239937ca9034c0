"""Stage `order`, second half: how much of each source, and the stream that follows from it.

In: the supplies of a mixture's sources. Out: for each place of the stream, which supply gives its
next unit. `n` in min(n, cap) counts surviving examples: a row that falls is replaced by the next in
key order, and only a source whose rows are all used up weighs less than its cap. Without `total` a
mixture is one epoch: as many examples as the weights (or the quotas) add up to, none of them twice.
Two bytes a place.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.demand.quota import QuotaSupply
from taskc.compiler.demand.supply import Supply, fill
from taskc.compiler.engines.engine import Engine
from taskc.compiler.exemplars.training import TrainingExemplars
from taskc.compiler.places import error_at
from taskc.compiler.sequences.order import blocks, first_places
from taskc.compiler.sequences.weights import counted_up_to, weights
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Mixed", "mix", "wanted_of", "weights_of"]

# How many units more than expected to encode when the stream's length is known only in tokens. A
# constant: it must not depend on the number of workers.
AHEAD_UNITS = 16
_MAX_STRATA = 8  # of those that lack examples, as many are told

Places = npt.NDArray[np.uint16]
Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class Mixed:
    """The stream.

    Attributes:
        places: Index of the supply for each place, uint16; its units come in their order.
        weights: Weight of each supply, by its index.
        num_units: Units that the stream takes of each supply, from its first on.
        errors: Why there is no stream, if there is none.
    """

    places: Places
    weights: list[int]
    num_units: list[int]
    errors: list[Diagnostic]


def mix(
    build: plan.BuildPlan,
    supplies: Sequence[Supply],
    engine: Engine,
    progress: Callable[[int], None],
) -> Mixed:
    """Decides the stream, making as many examples as it takes.

    Args:
        build: The build.
        supplies: Those of the mixture's `from` in order, then those of its takes.
        engine: What makes examples.
        progress: Called with the number of rows made since the last call.
    """
    mixture = build.mixture
    takes = mixture.blend.quotas()
    wants = wanted_of(mixture, supplies)
    for num_rows in fill(supplies, wants, engine, repeat=False):
        progress(num_rows)
    errors = [finding for supply in supplies for finding in supply.errors]
    for supply in supplies:
        if (take := takes.get(supply.source.name)) is not None:
            supply.settle()
            errors += _shortage(supply, take)
    nothing = np.zeros(0, np.uint16)
    if errors:
        return Mixed(nothing, [], [0] * len(supplies), errors)
    available = [min(want, each.num_units) for want, each in zip(wants, supplies, strict=True)]
    weights_ = weights_of(mixture, supplies, available)
    if not any(weights_):
        return Mixed(nothing, weights_, [0] * len(supplies), [])
    exemplars = None
    if mixture.fewshot[1]:
        exemplars = TrainingExemplars(build, supplies, available)
    supplier = _Supplier(supplies, weights_, engine, progress, exemplars)
    match mixture.total.unit:
        case "epochs":
            places = supplier.examples(mixture.total.count * sum(available))
        case "examples":
            places = supplier.examples(mixture.total.count)
        case "tokens":
            places = supplier.tokens(mixture.total.count)
        case _:
            assert_never(mixture.total.unit)
    num_units = np.bincount(places, minlength=len(supplies)).tolist()
    errors = [finding for supply in supplies for finding in supply.errors]
    return Mixed(places, weights_, num_units, errors or _repeats(build, supplies, num_units))


def wanted_of(mixture: plan.Mixture, supplies: Sequence[Supply]) -> list[int]:
    """How many distinct examples of each source its weight can count."""
    # Exemplars are drawn from all that the weights count, so it must be known what that is.
    is_all = mixture.total.unit == "epochs" or mixture.fewshot[1] > 0
    counted = counted_up_to(mixture.blend, every=is_all)
    takes = mixture.blend.quotas()
    wants = []
    for supply in supplies:
        count = counted[supply.source.name]
        if count is None:
            wants.append(supply.most_units)
        else:  # a quota is asked for even where there are fewer rows, so that a shortage is found
            is_quota = supply.source.name in takes
            wants.append(count if is_quota else min(count, supply.most_units))
    return wants


def weights_of(
    mixture: plan.Mixture, supplies: Sequence[Supply], available: Sequence[int]
) -> list[int]:
    """Integer weights of the supplies, in the proportions of the blend."""
    counted = dict.fromkeys(counted_up_to(mixture.blend), 0)  # a source may have no training split
    survivors = {each.source.name: count for each, count in zip(supplies, available, strict=True)}
    weighed = weights(mixture.blend, counted | survivors)
    return [weighed[supply.source.name] for supply in supplies]


def _shortage(supply: Supply, take: plan.Take) -> list[Diagnostic]:
    """A quota that the surviving rows cannot fill is an error, unless the spec says `at most`."""
    found = supply.num_units
    if take.at_most or found >= take.count or supply.errors:
        return []
    fallen = supply.num_fallen
    return [
        error_at(
            "T0851",
            take.at,
            f"`take {take.count} from {take.text or take.source}`: only {found} examples survive",
            label=f"{take.count - found} too many",
            notes=(
                f"{len(supply.rows)} rows are left after `where` and `limit`",
                *((f"{fallen} of them fell while being phrased or encoded",) if fallen else ()),
                *(_lacking(supply, take) if isinstance(supply, QuotaSupply) else ()),
            ),
            helps=(f"ask for {found} or fewer, or write `take at most {take.count}`",),
        )
    ]


def _lacking(supply: QuotaSupply, take: plan.Take) -> Iterator[str]:
    """Yields which strata have less than what they were to give, those that lack most first."""
    shares = supply.shares(take.count)
    lacking = [each for each in shares if each.num_rows - each.num_fallen < each.due]
    lacking.sort(key=lambda each: each.num_rows - each.num_fallen - each.due)
    for each in lacking[:_MAX_STRATA] if len(shares) > 1 else ():
        name = ", ".join(group.name for group in each.path)
        fell = f", {each.num_fallen} fell" if each.num_fallen else ""
        yield f"group `{name}` has {each.num_rows - each.num_fallen} of {each.due}{fell}"
    if len(lacking) > _MAX_STRATA:
        yield f"and {len(lacking) - _MAX_STRATA} more groups have less than they were to give"


def _repeats(
    build: plan.BuildPlan, supplies: Sequence[Supply], num_units: Sequence[int]
) -> list[Diagnostic]:
    """A source that would have to be repeated more often than `repeat at most` allows."""
    limit = build.mixture.repeat
    if limit == 0:
        return []
    repeats = [supply.figures(num).repeats for supply, num in zip(supplies, num_units, strict=True)]
    return [
        error_at(
            "T0852",
            build.mixture.place("repeat"),
            f"source `{supply.source.name}` would be repeated {times} times",
            label=f"allows {limit}",
            notes=(f"{supply.distinct} examples of it are there",),
            helps=("lower the total or the source's share, or allow more repeats",),
        )
        for supply, times in zip(supplies, repeats, strict=True)
        if times > limit
    ]


@dataclass(slots=True)
class _Supplier:
    """Walks the stream and asks the supplies for what it needs."""

    supplies: Sequence[Supply]
    weights: Sequence[int]
    engine: Engine
    progress: Callable[[int], None]
    exemplars: TrainingExemplars | None

    def examples(self, length: int) -> Places:
        """The first `length` places."""
        places = first_places(self.weights, length)
        num_units = np.bincount(places, minlength=len(self.supplies)).tolist()
        self._fill(num_units)
        if self.exemplars is not None:
            self.exemplars.lay(num_units, self.engine)
        return places

    def tokens(self, num_tokens: int) -> Places:
        """The shortest run of places that holds at least `num_tokens` tokens."""
        self._lay_all()
        taken = np.zeros(len(self.supplies), np.int64)
        found: list[Places] = []
        missing = num_tokens
        for block in blocks(self.weights):
            rest = block
            while len(rest) and missing > 0:
                until = np.cumsum(self._tokens_of(rest, taken))
                num_places = min(int(np.searchsorted(until, missing)) + 1, len(until))
                if not num_places:  # the first unit is not made yet
                    self._fill((taken + self._expected(missing)).tolist())
                    self._lay_all()
                    if not len(self._tokens_of(rest, taken)):
                        return np.concatenate(found or [rest[:0]])  # for an error, told elsewhere
                    continue
                found.append(rest[:num_places])
                taken += np.bincount(found[-1], minlength=len(taken))
                missing -= int(until[num_places - 1])
                rest = rest[num_places:]
            if missing <= 0:
                break
        return np.concatenate([block[:0], *found])

    def _tokens_of(self, places: Places, taken: Ints) -> Ints:
        """Tokens of the next places, as far as their units are made, int64.

        Args:
            places: Index of a supply each.
            taken: Units taken of each supply before.
        """
        tokens = np.full(len(places), -1, np.int64)
        order = np.argsort(places, kind="stable")
        counts = np.bincount(places, minlength=len(self.supplies))
        begin = 0
        for index in np.flatnonzero(counts).tolist():
            own = self.supplies[index].unit_tokens()[taken[index] :][: counts[index]]
            tokens[order[begin : begin + len(own)]] = own
            begin += int(counts[index])
        not_made = np.flatnonzero(tokens < 0)
        return tokens[: not_made[0]] if len(not_made) else tokens

    def _expected(self, num_tokens: int) -> Ints:
        """About how many further units of each supply hold so many tokens together.

        Reckoned from the units at hand alone, so it is the same on every machine.
        """
        means = [
            int(tokens.sum(dtype=np.int64)) / len(tokens) if len(tokens) else 0.0
            for tokens in (supply.unit_tokens() for supply in self.supplies)
        ]
        total = sum(self.weights)
        tokens_per_place = sum(w * m for w, m in zip(self.weights, means, strict=True)) / total
        num_places = num_tokens / tokens_per_place
        return np.array(
            [
                math.ceil(num_places * weight / total) + AHEAD_UNITS if weight else 0
                for weight in self.weights
            ]
        )

    def _lay_all(self) -> None:
        """Lays exemplars before all units that are there: how long they are decides the places."""
        if self.exemplars is not None:
            self.exemplars.lay([supply.num_units for supply in self.supplies], self.engine)

    def _fill(self, wants: Sequence[int]) -> None:
        for num_rows in fill(self.supplies, wants, self.engine, repeat=True):
            self.progress(num_rows)
