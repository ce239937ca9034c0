"""`taskc lock PATH... [--update [NAME...]]`: what the inputs are, written down beside the specs.

In: folders or `.task` files. Out: a `taskc.lock` in each package, and on stdout what was added or
changed in it. Entries that are there stay, and are compared with the files; the status is 1 where
one does not fit any more, or an input can't be read.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from taskc.cli import arguments, console
from taskc.cli.progress import Progress

if TYPE_CHECKING:
    from taskc.dsl.checker import Checked
    from taskc.dsl.diagnostics import Diagnostic
    from taskc.dsl.lock.entries import Lock
    from taskc.locking import LockedPackage, Update

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Write down what the inputs are, or compare them with what was written"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc lock`."""
    arguments.add_spec_arguments(parser)
    parser.add_argument(
        "--update",
        metavar="NAME",
        nargs="*",
        help="write the entries of these sources and tokenizers anew (no name: all entries)",
    )
    arguments.add_store_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Locks; 1 where the specs or an input has an error, or an entry does not fit."""
    from taskc.checking import check, errors
    from taskc.compiler.store.project import opened_store
    from taskc.dsl.errors import has_errors
    from taskc.locking import lock_each

    update: Update = () if options.update is None else options.update or "all"
    # What the present lock says of columns must not stand in the way of a new one.
    checked = check(options.paths, params=dict(options.params), policy=errors, with_locks=False)
    _report(checked.diagnostics, checked)
    if not has_errors(checked.diagnostics) and not _knows(checked, update):
        return 1
    locked: list[LockedPackage] = []
    url = console.chosen_store(options.store)
    with Progress() as progress, opened_store(options.paths, url=url) as store:
        packages = lock_each(
            checked,
            update=update,
            store=store,
            progress=lambda source, split, rows: progress.add("lock", source, split, rows),
        )
        for package in packages:
            progress.clear()
            package.diagnostics += store.take_findings()
            _report(package.diagnostics, checked)
            for note in package.notes:
                console.say(f"note: {note}: its type is left open")
            if not options.json:
                console.emit(_as_text(package))
            locked.append(package)
    found = [*checked.diagnostics, *(each for one in locked for each in one.diagnostics)]
    if options.json:
        console.emit_json(_as_json(locked, found, checked))
    elif not locked and not has_errors(found):
        console.say("nothing to lock: the specs have no source and no tokenizer")
    return 1 if has_errors(found) else 0


def _knows(checked: "Checked", update: "Update") -> bool:
    """Whether every name of `--update` means something; says which do not."""
    from taskc.locking import unknown_names

    unknown = [] if update == "all" else unknown_names(checked, update)
    for name in unknown:
        console.say(f"error: there is no source or tokenizer `{name}`")
    return not unknown


def _report(diagnostics: "Sequence[Diagnostic]", checked: "Checked") -> None:
    if diagnostics:
        from taskc.dsl.report import render

        color = console.shows_color(sys.stderr)
        console.say(render(diagnostics, checked.program.texts, style="human", color=color))


def _as_text(package: "LockedPackage") -> str:
    """Says what became of a lock: its sums, and a line for each entry that is not as before."""
    sums = [
        f"{len(names):,} {word}"
        for word, names in (
            ("added", package.added),
            ("changed", package.changed),
            ("removed", package.removed),
            ("unchanged", package.unchanged),
        )
        if names
    ]
    head = f"{package.path}: {', '.join(sums) or 'nothing locked'}"
    rows = [
        [word, name, _contents(name, package.lock)]
        for word, names in (
            ("added", package.added),
            ("changed", package.changed),
            ("removed", package.removed),
        )
        for name in names
    ]
    return f"{head}\n{console.table(rows, num_left=3)}" if rows else head


def _contents(entry: str, lock: "Lock") -> str:
    """What an entry holds, in numbers; "" for one that is gone."""
    kind, _, name = entry.partition(" ")
    if kind == "tokenizer" and name in lock.tokenizers:
        return _counted(len(lock.tokenizers[name].files), "file")
    if kind == "source" and name in lock.sources:
        return ", ".join(_source_contents(name, lock))
    return ""


def _source_contents(name: str, lock: "Lock") -> Iterator[str]:
    source = lock.sources[name]
    for split, each in source.splits.items():
        yield f"{split} {_counted(each.rows, 'row')} in {_counted(len(each.files), 'file')}"
    if source.columns is not None:
        yield _counted(len(source.columns), "column")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _as_json(
    locked: "Sequence[LockedPackage]", found: "Sequence[Diagnostic]", checked: "Checked"
) -> dict[str, object]:
    """Returns the object that `--json` prints; docs/cli.md documents it."""
    import json

    from taskc.dsl.report import render

    report = json.loads(render(found, checked.program.texts, style="json", color=False))
    return {
        "version": 1,
        "locks": [
            {
                "package": package.package,
                "path": package.path,
                "written": package.is_written,
                "added": package.added,
                "changed": package.changed,
                "removed": package.removed,
                "unchanged": package.unchanged,
                "notes": package.notes,
            }
            for package in locked
        ],
        "diagnostics": report["diagnostics"],
    }
