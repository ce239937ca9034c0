"""The store: what was put comes back, or nothing does, whatever happens to the bytes."""

import errno
import pickle
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from taskc.compiler.store import disk as disk_module
from taskc.compiler.store.objects import Store, StoreError
from taskc.dsl.errors import TaskcError

KEY = "ab" * 16
OTHER = "cd" * 16
KEYS = st.text("0123456789abcdef", min_size=4, max_size=32)
CONTENT = st.binary(max_size=300)
LARGE = bytes(range(256)) * 1_000  # read by memory map


def files(store):
    """Returns the files of a store in a folder that are objects."""
    return sorted(Path(store.url, "v2", stored.path) for stored in store.objects())


def refuse(monkeypatch, code):
    """Lets every making of a file in a store fail, as a full or read-only disk does."""

    def fail(path):
        raise OSError(code, "the system's own words", str(path))

    monkeypatch.setattr(disk_module, "_created", fail)


# ---- what is promised ----------------------------------------------------------------------------


class LikeADictionary(RuleBasedStateMachine):
    """Whatever is done in whatever order, a store answers as dictionaries would."""

    keys = Bundle("keys")

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(self.folder.name)
        self.single = {}
        self.several = {}

    def teardown(self):
        """Leaves nothing behind."""
        self.folder.cleanup()

    @rule(target=keys, key=KEYS)
    def know(self, key):
        """Several rules meet at one key."""
        return key

    @rule(key=keys, content=CONTENT)
    def put(self, key, content):
        """The last one counts."""
        self.store.put("survey", key, content)
        self.single[key] = content

    @rule(key=keys, pieces=st.lists(CONTENT, max_size=3))
    def add(self, key, pieces):
        """Each one counts."""
        name = self.store.add("examples", key, pieces)
        self.several.setdefault(key, {})[name] = b"".join(pieces)

    @rule(key=keys)
    def look(self, key):
        """Both ways to look."""
        found = {
            name: bytes(self.store.read("examples", key, name))
            for name in self.store.names("examples", key)
        }

        assert self.single.get(key) == self.store.get("survey", key)
        assert self.several.get(key, {}) == found

    @rule()
    def open_again(self):
        """As a worker does."""
        self.store = pickle.loads(pickle.dumps(self.store))


TestLikeADictionary = LikeADictionary.TestCase
TestLikeADictionary.settings = settings(max_examples=25, deadline=None, stateful_step_count=20)


def test_what_was_put_comes_back(store):
    """The last one of a key, from any process that opens the store."""
    store.put("survey", KEY, b"one")
    store.put("survey", KEY, [b"t", memoryview(b"wo")])
    again = pickle.loads(pickle.dumps(store))

    assert again.get("survey", KEY) == b"two"
    assert again.get("survey", OTHER) is None
    assert again.get("files", KEY) is None


def test_what_was_added_stays_beside_the_others(store):
    """Names say the content: equal content, one object."""
    first = store.add("examples", KEY, LARGE)
    second = store.add("examples", KEY, b"small")
    again = store.add("examples", KEY, [LARGE[:9], LARGE[9:]])

    assert first == again
    assert store.names("examples", KEY) == sorted([first, second])
    assert bytes(store.read("examples", KEY, first)) == LARGE
    assert bytes(store.read("examples", KEY, second)) == b"small"
    assert store.names("examples", OTHER) == []
    assert store.read("examples", OTHER, first) is None


def test_nothing_is_written_by_looking(tmp_path):
    """A look into a store that is not there does not make one."""
    store = Store.open(tmp_path / "none")

    assert store.get("survey", KEY) is None
    assert store.names("examples", KEY) == []
    assert not (tmp_path / "none").exists()


