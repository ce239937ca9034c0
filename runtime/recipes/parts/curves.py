"""Learning rates over the steps of a run: a warm-up, then one of three curves.

In: a step, counted from 0, and the number of steps. Out: a factor of the learning rate, or the
rate. Pure functions of their arguments; no torch, no state.
"""

import math
from typing import Literal, assert_never

__all__ = ["Curve", "factor", "rate"]

Curve = Literal["constant", "linear", "cosine"]


def rate(
    step: int, steps: int, *, peak: float, last: float, curve: Curve, warmup_steps: int = 0
) -> float:
    """Returns the learning rate of a step.

    Args:
        step: From 0 to `steps` - 1.
        steps: Of the whole run.
        peak: The rate of the first step after the warm-up.
        last: The rate of the last step; no matter where the curve is constant.
        curve: How it falls from the one to the other.
        warmup_steps: Steps below the peak, in equal steps up to it: with three, 1/4, 2/4 and 3/4.
    """
    if step < warmup_steps:
        return peak * (step + 1) / (warmup_steps + 1)
    if curve == "constant":
        return peak
    return last + (peak - last) * factor(step - warmup_steps, steps - warmup_steps, curve)


def factor(step: int, steps: int, curve: Curve) -> float:
    """Returns how far up a step is: 1 at the first of `steps`, 0 at the last."""
    way = min(1.0, step / (steps - 1)) if steps > 1 else 0.0
    match curve:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 - way
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * way))
        case _:
            assert_never(curve)
