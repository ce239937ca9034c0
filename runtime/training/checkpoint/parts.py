"""What a state holds, written and read by all ranks at once, each its own part.

In: a stepper. Out: files of `torch.distributed.checkpoint`, and back into the very tensors of a
stepper, however parameters were spread then and are now. What all ranks hold alike is shared out
among them to be written. Neither way takes more memory than a tensor at a time; 12 bytes a
parameter are written with AdamW, about 4 with Adafactor, and with adapters those of what is
trained. Only weights to be exported are put together, in the first rank's memory.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save as save_parts

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.training.checkpoint.states import Found, replaced
from taskc.runtime.training.step import Stepper

__all__ = ["restore", "save", "weights_of"]

_EXPECTED = "parameters and optimizer of this run's model"
# What reading a pickle that is none may raise.
_UNREADABLE = (
    AttributeError, EOFError, ImportError, LookupError, OSError, TypeError, UnpicklingError,
    ValueError,
)  # fmt: skip


def save(
    stepper: Stepper,
    out: Path,
    position: int,
    identity: Mapping[str, Any],
    circumstances: Mapping[str, Any],
) -> None:
    """Saves the run's state; called by all ranks, each of which writes its part.

    A process killed at any time leaves the state before or the one after, whole.

    Raises:
        ArtifactError: If it can't be written, on all ranks; the state before stays.
    """
    state = {"position": position, "identity": identity, "circumstances": circumstances}
    with replaced(out, state, stepper.ranks) as folder, _told(folder, "a disk to write it to"):
        save_parts(_held(stepper), storage_writer=FileSystemWriter(folder))


def restore(stepper: Stepper, found: Found) -> None:
    """Takes up the parameters and the optimizer's state; called by all ranks.

    Raises:
        ArtifactError: If they are not those of this model.
    """
    stepper.optimizer.zero_grad()
    # For this the optimizer takes a step that changes nothing, and has a state to be read over.
    get_optimizer_state_dict(stepper.model, stepper.optimizer)
    held, reader = _held(stepper), FileSystemReader(found.folder)
    names = {f"{kind}.{name}" for kind, each in held.items() for name in each}
    _check_names(reader, found.folder, names)
    with _told(found.folder, _EXPECTED):
        load(held, storage_reader=reader)
    # Tensors were read in place, numbers were not.
    for name, weight in _trained(stepper).items():
        state = stepper.optimizer.state[weight]
        state.update({key: held["optimizer"][f"{name}.{key}"] for key in state})


def _held(stepper: Stepper) -> dict[str, dict[str, Any]]:
    """Returns what this rank holds of what is trained, by name: the tensors themselves."""
    weights = _trained(stepper)
    optimizer = {
        f"{name}.{key}": value
        for name, weight in weights.items()
        for key, value in stepper.optimizer.state.get(weight, {}).items()
    }
    return {"weights": weights, "optimizer": optimizer}


def _trained(stepper: Stepper) -> dict[str, Any]:
    """Returns the parameters that are trained; with adapters all else stays where it came from."""
    return {name: each for name, each in stepper.model.named_parameters() if each.requires_grad}


def _check_names(reader: FileSystemReader, folder: Path, names: set[str]) -> None:
    """Refuses a state that holds other things: those of other adapters, or another optimizer."""
    try:
        found = set(reader.read_metadata().state_dict_metadata)
    except _UNREADABLE as error:
        raise ArtifactError(
            str(folder), "state", _EXPECTED, f"no index of parts: {error}"
        ) from error
    if found != names:
        others = ", ".join(sorted(found ^ names)[:3])
        raise ArtifactError(str(folder), "state", _EXPECTED, f"more or less than that: {others}")


@contextmanager
def _told(folder: Path, expected: str) -> Iterator[None]:
    """Tells what went wrong on any rank as an error of the folder, on all ranks."""
    try:
        with warnings.catch_warnings():
            # A run of one process is no oversight.
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")
            yield
    except CheckpointException as failure:
        rank, (error, _) = next(iter(failure.failures.items()))
        if not isinstance(error, Exception):  # the process was asked to stop
            raise error from failure
        found = f"on rank {rank}: {error}"
        raise ArtifactError(str(folder), "state", expected, found[:200]) from failure


def weights_of(stepper: Stepper) -> dict[str, torch.Tensor]:
    """Returns the parameters, whole, on the first rank, put together one by one; called by all.

    With adapters only what is trained is returned: the rest stays where it was loaded from.
    """
    partly = stepper.adapter is not None
    options = StateDictOptions(
        full_state_dict=True, cpu_offload=True, ignore_frozen_params=partly, strict=not partly
    )
    weights = get_model_state_dict(stepper.model, options=options)
    trained = _trained(stepper)
    return {
        name: weight
        for name, weight in weights.items()
        if isinstance(weight, torch.Tensor) and (name in trained or not partly)
    }
