"""A store in a folder: processes side by side, processes that are killed, times of use."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from taskc.compiler.store.objects import Store

KEY = "ab" * 16
LARGE = bytes(range(256)) * 1_000
DAY_S = 86_400
OPEN = Path("/proc/self/fd")  # what this process has open

# Writes for ever, equal and different objects in turn; argv: folder, first byte.
WRITER = """
import sys, itertools
from taskc.compiler.store.objects import Store
store = Store.open(sys.argv[1])
print("ready", flush=True)
for turn in itertools.count():
    store.put("survey", f"{turn % 7:04x}", bytes([turn % 7]) * 200_000)
    store.add("examples", "feed", [sys.argv[2].encode(), bytes([turn % 256]) * 200_000])
"""


@pytest.fixture
def writer():
    """Starts processes that write into a store until the test ends."""
    started = []

    def start(store, mark):
        command = [sys.executable, "-c", WRITER, store.url, mark]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        started.append(process)
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def age(path, seconds):
    """Makes a file older than it is."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def temporary_files(store):
    """Returns what is being written, or was when its process was killed."""
    return sorted(Path(store.url, "v2/temporary").iterdir())


def sound_objects(store):
    """Reads every object of the writers; returns how many there are."""
    for turn in range(7):
        assert store.get("survey", f"{turn:04x}") in {None, bytes([turn]) * 200_000}
    names = store.names("examples", "feed")
    for name in names:
        content = store.read("examples", "feed", name)

        assert content is not None
        assert len(set(content[1:])) == 1
    return len(names)


def test_two_processes_write_side_by_side(disk, writer):
    """Whoever reads meanwhile sees whole objects of either, or none yet."""
    writer(disk, "a")
    writer(disk, "b")
    until = time.monotonic() + 20
    while sound_objects(disk) < 20 and time.monotonic() < until:
        pass

    marks = {
        bytes(disk.read("examples", "feed", name)[:1]) for name in disk.names("examples", "feed")
    }
    assert marks == {b"a", b"b"}
    assert disk.take_findings() == []


def test_a_killed_process_leaves_a_sound_store(disk, writer):
    """At whatever moment: objects are whole, and the next one sweeps what was half written."""
    for turn in range(6):
        process = writer(disk, "a")
        time.sleep(0.05 + 0.013 * turn)
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = temporary_files(disk)
    for path in left:
        age(path, 120)
    again = Store.open(disk.url)
    again.put("survey", KEY, b"content")

    assert sound_objects(again) > 0
    assert again.take_findings() == []
    assert temporary_files(again) == []


def test_what_is_being_written_is_not_swept(disk):
    """A slow process is not a dead one: its lock says so, however old the file is."""
    backend = disk._backend
    with backend._locked_file(Path(disk.url, "v2/temporary")) as (_, path):
        age(path, 2 * DAY_S)

        assert disk.sweep() == 0
        assert path.exists()
    assert not path.exists()


def test_a_young_file_is_not_swept(disk):
    """Its process may not have locked it yet."""
    disk.put("survey", KEY, b"content")
    path = Path(disk.url, "v2/temporary/0123456789abcdef")
    path.write_bytes(b"half")

    assert disk.sweep() == 0
    age(path, 120)
    assert disk.sweep() == 1
    assert temporary_files(disk) == []


def test_reading_counts_as_use(disk):
    """The time of use moves when an object is read, and stays when it is listed."""
    name = disk.add("examples", KEY, LARGE)
    (path,) = [Path(disk.url, "v2", stored.path) for stored in disk.objects()]
    age(path, DAY_S)
    before = [stored.used_s for stored in disk.objects()]
    disk.names("examples", KEY)
    listed = [stored.used_s for stored in disk.objects()]
    disk.read("examples", KEY, name)
    read = [stored.used_s for stored in disk.objects()]

    assert before == listed
    assert read[0] == pytest.approx(time.time(), abs=30)


def test_many_maps_hold_no_file_open(disk):
    """A build may have more segments at hand than a process may have files."""
    names = [disk.add("examples", KEY, [LARGE, bytes([number])]) for number in range(20)]
    num_open = len(list(OPEN.iterdir()))
    maps = [disk.read("examples", KEY, name) for name in names]

    assert len(list(OPEN.iterdir())) == num_open
    assert [bytes(each[:-1]) for each in maps] == [LARGE] * 20


def test_a_map_outlives_its_object(disk):
    """What a build holds may be cleaned away under it."""
    name = disk.add("examples", KEY, LARGE)
    content = disk.read("examples", KEY, name)
    for stored in disk.objects():
        disk.remove(stored)

    assert bytes(content) == LARGE
    assert disk.read("examples", KEY, name) is None
    assert disk.names("examples", KEY) == []
    assert not Path(disk.url, "v2/examples/ab").exists()


def test_a_store_says_that_it_is_in_use(disk):
    """As long as the block runs, also to other processes; a dead one's word is not kept."""
    began = time.time()
    with disk.in_use():
        since = Store.open(disk.url).in_use_since()
        with disk.in_use():
            inner = disk.in_use_since()

    assert since == inner
    assert began - 120 < since < began
    assert disk.in_use_since() == float("inf")
    left = Path(disk.url, "v2/in-use/0123456789abcdef")
    left.write_bytes(b"")
    age(left, 2 * DAY_S)
    assert disk.in_use_since() == float("inf")
    assert not left.exists()
