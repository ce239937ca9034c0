"""`taskc`: which verb is meant, and what its end means as an exit status.

In: the arguments of the process. Out: an exit status, and nothing that a user of a shell need know
Python for: a mistake of the user's, a damaged artefact or a full disk is a message; a traceback is
shown only where `TASKC_DEBUG` asks for it.
"""

import argparse
import atexit
import gc
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from taskc.cli import (
    build,
    clean,
    console,
    explain,
    importing,
    info,
    init,
    inspect,
    plan,
    select,
    train,
    verify,
)
from taskc.cli.exits import Exit
from taskc.cli.specs import check, fmt, lint, lock, show, test, vendor
from taskc.cli.tracing import blame, diff, why

__all__ = ["Exit", "main", "parser"]


class Verb(Protocol):
    """What each verb's file has."""

    SUMMARY: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declares the verb's arguments."""

    def run(self, options: argparse.Namespace) -> int:
        """Does the work; returns the exit status."""


# In the order in which a newcomer meets them; the order of `taskc --help`.
_VERBS: dict[str, Verb] = {
    "init": init,
    "import": importing,
    "check": check,
    "lint": lint,
    "fmt": fmt,
    "show": show,
    "test": test,
    "lock": lock,
    "vendor": vendor,
    "plan": plan,
    "build": build,
    "inspect": inspect,
    "verify": verify,
    "why": why,
    "blame": blame,
    "diff": diff,
    "train": train,
    "select": select,
    "clean": clean,
    "explain": explain,
    "info": info,
}

_OBJECTS_BETWEEN_SEARCHES = 300_000

_EPILOG = """\
exit status:
  0    done, no errors
  1    errors in a spec, its input or an artefact; lints, for lint
  2    something would change: for plan, fmt --check and --diff, clean --dry-run;
       artefacts differ, for diff
  3    a bug in taskc
  64   wrong usage of the command line
  130  interrupted
"""


class _Version(argparse.Action):
    """`--version`; the version is looked up only when it is asked for (15 ms)."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Prints the version and ends."""
        console.emit(f"taskc {info.taskc_version()}")
        parser.exit(Exit.OK)


class _Parser(argparse.ArgumentParser):
    """A parser whose own errors end with `Exit.USAGE`."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong and how the verb is used."""
        self.print_usage(sys.stderr)
        self.exit(Exit.USAGE, f"error: {message}\n")


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command line."""
    top = _Parser(
        prog="taskc",
        description="A compiler for instruction-tuning data.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    verbs = top.add_subparsers(metavar="COMMAND", dest="verb", required=True)
    for name, verb in _VERBS.items():
        below = verbs.add_parser(
            name, help=verb.SUMMARY, description=f"{verb.SUMMARY}.", allow_abbrev=False
        )
        verb.add_arguments(below)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: The command line without the program's name; None = the process's own.
    """
    # What a command imports and plans stays until its end: a search for cycles after every 700
    # objects finds nothing among it and costs an eighth of a start.
    gc.set_threshold(_OBJECTS_BETWEEN_SEARCHES)
    # Python searches once more at its end, through all that ends with it: half of what that costs.
    atexit.register(gc.freeze)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name may be no text, and a terminal may lack a sign: show it escaped, go on.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = _status(arguments)
        sys.stdout.flush()  # a reader that went away is noticed here, not at exit
    except BrokenPipeError:
        # Python flushes stdout once more at exit; let it go where nobody minds.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE
    return status


def _status(arguments: Sequence[str] | None) -> int:
    """Runs one command; returns its status, whatever ended it."""
    try:
        options = parser().parse_args(arguments)
        return _VERBS[options.verb].run(options)
    except SystemExit as ended:  # argparse's way to end after --help and wrong usage
        return int(ended.code or 0)
    except KeyboardInterrupt:
        console.say("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the shell is where every exception ends
        return _explain_failure(error)


def _explain_failure(error: Exception) -> int:
    """Says what ended a command, in the words its cause deserves, and returns the status."""
    if os.environ.get("TASKC_DEBUG"):
        raise error
    words = _what_the_user_can_mend(error)
    if words is not None:
        console.say(words)
        return Exit.ERRORS
    console.say(
        "error: this is a bug in taskc, not in your spec: please report it\n"
        f"  {type(error).__name__}: {error}\n"
        f"  at {_place(error)}, taskc {info.taskc_version()}\n"
        "  (the same command with TASKC_DEBUG=1 shows the traceback)"
    )
    return Exit.BUG


def _what_the_user_can_mend(error: Exception) -> str | None:
    """Says what is wrong outside of taskc; None where the fault is ours."""
    from taskc.dsl.errors import TaskcError

    if isinstance(error, TaskcError):
        return error.report
    if _is(error, "taskc.runtime.artifact", "ArtifactError"):
        return f"error: {error}"
    if isinstance(error, OSError):
        name = f": `{error.filename}`" if error.filename is not None else ""
        return f"error: {error.strerror or error}{name}"
    if isinstance(error, MemoryError):
        return "error: out of memory"
    if _is(error, "taskc.compiler.engines.engine", "WorkerLostError"):
        return f"error: {error}\nhelp: fewer workers need less memory: --jobs 1"
    return None


def _is(error: Exception, module: str, name: str) -> bool:
    """Whether the error is of a class of a module that need not be loaded."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, getattr(loaded, name))


def _place(error: Exception) -> str:
    """Returns the file and line that raised, as a report needs them."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    path = Path(trace.tb_frame.f_code.co_filename)
    return f"{'/'.join(path.parts[-3:])}:{trace.tb_lineno}"
