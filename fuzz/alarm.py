"""An end to an input that goes on for ever, by the time it computes and not by the clock.

In: CPU seconds. Out: an exception inside of whatever runs then. Main thread only. The fuzzer's own
limit counts wall seconds, which a busy machine spends elsewhere, and it ends the run.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["HangError", "stopped_after"]


class HangError(Exception):
    """An input that took more than its time."""


@contextmanager
def stopped_after(cpu_s: float) -> Iterator[None]:
    """Raises `HangError` in what runs inside once it has computed for `cpu_s`."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise HangError(f"still running after {cpu_s:.0f} CPU s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
