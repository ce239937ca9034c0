"""Plain supervised fine-tuning: AdamW, a warm-up, then a cosine or a straight line down.

In: the arguments of `sft(...)`. Out: its checked numbers and an optimizer. No one paper stands
behind it: it is what most published fine-tunings have in common.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from taskc.runtime.recipes.parts import curves
from taskc.runtime.recipes.recipe import Positive, Recipe, Share
from taskc.runtime.schedule import BatchRule, sequences

if TYPE_CHECKING:
    import torch

__all__ = ["Sft"]

_USUAL = "taskc; usual in supervised fine-tuning"


class Sft(Recipe):
    """`sft(lr:, epochs: or steps:, ...)`.

    Attributes:
        epochs: How often everything is read; 0: `steps` says how long.
        steps: Optimizer steps; 0: `epochs` says how long.
        lr: Learning rate at the top.
        schedule: How it falls: `cosine`, `linear` or `constant`.
        warmup: Share of the steps over which it rises.
        last: Share of the learning rate that the last step has.
        beta1, beta2, eps: AdamW's.
        weight_decay: AdamW's, on matrices only.
        dropout: Rate on the residual branches of all layers.
    """

    name: ClassVar[str] = "sft"

    epochs: Annotated[int, Field(ge=0)] = Field(default=0, description=_USUAL)
    steps: Annotated[int, Field(ge=0)] = Field(default=0, description=_USUAL)
    lr: Positive
    batch: BatchRule = Field(default=sequences(32), description=_USUAL)
    schedule: curves.Curve = Field(default="cosine", description=_USUAL)
    warmup: Share = Field(default=0.03, description=_USUAL)
    last: Annotated[float, Field(ge=0, le=1)] = Field(default=0.1, description=_USUAL)
    beta1: Share = Field(default=0.9, description=_USUAL)
    beta2: Share = Field(default=0.999, description=_USUAL)
    eps: Positive = Field(default=1e-8, description="torch's AdamW")
    weight_decay: Annotated[float, Field(ge=0)] = Field(default=0.0, description=_USUAL)
    dropout: Share = Field(default=0.0, description=_USUAL)
    clip: Annotated[float, Field(ge=0)] = Field(default=1.0, description=_USUAL)

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if bool(self.epochs) == bool(self.steps):
            raise ValueError("either epochs or steps says how long")
        return self

    def num_steps(self, steps_per_epoch: int) -> int:
        """Steps, or those of all epochs."""
        return self.steps or self.epochs * steps_per_epoch

    def lr_at(self, step: int, steps: int) -> float:
        """Up in equal steps, then down the curve."""
        return curves.rate(
            step,
            steps,
            peak=self.lr,
            last=self.lr * self.last,
            curve=self.schedule,
            warmup_steps=round(self.warmup * steps),
        )

    def optimizer(self, parameters: "Iterable[torch.nn.Parameter]") -> "torch.optim.Optimizer":
        """Returns AdamW."""
        import torch

        from taskc.runtime.recipes.parts.decay import decayed_groups

        return torch.optim.AdamW(
            decayed_groups(parameters, self.weight_decay),
            lr=self.lr,
            betas=(self.beta1, self.beta2),
            eps=self.eps,
        )

    @property
    def starts_new_tokens_from_mean(self) -> bool:
        """New tokens are rare in fine-tuning, so they need a good start."""
        return True

    def dropout_rates(self, num_layers: int) -> list[float]:
        """The same for all layers."""
        return [self.dropout] * num_layers
