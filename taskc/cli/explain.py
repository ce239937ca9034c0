"""`taskc explain CODE`: the page of a diagnostic's code.

In: a code such as T0312, in any case. Out: its page, on stdout. The pages are written beside the
language (`dsl/explain/CODE.md`) and installed with it.
"""

import argparse

from taskc.cli import console
from taskc.dsl.codes import CODES
from taskc.dsl.spelling import did_you_mean

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Explain a diagnostic's code: what it means, an example, the mend"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `taskc explain`."""
    parser.add_argument("code", metavar="CODE", help="the code in the brackets, such as T0312")


def run(options: argparse.Namespace) -> int:
    """Prints the page; 1 where there is no such code."""
    code = options.code.upper()
    if code not in CODES:
        near = did_you_mean(code, CODES)
        help_ = f"did you mean {', '.join(f'`{name}`' for name in near)}?" if near else ""
        console.say(f"error: there is no code `{options.code}`")
        console.say(f"help: {help_ or 'codes stand in brackets behind `error` or `warning`'}")
        return 1
    from importlib.resources import files  # 10 ms that no other verb needs

    page = files("taskc.dsl") / "explain" / f"{code}.md"
    if page.is_file():
        console.emit(page.read_text(encoding="utf-8"))
    else:
        severity, title = CODES[code]
        console.emit(f"{code} ({severity}): {title}")
    return 0
