"""Copies: whole or not at all, hashed as they are made, not made twice."""

from hashlib import sha256

import fsspec
import pytest

from taskc.compiler.vendor.copying import copied

CONTENT = b'{"a": 1}\n' * 300_000  # more than one block


def test_a_copy_has_the_bytes_and_their_digest(tmp_path):
    """The second time nothing is copied."""
    (tmp_path / "in").write_bytes(CONTENT)
    target = tmp_path / "out/below/in"

    assert copied(str(tmp_path / "in"), target, store=None) == (sha256(CONTENT).hexdigest(), True)
    assert target.read_bytes() == CONTENT
    assert copied(str(tmp_path / "in"), target, store=None) == (sha256(CONTENT).hexdigest(), False)


@pytest.mark.parametrize("changed", ["in", "out"])
def test_a_changed_file_is_copied_again(tmp_path, changed):
    """On either side."""
    (tmp_path / "in").write_bytes(b"one")
    copied(str(tmp_path / "in"), tmp_path / "out", store=None)
    (tmp_path / changed).write_bytes(b"two")

    assert copied(str(tmp_path / "in"), tmp_path / "out", store=None)[1]
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()


def test_a_remote_file_is_copied(tmp_path):
    """Whatever fsspec reaches."""
    with fsspec.open("memory://vendor/in.jsonl", "wb") as remote:
        remote.write(CONTENT)
    target = tmp_path / "in.jsonl"

    assert copied("memory://vendor/in.jsonl", target, store=None)[0] == sha256(CONTENT).hexdigest()
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("path", ["gone.jsonl", "memory://vendor/gone.jsonl"])
def test_what_cannot_be_read_leaves_nothing_behind(tmp_path, path):
    """One kind of error, and neither half a copy nor a temporary file."""
    path = path if "://" in path else str(tmp_path / path)
    folder = tmp_path / "out"
    with pytest.raises(OSError):  # noqa: PT011 # whatever the system says
        copied(path, folder / "in", store=None)

    assert list(folder.iterdir()) == []
