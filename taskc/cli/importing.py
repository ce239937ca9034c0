"""`taskc import SHAPE FILE`: a spec for a file that is there, in a folder that builds at once.

In: a file of rows in the shape of Alpaca, ShareGPT or messages. Out: a new folder with NAME.task, a
README and, for want of another one, the small tokenizer of `taskc init`. On stderr stands what of
the rows becomes no example; the status is 1, and nothing is written, where a row can't be read.
"""

import argparse
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from taskc.cli import arguments, console
from taskc.cli.progress import Progress

if TYPE_CHECKING:
    from taskc.importing.writing import Imported

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Write a spec for a file of rows in a shape that many share"
_SHAPES = ("alpaca", "sharegpt", "messages")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc import`."""
    parser.add_argument(
        "shape",
        metavar="SHAPE",
        choices=_SHAPES,
        help="alpaca (instruction, input, output), sharegpt (conversations of from and value) "
        "or messages (of role and content)",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        type=arguments.path,
        help="JSON Lines, a JSON array, Parquet or Arrow; JSON also compressed",
    )
    parser.add_argument(
        "--to",
        metavar="DIR",
        type=arguments.path,
        help="where to write; a new or an empty folder (default: one of the file's name, here)",
    )
    parser.add_argument(
        "--tokenizer",
        metavar="PATH",
        type=arguments.path,
        help="a tokenizer.json or a folder with one (default: the small one of `taskc init`)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Imports; 1 where the folder holds anything, or the file has a mistake."""
    from taskc.importing.writing import import_file, name_of

    path = Path(options.file)
    folder = Path(options.to or name_of(path))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        console.say(f"error: `{folder}` exists already, and is not an empty folder")
        console.say("help: name a new one with `--to DIR`; nothing that exists is written over")
        return 1
    with Progress() as progress:
        imported = import_file(
            options.shape,
            path,
            folder,
            tokenizer=Path(options.tokenizer) if options.tokenizer else None,
            progress=lambda rows: progress.add("import", path.name, "train", rows),
        )
    _report(imported)
    if options.json:
        console.emit_json(_as_json(imported, folder))
    elif imported.written:
        _show(imported, folder)
    return 1 if imported.diagnostics else 0


def _report(imported: "Imported") -> None:
    """Says on stderr what is wrong, or what the spec does not take of the rows."""
    from taskc.dsl.report import render

    if imported.diagnostics:
        color = console.shows_color(sys.stderr)
        console.say(render(imported.diagnostics, {}, style="human", color=color))
        return
    for note in _notes(imported):
        console.say(f"note: {note}")


def _notes(imported: "Imported") -> Iterator[str]:
    from taskc.dsl.words import listed, quoted

    tally, draft = imported.tally, imported.draft
    for reason, out in tally.left_out.items():
        rows = ", ".join(f"{number:,}" for number in out.first)
        more = ", ..." * (out.num_rows > len(out.first))
        yield f"{out.num_rows:,} of {tally.num_rows:,} rows: {reason} (row {rows}{more})"
    if draft is not None and draft.strange:
        yield f"roles that are not known: {listed(map(quoted, draft.strange))}"
    if draft is not None and draft.not_read:
        yield f"not read: {listed(map(quoted, draft.not_read))}"


def _show(imported: "Imported", folder: Path) -> None:
    for path in imported.written:
        console.say(f"wrote {path}")
    spec = shlex.quote(str(folder))
    artifact = shlex.quote(f"artifacts/{folder.resolve().name}/{imported.name}")
    console.emit(
        f"{imported.tally.num_examples:,} of {imported.tally.num_rows:,} rows have a target\n"
        f"next:\n  taskc check {spec}\n  taskc build {spec}\n  taskc inspect {artifact}"
    )


def _as_json(imported: "Imported", folder: Path) -> dict[str, object]:
    """Returns the object that `--json` prints; docs/cli.md documents it."""
    import json

    from taskc.dsl.report import render

    report = json.loads(render(imported.diagnostics, {}, style="json", color=False))
    tally, draft = imported.tally, imported.draft
    return {
        "version": 1,
        "folder": folder.as_posix(),
        "build": imported.name,
        "written": [path.as_posix() for path in imported.written],
        "rows": tally.num_rows,
        "examples": tally.num_examples if imported.written else 0,
        "left_out": [
            {"reason": reason, "rows": out.num_rows, "first": out.first}
            for reason, out in tally.left_out.items()
        ],
        "fields": dict(draft.fields) if draft else {},
        "roles": dict(draft.roles) if draft else {},
        "roles_not_known": list(draft.strange) if draft else [],
        "not_read": list(draft.not_read) if draft else [],
        "diagnostics": report["diagnostics"],
    }
