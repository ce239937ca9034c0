"""The recipe of FLAN (Wei et al. 2022, "Finetuned Language Models Are Zero-Shot Learners").

In: the arguments of `flan(...)`. Out: Adafactor at a constant learning rate over batches of so many
tokens, for so many steps; the model after the last step is the result. What the paper leaves open
about Adafactor is from its own paper (Shazeer & Stern 2018), and `scale_parameter`, which changes
the size of every update by a factor of some tens, is a number to be seen and changed.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from taskc.runtime.recipes.recipe import Positive, Recipe
from taskc.runtime.schedule import BatchRule, tokens

if TYPE_CHECKING:
    import torch

__all__ = ["Flan"]

_WEI = "Wei et al. 2022, section 2.4"
_SHAZEER = "Shazeer & Stern 2018, algorithm 6; Wei et al. name only Adafactor"


class Flan(Recipe):
    """`flan(...)`; every number may be given.

    Attributes:
        steps: Optimizer steps.
        lr: Learning rate, constant.
        eps: What is added to squared gradients.
        eps_scale: The smallest size that a parameter counts as, under `scale_parameter`.
        update_clip: Largest root mean square of an update.
        decay: Exponent of the second moment's decay.
        scale_parameter: Whether the learning rate is relative to the size of each parameter.
    """

    name: ClassVar[str] = "flan"

    steps: Annotated[int, Field(ge=1)] = Field(default=30_000, description=_WEI)
    lr: Positive = Field(default=3e-5, description=_WEI)
    batch: BatchRule = Field(default=tokens(8_192), description=_WEI)
    eps: Positive = Field(default=1e-30, description=_SHAZEER)
    eps_scale: Positive = Field(default=1e-3, description=_SHAZEER)
    update_clip: Positive = Field(default=1.0, description=_SHAZEER)
    decay: Positive = Field(default=0.8, description=_SHAZEER)
    scale_parameter: bool = Field(
        default=True, description="not in Wei et al.; the default of Adafactor's own paper"
    )

    def num_steps(self, steps_per_epoch: int) -> int:
        """As many as were asked for."""
        del steps_per_epoch
        return self.steps

    def lr_at(self, step: int, steps: int) -> float:
        """The same at every step."""
        del step, steps
        return self.lr

    def optimizer(self, parameters: "Iterable[torch.nn.Parameter]") -> "torch.optim.Optimizer":
        """Returns Adafactor, without momentum and without weight decay."""
        from taskc.runtime.recipes.parts.adafactor import Adafactor

        return Adafactor(
            [parameter for parameter in parameters if parameter.requires_grad],
            self.lr,
            eps=(self.eps, self.eps_scale),
            clip=self.update_clip,
            decay=self.decay,
            scale_parameter=self.scale_parameter,
        )

    @property
    def state_numbers(self) -> int:
        """Rows and columns of a matrix: next to nothing."""
        return 0
