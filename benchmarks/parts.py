"""What each part of one build costs: CPU seconds by what they are spent on.

In: a project's folder. Out: one JSON object on stdout: CPU seconds by part, in the order of the
build, the number of fsyncs and the seconds that they took, and the total. `taskc build` runs in
this one process, its progress drawn on a terminal that nobody sees. Every 2 ms of CPU time each
thread's stack is looked at; what a thread used since belongs to the innermost part on its stack,
libraries included, and what threads of libraries used to the main thread's. `PARTS` says which
frames are which part; frames that it does not name belong to their caller's. Looking costs 1 to
2 %, and a part of 0.1 s is known to 0.02 s.
"""

import argparse
import io
import json
import os
import runpy
import sys
import threading
import time
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from itertools import groupby
from pathlib import Path
from types import FrameType

from stages import Disk, Looks

_MODULES = "start: modules"
_TOKENIZER = "start: the tokenizer, in both engines"
_PROOFS = "proofs of the faster engine"
_KEEP = "store: keep"
_FSYNC = "fsync"
_REST = "the rest"

# Modules, packages and functions of taskc by what they are for. A function of a module goes before
# the module, and a module before its package.
PARTS: dict[str, tuple[str, ...]] = {
    _MODULES: (),
    "start: check, plan": ("dsl", "compiler.lower", "compiler.lower_inputs", "compiler.plan"),
    _TOKENIZER: (
        "compiler.turns.tokenizer:load",
        "compiler.turns.tokenizer:fingerprint",
        "compiler.turns.fast:engine_for",
        "compiler.turns.fast:faster",
        "compiler.turns.definition",
    ),
    "digests": (
        "compiler.store.files",
        "compiler.store.cutting",
        "compiler.store.code",
        "compiler.store.objects:_trailer",
        "compiler.store.objects:_is_sound",
        "compiler.digests",
        "compiler.records",
        "runtime.columns",
    ),
    "read and parse rows, twice": (
        "compiler.rows.connect",
        "compiler.rows.inputs",
        "compiler.rows.reread",
    ),
    "survey: types, `let`, `where`": ("compiler.rows.shaping",),
    "survey: keys of rows": ("compiler.keys:row_ids",),
    "survey: the rest": (
        "compiler.rows.survey",
        "compiler.rows.load",
        "compiler.rows.growing",
        "compiler.rows.choices",
        "compiler.rows.overlap",
    ),
    "choose prompts": (
        "compiler.turns.choice",
        "compiler.turns.example_keys",
        "compiler.turns.make:_chosen_by_keys",
        "compiler.turns.make:_chosen_by_values",
    ),
    "render": ("compiler.turns.phrase", "compiler.turns.templates", "compiler.turns.rendering"),
    "engine of the tokenizer": (
        "compiler.turns.tokenizer:encode",
        "compiler.turns.fast:unproved",
    ),
    _PROOFS: ("compiler.turns.fast",),
    "lay out: masks, spans": (
        "compiler.turns.encode",
        "compiler.turns.formats",
        "compiler.turns.tokenizer:spelled",
    ),
    _KEEP: (
        "compiler.turns.make",
        "compiler.turns.entries",
        "compiler.store.segments",
        "compiler.store.objects",
        "compiler.store.disk",
    ),
    "store: look up, read back": (
        "compiler.store.objects:get",
        "compiler.store.objects:get_each",
        "compiler.store.objects:read",
        "compiler.store.segments:find",
        "compiler.store.segments:open",
        "compiler.writing.scatter",
    ),
    "let rows go": ("compiler.turns.make:_make",),
    "mix and pack": ("compiler.demand", "compiler.sequences"),
    "ledger": ("compiler.turns.accounts", "compiler.writing.ledger"),
    "provenance": ("compiler.writing.provenance", "compiler.writing.write:_provenance"),
    "write shards": ("compiler.writing.shards", "compiler.writing.write"),
    "manifest, publish": (
        "compiler.writing.figures",
        "compiler.writing.place",
        "compiler.writing.publish",
        "compiler.writing.write:_file",
        "compiler.writing.write:_manifest",
        "runtime.artifact",
    ),
    _FSYNC: ("compiler.store.disk:sync",),
    "progress": ("cli.console", "cli.progress", "compiler.progress"),
    _REST: (),
}
_PART_OF = {name: part for part, names in PARTS.items() for name in names}
_IMPORT = "_find_and_load"  # of Python's importlib


