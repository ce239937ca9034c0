"""Exemplars of the training stream: pools of what the mixture counts, laid as the stream asks.

In: the supplies of a mixture, when it is known how many examples of each its weights count. Out:
exemplars before the examples of the supplies. The pool of a source are the rows of those examples:
it depends on the source and its own numbers in the mixture, not on the total nor on other sources.
So a longer stream only adds, and a quota stays with its rows.
"""

from collections.abc import Sequence

from taskc.compiler import plan
from taskc.compiler.demand.supply import Supply
from taskc.compiler.engines.engine import Engine
from taskc.compiler.exemplars.laying import lay, room_of
from taskc.compiler.exemplars.pool import Pool
from taskc.compiler.keys import Scope
from taskc.compiler.places import error_at
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["TrainingExemplars", "too_few"]


class TrainingExemplars:
    """The exemplars of a mixture."""

    def __init__(
        self, build: plan.BuildPlan, supplies: Sequence[Supply], counted: Sequence[int]
    ) -> None:
        """Makes the pools.

        Args:
            build: The build.
            supplies: Those of the mixture.
            counted: How many units of each its weights count, of repetition 0.
        """
        self._build = build
        self._supplies = supplies
        self._scope = Scope.mixture(build.mixture.seed)
        self._room = room_of(build)
        for supply, num_units in zip(supplies, counted, strict=True):
            supply.pool = supply.pool_of(num_units)

    def lay(self, num_units: Sequence[int], engine: Engine) -> None:
        """Lays exemplars before the first units of each supply, as far as they have none.

        Raises:
            EngineFailedError: If a task found the faster engine wrong.
        """
        each = list(zip(self._supplies, num_units, strict=True))
        open_ = [(supply, number) for supply, number in each if supply.num_unlaid(number)]
        between = self._build.mixture.fewshot
        wanted = [supply.unlaid(number) for supply, number in open_]
        found = lay(wanted, between, self._scope, self._room, engine)
        for (supply, _), laid in zip(open_, found, strict=True):
            supply.lay(laid)
            if laid.num_short:
                supply.maker.notices.append(too_few(self._build, supply.source, supply.pool))


def too_few(build: plan.BuildPlan, source: plan.Source, pool: Pool | None) -> Diagnostic:
    """A warning: some examples of a source have fewer exemplars than they should."""
    return error_at(
        "T0856",
        build.mixture.place("fewshot"),
        f"`{source.name}` has too few rows for {build.mixture.fewshot[1]} exemplars",
        label="some examples have fewer",
        notes=(
            f"it has {len(pool or ())} rows to draw from",
            "an exemplar equals neither the example that it stands before nor another one",
        ),
        helps=("ask for fewer exemplars, or leave the source to a mixture without them",),
    )
