"""The recipe of LIMA (Zhou et al. 2023, "LIMA: Less Is More for Alignment").

In: the arguments of `lima(...)`. Out: AdamW without warm-up, its rate falling in a straight line;
batches of 32 examples (64 for the smaller models) over 15 epochs, with dropout on the residual
branches that rises from the bottom layer to the top. The paper picks a checkpoint between the 5th
and the 10th epoch by hand, so that of every epoch is kept. Its 2,048 tokens an example are the
build's: `format chat(max: 2048, overflow: trim)`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from taskc.runtime.recipes.parts import curves
from taskc.runtime.recipes.recipe import Positive, Recipe, Share
from taskc.runtime.schedule import BatchRule, examples

if TYPE_CHECKING:
    import torch

__all__ = ["Lima"]

_ZHOU = "Zhou et al. 2023, section 3"


class Lima(Recipe):
    """`lima(...)`; every number may be given.

    Attributes:
        epochs: How often everything is read.
        lr: Learning rate of the first step.
        last_lr: Learning rate of the last step.
        batch: `examples(32)`; the paper's smaller models take `examples(64)`.
        beta1, beta2, eps: AdamW's.
        weight_decay: AdamW's, on matrices only.
        dropout: Rates at the bottom and at the top layer, `ramp(0.0, 0.3)`; the paper's smaller
            models take `ramp(0.0, 0.2)`.
    """

    name: ClassVar[str] = "lima"
    keeps_epochs: ClassVar[bool] = True

    epochs: Annotated[int, Field(ge=1)] = Field(default=15, description=_ZHOU)
    lr: Positive = Field(default=1e-5, description=_ZHOU)
    last_lr: Positive = Field(default=1e-6, description=_ZHOU)
    batch: BatchRule = Field(default=examples(32), description=_ZHOU)
    beta1: Share = Field(default=0.9, description=_ZHOU)
    beta2: Share = Field(default=0.95, description=_ZHOU)
    eps: Positive = Field(default=1e-8, description="torch's AdamW; not in the paper")
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        default=0.1, description=f"{_ZHOU}; that it is on matrices only is not in the paper"
    )
    dropout: tuple[Share, Share] = Field(default=(0.0, 0.3), description=_ZHOU)

    def num_steps(self, steps_per_epoch: int) -> int:
        """All epochs, their short last batches included."""
        return self.epochs * steps_per_epoch

    def lr_at(self, step: int, steps: int) -> float:
        """In a straight line from the first step to the last."""
        return curves.rate(step, steps, peak=self.lr, last=self.last_lr, curve="linear")

    def optimizer(self, parameters: "Iterable[torch.nn.Parameter]") -> "torch.optim.Optimizer":
        """Returns AdamW."""
        import torch

        from taskc.runtime.recipes.parts.decay import decayed_groups

        groups: list[dict[str, Any]] = decayed_groups(parameters, self.weight_decay)
        return torch.optim.AdamW(groups, lr=self.lr, betas=(self.beta1, self.beta2), eps=self.eps)

    @property
    def starts_new_tokens_from_mean(self) -> bool:
        """The end of turn is a new token; how its row starts is not in the paper."""
        return True

    def dropout_rates(self, num_layers: int) -> list[float]:
        """Rising in equal steps."""
        from taskc.runtime.recipes.parts.dropout import ramp

        return ramp(*self.dropout, num_layers)
