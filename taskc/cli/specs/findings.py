"""Findings shown by `check` and `lint`, and mended where `--fix` asks for it.

In: the options of either verb, and which findings it shows. Out: the report on stdout, and on
stderr what was mended. A file is written only after every fix of it was tried in memory.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from taskc.cli import console

if TYPE_CHECKING:
    from taskc.checking import Policy
    from taskc.dsl.checker import Checked

__all__ = ["report_errors", "shown"]


def shown(options: argparse.Namespace, policy: "Policy") -> "Checked":
    """Shows the findings, those that are left after `--fix`; returns what is shown."""
    from taskc.dsl.report import render

    checked, num_fixed = _mended(options, policy) if options.fix else (_checked(options, policy), 0)
    color = console.shows_color(sys.stdout)
    texts = checked.program.texts
    report = render(checked.diagnostics, texts, style=options.format, color=color)
    if report:
        console.emit(report)
    if options.format == "human" and not checked.diagnostics:
        fixed = f"{_count(num_fixed, 'fix', 'fixes')} made, " if num_fixed else ""
        left = "nothing left" if num_fixed else "nothing found"
        console.emit(f"{_count(len(texts), 'file', 'files')} checked, {fixed}{left}")
    return checked


def report_errors(checked: "Checked") -> None:
    """Shows on stderr the errors that keep a verb from its work."""
    from taskc.checking import errors
    from taskc.dsl.report import render

    color = console.shows_color(sys.stderr)
    found = errors(checked).diagnostics
    console.say(render(found, checked.program.texts, style="human", color=color))


def _checked(options: argparse.Namespace, policy: "Policy") -> "Checked":
    from taskc.checking import check

    return check(options.paths, params=dict(options.params), policy=policy)


def _mended(options: argparse.Namespace, policy: "Policy") -> "tuple[Checked, int]":
    """Makes the fixes, says which, and returns what is left with how many were made."""
    from taskc.fixing import mend, write

    mended = mend(options.paths, params=dict(options.params), policy=policy)
    for source, text in mended.changed:
        write(source, text)
    for fixed in mended.fixed:
        finding = fixed.finding
        place = f"{fixed.path}:{fixed.line}:{fixed.column}"
        console.say(f"fixed[{finding.code}] {place}: {finding.message}")
    return mended.checked, len(mended.fixed)


def _count(count: int, one: str, many: str) -> str:
    """Says how many there are."""
    return f"{count:,} {one if count == 1 else many}"
