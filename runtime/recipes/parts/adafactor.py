"""Adafactor at a given learning rate, without momentum (Shazeer & Stern 2018, algorithms 4 and 5).

In: parameters with gradients. Out: updated parameters. Of a matrix the mean squared gradient is
kept by rows and by columns: for n x m entries n + m numbers of state, in the gradient's precision
and float32 at least. Parameters of more than two dimensions are taken as stacks of matrices, others
as vectors. Works on sharded parameters (DTensor) as on whole ones.
"""

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch

__all__ = ["Adafactor"]

_MATRIX = 2


class Adafactor(torch.optim.Optimizer):
    """Adafactor; the learning rate is relative to a parameter's size if `scale_parameter` says so.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        eps: Added to squared gradients, and the smallest size a parameter counts as.
        clip: Largest root mean square of an update, before the learning rate.
        decay: The mean squared gradient of step t (from 1) keeps 1 - t ** -decay of what it was.
        scale_parameter: Whether the learning rate is multiplied by the root mean square of the
            parameter, as the paper of Adafactor proposes.
    """

    def __init__(
        self,
        params: Iterable[torch.Tensor] | Iterable[dict[str, Any]],
        lr: float,
        *,
        eps: tuple[float, float] = (1e-30, 1e-3),
        clip: float = 1.0,
        decay: float = 0.8,
        scale_parameter: bool = True,
    ) -> None:
        settings = {
            "lr": lr,
            "eps": eps,
            "clip": clip,
            "decay": decay,
            "scale_parameter": scale_parameter,
        }
        super().__init__(params, settings)

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Updates every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    _update(parameter, self.state[parameter], group)
        return loss


def _update(parameter: torch.Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    """Takes one step of one parameter."""
    assert parameter.grad is not None
    gradient = parameter.grad.to(torch.promote_types(parameter.grad.dtype, torch.float32))
    state["step"] = state.get("step", 0) + 1
    kept = 1.0 - state["step"] ** -group["decay"]
    direction = gradient * _inverse_root(gradient.square() + group["eps"][0], state, kept)
    direction = direction / (_size(direction) / group["clip"]).clamp(min=1.0)
    rate = group["lr"]
    if group["scale_parameter"]:
        rate = rate * _size(parameter).clamp(min=group["eps"][1])
    parameter.sub_((direction * rate).to(parameter.dtype))


def _inverse_root(squares: torch.Tensor, state: dict[str, Any], kept: float) -> torch.Tensor:
    """Updates the mean of squared gradients and returns the inverse of its root."""
    if squares.dim() < _MATRIX:
        return _mean(state, "square", squares, kept).rsqrt()
    rows = _mean(state, "rows", squares.mean(dim=-1), kept)
    columns = _mean(state, "columns", _summed(squares.mean(dim=-2)), kept)
    # The paper's R C / sum(R), with means for sums: rows / mean(rows) x columns.
    by_row = (rows / rows.mean(dim=-1, keepdim=True)).rsqrt()
    return by_row.unsqueeze(-1) * columns.rsqrt().unsqueeze(-2)


def _summed(values: torch.Tensor) -> torch.Tensor:
    """Returns a mean over sharded rows as every rank has it: shares of one can't be saved."""
    placements = getattr(values, "placements", ())
    if not any(each.is_partial() for each in placements):
        return values
    from torch.distributed.tensor import Replicate

    spread: Any = values
    whole = [Replicate() if each.is_partial() else each for each in placements]
    summed: torch.Tensor = spread.redistribute(placements=whole)
    return summed


def _mean(state: dict[str, Any], name: str, now: torch.Tensor, kept: float) -> torch.Tensor:
    """Returns the moving mean after `now`; at the first step nothing is kept."""
    before = state.get(name)
    mean: torch.Tensor = now if before is None else before * kept + now * (1.0 - kept)
    state[name] = mean
    return mean


def _size(values: torch.Tensor) -> torch.Tensor:
    """Returns the root mean square."""
    return values.square().mean().sqrt()
