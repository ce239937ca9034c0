"""The epoch that was chosen: its model in the run's place, and the reason beside it.

In: a run's folder whose answers have been shown, an epoch, a reason. Out: RUN/choice.json, and
RUN/model is that epoch's, so that whatever takes up the run's model takes up the chosen one. The
weights are linked, not copied, where the disk allows it.

    selection.json   what was shown: split, epochs, prompts, answers
    selection.html   the same to be read
    choice.json      epoch, reason, epochs that were shown
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.selection.answers import Reading
from taskc.runtime.selection.page import page

__all__ = ["choose", "discard", "show"]

_SHOWN, _PAGE, _CHOICE = "selection.json", "selection.html", "choice.json"


def show(run: Path, title: str, split: str, readings: Sequence[Reading]) -> Path:
    """Writes the page and what it shows; returns where the page is."""
    epochs = sorted(readings[0].answers)
    shown = {
        "version": 1,
        "split": split,
        "epochs": epochs,
        "readings": [asdict(reading) for reading in readings],
    }
    _write(run / _PAGE, page(title, readings))
    _write(run / _SHOWN, f"{json.dumps(shown, ensure_ascii=False, indent=2)}\n")
    return run / _PAGE


def choose(run: Path, epoch: int, because: str) -> dict[str, Any]:
    """Makes an epoch's model that of the run and records why; an earlier choice is replaced.

    Raises:
        ArtifactError: If answers of that epoch have not been shown, there is no reason, or the run
            is not finished.
    """
    shown = _shown(run)
    if epoch not in shown:
        expected = f"one whose answers have been shown: {', '.join(map(str, shown))}"
        raise ArtifactError(str(run), "epoch", expected, str(epoch))
    if not because.strip():
        raise ArtifactError(str(run), "because", "a reason, found by reading", "none")
    chosen = run / "epochs" / f"{epoch:02d}"
    if not chosen.is_dir() or not (run / "model").is_dir():
        expected = "the model of a finished run; go on with `taskc train --resume`"
        raise ArtifactError(str(run), "model", expected, "none")
    choice = {"version": 1, "epoch": epoch, "because": because.strip(), "shown": shown}
    _put_in_place(chosen, run / "model", choice)
    _write(run / _CHOICE, f"{json.dumps(choice, ensure_ascii=False, indent=2)}\n")
    return choice


def discard(run: Path) -> None:
    """Removes what belongs to a run that begins again."""
    for name in (_SHOWN, _PAGE, _CHOICE):
        (run / name).unlink(missing_ok=True)


def _shown(run: Path) -> list[int]:
    path = run / _SHOWN
    try:
        epochs: list[int] = json.loads(path.read_text(encoding="utf-8"))["epochs"]
    except (OSError, ValueError, KeyError) as error:
        expected = "what `taskc select RUN` shows: read it before choosing"
        raise ArtifactError(str(path), "answers", expected, "nothing") from error
    return epochs


def _put_in_place(chosen: Path, model: Path, choice: dict[str, Any]) -> None:
    """Puts a folder of the same files in the model's place, and the choice into its taskc.json."""
    new, old = model.with_name(".model.new"), model.with_name(".model.old")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(chosen, new, copy_function=_link)
    note = new / "taskc.json"
    record = json.loads(note.read_text(encoding="utf-8")) | {
        name: choice[name] for name in ("epoch", "because")
    }
    _write(note, f"{json.dumps(record, ensure_ascii=False, indent=2)}\n")
    shutil.rmtree(old, ignore_errors=True)
    model.rename(old)
    new.rename(model)
    shutil.rmtree(old, ignore_errors=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def _write(path: Path, text: str) -> None:
    """Replaces a file in one step; what it is linked with stays as it is."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
