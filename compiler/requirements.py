"""Stage `require`: the conditions of a mixture, held against what is delivered for training.

In: a plan's `require` clauses and the figures of the delivered split, by the paths that
`dsl/model/quantities.py` lists. Out: an error for each condition that does not hold, with the
measured value of every figure it speaks of. Nothing is written before this stage.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from pydantic import BaseModel

from taskc.compiler import plan
from taskc.compiler.demand.supply import Figures
from taskc.compiler.places import error_at
from taskc.compiler.rows.values.evaluate import Env, compile_expression
from taskc.compiler.rows.values.operators import RowError, Value
from taskc.compiler.sequences.pack import Packs
from taskc.compiler.sequences.stream import Stream
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.model.quantities import QUANTITIES, SOURCES, quantities_of

__all__ = ["quantities", "unmet"]

_SHARES = 1_000  # a share is shown with this precision


def quantities(
    build: plan.BuildPlan,
    delivered: Mapping[str, Figures],
    stream: Stream,
    packs: Packs,
    num_fallen: int,
) -> dict[str, int | float]:
    """The figures that a `require` may name, by their paths.

    Args:
        build: The build.
        delivered: What each source delivers, by its name.
        stream: The training examples.
        packs: The sequences that they are packed into.
        num_fallen: Candidates that gave no example.
    """
    mixture = build.mixture
    num_rows = sum(figures.rows for figures in delivered.values())
    num_tokens = sum(figures.tokens for figures in delivered.values())
    num_truncated = int(np.count_nonzero(stream.examples.trimmed))
    found: dict[str, int | float] = {
        "examples": len(stream),
        "tokens": num_tokens,
        "trained_tokens": sum(figures.trained_tokens for figures in delivered.values()),
        "truncated": num_truncated / (len(stream) or 1),
        "dropped": num_fallen / (num_rows + num_fallen or 1),
        "fill": num_tokens / (len(packs) * build.pack.length or 1),
    }
    # A source may have nothing to train on; a package's name before it tells apart two builds'.
    names = {name.rpartition(".")[2]: name for name in [*mixture.sources, *mixture.blend.quotas()]}
    for path in quantities_of(names):
        if path not in QUANTITIES:
            _, name, quantity = path.split(".")
            figures = delivered.get(names[name])
            found[path] = getattr(figures, quantity) if figures is not None else 0
    return found


def unmet(build: plan.BuildPlan, figures: Mapping[str, int | float]) -> list[Diagnostic]:
    """Returns an error (T0855) for each `require` that the delivered training split doesn't meet.

    Args:
        build: The build.
        figures: Every quantity that a `require` may name, measured, by its path.
    """
    if build.sample is not None:
        return []  # a sample is looked at, not trained on: its figures say nothing of the whole
    env = Env(_records(figures), _no_draw)
    return [
        finding for require in build.mixture.requires for finding in _judged(require, env, figures)
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


def _records(figures: Mapping[str, int | float]) -> dict[str, Value]:
    """The figures as the row that conditions are evaluated on: those of sources in records."""
    row: dict[str, Value] = {}
    sources: dict[str, dict[str, Value]] = {}
    for path, value in figures.items():
        _, dot, rest = path.partition(".")
        source, _, name = rest.partition(".")
        if dot:
            sources.setdefault(source, {})[name] = value
        else:
            row[path] = value
    return row | {SOURCES: dict[str, Value](sources)}


def _named(expression: plan.Expr, figures: Mapping[str, object]) -> list[str]:
    """The figures that an expression names, in the order of their first use."""
    names: dict[str, None] = {}

    def walk(node: object) -> None:
        if isinstance(node, plan.Name | plan.GetField) and _path(node) in figures:
            names[_path(node)] = None
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


def _path(node: plan.Expr) -> str:
    """The dotted path of a name or a field's field; "" for anything else."""
    match node:
        case plan.Name(name=name):
            return name
        case plan.GetField(base=base, name=name) if _path(base):
            return f"{_path(base)}.{name}"
        case _:
            return ""


def shown(value: float) -> str:
    """A count with its thousands, a share as a percentage."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{round(value * 100 * _SHARES) / _SHARES:g} %"


def _no_draw(name: str) -> int:
    raise AssertionError(f"a requirement draws nothing, not {name}")
