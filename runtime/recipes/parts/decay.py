"""Which parameters weight decay applies to: matrices, not biases and not the gains of norms.

In: a model's parameters. Out: groups for an optimizer of torch.
"""

from collections.abc import Iterable
from typing import Any

import torch

__all__ = ["decayed_groups"]


def decayed_groups(
    parameters: Iterable[torch.nn.Parameter], weight_decay: float
) -> list[dict[str, Any]]:
    """Returns two groups of the trained parameters: those of two or more dimensions are decayed."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    return [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
