"""The plain recipe: AdamW at a constant learning rate, for so many steps.

In: the arguments of `plain(...)`. Out: its checked numbers and an optimizer. No paper stands behind
it; it is what a first model, a test and a comparison are trained with.
"""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from taskc.runtime.schedule import BatchRule, sequences

if TYPE_CHECKING:
    import torch

__all__ = ["Plain"]


class Plain(BaseModel):
    """`plain(steps:, lr:, ...)`.

    Attributes:
        steps: Optimizer steps; epochs follow from them.
        lr: Learning rate, reached after `warmup` steps and kept.
        batch: What one step reads.
        weight_decay: AdamW's, on every parameter of two or more dimensions.
        clip: Largest norm of the gradient; 0 leaves it as it is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    steps: Annotated[int, Field(ge=1)]
    lr: Annotated[float, Field(gt=0)]
    batch: BatchRule = sequences(8)
    warmup: Annotated[int, Field(ge=0)] = 0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Annotated[float, Field(ge=0)] = 1.0

    def optimizer(self, model: "torch.nn.Module") -> "torch.optim.Optimizer":
        """Returns AdamW (betas 0.9 and 0.999, eps 1e-8) over the model's parameters."""
        import torch

        parameters = [p for p in model.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in parameters if p.dim() > 1]},
            {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.lr, weight_decay=self.weight_decay)

    def lr_at(self, step: int) -> float:
        """Returns the learning rate of a step, counted from 0."""
        return self.lr * min(1.0, (step + 1) / (self.warmup + 1))
