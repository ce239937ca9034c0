"""Locking: what is added, kept, compared and written anew, and that a lock builds nothing else."""

import datetime as dt
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import taskc
from taskc import checking
from taskc.api import lower_sound
from taskc.locking import lock_each, unknown_names


def run(folder, update=(), **params):
    """Locks the packages of a folder; returns what became of each."""
    checked = checking.check([str(folder)], params=params, with_locks=False)
    return list(lock_each(checked, update=update))


def codes(result):
    """The codes of what was found."""
    return [found.code for found in result.diagnostics]


def entries(folder):
    """The sources of a lock."""
    return json.loads((folder / "taskc.lock").read_text())["sources"]


def test_the_first_lock_has_everything(hello):
    """Every split, rows and types; a second time nothing is written."""
    (first,) = run(hello)
    written = (hello / "taskc.lock").stat().st_mtime_ns
    (second,) = run(hello)

    assert first.added == ["source weather", "tokenizer tiny"]
    assert first.is_written
    assert not first.diagnostics
    assert entries(hello)["weather"]["columns"] == {"report": "text", "sky": "text"}
    assert {split: each["rows"] for split, each in entries(hello)["weather"]["splits"].items()} == {
        "train": 45,
        "dev": 9,
    }
    assert second.unchanged == first.added
    assert not second.is_written
    assert (hello / "taskc.lock").stat().st_mtime_ns == written


def test_the_bytes_are_those_of_the_files_alone(hello, tmp_path, monkeypatch):
    """Another folder, another way to name it, another order of declarations: the same lock."""
    run(hello)
    wanted = (hello / "taskc.lock").read_bytes()
    moved = tmp_path / "somewhere/else"
    shutil.copytree(hello, moved)
    (moved / "taskc.lock").unlink()
    spec = (moved / "hello.task").read_text().removeprefix("language 1\n")
    cut = spec.index("\ntokenizer ")
    (moved / "hello.task").write_text(f"language 1\n{spec[cut:]}\n{spec[:cut]}")
    monkeypatch.chdir(moved.parent)
    run("else")

    assert (moved / "taskc.lock").read_bytes() == wanted
    assert str(tmp_path).encode() not in wanted


def test_missing_entries_are_added_and_others_stay(hello):
    """A source that came later is read; what is there is only compared."""
    run(hello)
    spec = hello / "hello.task"
    later = 'source later {\n  from jsonl("data/weather.{split}.jsonl")\n  splits dev\n}\n'
    spec.write_text(f"{spec.read_text()}\n{later}")
    (found,) = run(hello)

    assert found.added == ["source later"]
    assert found.unchanged == ["source weather", "tokenizer tiny"]
    assert list(entries(hello)) == ["later", "weather"]


def test_an_entry_that_does_not_fit_is_an_error_and_stays(hello):
    """Only `update` writes it anew; nothing is taken over in silence."""
    run(hello)
    before = entries(hello)
    train = hello / "data/weather.train.jsonl"
    train.write_text(train.read_text() + '{"report": "Hail.", "sky": "Rain", "depth": 3}\n')
    (found,) = run(hello)

    assert codes(found) == ["T0531"]
    assert entries(hello) == before
    (found,) = run(hello, update={"weather"})
    assert codes(found) == []
    assert found.changed == ["source weather"]
    assert found.unchanged == ["tokenizer tiny"]
    assert entries(hello)["weather"]["columns"]["depth"] == "int?"
    assert entries(hello)["weather"]["splits"]["train"]["rows"] == 46


def test_an_entry_of_another_spec_is_an_error(hello):
    """The path changed: the entry says of other files what it says."""
    run(hello)
    spec = hello / "hello.task"
    (hello / "data").rename(hello / "rows")
    spec.write_text(spec.read_text().replace("data/weather", "rows/weather"))

    assert [codes(found) for found in run(hello)] == [["T0534"]]
    assert [codes(found) for found in run(hello, update="all")] == [[]]


def test_a_data_root_may_differ(hello, tmp_path):
    """A parameter of type path is this machine's matter, and is no part of the lock."""
    spec = hello / "hello.task"
    text = spec.read_text().replace('jsonl("data/', 'jsonl("{data}/')
    spec.write_text(text.replace("language 1\n", 'language 1\n\nparam data: path = "data"\n', 1))
    run(hello)
    shutil.copytree(hello / "data", tmp_path / "mnt")
    (found,) = run(hello, data=str(tmp_path / "mnt"))

    assert codes(found) == []
    assert found.unchanged == ["source weather", "tokenizer tiny"]
    assert "weather.dev.jsonl" in entries(hello)["weather"]["splits"]["dev"]["files"]


def test_what_is_gone_goes_with_an_update(hello):
    """Without one it stays, for a branch that has it still."""
    run(hello)
    spec = hello / "hello.task"
    spec.write_text(
        spec.read_text().replace("weather", "forecast").replace("forecast.{", "weather.{")
    )

    (kept,) = run(hello)
    assert "weather" in entries(hello)
    assert "source weather" in kept.unchanged
    (found,) = run(hello, update={"weather"})
    assert found.removed == ["source weather"]
    assert list(entries(hello)) == ["forecast"]


