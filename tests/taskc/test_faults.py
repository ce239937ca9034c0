"""Builds as processes that are interrupted, killed, robbed of workers, or met by another build."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import taskc as api

# Builds `hello` and does something to itself at a moment of the build.
BUILDS = """
import os, signal, sys, time
from pathlib import Path
from taskc.cli import entry, progress
from taskc.compiler.engines import local
from taskc.compiler.writing import tables

local.MIN_ROWS_FOR_WORKERS = 0
moment, deed, jobs = sys.argv[1:]

def interrupt():
    os.killpg(0, signal.SIGINT)  # as a terminal does: every process of the command gets it

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def kill_worker():
    own = [int(task.name) for task in Path("/proc").glob("[0-9]*") if is_worker(task)]
    os.kill(max(own), signal.SIGKILL)  # what they are forked from is the first of them

def is_worker(task):
    try:
        own = os.getpgid(int(task.name)) == os.getpgid(0) and int(task.name) != os.getpid()
        return own and "resource_tracker" not in (task / "cmdline").read_text()
    except OSError:
        return False

done = []

def told(stage):
    if stage == moment and not done:
        done.append(moment)
        globals()[deed]()

def facts(self):
    told("files")
    return original(self)

progress.Progress.step = lambda self, build, step: told(step.stage)
original, tables.HashedFile.facts = tables.HashedFile.facts, facts
sys.exit(entry.main(["build", "hello", "--jobs", jobs]))
"""
WORKERS = """
import sys
from taskc.cli import entry
from taskc.compiler.engines import local

local.MIN_ROWS_FOR_WORKERS = 0
sys.exit(entry.main(["build", "hello", "--jobs", "2", *sys.argv[1:]]))
"""
MOMENTS = ("shape", "encode", "write", "files")


@pytest.fixture(scope="session")
def expected(built_once) -> str:
    """The content of `hello` where nothing disturbs the build."""
    return api.open(built_once / "artifacts/hello/hello").manifest.content_digest


def built(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Starts the script above in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILDS, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def is_running(group: int) -> bool:
    """Whether a process of the group is left; they get a moment to end."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True


def finish(folder: Path, taskc) -> str:
    """Builds undisturbed; returns the content digest of what stands there alone afterwards."""
    done = taskc("build", "hello", cwd=folder)

    assert done.returncode == 0, done.stderr
    (artifact,) = (folder / "artifacts/hello").iterdir()
    opened = api.open(artifact)
    opened.verify()
    return opened.manifest.content_digest


def by_workers(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Builds `hello` to its end with two workers."""
    return subprocess.run(
        [sys.executable, "-c", WORKERS, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own in memory, where one can be mounted."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_an_interrupt_in_any_stage(hello, taskc, expected, moment, jobs):
    """One word, status 130, no process and no half artefact left; the next build is right."""
    process = built(hello.parent, moment, "interrupt", jobs)
    _, words = process.communicate(timeout=60)

    assert (process.returncode, words) == (130, "interrupted\n")
    assert not is_running(process.pid)
    assert list((hello.parent / "artifacts").glob("*/*")) == []
    assert finish(hello.parent, taskc) == expected


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_build_takes_its_workers_along(hello, taskc, expected, moment):
    """It can't say goodbye to them, and none waits for ever; the next build sweeps up."""
    process = built(hello.parent, moment, "kill", "2")
    process.communicate(timeout=60)

    assert process.returncode == -signal.SIGKILL
    assert not is_running(process.pid)
    assert finish(hello.parent, taskc) == expected


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(hello, expected):
    """Its tasks are done again by another."""
    process = built(hello.parent, "encode", "kill_worker", "2")
    _, words = process.communicate(timeout=60)

    assert process.returncode == 0, words
    artifact = api.open(hello.parent / "artifacts/hello/hello")
    assert artifact.manifest.content_digest == expected


@pytest.mark.slow
def test_builds_at_once_of_one_store_and_one_place(hello, taskc, expected):
    """Each ends well, and what stands there is whole, whoever was last."""
    start = [sys.executable, "-m", "taskc", "build", "hello"]
    running = [
        subprocess.Popen(start, cwd=hello.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    said = [process.communicate(timeout=120)[1].decode() for process in running]

    assert [process.returncode for process in running] == [0] * 4, said
    assert not any("error" in words or "warning" in words for words in said)
    assert finish(hello.parent, taskc) == expected
    assert list((hello.parent / "hello/.taskc/store/v2/temporary").glob("*")) == []


@pytest.mark.slow
def test_a_disk_that_fills_up_under_workers(hello, taskc, expected):
    """The store or the artefact: it is said by name, nothing half written stays."""
    with mounted(hello.parent / "small", "size=16k") as small:
        store = by_workers(hello.parent, "--store", str(small / "store"))
        left = [path for path in small.rglob("temporary/*") if path.is_file()]
    with mounted(hello.parent / "small", "size=48k") as small:
        output = by_workers(hello.parent, "--out", str(small / "out"))
        half = [path for path in small.rglob("*") if path.is_file()]

    assert (store.returncode, output.returncode) == (1, 1)
    assert "error[T1001]: no space is left for the store" in store.stderr
    assert "error[T1020]: no space is left for the artefact" in output.stderr
    assert left == half == []
    assert finish(hello.parent, taskc) == expected


@pytest.mark.slow
def test_a_store_that_workers_cannot_write(hello, expected):
    """Said once, however many of them found out; the artefact is the same."""
    with mounted(hello.parent / "other", "ro,size=64k") as other:
        done = by_workers(hello.parent, "--store", str(other / "store"))

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning[T1002]") == 1
    artifact = api.open(hello.parent / "artifacts/hello/hello")
    assert artifact.manifest.content_digest == expected


def test_no_place_for_the_artefact_fails_before_the_work(hello, taskc):
    """With `--json` there is one object all the same."""
    (hello.parent / "taken").write_text("a file")
    done = taskc("build", "hello", "--out", "taken", "--json", cwd=hello.parent)

    assert done.returncode == 1
    assert '"code": "T1021"' in done.stdout
    assert '"status": "failed"' in done.stdout
    assert "encode" not in done.stderr
    assert not (hello / ".taskc/store/v2/examples").exists()
