"""Exit statuses: what the end of a command means to the shell.

In: nothing. Out: the numbers, each with its reason in docs/cli.md.
"""

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """What the process says to the shell."""

    OK = 0
    ERRORS = 1
    CHANGES = 2  # nothing was done, and something would change or differs
    BUG = 3
    USAGE = 64  # EX_USAGE of sysexits.h; argparse would say 2, which is taken
    INTERRUPTED = 130
    BROKEN_PIPE = 141  # as a shell reports a program that SIGPIPE ended
    TERMINATED = 143  # a training run that SIGTERM stopped, its state saved
