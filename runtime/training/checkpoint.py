"""A run's state on disk: parameters, optimizer, and a few integers; whole or not at all.

In: a stepper and the step it has come to. Out: OUT/checkpoint, replaced in one step, and back. What
is read at which step and which noise it meets are arithmetic, so no generator and no iterator is
saved: state.json holds the position, and what the run was taken with. Where a recipe keeps its
epochs, the states after the last two are kept besides, OUT/states/NN: the same files by another
name. Parameters and state are gathered whole in the first rank's memory to be written, whatever
they were spread over: 12 bytes a parameter with AdamW, about 4 with Adafactor.

    weights.pt      parameters, whole, float32; with adapters, those that are trained
    optimizer.pt    the optimizer's state
    state.json      position, identity (content and settings, compared), circumstances (noted)
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.training.ranks import Ranks
from taskc.runtime.training.step import Stepper

__all__ = [
    "Found",
    "differences",
    "discard",
    "find",
    "find_kept",
    "forget",
    "go_back",
    "keep",
    "restore",
    "save",
    "weights_of",
]

_FOLDER = "checkpoint"
_KEPT = "states"
_MOST_KEPT = 2
_OLD, _NEW = ".checkpoint.old", ".checkpoint.new"
_STATE, _WEIGHTS, _OPTIMIZER = "state.json", "weights.pt", "optimizer.pt"


@dataclass(frozen=True, slots=True)
class Found:
    """A checkpoint on disk.

    Attributes:
        folder: Where.
        position: Steps taken.
        identity: What the run was: content digest and settings.
        circumstances: What may change without changing it: ranks, device, versions.
    """

    folder: Path
    position: int
    identity: dict[str, Any]
    circumstances: dict[str, Any]


def find(out: Path) -> Found | None:
    """Returns the checkpoint of a run's folder, if there is one.

    Raises:
        ArtifactError: If it can't be read.
    """
    # A process that was killed between the two renames of `save` leaves the old one aside.
    for folder in (out / _FOLDER, out / _OLD):
        if not folder.is_dir():
            continue
        return _read(folder)
    return None


def find_kept(out: Path, epoch: int) -> Found:
    """Returns the state that was kept after an epoch, counted from 1.

    Raises:
        ArtifactError: If there is none, or it can't be read.
    """
    folder = out / _KEPT / f"{epoch:02d}"
    if not folder.is_dir():
        known = ", ".join(sorted(each.name for each in _kept(out)))
        expected = f"that after one of epochs {known}" if known else "one: no epoch's was kept"
        raise ArtifactError(str(out / _KEPT), "state", expected, f"after epoch {epoch}")
    return _read(folder)


def _read(folder: Path) -> Found:
    path = folder / _STATE
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        return Found(folder, int(state["position"]), state["identity"], state["circumstances"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(str(path), "state", "that of a run", str(error)) from error


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Returns what changed: by its dotted name, before and after."""
    flat = [dict(_flat(each, "")) for each in (before, now)]
    names = sorted({*flat[0], *flat[1]})
    return {
        name: (flat[0].get(name), flat[1].get(name))
        for name in names
        if flat[0].get(name) != flat[1].get(name)
    }


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{name}.{key}" if name else str(key))


def save(
    stepper: Stepper,
    out: Path,
    position: int,
    identity: Mapping[str, Any],
    circumstances: Mapping[str, Any],
) -> None:
    """Saves the run's state; called by all ranks, written by the first.

    A process killed at any time leaves the state before or the one after, whole.
    """
    weights, optimizer = _gathered(stepper)
    if stepper.ranks.is_first:
        new = out / _NEW
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        _write(new / _WEIGHTS, weights)
        _write(new / _OPTIMIZER, optimizer)
        state = {"position": position, "identity": identity, "circumstances": circumstances}
        (new / _STATE).write_text(f"{json.dumps(state, indent=2)}\n", encoding="utf-8")
        _settle(new / _STATE)
        _take_place(out)
    stepper.ranks.wait()


def _take_place(out: Path) -> None:
    """Puts the new state, which is whole, where the last one is."""
    new, old, place = out / _NEW, out / _OLD, out / _FOLDER
    _settle(new)
    if place.is_dir():
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
    new.rename(place)
    _settle(out)
    shutil.rmtree(old, ignore_errors=True)


# ---- the states after the last epochs ------------------------------------------------------------


def keep(out: Path, epoch: int, ranks: Ranks) -> None:
    """Keeps the state that was just saved as that after an epoch, and the one before it."""
    if ranks.is_first:
        place = out / _KEPT / f"{epoch:02d}"
        new = place.with_name(f".{place.name}.new")
        _link(out / _FOLDER, new)
        shutil.rmtree(place, ignore_errors=True)
        new.rename(place)
        _settle(place.parent)
        forget(out, lambda number: number <= epoch - _MOST_KEPT)
    ranks.wait()


