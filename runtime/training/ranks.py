"""The processes that share a run: one, or as many as torchrun started.

In: nothing, or a process group of torch.distributed. Out: sums over all ranks, and a model's
parameters whole on every rank or sharded (FSDP2). Gradients are summed in their own precision,
float32 at least. Between processors the group is gloo's, between GPUs NCCL's.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed

__all__ = ["Ranks", "joined", "shard"]

_BUCKET_NUMBERS = 1 << 24  # 64 MiB of float32 are summed at once


@dataclass(frozen=True, slots=True)
class Ranks:
    """Where this process stands among those of the run.

    Attributes:
        rank: From 0; rank 0 writes.
        world_size: How many there are.
    """

    rank: int = 0
    world_size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes what the run leaves behind."""
        return self.rank == 0

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Sums a tensor over all ranks, in place, and returns it."""
        if self.world_size > 1:
            distributed.all_reduce(values)
        return values

    def largest(self, value: int, device: torch.device) -> int:
        """Returns the largest of a number over all ranks."""
        if self.world_size == 1:
            return value
        tensor = torch.tensor(value, device=device)
        distributed.all_reduce(tensor, op=distributed.ReduceOp.MAX)
        return int(tensor)

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Sums gradients over all ranks; a missing one counts as zeros."""
        if self.world_size == 1:
            return
        for bucket in _buckets(parameters):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            distributed.all_reduce(flat)
            sizes = [gradient.numel() for gradient in bucket]
            for gradient, summed in zip(bucket, torch.split(flat, sizes), strict=True):
                gradient.copy_(summed.view_as(gradient))

    def gathered(self, value: Any) -> list[Any]:
        """Returns the values of all ranks, in their order; for small things."""
        if self.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.world_size
        distributed.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Returns when all ranks have come here."""
        if self.world_size > 1:
            distributed.barrier()


def _buckets(parameters: Iterable[torch.nn.Parameter]) -> Iterator[list[torch.Tensor]]:
    """Yields gradients of one type in lists of about `_BUCKET_NUMBERS` numbers."""
    bucket: list[torch.Tensor] = []
    for parameter in parameters:
        if not parameter.requires_grad:
            continue
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradient = parameter.grad
        full = sum(each.numel() for each in bucket) + gradient.numel() > _BUCKET_NUMBERS
        if bucket and (full or bucket[0].dtype != gradient.dtype):
            yield bucket
            bucket = []
        bucket.append(gradient)
    if bucket:
        yield bucket


@contextmanager
def joined(device: str) -> Iterator[tuple[Ranks, torch.device]]:
    """Joins the processes that torchrun started, if it did, and says where to compute.

    A group that is there already is used and left as it is.
    """
    starts = not distributed.is_initialized() and distributed.is_torchelastic_launched()
    if starts:
        distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        if not distributed.is_initialized():
            yield Ranks(), torch.device(device)
            return
        ranks = Ranks(distributed.get_rank(), distributed.get_world_size())
        place = torch.device(device)
        if device == "cuda":
            place = torch.device("cuda", distributed.get_node_local_rank(0))
            torch.cuda.set_device(place)
        yield ranks, place
    finally:
        if starts:
            distributed.destroy_process_group()


def shard(root: torch.nn.Module, layers: Sequence[torch.nn.Module], dtype: torch.dtype) -> None:
    """Shards parameters, gradients and so the optimizer's state over all ranks (FSDP2).

    Each layer is gathered when it is its turn; what is in none of them with the root. Gradients are
    summed in float32, whatever is computed in.

    Args:
        root: What is called in a step.
        layers: The parts that are gathered one at a time.
        dtype: What is computed in.
    """
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    policy = MixedPrecisionPolicy(
        param_dtype=None if dtype is torch.float32 else dtype, reduce_dtype=torch.float32
    )
    for layer in layers:
        fully_shard(layer, mp_policy=policy)
    fully_shard(root, mp_policy=policy)
