"""Places of artefacts: what may stand where is said before any work is done."""

import os
import subprocess

import pytest

from taskc.compiler.writing.place import Folder, OutputError, place_below


def reason(place):
    """Why no artefact may stand at a place."""
    with pytest.raises(OutputError, match="T1021") as caught:
        place.check()
    assert str(place.path) in caught.value.diagnostic.notes[0]
    return caught.value.diagnostic.notes[1]


@pytest.fixture
def read_only(tmp_path):
    """A folder that nobody can write, not even root."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_nothing_is_written_by_looking(tmp_path):
    """Neither where nothing stands nor where an older artefact does."""
    place = place_below(tmp_path / "out", "demo", "tiny")
    place.check()

    assert list(tmp_path.iterdir()) == []
    place.path.mkdir(parents=True)
    (place.path / "manifest.json").write_text("{}")
    place.check()
    assert [path.name for path in place.path.iterdir()] == ["manifest.json"]


def test_files_of_somebody_are_not_lost(tmp_path):
    """A wrong `--out` must not cost anybody a folder."""
    (tmp_path / "notes.txt").write_text("mine")

    assert "other files" in reason(Folder(tmp_path))


@pytest.mark.parametrize("below", ["demo", "demo/tiny"])
def test_a_file_in_the_way_is_named(tmp_path, below):
    """Above the place, or at it."""
    (tmp_path / below).parent.mkdir(exist_ok=True)
    (tmp_path / below).write_text("in the way")

    assert f"`{tmp_path / below}` is a file" in reason(Folder(tmp_path / "demo/tiny"))


def test_a_folder_that_cannot_be_written_is_named(read_only):
    """The nearest one that exists."""
    assert f"`{read_only}` cannot be written" in reason(Folder(read_only / "demo/tiny"))


def test_what_the_system_says_later_is_said_too(tmp_path, monkeypatch):
    """Rights may go between the look and the work."""

    def refused(*_):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(OutputError, match="T1021") as caught, Folder(tmp_path / "tiny").filled():
        pass

    assert "permission denied" in caught.value.diagnostic.notes[1]
    assert list(tmp_path.iterdir()) == []


def test_what_stands_there_can_be_looked_at(tmp_path):
    """A file's bytes, and whether files of some sizes are there."""
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a").write_bytes(b"four")
    place = Folder(tmp_path)

    assert place.read("train/a") == b"four"
    assert place.read("train/b") is None
    assert place.holds({"train/a": 4})
    assert not place.holds({"train/a": 5})
    assert not place.holds({"train/a": 4, "train/b": 0})
