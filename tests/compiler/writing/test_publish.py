"""Publishing: killed at any moment, a folder is the old one or the new one, and whole."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from taskc.compiler.writing import publish
from taskc.compiler.writing.publish import published

# Publishes folders of three files that all hold one number, without end: 1, 2, 3 ...
PUBLISHES = """
import itertools, sys
from pathlib import Path
from taskc.compiler.writing.publish import published

for number in itertools.count(1):
    with published(Path(sys.argv[1])) as folder:
        for name in "abc":
            (folder / name).write_text(str(number))
    print(number, flush=True)
"""


def contents(place):
    """What the files of a folder hold."""
    return {path.name: path.read_text() for path in sorted(place.iterdir())}


def fill(place, text, after="sub/b"):
    """Publishes a folder of two files; the second one can be made to fail."""
    with published(place) as folder:
        (folder / "a").write_text(text)
        (folder / "sub").mkdir()
        (folder / after).write_text(text)


def test_the_folder_appears_when_the_block_ends(tmp_path):
    """Not before, and under its own name alone."""
    place = tmp_path / "out" / "tiny"
    with published(place) as folder:
        (folder / "a").write_text("1")

        assert not place.exists()

    assert contents(place) == {"a": "1"}
    assert list(place.parent.iterdir()) == [place]


def test_an_error_leaves_the_old_folder(tmp_path):
    """What was half made is gone."""
    place = tmp_path / "tiny"
    fill(place, "old")
    with pytest.raises(FileNotFoundError):
        fill(place, "new", after="missing/b")

    assert (place / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("mask", [0o022, 0o027])
def test_the_folder_has_the_rights_that_were_asked_for(tmp_path, mask):
    """An artefact can be read by whom the umask says, not by its maker alone."""
    before = os.umask(mask)
    try:
        fill(tmp_path / "tiny", "1")
    finally:
        os.umask(before)

    assert (tmp_path / "tiny").stat().st_mode & 0o777 == 0o777 & ~mask


def test_killed_at_any_moment_it_is_old_or_new_and_whole(tmp_path):
    """SIGKILL at thirty moments: all files agree, a later publication works, nothing piles up."""
    place = tmp_path / "tiny"
    for moment in range(30):
        process = subprocess.Popen(
            [sys.executable, "-c", PUBLISHES, str(place)], stdout=subprocess.PIPE, text=True
        )
        last_said = process.stdout.readline()
        time.sleep(moment * 0.0007)
        process.send_signal(signal.SIGKILL)
        last_said = (process.stdout.read().split() or [last_said])[-1]
        process.wait()
        process.stdout.close()
        values = set(contents(place).values())

        assert len(contents(place)) == 3
        assert len(values) == 1
        assert int(values.pop()) >= int(last_said)  # what was said to be done stays done

    fill(place, "last")

    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_readers_never_meet_a_gap(tmp_path):
    """While one publishes again and again, the name is always there."""
    place = tmp_path / "tiny"
    fill(place, "0")
    done = threading.Event()
    gaps = []

    def look():
        while not done.is_set():
            if not place.exists():
                gaps.append(time.monotonic())

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(60):
        fill(place, str(number))
    done.set()
    reader.join()

    assert gaps == []


def test_two_publishers_don_t_disturb_each_other(tmp_path):
    """The one that finishes last stays; neither sweeps the other's folder away."""
    place = tmp_path / "tiny"
    with published(place) as one:
        (one / "a").write_text("one")
        fill(place, "other")
        (one / "b").write_text("one")

    assert contents(place) == {"a": "one", "b": "one"}
    assert list(tmp_path.iterdir()) == [place]


def test_where_names_can_t_be_exchanged_two_renames_do(tmp_path, monkeypatch):
    """On a file system without the call the folder is replaced all the same."""

    def refuse(one, other):
        raise OSError(errno.EINVAL, "not here")

    monkeypatch.setattr(publish, "_exchange", refuse)
    fill(tmp_path / "tiny", "old")
    fill(tmp_path / "tiny", "new")

    assert (tmp_path / "tiny" / "a").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_killed_between_the_two_renames_the_old_one_comes_back(tmp_path):
    """It waits whole under its hidden name until the next publication."""
    place = tmp_path / "tiny"
    fill(place, "old")
    place.rename(publish._aside(place))
    with pytest.raises(ZeroDivisionError), published(place):
        _ = 1 / 0

    assert (place / "a").read_text() == "old"


def test_a_file_system_s_own_error_is_not_hidden(tmp_path, monkeypatch):
    """Only "can't exchange" is worked around."""

    def fail(one, other):
        raise OSError(errno.EIO, "disk")

    monkeypatch.setattr(publish, "_exchange", fail)
    fill(tmp_path / "tiny", "old")
    with pytest.raises(OSError, match="disk"):
        fill(tmp_path / "tiny", "new")

    assert (tmp_path / "tiny" / "a").read_text() == "old"
