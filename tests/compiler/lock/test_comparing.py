"""Inputs against their lock: every kind of difference is found and named, and nothing else."""

import hashlib
import json

import pytest

from taskc.compiler.lock.comparing import build_differences
from taskc.compiler.lower import lower
from taskc.compiler.store.objects import Store
from taskc.dsl.checker import check
from taskc.dsl.lock.entries import Lock, LockedSource, LockedSplit, LockedTokenizer
from taskc.dsl.lock.text import as_text

SPEC = """language 1

param data: path = "data"

source notes {
  from    jsonl("{data}/{split}-*.jsonl")
  splits  train, dev, test
  fields  { title: text  note: text }
  license "CC0-1.0"
}

template tell for notes { prompt only: "{title}" -> "{note}" }
mixture all { from notes }
tokenizer tiny { from file("tokenizer.json")  eos "<|end|>" }

build notes {
  mixture   all
  tokenizer tiny
  format    prompt_target(input: 96, target: 32, separator: "\\n", end: eos)
  pack      best_fit(length: 256)
  splits    train, dev
}
"""
ROW = b'{"title": "a", "note": "b"}\n'


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A package of one source and a tokenizer, locked by hand; the working folder."""
    (tmp_path / "specs/data").mkdir(parents=True)
    (tmp_path / "specs/notes.task").write_text(SPEC)
    (tmp_path / "specs/tokenizer.json").write_bytes(b"{}")
    splits = {}
    for split in ("train", "dev", "test"):
        names = [f"{split}-{number}.jsonl" for number in (1, 2)]
        for name in names:
            (tmp_path / "specs/data" / name).write_bytes(ROW)
        digest = hashlib.sha256(ROW).hexdigest()
        splits[split] = LockedSplit(f"{split}-*.jsonl", 2, dict.fromkeys(names, digest))
    source = LockedSource("jsonl", splits, columns={"title": "text", "note": "text"})
    tokenizer = LockedTokenizer("file", {"tokenizer.json": hashlib.sha256(b"{}").hexdigest()})
    lock = Lock({"notes": source}, {"tiny": tokenizer})
    (tmp_path / "specs/taskc.lock").write_text(as_text(lock))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "specs"


def differences(*, store=None, **params):
    """What a build would read otherwise than it was locked."""
    checked = check(["specs"], params=params)

    assert not checked.has_errors
    return build_differences(lower(checked.program).builds[0], store=store)


def edited(project, edit):
    """Changes the lock as JSON."""
    path = project / "taskc.lock"
    lock = json.loads(path.read_text())
    edit(lock)
    path.write_text(json.dumps(lock))


def test_what_was_locked_is_no_difference(project):
    """The same files, however they are named on the machine."""
    assert differences() == []
    (project / "data").rename(project.parent / "moved")
    assert differences(data="moved") == []
    assert differences(data=str(project.parent / "moved")) == []


def test_a_changed_byte_is_found(project):
    """Source, split, file and both digests are named."""
    (project / "data/dev-2.jsonl").write_bytes(ROW + ROW)
    (found,) = differences()

    assert found.code == "T0531"
    assert "`notes`" in found.message
    assert found.notes == (
        "split `dev`, file `dev-2.jsonl`",
        f"expected SHA-256 {hashlib.sha256(ROW).hexdigest()}",
        f"found SHA-256 {hashlib.sha256(ROW + ROW).hexdigest()}",
    )
    assert found.helps == (
        "get back what was locked, or lock it anew: `taskc lock specs --update notes`",
    )


def test_the_store_is_not_fooled_by_an_old_digest(project, tmp_path):
    """A file that was known and changed since is read again."""
    store = Store.open(tmp_path / "store")

    assert differences(store=store) == []
    (project / "data/dev-2.jsonl").write_bytes(ROW + ROW)
    assert [found.code for found in differences(store=store)] == ["T0531"]


def test_files_that_came_or_went_are_found(project):
    """A rename is both."""
    (project / "data/train-1.jsonl").rename(project / "data/train-3.jsonl")
    gone, new = differences()

    assert (gone.code, new.code) == ("T0532", "T0533")
    assert "file `train-1.jsonl`: expected SHA-256" in gone.notes[0]
    assert "file `train-3.jsonl`: expected no file" in new.notes[0]


def test_all_files_of_a_split_may_be_gone(project):
    """The difference says what is missing; that nothing matches the pattern follows from it."""
    for path in (project / "data").glob("dev-*"):
        path.unlink()

    assert [found.code for found in differences()] == ["T0532"]


def test_splits_that_are_not_built_are_not_compared(project):
    """What a build does not read cannot change it."""
    for path in (project / "data").glob("test-*"):
        path.unlink()

    assert differences() == []


def test_the_tokenizer_is_compared(project):
    """Its files as well, and the configuration that came beside it."""
    (project / "tokenizer.json").write_bytes(b"{ }")
    (project / "tokenizer_config.json").write_bytes(b"{}")

    assert [found.code for found in differences()] == ["T0531", "T0533"]


def test_what_is_not_locked_is_an_error(project):
    """No lock, no source, no split, no tokenizer: each says how it is added."""
    edited(project, lambda lock: lock["tokenizers"].clear())
    assert [found.helps for found in differences()] == [("add it: `taskc lock specs`",)]
    edited(project, lambda lock: lock["sources"].clear())
    assert [found.code for found in differences()] == ["T0530", "T0530"]
    (project / "taskc.lock").unlink()
    (found,) = differences()
    assert found.code == "T0530"
    assert found.helps == ("write it: `taskc lock specs`",)


def test_equal_files_read_otherwise_are_a_difference(project):
    """With another format equal bytes are other rows."""
    edited(project, lambda lock: lock["sources"]["notes"].update(connector="text"))

    assert [found.code for found in differences()] == ["T0534"]


def test_many_files_are_one_finding(project):
    """Five are listed, the rest is counted."""
    for number in range(20):
        (project / f"data/train-x{number}.jsonl").write_bytes(ROW)
    (found,) = differences()

    assert len(found.notes) == 6
    assert found.notes[-1] == "and 15 files more"


def test_a_source_of_an_imported_package_has_its_lock_there(project):
    """Each package locks its own; the message says which lock is missing."""
    start, end = SPEC.index("param data"), SPEC.index("template")
    common = project.parent / "common"
    common.mkdir()
    (common / "c.task").write_text(f"language 1\n\n{SPEC[start:end]}")
    (project / "data").rename(common / "data")
    rest = (SPEC[:start] + SPEC[end:]).replace("notes {", "common.notes {", 1)
    rest = rest.replace("from notes", "from common.notes")
    (project / "notes.task").write_text(rest.replace("1\n", '1\n\nimport "../common"\n', 1))

    (found,) = differences()
    assert found.helps == ("write it: `taskc lock common`",)
    (project / "taskc.lock").rename(common / "taskc.lock")
    assert [each.helps for each in differences()] == [("write it: `taskc lock specs`",)]
    (project / "taskc.lock").write_bytes((common / "taskc.lock").read_bytes())
    assert differences() == []
