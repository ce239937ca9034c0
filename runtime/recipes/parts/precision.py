"""Whether parameters are fine enough to be trained: float32 or finer.

In: a model. Out: nothing, or a refusal. bfloat16 keeps 8 bits of a number: at 0.02 its steps are
about 1e-4, so an update of 1e-6 is rounded away, and fine-tuning at a small rate moves hardly any
weight. Computing in bfloat16 is fine; keeping the parameters in it is not.
"""

from typing import TYPE_CHECKING

from taskc.runtime.artifact import ArtifactError

if TYPE_CHECKING:
    import torch

__all__ = ["check_precision"]


def check_precision(model: "torch.nn.Module") -> None:
    """Refuses trained parameters of less than float32.

    Raises:
        ArtifactError: With the first such parameter and what to do.
    """
    import torch

    for name, parameter in model.named_parameters():
        if parameter.requires_grad and torch.finfo(parameter.dtype).bits < 32:  # noqa: PLR2004
            raise ArtifactError(
                "model",
                f"parameter {name}",
                "float32 (load with dtype=torch.float32; compute may be bfloat16 by autocast)",
                f"{str(parameter.dtype).removeprefix('torch.')}, in which small updates are "
                "rounded away",
            )
