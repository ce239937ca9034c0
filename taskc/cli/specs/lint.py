"""`taskc lint PATH... [--fix]`: what can be built and is likely not meant.

In: folders or `.task` files. Out: the lints on stdout in one of five formats, or the errors where
there are any: what a spec leaves unused is known only of one that is sound. The status is 1 where
anything is found, so that a project may keep its specs free of lints in CI.
"""

import argparse

from taskc.cli.arguments import add_findings_arguments as add_arguments
from taskc.cli.specs.findings import shown

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Report what specs leave unused and what is likely not meant"


def run(options: argparse.Namespace) -> int:
    """Prints the lints, or the errors; 1 where there is any."""
    from taskc.checking import lints

    return 1 if shown(options, lints).diagnostics else 0
