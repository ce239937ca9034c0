"""Digests of input files: right when they are read, right when they are known again."""

import hashlib
import os
import time
from functools import partial
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskc.compiler.store import files as files_module
from taskc.compiler.store.files import changed_error, changed_files, file_digests
from taskc.dsl.text.source_text import Span

MARK = b"\xef\xbb\xbf"


@pytest.fixture
def write(tmp_path):
    """Writes a file that is older than any clock's tick; returns its path."""

    def make(content, name="rows.jsonl", age_s=60):
        path = tmp_path / name
        path.write_bytes(content)
        then = time.time() - age_s
        os.utime(path, (then, then))
        return str(path)

    return make


@pytest.fixture
def small_ranges(monkeypatch):
    """Cuts small files as large ones are cut."""
    monkeypatch.setattr(files_module, "MAX_RANGE_BYTES", 60)
    whole = files_module.cut
    monkeypatch.setattr(files_module, "cut", partial(whole, min_bytes=20, max_bytes=60))


@pytest.fixture
def reads(monkeypatch):
    """Counts what is opened to be read."""
    opened = []
    original = files_module._opened
    monkeypatch.setattr(files_module, "_opened", lambda path: opened.append(path) or original(path))
    return opened


def one(store, path, *, cut_lines=True):
    """Returns the digests of a single file."""
    (found,) = file_digests(store, [path], cut_lines=cut_lines)
    return found


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(st.text("abc é", max_size=90).map(str.encode)),
    mark=st.sampled_from([b"", MARK]),
    end=st.sampled_from([b"", b"\n"]),
)
@pytest.mark.usefixtures("small_ranges")
def test_ranges_hold_every_line_once(disk, write, lines, mark, end):
    """One after another, numbered as the lines are, each with the digest of its bytes alone."""
    body = b"\n".join(lines) + end * bool(lines)
    content = mark + body
    found = one(disk, write(content, f"{uuid4().hex}.jsonl"))
    pieces = [content[each.start : each.stop] for each in found.ranges]

    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert b"".join(pieces) == body
    next_line = 1
    for each, piece in zip(found.ranges, pieces, strict=True):
        assert each.first_line == next_line
        assert each.num_lines == len(piece.split(b"\n")) - piece.endswith(b"\n")
        assert each.digest == hashlib.sha256(piece).hexdigest()[:32]
        assert piece.endswith(b"\n") or each is found.ranges[-1]
        before_last = piece.removesuffix(b"\n").rpartition(b"\n")[0]
        assert len(piece) <= 60 or len(before_last) < 20
        next_line += each.num_lines


def test_a_long_file_is_cut(disk, write):
    """With the bounds in use; equal bytes in another file have the same digest."""
    line = b'{"body": "' + b"x" * 990 + b'"}\n'
    numbered = [line.replace(b"x", b"%06d" % n, 1) for n in range(15_000)]
    found = one(disk, write(b"".join(numbered)))
    first = found.ranges[0]
    alone = one(disk, write(b"".join(numbered)[: first.stop], "other.jsonl"))

    assert 3 <= len(found.ranges) <= 7
    assert sum(each.num_lines for each in found.ranges) == 15_000
    assert alone.ranges == (first,)


def test_a_line_longer_than_a_range_stays_whole(disk, write, small_ranges):
    """However long it is, and whatever follows."""
    long = b"x" * 5_000
    found = one(disk, write(b"a\n" + long + b"\nb\n" + long))

    assert [(each.first_line, each.num_lines) for each in found.ranges] in (
        [(1, 2), (3, 2)],
        [(1, 2), (3, 1), (4, 1)],
    )


def test_an_unchanged_file_is_not_read_again(disk, write, reads):
    """In this process or another, by this name or its absolute one."""
    path = write(b"a\nb\n")
    first = one(disk, path)
    again = one(disk, path)
    relative = one(disk, os.path.relpath(path))

    assert reads == [path]
    assert again == first
    assert (relative.sha256, relative.ranges) == (first.sha256, first.ranges)


def test_ranges_that_were_not_asked_for_are_read_later(disk, write, reads):
    """A whole digest says nothing of lines; lines say the whole digest."""
    path = write(b"a\nb\n")
    whole = one(disk, path, cut_lines=False)
    cut_ = one(disk, path)
    whole_again = one(disk, path, cut_lines=False)

    assert whole.ranges is None
    assert whole_again == whole
    assert cut_.sha256 == whole.sha256
    assert reads == [path, path]


