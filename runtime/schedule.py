"""Which rows make up which batch: a pure function of seed, epoch, step, rank and number of ranks.

In: how much there is and how batches are measured. Out: row numbers. No state, no generator and no
file: resuming is arithmetic, and any machine can say what any other one reads.

The first epoch reads what was written, in its order. Later ones permute the windows, and the rows
inside each window, by keyed hash: every window holds the mixture's shares, so every stretch of any
epoch nearly does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Literal

import numpy as np
import numpy.typing as npt

from taskc.runtime.artifact import ArtifactError, Manifest

__all__ = ["BatchRule", "Schedule", "examples", "schedule", "sequences", "tokens"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BatchRule:
    """How many of what make one step's batch, over all ranks together."""

    unit: Literal["sequences", "tokens", "examples"]
    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"a batch of {self.count} {self.unit}: at least 1 is needed")

    def __str__(self) -> str:
        return f"{self.unit}({self.count})"


def sequences(count: int) -> BatchRule:
    """A batch of so many packed sequences."""
    return BatchRule("sequences", count)


def tokens(count: int) -> BatchRule:
    """A batch of so many tokens, padding included: a multiple of the length of a sequence."""
    return BatchRule("tokens", count)


def examples(count: int) -> BatchRule:
    """A batch of exactly so many examples; the last one of an epoch may be short."""
    return BatchRule("examples", count)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How an artefact's rows are dealt out.

    Attributes:
        rule: As it was asked for.
        windows: Rows of each window, in order; rows are sequences, or examples for `examples(n)`.
        rows_per_step: Rows of a step's batch, over all ranks.
        seed: Orders the epochs after the first.
        world_size: Ranks that share a step.
    """

    rule: BatchRule
    windows: tuple[int, ...]
    rows_per_step: int
    seed: int
    world_size: int

    @staticmethod
    def of(manifest: Manifest, rule: BatchRule, *, seed: int, world_size: int) -> "Schedule":
        """Returns the schedule of an artefact's training split.

        Raises:
            ArtifactError: If `tokens(n)` is no multiple of the length of a sequence.
        """
        packing = manifest.packing
        windows, rows = packing.window_sequences, rule.count
        if rule.unit == "tokens":
            rows, rest = divmod(rule.count, packing.length)
            if rest or not rows:
                below, above = rows * packing.length, (rows + 1) * packing.length
                nearest = f"{below:,} or {above:,}" if rows else f"{above:,}"
                expected = f"a multiple of {packing.length:,}, the length of a sequence: {nearest}"
                raise ArtifactError("batch", "tokens", expected, f"{rule.count:,}")
        elif rule.unit == "examples":
            whole, rest = divmod(manifest.splits["train"].examples, packing.window)
            windows = (packing.window,) * whole + ((rest,) if rest else ())
        return Schedule(rule, tuple(windows), rows, seed, world_size)

    @property
    def num_rows(self) -> int:
        """Rows of an epoch."""
        return sum(self.windows)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch, the last of which may be partial; equal for all ranks."""
        return -(-self.num_rows // self.rows_per_step)

    def rows(self, *, epoch: int, step: int, rank: int) -> Ints:
        """Returns the rows of one rank's batch at a step of an epoch, both counted from 0.

        All ranks together read a consecutive stretch of the epoch, dealt out in turn; which stretch
        does not depend on their number. A partial last step is dealt out as far as it goes: where
        it holds fewer rows than ranks, some get none.
        """
        return schedule(
            self.windows,
            self.rows_per_step,
            seed=self.seed,
            epoch=epoch,
            step=step,
            rank=rank,
            world_size=self.world_size,
        )


def schedule(
    windows: Sequence[int],
    rows_per_step: int,
    *,
    seed: int,
    epoch: int,
    step: int,
    rank: int,
    world_size: int,
) -> Ints:
    """Returns the row numbers of one rank's batch; see `Schedule.rows`."""
    order = _order(tuple(windows), seed, epoch)
    begin = step * rows_per_step
    return order[begin : begin + rows_per_step][rank::world_size]


@lru_cache(maxsize=2)
def _order(windows: tuple[int, ...], seed: int, epoch: int) -> Ints:
    """Returns all rows in an epoch's order; about 0.2 s for a million rows, kept for the epoch."""
    num_rows = sum(windows)
    if epoch == 0:
        return np.arange(num_rows)
    window_keys = _keys("window", seed, epoch, len(windows))
    window_of_row = np.repeat(np.arange(len(windows)), windows)
    order = np.lexsort((_keys("row", seed, epoch, num_rows), window_keys[window_of_row]))
    order.setflags(write=False)
    return order


def _keys(what: str, seed: int, epoch: int, count: int) -> npt.NDArray[np.uint64]:
    """Returns a keyed 64-bit hash of each number below `count`.

    The key is BLAKE2b of what is ordered, seed and epoch; numbers are mixed with it by splitmix64's
    finaliser, which is the same everywhere, as numpy's generators are not promised to be.
    """
    name = f"taskc {what} {seed} {epoch}".encode()
    key = np.frombuffer(blake2b(name, digest_size=16).digest(), "<u8")
    mixed = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + key[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    keys: npt.NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31)) ^ key[1]
    return keys