def go_back(out: Path, epoch: int, ranks: Ranks) -> None:
    """Makes the state after an epoch the one that the run goes on from; later ones are gone."""
    ranks.wait()  # all have read what they need
    if ranks.is_first:
        _link(out / _KEPT / f"{epoch:02d}", out / _NEW)
        _take_place(out)
        forget(out, lambda number: number > epoch)
    ranks.wait()


def forget(out: Path, is_gone: Callable[[int], bool] = lambda _: True) -> None:
    """Removes the states after some epochs, all if nothing is said."""
    for folder in _kept(out):
        if is_gone(int(folder.name)):
            shutil.rmtree(folder)
    if (out / _KEPT).is_dir() and not _kept(out):
        shutil.rmtree(out / _KEPT)


def _kept(out: Path) -> list[Path]:
    return [each for each in (out / _KEPT).glob("*") if each.name.isdigit()]


def _link(source: Path, target: Path) -> None:
    """Gives a folder's files another name; copies them where the disk knows no second names."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for file in source.iterdir():
        try:
            (target / file.name).hardlink_to(file)
        except OSError:
            shutil.copyfile(file, target / file.name)
            _settle(target / file.name)
    _settle(target)


# ---- taking it up --------------------------------------------------------------------------------


def restore(stepper: Stepper, found: Found) -> None:
    """Takes up the parameters and the optimizer's state.

    Raises:
        ArtifactError: If they are not those of this model.
    """
    try:
        # Mapped: the ranks of a machine share what they read, and take their own parts of it.
        weights, optimizer = (
            torch.load(found.folder / name, map_location="cpu", weights_only=True, mmap=True)
            for name in (_WEIGHTS, _OPTIMIZER)
        )
        _scatter(stepper, weights, optimizer)
    except (OSError, RuntimeError, ValueError, KeyError, UnpicklingError) as error:
        expected = "parameters and optimizer of this run's model"
        raise ArtifactError(str(found.folder), "state", expected, str(error)[:200]) from error


def discard(out: Path, ranks: Ranks) -> None:
    """Removes what `save` left."""
    if ranks.is_first:
        for name in (_FOLDER, _OLD, _NEW):
            shutil.rmtree(out / name, ignore_errors=True)
    ranks.wait()


# The functions of torch name the optimizer's state by parameter and give it whole, so that a run
# that was sharded goes on unsharded, and the other way round.


def weights_of(stepper: Stepper) -> dict[str, torch.Tensor]:
    """Returns the parameters, whole, on the first rank; called by all.

    With adapters only what is trained is returned: the rest stays where it was loaded from.
    """
    from torch.distributed.checkpoint.state_dict import get_model_state_dict

    weights = get_model_state_dict(stepper.model, options=_whole(stepper))
    wanted = _trained(stepper)
    return {
        name: weight
        for name, weight in weights.items()
        if isinstance(weight, torch.Tensor) and (wanted is None or name in wanted)
    }


def _trained(stepper: Stepper) -> set[str] | None:
    """Returns the names of what is trained beside a frozen model; None: all is trained."""
    if stepper.adapter is None:
        return None
    return {name for name, each in stepper.model.named_parameters() if each.requires_grad}


def _gathered(stepper: Stepper) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Returns parameters and the optimizer's state, whole; called by all ranks."""
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

    state = get_optimizer_state_dict(stepper.model, stepper.optimizer, options=_whole(stepper))
    return weights_of(stepper), state


def _scatter(stepper: Stepper, weights: Any, state: Any) -> None:
    from torch.distributed.checkpoint.state_dict import (
        set_model_state_dict,
        set_optimizer_state_dict,
    )

    expected = _trained(stepper)
    if expected is not None and set(weights) != expected:
        raise ValueError(f"other adapters: {sorted(set(weights) ^ expected)[:3]}")
    options = _whole(stepper)
    set_model_state_dict(stepper.model, weights, options=options)
    set_optimizer_state_dict(stepper.model, stepper.optimizer, state, options=options)


def _whole(stepper: Stepper) -> Any:
    from torch.distributed.checkpoint.state_dict import StateDictOptions

    partly = stepper.adapter is not None
    return StateDictOptions(
        full_state_dict=True, cpu_offload=True, ignore_frozen_params=partly, strict=not partly
    )


def _write(path: Path, value: object) -> None:
    torch.save(value, path)
    _settle(path)


def _settle(path: Path) -> None:
    """Waits until a file, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
