"""Where the CPU time of a build goes, stage by stage, and what it waits for the disk.

In: a project's folder. Out: one JSON object on stdout: CPU seconds by module of the compiler
(`self`: spent in its own lines and the libraries that these call; `with`: in all that it calls as
well), the number of fsyncs and the seconds that they took, and the total. The build runs in this
one process. Every 2 ms of CPU time the stack is looked at; the time since the last look belongs to
the innermost frame of taskc, so a long call into a library is charged to its caller, threads of the
library included. Looking costs 1 to 2 %.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Self

import taskc

LOOK_EVERY_S = 0.002
_IMPORTS = "(imports and the rest)"


class Looks:
    """Has `_look` called with the main thread's frame whenever some CPU time has passed."""

    def __enter__(self) -> Self:
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, LOOK_EVERY_S, LOOK_EVERY_S)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _look(self, signal_number: int, frame: FrameType | None) -> None:
        raise NotImplementedError


class Stages(Looks):
    """Looks at the stack while CPU time passes, and charges the time to modules."""

    def __init__(self) -> None:
        self.own: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()
        self._last = 0.0

    def __enter__(self) -> Self:
        self._last = time.process_time()
        return super().__enter__()

    def _look(self, _: int, frame: FrameType | None) -> None:
        now = time.process_time()
        passed, self._last = now - self._last, now
        modules = list(dict.fromkeys(_modules(frame)))
        self.own[modules[0] if modules else _IMPORTS] += passed
        for module in modules:
            self.whole[module] += passed


def _modules(frame: FrameType | None) -> list[str]:
    """Modules of taskc on the stack, the innermost first."""
    found = []
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("taskc."):
            found.append(name.removeprefix("taskc."))
        elif frame.f_code.co_name == "_find_and_load":
            found.append(_IMPORTS)
        frame = frame.f_back
    return found


class Disk:
    """Counts the calls that wait until the disk has what was written."""

    def __init__(self) -> None:
        self.calls = 0
        self.wall_s = 0.0
        self._fsync = os.fsync

    def __call__(self, file: int) -> None:
        """Stands in for os.fsync."""
        started = time.perf_counter()
        self._fsync(file)
        self.calls += 1
        self.wall_s += time.perf_counter() - started


def main() -> None:
    """Builds one project and prints where the time went."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="the folder of artefacts")
    options = parser.parse_args()
    disk = Disk()
    os.fsync = disk
    with Stages() as stages:
        taskc.build(options.project, out=options.out, jobs=1)
    json.dump(
        {
            "cpu_s": time.process_time(),
            "self": dict(stages.own.most_common()),
            "with": dict(stages.whole.most_common()),
            "fsyncs": disk.calls,
            "fsync_wall_s": disk.wall_s,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
