"""Stage `require`: the conditions of a mixture, held against what is delivered for training.

In: a plan's `require` clauses and the figures of the delivered split, by the names that
`dsl/model/quantities.py` lists. Out: an error for each condition that does not hold, with the
measured value of every figure it speaks of. Nothing is written before this stage.
"""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from taskc.compiler import plan
from taskc.compiler.places import error_at
from taskc.compiler.rows.values.evaluate import Env, compile_expression
from taskc.compiler.rows.values.operators import RowError
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["unmet"]

_SHARES = 1_000  # a share is shown with this precision


def unmet(build: plan.BuildPlan, figures: Mapping[str, int | float]) -> list[Diagnostic]:
    """Returns an error (T0855) for each `require` that the delivered training split doesn't meet.

    Args:
        build: The build.
        figures: Every quantity that a `require` may name, measured.
    """
    if build.sample is not None:
        return []  # a sample is looked at, not trained on: its figures say nothing of the whole
    env = Env(dict(figures), _no_draw)
    return [
        finding
        for require in build.mixture.requires
        for finding in _judged(require, env, figures)
    ]


def _judged(
    require: plan.Require, env: Env, figures: Mapping[str, int | float]
) -> Iterator[Diagnostic]:
    try:
        holds = compile_expression(require.condition)(env)
        notes: tuple[str, ...] = ()
    except RowError as error:  # a division by a figure that is 0
        holds, notes = False, (error.message,)
    if holds is True:
        return
    measured = ", ".join(
        f"{name} is {shown(figures[name])}" for name in _named(require.condition, figures)
    )
    yield error_at(
        "T0855",
        require.at,
        "the delivered training split does not meet a requirement",
        label=measured or "false whatever is delivered",
        notes=notes,
        helps=("change the mixture, its sources or the format, or require what can be delivered",),
    )


def _named(expression: plan.Expr, figures: Mapping[str, object]) -> list[str]:
    """The figures that an expression names, in the order of their first use."""
    names: dict[str, None] = {}

    def walk(node: object) -> None:
        if isinstance(node, plan.Name) and node.name in figures:
            names[node.name] = None
        elif isinstance(node, BaseModel):
            for field in type(node).model_fields:
                walk(getattr(node, field))
        elif isinstance(node, tuple | list):
            for item in node:
                walk(item)
        elif isinstance(node, dict):
            for item in node.values():
                walk(item)

    walk(expression)
    return list(names)


def shown(value: float) -> str:
    """A count with its thousands, a share as a percentage."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{round(value * 100 * _SHARES) / _SHARES:g} %"


def _no_draw(name: str) -> int:
    raise AssertionError(f"a requirement draws nothing, not {name}")