@pytest.mark.parametrize("change", ["size", "time", "inode"])
def test_a_changed_file_is_read_again(disk, write, change, tmp_path):
    """Whichever of the three gives it away."""
    path = Path(write(b"one\n"))
    one(disk, str(path))
    stat = path.stat()
    match change:
        case "size":
            path.write_bytes(b"three\n")
        case "time":
            path.write_bytes(b"two\n")
        case "inode":
            other = tmp_path / "other"
            other.write_bytes(b"two\n")
            other.replace(path)
    later_ns = stat.st_mtime_ns + (1 if change == "time" else 0)
    os.utime(path, ns=(later_ns, later_ns))

    assert one(disk, str(path)).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_young_file_is_not_trusted(disk, write, reads):
    """Written again within a tick of the clock it looks the same."""
    path = Path(write(b"one\n", age_s=0))
    stat = path.stat()
    one(disk, str(path))
    path.write_bytes(b"two\n")
    os.utime(path, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    found = one(disk, str(path))

    assert reads == [str(path)] * 2
    assert found.sha256 == hashlib.sha256(b"two\n").hexdigest()


def test_a_file_that_changes_is_noticed(disk, write):
    """Written to, put in another's place, or gone."""
    paths = [write(b"a\n", name) for name in "abcd"]
    found = file_digests(disk, paths, cut_lines=True)
    unchanged = changed_files({each.path: each.state for each in found})
    Path(paths[1]).write_bytes(b"b\n")
    Path(paths[2]).unlink()
    write(b"longer\n", "d")
    finding = changed_error("data/b", Span("s.task", 0, 1))

    assert unchanged == []
    assert changed_files({each.path: each.state for each in found}) == paths[1:]
    assert finding.code == "T1010"
    assert "data/b" in finding.notes[0]


def test_a_file_that_grows_while_it_is_read_is_noticed(disk, write, monkeypatch):
    """What the system said before it was read counts."""
    path = write(b"a\n")
    original = files_module._opened

    def grow(opened):
        with Path(opened).open("ab") as file:
            file.write(b"b\n")
        return original(opened)

    monkeypatch.setattr(files_module, "_opened", grow)
    found = one(disk, path)
    monkeypatch.undo()

    assert changed_files({path: found.state}) == [path]
    assert one(disk, path).ranges[0].num_lines == 2


def test_a_file_that_cannot_be_read_is_said_beside_the_others(disk, write, tmp_path):
    """In the order of the paths, which may name a file twice."""
    path = write(b"a\n")
    missing = str(tmp_path / "missing")
    first, gone, again, folder = file_digests(
        disk, [path, missing, path, str(tmp_path)], cut_lines=True
    )

    assert first == again
    assert isinstance(gone, FileNotFoundError)
    assert isinstance(folder, IsADirectoryError)


def test_many_files_are_read(disk, write):
    """Side by side, each for itself."""
    paths = [write(b"%d\n" % number, f"{number}.jsonl") for number in range(40)]
    found = file_digests(disk, paths, cut_lines=True)

    assert [each.sha256 for each in found] == [
        hashlib.sha256(b"%d\n" % number).hexdigest() for number in range(40)
    ]
    assert file_digests(disk, paths, cut_lines=True) == found


def test_a_file_behind_a_url(disk, reads, monkeypatch):
    """Known by its size and its entity tag, or else by its time."""
    url = f"memory://{uuid4().hex}/rows.jsonl"
    system = fsspec.filesystem("memory")
    system.pipe_file(url, MARK + b"a\nb")
    first = one(disk, url)
    monkeypatch.setattr(files_module, "_RACY_NS", 0)
    one(disk, url)
    known = one(disk, url)
    num_reads = len(reads)
    unchanged = changed_files({url: known.state})
    system.pipe_file(url, b"c\n")

    assert first.sha256 == hashlib.sha256(MARK + b"a\nb").hexdigest()
    assert (known.ranges, num_reads) == (first.ranges, 2)
    assert unchanged == []
    assert changed_files({url: known.state}) == [url]
    assert one(disk, url).ranges[0].num_lines == 1
