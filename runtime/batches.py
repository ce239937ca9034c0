"""Batches of an artefact's rows, for one rank, that can be put down and taken up again.

In: mapped shards and a schedule. Out: a `Batch` a step; see `layout`. A step's rows are shared by
all ranks; one that gets none of a partial last step gets a batch of shape [0, T], so that all take
equally many steps.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from taskc.runtime.artifact import ArtifactError, Manifest
from taskc.runtime.layout import Batch, Borders, Row, derive, lay_out, lay_out_ids
from taskc.runtime.schedule import Schedule
from taskc.runtime.shards import Shards

__all__ = ["Batches"]

_TOKENS_AHEAD = 1 << 20  # of a rank; about 60 bytes for each of their examples are held


class _Ahead(NamedTuple):
    """Some steps of an epoch, from `first` on, whose borders were derived together.

    Attributes:
        epoch: Which epoch.
        first: Its first step that is here.
        until: Sequences before each step, and all of them.
        found: Where they lie.
        borders: Theirs.
    """

    epoch: int
    first: int
    until: list[int]
    found: npt.NDArray[np.int32]
    borders: Borders


class Batches:
    """An iterator over some epochs' batches of one rank.

    Attributes:
        schedule: What is dealt out at which step.
        epochs: How often everything is read.
        rank: Whose batches these are.
        position: Steps taken, over all epochs.
        length: Tokens of a packed row.
        pad_id: What stands in padding.
    """

    def __init__(
        self, shards: Shards, manifest: Manifest, schedule: Schedule, *, epochs: int, rank: int
    ) -> None:
        if not 0 <= rank < schedule.world_size:
            raise ValueError(f"rank {rank} of {schedule.world_size}")
        self.schedule = schedule
        self.epochs = epochs
        self.rank = rank
        self.position = 0
        self._shards = shards
        self.length = manifest.packing.length
        self._steps_per_epoch = schedule.steps_per_epoch  # a sum over windows
        rows_per_step = -(-schedule.rows_per_step // schedule.world_size)
        self._steps_ahead = max(1, _TOKENS_AHEAD // (rows_per_step * self.length))
        self._ahead: _Ahead | None = None
        self.pad_id = pad_id(manifest)
        self._content_digest = manifest.content_digest

    def __len__(self) -> int:
        """The number of steps in all epochs."""
        return self.epochs * self.schedule.steps_per_epoch

    def __iter__(self) -> Iterator[Batch]:
        """Goes on from where it stands."""
        return self

    def __next__(self) -> Batch:
        """Returns the next step's batch."""
        if self.position >= len(self):
            raise StopIteration
        batch = self.at(self.position)
        self.position += 1
        return batch

    def at(self, position: int) -> Batch:
        """Returns the batch of a step, counted from 0 over all epochs; the iterator stays.

        What neighbouring steps need is derived together: steps in order come ten times as fast as
        steps far apart.
        """
        if self.schedule.rule.unit == "examples":
            rows = self.rows_at(position)
            return lay_out(rows, max((len(row.ids) for row in rows), default=0), self.pad_id)
        epoch, step = divmod(position, self._steps_per_epoch)
        ahead = self._ahead_of(epoch, step)
        begin, end = ahead.until[step - ahead.first : step - ahead.first + 2]
        ids = self._shards.ids(ahead.found[begin:end], self.pad_id)
        return derive(ids, ahead.borders, begin)

    def input_ids_at(self, position: int) -> npt.NDArray[np.int64]:
        """Returns the ids of that batch and nothing else, [B, T]."""
        if self.schedule.rule.unit == "examples":
            ids = [row.ids for row in self.rows_at(position)]
            ids_BT = lay_out_ids(ids, max(map(len, ids), default=0), self.pad_id)
        else:
            ids_BT = self._shards.ids(self._shards.find(self._numbers_at(position)), self.pad_id)
        return ids_BT.astype(np.int64)

    def rows_at(self, position: int) -> list[Row]:
        """Returns the rows of that batch as they are stored: sequences, or examples."""
        numbers = self._numbers_at(position)
        if self.schedule.rule.unit == "examples":
            return [self._shards.example(number) for number in numbers.tolist()]
        return self._shards.rows(numbers)

    def all_examples_at(self, position: int) -> list[Row]:
        """Returns the examples of a step of all ranks, in its order; for batches of examples."""
        assert self.schedule.rule.unit == "examples"
        whole = replace(self.schedule, world_size=1)
        epoch, step = divmod(position, whole.steps_per_epoch)
        return [self._shards.example(i) for i in whole.rows(epoch=epoch, step=step, rank=0)]

    def _ahead_of(self, epoch: int, step: int) -> _Ahead:
        """Returns what is known of a step and its neighbours; the last such are kept."""
        first = step - step % self._steps_ahead
        ahead = self._ahead
        if ahead is not None and (ahead.epoch, ahead.first) == (epoch, first):
            return ahead
        steps = range(first, min(first + self._steps_ahead, self._steps_per_epoch))
        rows = [self.schedule.rows(epoch=epoch, step=step, rank=self.rank) for step in steps]
        until = list(accumulate(map(len, rows), initial=0))
        found = self._shards.find(np.concatenate(rows))
        ahead = _Ahead(epoch, first, until, found, self._shards.borders(found))
        self._ahead = ahead
        return ahead

    def _numbers_at(self, position: int) -> npt.NDArray[np.int64]:
        epoch, step = divmod(position, self._steps_per_epoch)
        return self.schedule.rows(epoch=epoch, step=step, rank=self.rank)

    def state_dict(self) -> dict[str, object]:
        """Returns where this stands: a handful of numbers, equal for all ranks and any number."""
        return {**self._identity(), "position": self.position}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Goes to where `state` was taken.

        Raises:
            ArtifactError: If the state belongs to other content, another batch or seed.
        """
        for field, expected in self._identity().items():
            if state.get(field) != expected:
                raise ArtifactError("state", field, str(expected), str(state.get(field)))
        position = state.get("position")
        if not isinstance(position, int) or position < 0:
            raise ArtifactError("state", "position", "a number of steps", repr(position))
        self.position = position

    def _identity(self) -> dict[str, object]:
        return {
            "content_digest": self._content_digest,
            "batch": str(self.schedule.rule),
            "seed": self.schedule.seed,
        }


def pad_id(manifest: Manifest) -> int:
    """Returns what stands in padding: `pad`, else `eos`, else id 0; the loss never sees it."""
    for name in ("pad", "eos"):
        if name in manifest.special:
            return manifest.special[name].id
    return 0