def test_a_store_is_the_same_from_another_folder(tmp_path, monkeypatch):
    """A worker may have another working folder."""
    monkeypatch.chdir(tmp_path)
    store = Store.open("store")
    store.put("survey", KEY, b"content")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert pickle.loads(pickle.dumps(store)).get("survey", KEY) == b"content"
    assert Store.open(f"file://{tmp_path}/store").get("survey", KEY) == b"content"


# ---- damage --------------------------------------------------------------------------------------


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=CONTENT, data=st.data())
def test_damage_is_a_miss(disk, content, data):
    """Any flipped bit, any torn end: the object is gone, and said to be."""
    disk.put("survey", KEY, content)
    path = files(disk)[0]
    stored = bytearray(path.read_bytes())
    if data.draw(st.booleans(), label="torn"):
        del stored[data.draw(st.integers(0, len(stored) - 1), label="length") :]
    else:
        bit = data.draw(st.integers(0, 8 * len(stored) - 1), label="bit")
        stored[bit // 8] ^= 1 << bit % 8
    path.write_bytes(stored)
    again = Store.open(disk.url)  # times of files may be too coarse for the one that wrote it

    assert again.get("survey", KEY) is None
    assert not path.exists()
    assert [found.code for found in again.take_findings()] == ["T1003"]
    assert again.get("survey", KEY) is None
    assert again.take_findings() == []


def test_damage_is_seen_after_a_sound_read(disk):
    """A map that was checked once is checked again when its file has changed."""
    name = disk.add("examples", KEY, LARGE)
    sound = disk.read("examples", KEY, name)
    again = Store.open(disk.url).read("examples", KEY, name)
    path = files(disk)[0]
    stored = bytearray(path.read_bytes())
    stored[1_000] ^= 1
    path.unlink()  # as another file: the map of the first one still shows the old bytes
    path.write_bytes(stored)

    assert bytes(sound) == bytes(again) == LARGE
    assert disk.read("examples", KEY, name) is None


def test_much_damage_is_said_once(disk):
    """A broken disk gives one line, not thousands."""
    for letter in "abcdef":
        disk.put("survey", letter * 4, b"content")
    for path in files(disk):
        path.write_bytes(b"")

    assert [disk.get("survey", letter * 4) for letter in "abcdef"] == [None] * 6
    assert [found.code for found in disk.take_findings()] == ["T1003"]


# ---- a store that refuses ------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_read_only_store_is_read(disk, code, monkeypatch):
    """Writing fails softly, with one warning however often it is tried."""
    disk.put("survey", KEY, b"content")
    refuse(monkeypatch, code)
    disk.put("survey", OTHER, b"lost")
    disk.put("survey", KEY, b"lost too")
    worker = pickle.loads(pickle.dumps(disk))
    worker.put("survey", OTHER, b"lost")

    assert disk.get("survey", KEY) == b"content"
    assert disk.get("survey", OTHER) is None
    assert [found.code for found in disk.take_findings()] == ["T1002"]
    assert worker.take_findings() == []


def test_a_fallback_takes_what_a_read_only_store_refuses(tmp_path, monkeypatch):
    """A build reads both and finds again what it made itself, in every worker."""
    shared = Store.open(tmp_path / "shared")
    theirs = shared.add("examples", KEY, b"theirs")
    store = Store.open(tmp_path / "shared", fallback=tmp_path / "own")
    created = disk_module._created

    def fail_in_the_shared_one(path):
        if path.is_relative_to(tmp_path / "shared"):
            raise OSError(errno.EROFS, "read-only")
        return created(path)

    monkeypatch.setattr(disk_module, "_created", fail_in_the_shared_one)
    ours = store.add("examples", KEY, b"ours")
    store.put("survey", KEY, b"ours")
    worker = pickle.loads(pickle.dumps(store))

    assert worker.names("examples", KEY) == sorted([theirs, ours])
    assert bytes(worker.read("examples", KEY, theirs)) == b"theirs"
    assert bytes(worker.read("examples", KEY, ours)) == b"ours"
    assert worker.get("survey", KEY) == b"ours"
    assert shared.get("survey", KEY) is None
    assert [found.code for found in store.take_findings()] == ["T1002"]


def test_a_fallback_stays_empty_where_the_store_can_be_written(tmp_path):
    """What is made belongs to everyone who may use it."""
    store = Store.open(tmp_path / "store", fallback=tmp_path / "own")
    store.put("survey", KEY, b"content")

    assert not (tmp_path / "own").exists()


def test_without_a_fallback_nothing_is_added_to_a_read_only_store(disk, monkeypatch):
    """Who adds reads again; who puts makes it again."""
    refuse(monkeypatch, errno.EROFS)
    disk.put("survey", KEY, b"content")
    with pytest.raises(StoreError, match="T1007"):
        disk.add("examples", KEY, b"content")

    assert [found.code for found in disk.take_findings()] == ["T1002"]


def test_a_namesake_of_the_store_is_told_by_a_sign(tmp_path):
    """A worker of another machine may have a folder of the same name."""
    store = Store.open(tmp_path / "store")
    with store.in_use():
        sent = pickle.dumps(store)
        pickle.loads(sent).check_sign()
        (tmp_path / "store").rename(tmp_path / "elsewhere")
        (tmp_path / "store").mkdir()
        with pytest.raises(StoreError, match="T1007"):
            pickle.loads(sent).check_sign()

    pickle.loads(pickle.dumps(store)).check_sign()


def test_a_store_at_a_url_is_the_same_everywhere():
    """It needs no sign."""
    store = Store.open("memory://signs")
    with store.in_use():
        pickle.loads(pickle.dumps(store)).check_sign()


def test_what_copies_have_to_say_is_said_once(disk):
    """However many workers found out; none of them need try to write again."""
    copies = [pickle.loads(pickle.dumps(disk)) for _ in range(2)]
    for copy in copies:
        copy._say_read_only(OSError(errno.EROFS, "read-only file system"))
        disk.absorb(copy.take_findings())

    assert [found.code for found in disk.take_findings()] == ["T1002"]
    assert not disk.is_writable


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_store_says_how_to_mend_it(disk, code, monkeypatch):
    """The error names the store and both ways out, and travels out of a worker."""
    refuse(monkeypatch, code)
    with pytest.raises(StoreError) as caught:
        disk.put("survey", KEY, b"content")
    error = pickle.loads(pickle.dumps(caught.value))

    assert isinstance(error, TaskcError)
    assert error.diagnostic.code == "T1001"
    assert disk.url in error.report
    assert "taskc clean" in error.report
    assert "--store" in error.report


def test_a_full_disk_leaves_a_sound_store(tmp_path):
    """What did not fit is not there, not even in part; what was there stays."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        store = Store.open(small / "store")
        store.put("survey", KEY, b"content")
        with pytest.raises(StoreError, match="T1001"):
            store.put("survey", OTHER, LARGE * 4)

        assert store.get("survey", KEY) == b"content"
        assert store.get("survey", OTHER) is None
        assert [stored.path[-6:] for stored in store.objects()] == ["object"]
        assert list(Path(store.url, "v2/temporary").iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_store_that_is_a_file_cannot_be_used(tmp_path):
    """The report says what the system says."""
    (tmp_path / "store").write_text("not a folder", encoding="utf-8")
    with pytest.raises(StoreError, match="T1004") as caught:
        Store.open(tmp_path / "store").put("survey", KEY, b"content")

    assert str(tmp_path / "store") in str(caught.value)


def test_an_unknown_url_cannot_be_used():
    """A typing mistake is a report, not a traceback."""
    with pytest.raises(StoreError, match="T1004"):
        Store.open("s4://bucket/store")


def test_sync_is_quiet(store):
    """Before anything was written, and after."""
    store.sync()
    store.put("survey", KEY, b"content")
    store.sync()

    assert store.get("survey", KEY) == b"content"
