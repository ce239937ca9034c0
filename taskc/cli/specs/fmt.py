"""`taskc fmt PATH... [--check] [--diff]`: specs in the one layout that there is.

In: folders, or single `.task` files. Out: the same files laid out again, each written in one step
and named on stdout. A declaration that cannot be read stays as it is and is reported on stderr.
Nothing but the text of the files named is looked at: a spec need not be right to be laid out.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

from taskc.cli import console
from taskc.cli.arguments import path
from taskc.cli.exits import Exit

if TYPE_CHECKING:
    from taskc.dsl.diagnostics import Diagnostic, Reporter
    from taskc.dsl.packages import Folder
    from taskc.dsl.text.source_text import SourceText

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Lay specs out in the one way that there is"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc fmt`."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        type=path,
        help="a folder of specs, or one .task file",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; status 2 if a file would change"
    )
    parser.add_argument(
        "--diff", action="store_true", help="as --check, and show what would change"
    )


@dataclass(frozen=True, slots=True)
class _File:
    """A file, its text in the layout, and what is wrong with its syntax."""

    source: "SourceText"
    text: str
    findings: "tuple[Diagnostic, ...]"

    @property
    def changes(self) -> bool:
        return self.text != self.source.text


def run(options: argparse.Namespace) -> int:
    """Formats; 1 where something cannot be read, 2 where `--check` finds something to change."""
    from taskc.dsl.diagnostics import Reporter

    is_trial = options.check or options.diff
    report = Reporter()
    sources = {source.path: source for source in _sources(options.paths, report)}
    files = [_formatted(source) for source in sources.values()]
    changed = [each for each in files if each.changes]
    if not is_trial:
        files = [_written(each) if each.changes else each for each in files]
    _show(changed, options, num_files=len(files))
    if _report_findings(files, report.diagnostics):
        return Exit.ERRORS
    return Exit.CHANGES if changed and is_trial else Exit.OK


def _sources(paths: Sequence[str], report: "Reporter") -> "Iterator[SourceText]":
    """Yields the files that are meant; `report` is told of what is not there."""
    from taskc.dsl.diagnostics import Reporter
    from taskc.dsl.packages import Disk, load

    for each in paths:
        found = Reporter()
        loaded = load([each], Disk(), found)
        # What is wrong with imports has a place, and is not the formatter's business.
        report.diagnostics += [finding for finding in found.diagnostics if not finding.primary]
        for folder in loaded.folders:
            yield from _meant(folder, Path(each))


def _meant(folder: "Folder", named: Path) -> "Iterator[SourceText]":
    """Yields a package's files, or the one of them that is named."""
    if not folder.is_root:
        return
    for file in folder.files:
        if named.is_dir() or Path(file.source.path).absolute() == named.absolute():
            yield file.source


def _formatted(source: "SourceText") -> _File:
    from taskc.dsl.text.format import format_text

    formatted = format_text(source)
    return _File(source, formatted.text, formatted.diagnostics)


def _written(file: _File) -> _File:
    """Writes the text; what is still wrong with it stands at other places than before."""
    from taskc.dsl.text.source_text import SourceText
    from taskc.fixing import write

    write(file.source, file.text)
    return _formatted(SourceText(file.source.path, file.text)) if file.findings else file


def _show(changed: Sequence[_File], options: argparse.Namespace, *, num_files: int) -> None:
    """Names the files that change, or shows how."""
    if options.diff:
        for each in changed:
            console.emit("\n".join(_diff(each.source, each.text)))
        return
    for each in changed:
        console.emit(f"{'would format' if options.check else 'formatted'} {each.source.path}")
    left = num_files - len(changed)
    if num_files and not options.check:
        console.emit(f"{len(changed):,} formatted, {left:,} left as they were")


def _diff(source: "SourceText", text: str) -> Iterator[str]:
    """Yields the lines of a unified diff."""
    before, after = source.text.split("\n"), text.split("\n")
    return unified_diff(before, after, source.path, f"{source.path} formatted", lineterm="")


def _report_findings(files: Sequence[_File], others: "Sequence[Diagnostic]") -> bool:
    """Shows errors of syntax on stderr; whether there are any."""
    from taskc.dsl.errors import has_errors
    from taskc.dsl.report import render

    found = [*others, *(finding for file in files for finding in file.findings)]
    if found:
        texts = {file.source.path: file.source for file in files}
        color = console.shows_color(sys.stderr)
        console.say(render(found, texts, style="human", color=color))
    return has_errors(found)
