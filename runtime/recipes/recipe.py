"""What all recipes have in common: how long, which batch, which loss, whose number each is.

In: the arguments of a recipe's call. Out: frozen, checked numbers, and from the subclasses an
optimizer and a learning rate. torch is loaded when an optimizer is asked for, not before.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from taskc.runtime.recipes.parts.lora import Lora
from taskc.runtime.schedule import BatchRule

if TYPE_CHECKING:
    import torch

__all__ = ["Number", "Positive", "Recipe", "Share", "Steps"]

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Steps = Annotated[int, Field(ge=0)]


class Number(NamedTuple):
    """A number of a recipe with where it is from."""

    name: str
    value: object
    source: str


class Recipe(BaseModel):
    """A recipe's numbers.

    Attributes:
        name: What the language calls it.
        batch: What one step reads, over all ranks.
        loss: `tokens`, the mean over all trained tokens of the batch, or `examples`, the mean of
            each example's own mean.
        clip: Largest norm of the gradient; 0 leaves it as it is.
        adapter: What is trained instead of the model's own parameters; None: those.
        keeps_epochs: Whether the checkpoint at the end of every epoch stays.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: ClassVar[str]
    keeps_epochs: ClassVar[bool] = False

    batch: BatchRule
    loss: Literal["tokens", "examples"] = Field(default="tokens", description="taskc")
    clip: Annotated[float, Field(ge=0)] = Field(default=0.0, description="none: not in the paper")
    adapter: Lora | None = Field(default=None, description="taskc: all parameters are trained")

    def num_steps(self, steps_per_epoch: int) -> int:
        """Returns how many steps a run takes."""
        raise NotImplementedError

    def lr_at(self, step: int, steps: int) -> float:
        """Returns the learning rate of a step, counted from 0, of a run of so many."""
        raise NotImplementedError

    def optimizer(self, parameters: "Iterable[torch.nn.Parameter]") -> "torch.optim.Optimizer":
        """Returns the optimizer over those of the parameters that are trained."""
        raise NotImplementedError

    @property
    def state_numbers(self) -> int:
        """Numbers of state that the optimizer keeps for each entry of a matrix, rounded up."""
        return 2

    @property
    def starts_new_tokens_from_mean(self) -> bool:
        """Whether the rows of tokens that the specification added start as the mean row."""
        return False

    def dropout_rates(self, num_layers: int) -> list[float]:
        """Returns the rate of dropout on the residual branches of each layer, from the bottom."""
        return [0.0] * num_layers

    def numbers(self) -> list[Number]:
        """Returns every number with its source: the specification, or what its default is from."""
        return _numbers(self, "")


def _numbers(model: BaseModel, prefix: str) -> list[Number]:
    found = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        given = name in model.model_fields_set
        source = "the specification" if given else str(field.description or "taskc")
        if isinstance(value, Lora):
            found += [Number(f"{prefix}{name}", "lora", source), *_numbers(value, f"{name}.")]
        else:
            shown = str(value) if isinstance(value, BatchRule) else value
            found.append(Number(f"{prefix}{name}", shown, source))
    return found
