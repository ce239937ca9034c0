"""What ends a build from outside: it is said, nothing half written stays, and the next goes on."""

import errno
from pathlib import Path

import pytest

from taskc.compiler.engines import local
from taskc.compiler.engines.engine import WorkerLostError
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.store.disk import Disk
from taskc.compiler.store.objects import Store
from taskc.compiler.store.segments import KIND
from taskc.compiler.turns.make import make
from taskc.compiler.writing import tables
from taskc.runtime.artifact import MANIFEST, Manifest, load


def content(built):
    """The content digest of what was built."""
    return load(Manifest, (Path(built.path) / MANIFEST).read_bytes(), MANIFEST).content_digest


def codes(built):
    """The codes of a build's findings."""
    return [finding.code for finding in built.diagnostics]


def left_in(folder):
    """What a failed build left below the folder of artefacts."""
    return [path for path in folder.rglob("*") if path.is_file()]


def fail_after(count, patched, owner, name):
    """Lets a method find the disk full from its n-th call on."""
    whole = getattr(owner, name)
    calls = iter(range(count))

    def failing(*arguments):
        if next(calls, None) is None:
            raise OSError(errno.ENOSPC, "no space left on device")
        return whole(*arguments)

    patched.setattr(owner, name, failing)


@pytest.fixture
def expected(project, tmp_path):
    """The content of a build that nothing disturbs."""
    return content(project(folder=tmp_path / "undisturbed").build())


def test_a_store_that_is_full_at_any_moment(project, expected):
    """Digests, surveys, examples, findings: whichever write fails, the next build goes on."""
    one = project()
    store = Store.open(one.folder / "store")
    number = 0
    while True:
        with pytest.MonkeyPatch.context() as patched:
            fail_after(number, patched, Disk, "write")
            built = one.build(store=store, out=f"out_{number}")
        if built.path is not None:
            break

        assert codes(built) == ["T1001"]
        assert left_in(one.folder / f"out_{number}") == []
        number += 1

    assert number > 0
    assert content(one.build(store=store, out="again")) == expected


def test_a_disk_that_is_full_when_the_artefact_is_written(project, expected):
    """The old artefact stands, and what was encoded is there for the next build."""
    one = project()
    first = content(one.build())
    one.spec = one.spec.replace("seed 3", "seed 4")
    with pytest.MonkeyPatch.context() as patched:
        fail_after(3, patched, tables.HashedFile, "write")
        built = one.build()

    assert built.path is None
    assert codes(built) == ["T1020"]
    old = one.folder / "out/arithmetic/sums"
    assert load(Manifest, (old / MANIFEST).read_bytes(), MANIFEST).content_digest == first
    assert [path.name for path in old.parent.iterdir()] == ["sums"]
    one.spec = one.spec.replace("seed 4", "seed 3")
    assert content(one.build(out="again")) == expected


def test_a_store_that_cannot_be_written_is_said_once(project, expected, tmp_path, monkeypatch):
    """What is made goes to a folder of the build's own, and is gone with it."""
    read_only = OSError(errno.EROFS, "read-only file system")
    write = Disk.write

    def refusing(disk, path, buffers):
        if "spare" not in str(disk.root):
            raise read_only
        write(disk, path, buffers)

    monkeypatch.setattr(Disk, "write", refusing)
    store = Store.open(tmp_path / "store", fallback=tmp_path / "spare")
    built = project().build(store=store)

    assert codes(built) == ["T1002"]
    assert content(built) == expected


@pytest.mark.parametrize("jobs", [1, 2])
def test_damage_in_the_store_is_said_once(project, expected, monkeypatch, jobs):
    """Also where a worker found it; what was damaged is made again."""
    monkeypatch.setattr(local, "MIN_ROWS_FOR_WORKERS", 0)
    one = project()
    one.build()
    damaged = list((one.folder / f"store/v2/{KIND}").rglob("*/*/*"))
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    built = one.build(jobs=jobs, out="again")

    assert len(damaged) > 1
    assert codes(built) == ["T1003"]
    assert content(built) == expected
    third = one.build(jobs=jobs, out="third")
    assert codes(third) == []
    assert third.work.num_encoded == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WorkerLostError("worker processes were ended from outside"), "T1040"),
        (MemoryError(), "T1041"),
        (MemoryError("realloc of size 128 failed"), "T1041"),
    ],
)
def test_workers_or_memory_that_give_out(project, expected, error, code):
    """In the middle of a stage: it is said, and the build after it goes on from there."""

    class Failing(LocalEngine):
        def map(self, run, tasks, *, num_rows):
            """Gives some results, and then none."""
            for number, result in enumerate(super().map(run, tasks, num_rows=num_rows)):
                if number == 1 and run is make:
                    raise error
                yield result

    one = project()
    built = one.build(engine=Failing(1))

    assert built.path is None
    assert codes(built) == [code]
    assert "--jobs 1" in built.diagnostics[0].helps[0]
    assert str(error) in "".join(built.diagnostics[0].notes)
    assert left_in(one.folder / "out") == []
    again = one.build()
    assert content(again) == expected
    assert again.work.num_reused > 0