def test_a_source_that_cannot_be_read_keeps_its_entry(hello):
    """The others are locked, and the findings say why."""
    run(hello)
    (hello / "data/weather.dev.jsonl").write_text("{")
    (found,) = run(hello, update="all")

    assert codes(found) == ["T0516"]
    assert found.unchanged == ["tokenizer tiny"]
    assert entries(hello)["weather"]["splits"]["dev"]["rows"] == 9


def test_a_lock_that_cannot_be_read_is_kept_unless_it_is_written_anew(hello):
    """It may be a merge that somebody is in the middle of."""
    (hello / "taskc.lock").write_text("<<<<<<< ours\n")
    (found,) = run(hello)

    assert codes(found) == ["T0550"]
    assert (hello / "taskc.lock").read_text() == "<<<<<<< ours\n"
    (found,) = run(hello, update="all")
    assert codes(found) == []
    assert list(entries(hello)) == ["weather"]


def test_a_package_with_an_error_is_not_locked(hello):
    """What its sources are is not known."""
    spec = hello / "hello.task"
    spec.write_text(spec.read_text().replace("mixture all", "mixtrue all"))

    assert run(hello) == []
    assert not (hello / "taskc.lock").exists()


def test_an_old_lock_does_not_stand_in_the_way(hello):
    """The spec names a column that only the new files have: locking reads them, not the lock."""
    spec = hello / "hello.task"
    lines = spec.read_text().splitlines(keepends=True)
    spec.write_text("".join(line for line in lines if not line.lstrip().startswith("fields")))
    run(hello)
    old, new = "report", "wording"
    for path in (spec, *(hello / "data").iterdir()):
        path.write_text(path.read_text().replace(old, new))

    assert "T0312" in {found.code for found in taskc.check(hello)}
    (found,) = run(hello, update={"weather"})
    assert codes(found) == []
    assert taskc.check(hello) == []


@pytest.mark.parametrize("with_fields", [True, False])
def test_a_lock_changes_no_plan(hello, with_fields):
    """What is built is the spec's and the files' alone, with and without a lock."""
    spec = hello / "hello.task"
    if not with_fields:
        lines = spec.read_text().splitlines(keepends=True)
        spec.write_text("".join(line for line in lines if not line.lstrip().startswith("fields")))

    def plan():
        checked = checking.check([str(hello)])

        assert not checked.has_errors
        return lower_sound(checked)

    without = plan()
    run(hello)

    assert plan() == without


def test_only_known_names_can_be_updated(hello):
    """A name is known that is declared, or that is in the lock still."""
    checked = checking.check([str(hello)], with_locks=False)

    assert unknown_names(checked, ["weather", "tiny", "whether"]) == ["whether"]
    run(hello)
    spec = hello / "hello.task"
    spec.write_text("language 1\n")
    assert unknown_names(checking.check([str(hello)]), ["weather"]) == []


def test_a_link_stays_one(hello, tmp_path):
    """The file behind it is written."""
    (tmp_path / "kept.lock").write_text("")
    (hello / "taskc.lock").symlink_to(tmp_path / "kept.lock")
    run(hello, update="all")

    assert (hello / "taskc.lock").is_symlink()
    assert json.loads((tmp_path / "kept.lock").read_text())["version"] == 1


def test_building_locked(hello, tmp_path):
    """The API refuses what differs, with the report, and builds what is as it was locked."""
    with pytest.raises(taskc.TaskcError, match="T0530"):
        taskc.build(hello, out=tmp_path / "out", jobs=1, locked=True)
    run(hello)
    artifact = taskc.build(hello, out=tmp_path / "out", jobs=1, locked=True)

    assert len(artifact["train"]) > 0
    train = hello / "data/weather.train.jsonl"
    train.write_text(train.read_text()[:-1])
    with pytest.raises(taskc.TaskcError, match="T0531"):
        taskc.build(hello, out=tmp_path / "out", jobs=1, locked=True)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ("  fields { report: text  sky: text }\n", []),
        ("  fields { report: text  sky: text  day: text }\n", ["T0522"]),
        ("", ["T0522"]),
    ],
)
def test_a_column_that_nothing_uses_may_be_of_any_kind(hello, fields, wanted):
    """A source that a build can read can be locked, and checked by its lock."""
    rows = {"report": ["Hail."], "sky": ["Rain"], "day": [dt.date(2020, 1, 1)]}
    pq.write_table(pa.table(rows), hello / "data/dated.parquet")
    dated = f'source dated {{\n  from parquet("data/dated.parquet")\n{fields}  splits train\n}}\n'
    spec = hello / "hello.task"
    spec.write_text(f"{spec.read_text()}\n{dated}")
    (found,) = run(hello)

    assert codes(found) == wanted
    assert ("dated" in entries(hello)) == (not wanted)
    if not wanted:
        assert entries(hello)["dated"]["columns"]["day"] == "any"
        assert not checking.check([str(hello)], params={}).has_errors
