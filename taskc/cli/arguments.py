"""Arguments that several verbs take: where specs and the store are, parameters' values, numbers.

In: words of a command line. Out: values, or the words that say what was expected instead. Nothing
is opened here.
"""

import argparse

__all__ = [
    "add_findings_arguments",
    "add_set_argument",
    "add_spec_arguments",
    "add_store_argument",
    "path",
    "positive",
]

FORMATS = ("human", "concise", "json", "github", "sarif")


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


def add_findings_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what a verb takes that shows findings and may mend them."""
    add_spec_arguments(parser)
    parser.add_argument("--fix", action="store_true", help="make the safe fixes, then report")
    parser.add_argument(
        "--format", choices=FORMATS, default="human", help="how to show findings (default: human)"
    )


def add_store_argument(parser: argparse.ArgumentParser) -> None:
    """Declares `--store`; `console.chosen_store` says what holds without it."""
    parser.add_argument(
        "--store",
        metavar="URL",
        type=path,
        help="a folder or a URL such as s3://bucket/taskc "
        "(default: $TASKC_STORE, else .taskc/store of the project)",
    )


def path(text: str) -> str:
    """Takes a path that says something: "" is a shell's variable that nobody set."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, found nothing")
    return text


def positive(text: str) -> int:
    """Reads a whole number from 1, `_` allowed between digits as in the language."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text!r}")
    return number


def _assignment(text: str) -> tuple[str, str]:
    """Splits `NAME=VALUE`; the value may be empty and may hold `=`."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found {text!r}")
    return name, value
