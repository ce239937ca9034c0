"""`taskc init DIR`: a small spec with its data and tokenizer, that builds at once and offline.

In: a folder that does not exist or is empty. Out: a copy of `init/`, which is data of this package:
54 weather reports written for it, and a byte-level BPE tokenizer of 512 tokens trained on them.
Nothing that exists is ever written over.
"""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from taskc.cli import console

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Write a small spec with data and a tokenizer that builds at once"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc init`."""
    parser.add_argument(
        "folder", metavar="DIR", type=Path, help="where to write; a new or an empty folder"
    )


def run(options: argparse.Namespace) -> int:
    """Copies the files; 1 where the folder holds anything already."""
    folder: Path = options.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        console.say(f"error: `{folder}` exists already, and is not an empty folder")
        console.say("help: name a new folder; nothing that exists is written over")
        return 1
    from importlib.resources import files  # 10 ms that no other verb needs

    written = _copy(files("taskc.cli") / "init", folder)
    for path in sorted(written):
        console.say(f"wrote {path}")
    spec = shlex.quote(str(folder))
    artifact = shlex.quote(f"artifacts/{folder.resolve().name}/hello")
    console.emit(f"next:\n  taskc check {spec}\n  taskc build {spec}\n  taskc inspect {artifact}")
    return 0


def _copy(origin: "Traversable", target: Path) -> list[Path]:
    """Copies a folder of package data, folders below it included; returns the files written."""
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for entry in origin.iterdir():
        place = target / entry.name
        if entry.is_dir():
            written += _copy(entry, place)
        else:
            place.write_bytes(entry.read_bytes())
            written.append(place)
    return written
