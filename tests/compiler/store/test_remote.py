"""A store behind a URL: failures of any library are the store's, and S3 keeps the promises."""

from datetime import UTC, datetime, timedelta, timezone
from threading import Barrier

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from taskc.compiler.store.clean import clean
from taskc.compiler.store.objects import Store, StoreError
from taskc.compiler.store.remote import Remote, as_os_error, written_s

KEY = "ab" * 16


@pytest.fixture
def memory(request):
    """An empty store in memory."""
    return Store.open(f"memory://{request.node.name}")


def test_many_objects_are_asked_for_at_a_time(memory, monkeypatch):
    """No answer is waited for before the next request, and each comes to its own key."""
    keys = [f"{number:032x}" for number in range(40)]
    for key in keys[::2]:
        memory.put("survey", key, key.encode())
    together = Barrier(8, timeout=30)  # passed by eight who wait in it at once
    read = memory._backend.system.cat_file

    def slow(path, *arguments):
        together.wait()
        return read(path, *arguments)

    monkeypatch.setattr(memory._backend.system, "cat_file", slow)
    found = memory.get_each("survey", keys)

    assert found[::2] == [key.encode() for key in keys[::2]]
    assert found[1::2] == [None] * 20


def test_damage_behind_a_url_is_a_miss(memory):
    """What holds on a disk holds anywhere."""
    memory.put("survey", KEY, b"content")
    system = fsspec.filesystem("memory")
    (path,) = system.find(memory.url.removeprefix("memory://"))
    system.pipe_file(path, system.cat_file(path)[:-1])

    assert memory.get("survey", KEY) is None
    assert [found.code for found in memory.take_findings()] == ["T1003"]
    assert system.find(memory.url.removeprefix("memory://")) == []


def test_a_failure_of_any_library_is_a_report(memory, monkeypatch):
    """Whatever a client of some service raises, the user reads which store it was."""

    class ClientError(Exception):
        """As a client of some service has them."""

    def fail(*_, **__):
        raise ClientError("InvalidAccessKeyId")

    monkeypatch.setattr(memory._backend.system, "cat_file", fail)
    with pytest.raises(StoreError, match="T1004") as caught:
        memory.get("survey", KEY)

    assert memory.url in str(caught.value)
    assert "invalidaccesskeyid" in str(caught.value).lower()


def test_a_refusal_is_read_only(memory, monkeypatch):
    """Rights to read are enough to use a store."""

    def refuse(*_, **__):
        raise PermissionError(13, "Access Denied")

    memory.put("survey", KEY, b"content")
    monkeypatch.setattr(memory._backend.system, "pipe_file", refuse)
    memory.put("survey", KEY, b"lost")

    assert memory.get("survey", KEY) == b"content"
    assert [found.code for found in memory.take_findings()] == ["T1002"]


def test_an_error_of_the_system_stays_itself():
    """Its number says what to do."""
    with pytest.raises(PermissionError), as_os_error():
        raise PermissionError(13, "Access Denied")


def test_folders_are_made_where_there_are_any(tmp_path):
    """Not every file system makes them by itself."""
    backend = Remote(LocalFileSystem(auto_mkdir=False), str(tmp_path / "store/v1"))
    backend.write("survey/ab/abcd/object", [b"con", b"tent"])
    found = backend.read("survey/ab/abcd/object")

    assert found is not None
    assert bytes(found.content) == b"content"
    assert backend.names("survey/ab/abcd") == ["object"]
    assert [stored.path for stored in backend.objects()] == ["survey/ab/abcd/object"]


@pytest.mark.parametrize(
    "info",
    [
        {"LastModified": datetime(2026, 5, 4, 12, tzinfo=UTC)},
        {"mtime": 1_777_896_000},
        {"created": datetime(2026, 5, 4, 12)},  # noqa: DTZ001 - as some file systems say it
        {"updated": None, "created": datetime(2026, 5, 4, 14, tzinfo=timezone(timedelta(hours=2)))},
    ],
)
def test_times_of_writing_are_understood(info):
    """Each file system says it in its own way."""
    assert written_s(info) == datetime(2026, 5, 4, 12, tzinfo=UTC).timestamp()


def test_a_store_on_s3(bucket):
    """Put, get, add, names, damage and clean, as a folder has them."""
    store = Store.open(bucket)
    store.put("survey", KEY, b"content")
    first = store.add("examples", KEY, b"one")
    other = Store.open(bucket)
    second = other.add("examples", KEY, b"two")

    assert other.get("survey", KEY) == b"content"
    assert store.names("examples", KEY) == sorted([first, second])
    assert bytes(store.read("examples", KEY, second)) == b"two"
    system = fsspec.filesystem("s3")
    system.pipe_file(f"{bucket}/v2/examples/ab/{KEY}/{second}", b"torn")
    assert store.read("examples", KEY, second) is None
    assert store.names("examples", KEY) == [first]
    done = clean(store, max_bytes=0, max_unused_s=None, is_dry_run=False)
    assert done.removed.num_objects == 2
    assert list(store.objects()) == []
    assert store.get("survey", KEY) is None


def test_a_bucket_that_is_not_there_is_a_report(bucket):
    """Writing says so; reading finds nothing."""
    store = Store.open(f"{bucket[:-9]}-other/taskc")

    assert store.get("survey", KEY) is None
    with pytest.raises(StoreError, match="T1004"):
        store.put("survey", KEY, b"content")
