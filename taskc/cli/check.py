"""`taskc check PATH...`: every mistake of the specs, before a row is read.

In: folders or `.task` files. Out: the findings on stdout in one of five formats; 1 where one of
them is an error. Nothing is read but the text: no data, no tokenizer, no network; that keeps the
answer under a fifth of a second.
"""

import argparse
import sys

from taskc.cli import console

__all__ = ["SUMMARY", "add_arguments", "add_set_argument", "add_spec_arguments", "path", "run"]

SUMMARY = "Report every mistake in specs, without reading data"

FORMATS = ("human", "concise", "json", "github", "sarif")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc check`."""
    add_spec_arguments(parser)
    parser.add_argument(
        "--format", choices=FORMATS, default="human", help="how to show findings (default: human)"
    )


def add_spec_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what every verb over specs takes: where they are, and parameters' values."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        type=path,
        help="a folder of specs, or one .task file",
    )
    add_set_argument(parser)


def add_set_argument(parser: argparse.ArgumentParser) -> None:
    """Declares `--set`, which may stand many times; the last one of a name wins."""
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        dest="params",
        type=_assignment,
        action="append",
        default=[],
        help="give a parameter its value; may be repeated",
    )


def run(options: argparse.Namespace) -> int:
    """Prints the findings; 1 where there is an error."""
    from taskc.dsl.checker import check
    from taskc.dsl.errors import has_errors
    from taskc.dsl.report import render

    checked = check(options.paths, params=dict(options.params))
    color = console.shows_color(sys.stdout)
    texts = checked.program.texts
    report = render(checked.diagnostics, texts, style=options.format, color=color)
    if report:
        console.emit(report)
    if options.format == "human" and not checked.diagnostics:
        console.emit(f"{_files(len(texts))} checked, nothing found")
    return 1 if has_errors(checked.diagnostics) else 0


def path(text: str) -> str:
    """Takes a path that says something: "" is a shell's variable that nobody set."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, found nothing")
    return text


def _assignment(text: str) -> tuple[str, str]:
    """Splits `NAME=VALUE`; the value may be empty and may hold `=`."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found {text!r}")
    return name, value


def _files(count: int) -> str:
    """Says how many files there are."""
    return "1 file" if count == 1 else f"{count:,} files"
