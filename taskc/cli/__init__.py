"""The command line: one file a verb, each a thin shell over the public API.

Arguments in, text and an exit status out. Nothing is computed here, and no other room imports this
one. What was asked for goes to stdout; what is said about the run goes to stderr.
"""

from taskc.cli.entry import main

__all__ = ["main"]
