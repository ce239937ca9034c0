"""`taskc vendor PATH... --to DIR`: every input of the specs, copied and pinned by its digest.

In: folders or `.task` files. Out: DIR with the files and `vendor.json`, and on stdout how much it
is. `taskc build --vendored DIR` builds from it and reads nothing else.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from taskc.cli import arguments, console
from taskc.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskc.dsl.checker import Checked
    from taskc.dsl.diagnostics import Diagnostic

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Copy every input of the specs into one folder, to build from it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc vendor`."""
    arguments.add_spec_arguments(parser)
    parser.add_argument(
        "--to",
        metavar="DIR",
        type=arguments.path,
        required=True,
        help="where copies go; a new or an empty folder, or one that was vendored into before",
    )
    arguments.add_store_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Vendors; 1 where the specs or an input has an error, or the folder can't be used."""
    from taskc.checking import check, errors
    from taskc.compiler.store.project import opened_store
    from taskc.dsl.errors import has_errors
    from taskc.vendoring import check_folder, clash, vendor

    folder = Path(options.to)
    checked = check(options.paths, params=dict(options.params), policy=errors)
    _report(checked.diagnostics, checked)
    problem = check_folder(folder) or clash(checked)
    if problem:
        console.say(f"error: {problem}")
        return 1
    url = console.chosen_store(options.store)
    with Progress() as progress, opened_store(options.paths, url=url) as store:
        result = vendor(
            checked,
            folder,
            store=store,
            progress=lambda name, _file: progress.add("vendor", name, "files", 1),
        )
        result.diagnostics += store.take_findings()
    _report(result.diagnostics, checked)
    found = [*checked.diagnostics, *result.diagnostics]
    if options.json:
        console.emit_json(
            {
                "version": 1,
                "folder": options.to,
                "files": result.num_files,
                "copied": result.num_copied,
                "bytes": result.num_bytes,
                "diagnostics": _as_json(found, checked),
            }
        )
    else:
        console.emit(
            f"{options.to}: {result.num_files:,} files, {result.num_bytes:,} bytes; "
            f"{result.num_copied:,} copied, the rest was there"
        )
    return 1 if has_errors(found) else 0


def _report(diagnostics: "Sequence[Diagnostic]", checked: "Checked") -> None:
    if diagnostics:
        from taskc.dsl.report import render

        color = console.shows_color(sys.stderr)
        console.say(render(diagnostics, checked.program.texts, style="human", color=color))


def _as_json(found: "Sequence[Diagnostic]", checked: "Checked") -> object:
    import json

    from taskc.dsl.report import render

    report = json.loads(render(found, checked.program.texts, style="json", color=False))
    return report["diagnostics"]
