"""The local engine: results in order, workers that need no guard and leave Ctrl-C to the parent."""

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from taskc.compiler.engines import local
from taskc.compiler.engines.engine import WorkerLostError
from taskc.compiler.engines.local import LocalEngine

SCRIPT = """
import sys
import taskc
from taskc.compiler.engines import local

local.MIN_ROWS_FOR_WORKERS = 0
print("started", flush=True)
artifact = taskc.build(sys.argv[1], out=sys.argv[2], jobs=2)
print("built", len(artifact["train"]))
"""

DYING = """
import os
import pathlib
import signal

def die_once(path):
    if not pathlib.Path(path).exists():
        pathlib.Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path
"""

SLOW_WORK = """
import time
from pathlib import Path

import pytest
from taskc.compiler.engines.engine import WorkerLostError
from taskc.compiler.engines.local import LocalEngine

with LocalEngine(2) as engine:
    for _ in engine.map(time.sleep, [0.1] + [60] * 8, num_rows=10**9):
        print("ready", flush=True)
"""

PARENTS = """
import os
import sys
import threading
import time

import pyarrow  # jemalloc's thread runs from here on
from taskc.compiler.engines.local import LocalEngine

def main():
    if sys.argv[1] == "busy":
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    with LocalEngine(2) as engine:
        list(engine.map(abs, range(9), num_rows=10**9))
        for process in engine._pool._processes.values():
            stat = open(f"/proc/{process.pid}/stat").read()
            print(int(stat.rpartition(")")[2].split()[1]) == os.getpid())

main()
"""


def test_results_come_in_the_order_of_the_tasks(monkeypatch):
    """Whatever finishes first, in this process or in workers."""
    monkeypatch.setattr(local, "MIN_ROWS_FOR_WORKERS", 0)
    for jobs in (1, 2):
        with LocalEngine(jobs) as engine:
            found = list(engine.map(abs, range(-9, 0), num_rows=9))

        assert found == list(range(9, 0, -1))


def test_a_script_without_a_guard_builds_once(project, tmp_path):
    """Workers never run the user's script again."""
    package = project().write()
    script = tmp_path / "train.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), str(package), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.stderr == ""
    assert done.stdout.split()[:2] == ["started", "built"]


def test_ctrl_c_is_answered_by_the_parent_alone():
    """One KeyboardInterrupt, no traceback of a worker, and no process left behind."""
    running = subprocess.Popen(
        [sys.executable, "-c", SLOW_WORK],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    running.stdout.readline()
    time.sleep(0.5)
    os.killpg(running.pid, signal.SIGINT)
    started = time.monotonic()
    _, errors = running.communicate(timeout=50)

    assert time.monotonic() - started < 40
    assert errors.count("Traceback") == errors.count("\nKeyboardInterrupt")
    assert "Process " not in errors


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for threads and parents")
@pytest.mark.parametrize(("threads", "forked"), [("alone", "True"), ("busy", "False")])
def test_only_a_process_of_one_thread_is_forked(threads, forked):
    """A fork would copy what another thread has locked; then a server is forked instead."""
    done = subprocess.run(
        [sys.executable, "-c", PARENTS, threads],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.split() == [forked] * 2


def test_a_killed_worker_costs_its_tasks_another_run(monkeypatch, tmp_path):
    """The results are all there, in order, whichever worker was killed when."""
    monkeypatch.setattr(local, "MIN_ROWS_FOR_WORKERS", 0)
    (tmp_path / "dying.py").write_text(DYING, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    die_once = importlib.import_module("dying").die_once
    paths = [str(tmp_path / str(number)) for number in range(8)]
    for path in paths[1:5] + paths[6:]:
        Path(path).touch()
    with LocalEngine(2) as engine:
        assert list(engine.map(die_once, paths, num_rows=8)) == paths


def test_a_task_that_always_kills_its_worker_is_given_up(monkeypatch):
    """And says what is likely to be the cause."""
    monkeypatch.setattr(local, "MIN_ROWS_FOR_WORKERS", 0)
    with LocalEngine(2) as engine, pytest.raises(WorkerLostError, match="memory"):
        list(engine.map(signal.raise_signal, [signal.SIGKILL] * 3, num_rows=3))
