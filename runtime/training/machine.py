"""How a run is computed: device, sizes and precision; none of it is part of the recipe.

In: nothing. Out: settings that the command line fills in. torch is not loaded.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Machine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """How a run is computed; none of it changes what is computed but by rounding.

    Attributes:
        device: "cpu" or "cuda".
        max_tokens: Most tokens of a micro-batch of one rank, padding included.
        recompute: Whether a layer's activations are made again for its gradients: about a third
            more work, and memory for one layer instead of all.
        compiles: Whether torch compiles the model's layers: faster, after some minutes at first.
        shard: Whether parameters are spread over the ranks instead of held by each.
        precision: What the model computes in; parameters stay in float32. `device`: bfloat16 where
            the device has it, which a CPU is not asked.
        merge: Whether adapters are added to the parameters where a model is written.
        steps_ahead: Steps whose micro-batches are made, and copied to the device, while one is
            computed; 0: none.
        checkpoint_every: Steps between checkpoints, besides those at the ends of epochs; 0: none.
    """

    device: str = "cpu"
    max_tokens: int = 8_192
    recompute: bool = False
    compiles: bool = False
    shard: bool = False
    precision: Literal["device", "float32", "bfloat16"] = "device"
    merge: bool = False
    checkpoint_every: int = 0
    steps_ahead: int = 1
