"""The plain recipe: AdamW at a constant learning rate, for so many steps.

In: the arguments of `plain(...)`. Out: its checked numbers and an optimizer. No paper stands behind
it; it is what a first model, a test and a comparison are trained with.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from taskc.runtime.recipes.parts import curves
from taskc.runtime.recipes.recipe import Positive, Recipe, Steps
from taskc.runtime.schedule import BatchRule, sequences

if TYPE_CHECKING:
    import torch

__all__ = ["Plain"]


class Plain(Recipe):
    """`plain(steps:, lr:, ...)`.

    Attributes:
        steps: Optimizer steps; epochs follow from them.
        lr: Learning rate, reached after `warmup` steps and kept.
        weight_decay: AdamW's, on every parameter of two or more dimensions.
    """

    name: ClassVar[str] = "plain"

    steps: Annotated[int, Field(ge=1)]
    lr: Positive
    batch: BatchRule = sequences(8)
    warmup: Steps = 0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Annotated[float, Field(ge=0)] = 1.0

    def num_steps(self, steps_per_epoch: int) -> int:
        """As many as were asked for."""
        del steps_per_epoch
        return self.steps

    def lr_at(self, step: int, steps: int) -> float:
        """A warm-up, then the same rate."""
        return curves.rate(
            step, steps, peak=self.lr, last=self.lr, curve="constant", warmup_steps=self.warmup
        )

    def optimizer(self, parameters: "Iterable[torch.nn.Parameter]") -> "torch.optim.Optimizer":
        """Returns AdamW (betas 0.9 and 0.999, eps 1e-8)."""
        import torch

        from taskc.runtime.recipes.parts.decay import decayed_groups

        return torch.optim.AdamW(decayed_groups(parameters, self.weight_decay), lr=self.lr)
