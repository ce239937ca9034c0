"""Micro-batches where the model is: copied, and made ahead of the step that takes them.

In: the micro-batches of a step. Out: the same as tensors on the device, with all that a pass needs
and no message back: keys of noise, weights of tokens, ends of examples are found on the host. One
thread makes the next step's while this one is computed. To a GPU they go from pinned memory on a
stream of their own, so a step waits for neither disk nor copy; worker processes would have to hand
arrays on, which took longer than to make them. On a CPU the tensors are the arrays themselves.

Shapes: B rows of a micro-batch, T places of a row, N trained tokens, K segments.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from taskc.runtime.recipes.parts.dropout import token_keys
from taskc.runtime.recipes.parts.losses import LossRule, token_weights
from taskc.runtime.training.micro_batches import MicroBatch

__all__ = ["Ahead", "Loaded", "Loader"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A micro-batch on its device.

    Attributes:
        piece: On the host.
        ids_BT, positions_BT: What the model takes.
        places_N, targets_N: As in the piece.
        weights_N: Of each trained token, before they are divided by the batch's numbers.
        keys_BT: Of the noise, where there is some.
        ends: Where segments begin, and B * T, int32 [K + 1], for attention that takes them.
        longest: Tokens of the longest segment.
        copied: On a GPU, when all of it is there.
    """

    piece: MicroBatch
    ids_BT: torch.Tensor
    positions_BT: torch.Tensor
    places_N: torch.Tensor
    targets_N: torch.Tensor
    weights_N: torch.Tensor
    keys_BT: torch.Tensor | None
    ends: torch.Tensor | None
    longest: int
    copied: torch.cuda.Event | None

    def wait(self) -> None:
        """Makes what is computed next wait for the copies; the host does not."""
        if self.copied is None:
            return
        stream = torch.cuda.current_stream(self.ids_BT.device)
        stream.wait_event(self.copied)
        for each in (self.ids_BT, self.positions_BT, self.places_N, self.targets_N,
                     self.weights_N, self.keys_BT, self.ends):  # fmt: skip
            if each is not None:
                each.record_stream(stream)


class Loader:
    """Copies micro-batches to a device.

    Args:
        device: Where to.
        dtype: Of the weights of tokens.
        rule: Which loss.
        seed: Of the noise; None: there is none.
        with_ends: Whether the model's attention takes the ends of examples.
    """

    def __init__(
        self,
        device: torch.device,
        dtype: torch.dtype,
        *,
        rule: LossRule,
        seed: int | None,
        with_ends: bool,
    ) -> None:
        self.device = device
        self.dtype = dtype
        self.rule = rule
        self.seed = seed
        self.with_ends = with_ends
        make: Any = torch.cuda.Stream  # torch leaves it untyped
        self._stream = make(device) if device.type == "cuda" else None

    def load(self, piece: MicroBatch, step: int) -> Loaded:
        """Returns a micro-batch of a step, counted from 0, on the device; from any thread."""
        batch = piece.batch
        weights_N = token_weights(self.rule, piece.example_N, num_tokens=1, num_examples=1)
        keys_BT = None
        if self.seed is not None:
            keys_BT = token_keys(self.seed, step, piece.example_BT, batch.position_ids)
        with self._on_own_stream():
            return Loaded(
                piece=piece,
                ids_BT=self._copied(batch.input_ids),
                positions_BT=self._copied(batch.position_ids),
                places_N=self._copied(piece.places_N),
                targets_N=self._copied(piece.targets_N),
                weights_N=self._copied(weights_N, self.dtype),
                keys_BT=None if keys_BT is None else self._copied(keys_BT),
                ends=self._copied(batch.cu_seq_lens) if self.with_ends else None,
                longest=int(np.diff(batch.cu_seq_lens).max(initial=0)),
                copied=None if self._stream is None else self._stream.record_event(),
            )

    def _on_own_stream(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def _copied(self, array: npt.NDArray[Any], dtype: torch.dtype | None = None) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        tensor = tensor if dtype is None else tensor.to(dtype)
        if self._stream is None:
            return tensor
        return tensor.pin_memory().to(self.device, non_blocking=True)


class Ahead(Generic[T]):
    """Makes what steps take before they take it, in one thread.

    Args:
        make: From a step's number to what it takes; called in order, in the thread.
        last: Number of steps.
        steps: How many are made ahead; 0: each when it is asked for, without a thread.
    """

    def __init__(self, make: Callable[[int], T], last: int, *, steps: int) -> None:
        self._make = make
        self._last = last
        self._steps = steps
        self._made: dict[int, Future[T]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="taskc-ahead") if steps else None

    def at(self, step: int) -> T:
        """Returns what a step takes; what goes wrong in making it is raised here."""
        if self._pool is None:
            return self._make(step)
        for each in range(step, min(step + self._steps + 1, self._last)):
            if each not in self._made:
                self._made[each] = self._pool.submit(self._make, each)
        return self._made.pop(step).result()

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the thread after what it is at."""
        self._made.clear()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
