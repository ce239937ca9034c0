"""`taskc check PATH... [--fix]`: every mistake of the specs, before a row is read.

In: folders or `.task` files. Out: errors and warnings on stdout in one of five formats; 1 where one
of them is an error. Lints are `taskc lint`'s. Nothing is read but the text: no data, no tokenizer,
no network; that keeps the answer under a fifth of a second.
"""

import argparse

from taskc.cli.arguments import add_findings_arguments as add_arguments
from taskc.cli.specs.findings import shown

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "Report every mistake in specs, without reading data"


def run(options: argparse.Namespace) -> int:
    """Prints errors and warnings; 1 where there is an error."""
    from taskc.checking import mistakes

    return 1 if shown(options, mistakes).has_errors else 0
