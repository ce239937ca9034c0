"""Artefacts at URLs: there whole or not at all, whoever reads while one is replaced."""

import errno
import os
import threading
from datetime import UTC, datetime, timedelta

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from taskc.compiler.writing.place import OutputError, place_at, place_below
from taskc.runtime import artifact
from taskc.runtime.reader import open as open_artifact

PARTS = {"train/a": b"first", "b": b"second"}


@pytest.fixture
def memory(request):
    """A place in memory that nothing stands at."""
    url = f"memory://{request.node.name}"
    yield url
    system, root = fsspec.core.url_to_fs(url)
    if system.exists(root):
        system.rm(root, recursive=True)


def publish(url, number, parts=PARTS):
    """Puts files there, with a manifest that is a number."""
    place = place_at(url)
    with place.filled() as folder:
        for name, content in parts.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        (folder / artifact.MANIFEST).write_text(str(number))
    return place


def listed(url):
    """Every file there, by its path."""
    system, root = fsspec.core.url_to_fs(url)
    system.invalidate_cache()
    return sorted(path[len(root) :].lstrip("/") for path in system.find(root))


def version(number):
    """The folder of a version."""
    return artifact.version_folder(str(number).encode())


def of(number):
    """What stands there for one version."""
    return sorted(
        [
            "manifest.json",
            f"{version(number)}/manifest.json",
            *(f"{version(number)}/{n}" for n in PARTS),
        ]
    )


def test_a_place_below_a_url():
    """As below a folder, whatever slashes are there."""
    assert place_below("s3://bucket/out/", "demo", "tiny").path == "s3://bucket/out/demo/tiny"


def test_a_version_takes_the_place_of_another(memory):
    """Its files stand in a folder of their own; those that it replaces are gone."""
    place = publish(memory, 1)

    assert listed(memory) == of(1)
    assert place.read("train/a") == b"first"
    assert place.read("nothing") is None
    assert place.holds({"train/a": 5, "b": 6})
    assert not place.holds({"train/a": 5, "b": 7})
    publish(memory, 2, {**PARTS, "b": b"other"})
    assert listed(memory) == of(2)
    assert place.read("b") == b"other"


def test_the_same_version_again_stays(memory):
    """Nothing of it goes with what it replaces, which is itself."""
    publish(memory, 1)
    publish(memory, 1)

    assert listed(memory) == of(1)


def test_nothing_stands_there_before(memory):
    """And that is no error."""
    place = place_at(memory)

    assert place.read(artifact.MANIFEST) is None
    assert not place.holds({})
    place.check()
    assert listed(memory) == []


def test_a_build_that_is_killed_leaves_the_old_version(memory):
    """Whatever it had copied by then: without a manifest it doesn't count."""
    place = publish(memory, 1)
    pipe = MemoryFileSystem.pipe_file

    def killed(system, path, value, **more):
        if path.endswith(artifact.MANIFEST):
            raise KeyboardInterrupt
        pipe(system, path, value, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MemoryFileSystem, "pipe_file", killed)
        with pytest.raises(KeyboardInterrupt):
            publish(memory, 2)

    assert place.read(artifact.MANIFEST) == b"1"
    assert set(of(1)) < set(listed(memory))
    publish(memory, 3)
    left = {path for path in listed(memory) if path.startswith(version(2))}
    assert sorted(set(listed(memory)) - left) == of(3)
    system, root = fsspec.core.url_to_fs(memory)
    for path in system.find(f"{root}/{version(2)}"):
        system.store[path].created = datetime.now(UTC) - timedelta(days=2)
    publish(memory, 4)
    assert listed(memory) == of(4)


def test_what_goes_while_it_is_published_is_put_there_again(memory, monkeypatch):
    """Another build replaced the same version at the same time, and swept it away."""
    whole = MemoryFileSystem.pipe_file
    swept = []

    def sweeping(system, path, value, **more):
        whole(system, path, value, **more)
        if path.endswith(artifact.MANIFEST) and not swept:
            swept.append(path)
            system.rm(f"{path.removesuffix(artifact.MANIFEST)}{version(1)}", recursive=True)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", sweeping)
    publish(memory, 1)

    assert swept
    assert listed(memory) == of(1)


def test_a_failure_of_any_library_is_a_report(memory, monkeypatch):
    """Rights, the network, a service that is not there: said before any work is done."""

    class ClientError(Exception):
        """As a client of some service has them."""

    def refuse(*_, **__):
        raise ClientError("Access Denied")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", refuse)
    with pytest.raises(OutputError, match="T1021") as caught:
        place_at(memory).check()

    assert "clienterror: access denied" in caught.value.diagnostic.notes[1]
    assert place_at(memory).read("b") is None


@pytest.mark.parametrize("url", ["s4://bucket/out", "abfs:://out"])
def test_an_unknown_url_is_a_report(url):
    """A typing mistake is no traceback."""
    with pytest.raises(OutputError, match="T1021"):
        place_at(url).check()


def test_a_disk_that_is_full_on_the_way_names_itself(memory):
    """It is not the place at the URL that is full."""
    with pytest.raises(OutputError, match="T1020") as caught, place_at(memory).filled():
        raise OSError(errno.ENOSPC, "No space left on device")

    assert "before it goes there" in caught.value.diagnostic.notes[1]
    assert "TMPDIR" in caught.value.diagnostic.helps[0]
    assert listed(memory) == []


def test_a_reader_sees_one_version_or_the_other(memory, made, tmp_path):
    """Opened again and again while it is replaced again and again, with other files each time."""
    whole = [made.seeded_examples(12, seed=seed) for seed in range(4)]
    digests = [
        open_artifact(made.write_examples(tmp_path / str(i), each)).manifest.content_digest
        for i, each in enumerate(whole)
    ]
    made.write_examples(memory, whole[0])
    done = threading.Event()
    seen = []

    def read():
        while not done.is_set():
            # A cache of its own each time, so that everything is fetched.
            opened = open_artifact(memory, cache=tmp_path / f"cache-{len(seen)}")
            opened.verify()
            seen.append(opened.manifest.content_digest)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(12):
        made.write_examples(memory, whole[number % 4])
    done.set()
    reader.join()

    assert len(seen) > 1
    assert set(seen) <= set(digests)
    assert open_artifact(memory, cache=tmp_path / "last").manifest.content_digest == digests[3]


def test_an_artefact_on_s3(bucket, made, tmp_path):
    """Written, read, replaced, and gone with what replaced it."""
    first = made.seeded_examples(30)
    here = open_artifact(made.write_examples(tmp_path / "here", first))
    made.write_examples(f"{bucket}/demo/tiny", first)
    there = open_artifact(f"{bucket}/demo/tiny", cache=tmp_path / "cache")

    assert there.manifest == here.manifest
    there.verify()
    made.write_examples(f"{bucket}/demo/tiny", made.seeded_examples(9))
    assert {path.partition("/")[0] for path in listed(f"{bucket}/demo/tiny")} == {
        "manifest.json",
        artifact.version_folder(place_at(f"{bucket}/demo/tiny").read(artifact.MANIFEST) or b""),
    }
    opened = open_artifact(f"{bucket}/demo/tiny", cache=tmp_path / "cache")
    assert opened.manifest.splits["train"].examples == 9


def test_a_bucket_that_is_not_there_is_a_report(bucket):
    """Before any work is done."""
    with pytest.raises(OutputError, match="T1021"):
        place_at(f"{os.path.dirname(bucket)}-other/out").check()  # noqa: PTH120 - a URL
