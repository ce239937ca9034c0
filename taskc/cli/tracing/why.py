"""`taskc why SPEC --row FILE:N`: what became of one input row.

In: specs and a row. Out: for every build, source and split that reads the row each clause that it
met, with its place in the spec and the values that it saw, to the clause that dropped it or the
sequence that it stands in.
"""

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from taskc.cli import arguments, console
from taskc.cli.exits import Exit
from taskc.cli.progress import Progress
from taskc.cli.specs.findings import report_errors

if TYPE_CHECKING:
    from taskc.compiler.tracing.accounts import Account, Placed, Step
    from taskc.dsl.checker import Checked

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Say what became of an input row: which clause dropped it, or where it went"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc why`."""
    parser.add_argument(
        "spec", metavar="SPEC", type=arguments.path, help="a folder of specs, or a .task file"
    )
    parser.add_argument(
        "--row",
        metavar="FILE:N",
        required=True,
        type=_row,
        help="the row: its file, as a path or as provenance names it, and its number from 1",
    )
    parser.add_argument("--source", metavar="S", default="", help="only this source (default: all)")
    parser.add_argument("--build", metavar="B", help="only the build of this name (default: all)")
    arguments.add_set_argument(parser)
    parser.add_argument(
        "--sample",
        metavar="N",
        type=arguments.positive,
        help="as for `taskc build`: at most N rows of each source and split are read",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=arguments.path,
        default="artifacts",
        help="the folder of artefacts (default: artifacts)",
    )
    arguments.add_store_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def _row(text: str) -> tuple[str, int]:
    """Reads FILE:N."""
    file, _, number = text.rpartition(":")
    if not file:
        raise argparse.ArgumentTypeError(f"expected FILE:N, found {text!r}")
    return file, arguments.positive(number)


def run(options: argparse.Namespace) -> int:
    """Traces the row; 1 where the specs have an error, or no build reads such a row."""
    from taskc.checking import check

    checked = check([options.spec], params=dict(options.params))
    if checked.has_errors:
        report_errors(checked)
        return Exit.ERRORS
    from taskc.tracing.why import NoSuchRowError

    try:
        found = _accounts(checked, options)
    except NoSuchRowError as error:
        console.say(f"error: {error}")
        return Exit.ERRORS
    _report(found, checked)
    if options.json:
        file, number = options.row
        console.emit_json(
            {
                "version": 1,
                "file": file,
                "row": number,
                "accounts": [_as_json(account) for account in found],
            }
        )
    else:
        color = console.shows_color(sys.stdout)
        console.emit("\n\n".join("\n".join(_lines(each, color=color)) for each in found))
    return Exit.OK


def _accounts(checked: "Checked", options: argparse.Namespace) -> "list[Account]":
    from taskc.api import lower_sound
    from taskc.compiler.store.project import opened_store
    from taskc.tracing.why import NoSuchRowError, Wanted, why
    from taskc.workers import Workers

    plans = lower_sound(checked, only=options.build, sample=options.sample).builds
    if not plans:
        every = [build.name for build in lower_sound(checked).builds]
        named = f"no build `{options.build}`" if options.build else "no `build` block"
        there = f"\nhelp: builds: {', '.join(every)}" if every else ""
        raise NoSuchRowError(f"the specs have {named}{there}")
    file, number = options.row
    wanted = Wanted(file=file, number=number, source=options.source)
    url = console.chosen_store(options.store)
    with (
        Progress() as progress,
        opened_store([options.spec], url=url) as store,
        Workers().started() as engine,
        store.in_use(),
    ):
        return list(
            why(
                plans,
                wanted,
                out=options.out,
                engine=engine,
                store=store,
                progress=progress.add,
            )
        )


def _report(found: "list[Account]", checked: "Checked") -> None:
    """Shows on stderr why builds stop, each reason once."""
    from taskc.dsl.report import render

    reasons = list(dict.fromkeys(each for account in found for each in account.diagnostics))
    if reasons:
        color = console.shows_color(sys.stderr)
        console.say(render(reasons, checked.program.texts, style="human", color=color))


# ---- for people ----------------------------------------------------------------------------------


def _lines(account: "Account", *, color: bool) -> Iterator[str]:
    build, match = account.build, account.match
    head = f"{build.package}/{build.name}  {match.source.name}, {match.split}"
    row = f"{match.file.name}:{match.look.number}"
    row_id = f"  id {match.look.row_id.hex()}" if match.look.row_id else ""
    yield console.paint(f"{head}  {row}{row_id}", "bold", color=color)
    yield from _steps(account.steps)
    yield f"{console.paint(_fate(account), 'cyan', color=color)}"
    for example in account.examples:
        yield f"  {_example(account, example)}"


def _steps(steps: "list[Step]") -> Iterator[str]:
    """A line a step, its place at the right; what it looked at stands below it."""
    cells = [[step.clause, step.words, str(step.at or "")] for step in steps]
    lines = console.table(cells, num_left=3).split("\n")
    for step, line in zip(steps, lines, strict=True):
        yield line
        if step.clause in {"where", "when"}:
            yield from (f"      {name} = {_shown(value)}" for name, value in step.values.items())


def _shown(value: object) -> str:
    from taskc.compiler.rows.findings import shown

    return shown(value)


def _fate(account: "Account") -> str:
    at = f" by `{account.steps[-1].clause}` at {account.at}" if account.at else ""
    match account.fate:
        case "dropped":
            return f"dropped{at}"
        case "delivered" | "evaluated" as fate if account.is_built:
            return fate
        case "delivered" | "evaluated" as fate:
            return f"would be {fate}: {account.lacking}"
        case "mistake":
            return "a mistake: the build stops"
        case "exemplar":
            return f"an exemplar ({account.at})"
        case "stopped":
            return f"not decided: the build stops{at}"
        case fate:
            return f"{fate} ({account.at})"


def _example(account: "Account", example: "Placed") -> str:
    words = [example.prompt, example.at]
    if example.sequence is not None:
        words.append(f"train:{example.sequence}:{example.start}")
    elif example.example is not None:
        words.append(f"{account.split}:{example.example}")
    target = "trained" if account.split == "train" else "asked for"
    words.append(f"{example.tokens:,} tokens, {example.trained:,} {target}")
    if example.example is not None:
        words.append(f"example {example.example:,}")
    if example.repetition:
        words.append(f"repetition {example.repetition}")
    if example.part:
        words.append(f"part {example.part}")
    if example.exemplars:
        words.append(f"{example.exemplars} exemplars before it")
    return "  ".join(words)


# ---- for programs --------------------------------------------------------------------------------


def _as_json(account: "Account") -> dict[str, object]:
    from dataclasses import asdict

    match = account.match
    return {
        "package": account.build.package,
        "build": account.build.name,
        "source": match.source.name,
        "split": match.split,
        "file": match.file.name,
        "row_id": match.look.row_id.hex(),
        "fate": account.fate,
        "at": str(account.at) if account.at else None,
        "split_at_last": account.split,
        "values": match.look.values,
        "steps": [
            {
                "clause": step.clause,
                "words": step.words,
                "at": str(step.at) if step.at else None,
                "values": step.values,
            }
            for step in account.steps
        ],
        "is_built": account.is_built,
        "lacking": account.lacking,
        "examples": [asdict(example) for example in account.examples],
        "diagnostics": [
            {"code": each.code, "message": each.message} for each in account.diagnostics
        ],
    }
