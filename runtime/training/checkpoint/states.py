"""The states of a run on disk: found, replaced in one step, kept, gone back to.

In: the folder of a run. Out: folders of states, each whole. Of their files only state.json is read
and written here; the others are those of `parts`. The first rank makes folders and gives names,
which all ranks must see: OUT lies on a disk that they share.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.training.ranks import Ranks

__all__ = [
    "Found",
    "differences",
    "discard",
    "find",
    "find_kept",
    "forget",
    "go_back",
    "keep",
    "replaced",
]

_FOLDER = "checkpoint"
_KEPT = "states"
_MOST_KEPT = 2
_OLD, _NEW = ".checkpoint.old", ".checkpoint.new"
_STATE, _PARTS = "state.json", ".metadata"


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
        found = Found(folder, int(state["position"]), state["identity"], state["circumstances"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(str(path), "state", "that of a run", str(error)) from error
    if not (folder / _PARTS).is_file():
        expected = "what each rank wrote, and where it is, as this version of taskc writes it"
        raise ArtifactError(str(folder / _PARTS), "state", expected, "none")
    return found


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


@contextmanager
def replaced(out: Path, state: Mapping[str, Any], ranks: Ranks) -> Iterator[Path]:
    """A new folder for all ranks to write to; what is whole at the end is the run's state.

    Args:
        out: Of the run.
        state: What state.json holds.
        ranks: All come in, and leave when the new state is in its place.
    """
    new = out / _NEW
    if ranks.is_first:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
    ranks.wait()
    yield new
    if ranks.is_first:
        (new / _STATE).write_text(f"{json.dumps(state, indent=2)}\n", encoding="utf-8")
        _settle(new / _STATE)
        _take_place(out)
    ranks.wait()


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


def discard(out: Path, ranks: Ranks) -> None:
    """Removes what `save` left."""
    if ranks.is_first:
        for name in (_FOLDER, _OLD, _NEW):
            shutil.rmtree(out / name, ignore_errors=True)
    ranks.wait()


def _settle(path: Path) -> None:
    """Waits until a file, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
