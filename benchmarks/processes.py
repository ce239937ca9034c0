"""What a command costs, with every process that it starts: CPU seconds, wall seconds, memory.

In: a command. Out: a `Run`. Processes that outlive the command (a server of workers does, for a
moment) are waited for and counted, as this process adopts orphans. Memory is the greatest sum over
all processes alive at once, looked at every 50 ms: of what is resident (a page that two of them
share counts twice), and of what is anonymous, which files on disk can't give back. Linux only.
"""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_PR_SET_CHILD_SUBREAPER = 36
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a command.

    Attributes:
        cpu_s: User and system time of the command and of all that it started.
        wall_s: From its start until it ended; orphans may end later.
        resident_bytes: Greatest sum of resident memory.
        anonymous_bytes: Greatest sum of anonymous memory.
        stdout: What it printed.
    """

    cpu_s: float
    wall_s: float
    resident_bytes: int
    anonymous_bytes: int
    stdout: str

    def answer(self) -> Any:
        """The JSON value that the command printed, from the first `{` on."""
        return json.loads(self.stdout[self.stdout.index("{") :])


def run(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Run:
    """Runs a command to its end; one that fails ends the benchmark with what it said."""
    _adopt_orphans()
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        with _Memory() as memory:
            _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu_s = usage.ru_utime + usage.ru_stime + _orphans_cpu_s()
        stdout.seek(0)
        stderr.seek(0)
        if process.returncode:
            said = stderr.read()[-4000:].decode(errors="replace")
            sys.exit(f"{' '.join(command)}\nended with exit status {process.returncode}:\n{said}")
        return Run(
            cpu_s=cpu_s,
            wall_s=wall_s,
            resident_bytes=memory.resident_bytes,
            anonymous_bytes=memory.anonymous_bytes,
            stdout=stdout.read().decode(),
        )


def _adopt_orphans() -> None:
    """Makes this process the parent of descendants whose own parent ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "orphans can't be adopted, so their time can't be told")


def _orphans_cpu_s() -> float:
    """Waits for every process that is left; returns the time of all."""
    cpu_s = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return cpu_s
        cpu_s += usage.ru_utime + usage.ru_stime


class _Memory:
    """Looks at the memory of this process's descendants until it is left."""

    def __init__(self) -> None:
        self.resident_bytes = self.anonymous_bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        own = os.getpid()
        while not self._ended.wait(_LOOK_EVERY_S):
            resident = anonymous = 0
            for pid in _descendants(own):
                of_one = _memory_of(pid)
                resident += of_one.get("VmRSS", 0)
                anonymous += of_one.get("RssAnon", 0)
            self.resident_bytes = max(self.resident_bytes, resident)
            self.anonymous_bytes = max(self.anonymous_bytes, anonymous)


def _descendants(root: int) -> list[int]:
    """Ids of the processes below `root`; one that ends meanwhile may be among them."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                stat = Path(entry.path, "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            # The name, in parentheses, may hold anything; after it: state, then parent.
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found = list(children.get(root, ()))
    for pid in found:
        found += children.get(pid, ())
    return found


def _memory_of(pid: int) -> dict[str, int]:
    """Bytes by the kernel's names; nothing where the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines if line.startswith(("VmRSS:", "RssAnon:")))
    return {name.rstrip(":"): int(size) * 1024 for name, size, _ in pairs}