class Parts(Looks):
    """Looks at every thread's stack while CPU time passes, and charges the time to parts."""

    def __init__(self) -> None:
        self.cpu_s: Counter[str] = Counter()
        self._last = 0.0  # what passed before is the start of Python
        self._threads: dict[int, float] = {}  # CPU seconds of each, when last looked at

    def _look(self, _: int, main_frame: FrameType | None) -> None:
        now = time.process_time()
        passed, self._last = now - self._last, now
        for thread, frame in sys._current_frames().items():  # noqa: SLF001 - there is no other way
            if thread != threading.main_thread().ident:
                used = self._used(thread)
                passed -= used
                if used:
                    self.cpu_s[_part(frame)] += used
        self.cpu_s[_part(main_frame)] += passed

    def _used(self, thread: int) -> float:
        """CPU seconds of a thread since the last look."""
        cpu_s = time.clock_gettime(time.pthread_getcpuclockid(thread))
        before = self._threads.get(thread, 0.0)
        self._threads[thread] = cpu_s
        # A thread may have got the number of one that ended.
        return cpu_s - before if cpu_s >= before else cpu_s


def _part(frame: FrameType | None) -> str:
    """The innermost part on a stack."""
    for module, names in groupby(_calls(frame), key=lambda call: call[0]):
        functions = [function for _, function in names]
        if _IMPORT in functions or "<module>" in functions:
            return _MODULES
        for name in (*(f"{module}:{function}" for function in functions), *_with_parents(module)):
            if name in _PART_OF:
                return _PART_OF[name]
    return _REST


def _calls(frame: FrameType | None) -> list[tuple[str, str]]:
    """Modules of taskc and their functions on a stack, the innermost first; imports; fsyncs."""
    found = []
    while frame is not None:
        module, code = frame.f_globals.get("__name__", ""), frame.f_code
        if module.startswith("taskc."):
            found.append((module.removeprefix("taskc."), code.co_name))
        elif code.co_name == _IMPORT:
            found.append(("", code.co_name))
        elif code is Disk.__call__.__code__:
            found.append(("compiler.store.disk", "sync"))
        frame = frame.f_back
    return found


def _with_parents(module: str) -> list[str]:
    """A module, its package, that one's package."""
    words = module.split(".")
    return [".".join(words[:length]) for length in range(len(words), 0, -1)]


def _terminal() -> io.TextIOBase:
    """A terminal of which nobody reads more than that it does not fill."""
    screen, terminal = os.openpty()
    os.environ["TERM"] = "xterm"

    def drain() -> None:
        while os.read(screen, 1 << 16):
            pass

    threading.Thread(target=drain, daemon=True).start()
    return os.fdopen(terminal, "w", encoding="utf-8")


def main() -> None:
    """Builds one project and prints what its parts took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="the folder of artefacts")
    options = parser.parse_args()
    disk = Disk()
    os.fsync = disk
    sys.argv = ["taskc", "build", str(options.project), "--out", str(options.out), "--jobs", "1"]
    status: str | int | None = None
    with Parts() as parts, redirect_stdout(io.StringIO()), redirect_stderr(_terminal()):
        try:
            runpy.run_module("taskc", run_name="__main__")  # its modules are a part as well
        except SystemExit as end:
            status = end.code
    cpu_s = time.process_time()
    parts.cpu_s[_REST] += cpu_s - parts.cpu_s.total()
    json.dump(
        {
            "cpu_s": cpu_s,
            "parts": {part: parts.cpu_s[part] for part in PARTS},
            "fsyncs": disk.calls,
            "fsync_wall_s": disk.wall_s,
        },
        sys.stdout,
    )
    sys.exit(status)


if __name__ == "__main__":
    main()
