"""`taskc clean`: limits as a user writes them, and words that say what went."""

import json
import os
import time
from pathlib import Path

import pytest

from taskc.cli import clean, entry
from taskc.compiler.store.objects import Store
from taskc.compiler.store.project import store_folder

DAY_S = 86_400


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose store has objects of 1,000 bytes, used 0, 10, ... 60 days ago."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "specs").mkdir()
    monkeypatch.chdir(tmp_path / "specs")
    monkeypatch.delenv("TASKC_STORE", raising=False)
    fill(Store.open(store_folder([])))
    return tmp_path


def fill(store):
    """Puts the objects there."""
    for turn in range(7):
        store.put("survey", f"{turn:04x}", bytes(968))
        then = time.time() - 10 * turn * DAY_S
        os.utime(Path(store.url, "v2/survey/00", f"{turn:04x}", "object"), (then, then))


def left(store):
    """Returns how many objects are left."""
    return len(list(Store.open(store).objects()))


@pytest.mark.parametrize(
    ("arguments", "num_left"),
    [
        ([], 3),
        (["--unused-for", "45d"], 5),
        (["--unused-for", "1w"], 1),
        (["--max-size", "4.5kB"], 4),
        (["--max-size", "4KiB"], 4),
        (["--max-size", "20GB"], 7),
        (["--max-size", "0"], 0),
        (["--max-size", "6kb", "--unused-for", "12h"], 1),
    ],
)
def test_limits_hold(arguments, num_left, project, capsys):
    """Without any, what was not used for 30 days goes."""
    status = entry.main(["clean", *arguments])
    out, err = capsys.readouterr()

    assert status == 0
    assert left(project / ".taskc/store") == num_left
    assert err == ""
    assert f"left: {num_left} object" in out


def test_what_went_is_said(project, capsys):
    """In numbers that a person reads."""
    entry.main(["clean", "--max-size", "1kB"])
    store = project / ".taskc/store"

    assert (
        capsys.readouterr().out == f"{store}: removed 6 objects, 6.0 kB; left: 1 object, 1.0 kB\n"
    )


def test_a_dry_run_says_what_would_go(project, capsys):
    """Its status is that of `fmt --check`."""
    first = entry.main(["clean", "--dry-run"])
    out = capsys.readouterr().out
    second = entry.main(["clean", "--dry-run", "--max-size", "1GB"])

    assert first == 2
    assert "would remove 4 objects, 4.0 kB; would be left: 3 objects" in out
    assert second == 0
    assert left(project / ".taskc/store") == 7


def test_programs_read_the_same(project, capsys):
    """With --json, one object."""
    with Store.open(project / ".taskc/store").in_use():
        entry.main(["clean", "--max-size", "0", "--json"])
    kept = json.loads(capsys.readouterr().out)
    entry.main(["clean", "--max-size", "0", "--json"])
    done = json.loads(capsys.readouterr().out)

    assert kept["in_use"] == 1
    assert done == {
        "version": 1,
        "store": str(project / ".taskc/store"),
        "dry_run": False,
        "removed": {"objects": 1, "bytes": 1_000},
        "left": {"objects": 0, "bytes": 0},
        "in_use": 0,
        "abandoned": 0,
    }


def test_what_stays_for_a_build_is_said(project, capsys):
    """A store that is larger than was asked for says why."""
    half = project / ".taskc/store/v2/temporary/0123456789abcdef"
    half.write_bytes(b"half")
    os.utime(half, (0, 0))
    with Store.open(project / ".taskc/store").in_use():
        entry.main(["clean", "--max-size", "0"])
    out = capsys.readouterr().out

    assert "kept 1 object that a running build uses" in out
    assert "removed 1 file that a killed build left half written" in out


@pytest.mark.parametrize("how", ["option", "environment"])
def test_another_store_can_be_named(how, project, capsys, monkeypatch):
    """By the option, or for want of it by the environment."""
    other = project / "other"
    fill(Store.open(other))
    if how == "environment":
        monkeypatch.setenv("TASKC_STORE", str(other))
    entry.main(["clean", *(["--store", str(other)] if how == "option" else [])])

    assert left(other) == 3
    assert left(project / ".taskc/store") == 7


def test_a_store_can_be_named_by_its_specs(project, tmp_path, monkeypatch):
    """From anywhere, by what was built with it, as `taskc build` finds it."""
    (tmp_path / "elsewhere/.git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    status = entry.main(["clean", str(project / "specs"), "--max-size", "0"])

    assert status == 0
    assert left(project / ".taskc/store") == 0


def test_a_store_that_is_not_there_is_an_error(tmp_path, capsys):
    """Most likely its name is wrong."""
    status = entry.main(["clean", "--store", str(tmp_path / "stroe")])

    assert status == 1
    assert "there is no store in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max-size", "20 parsecs"], "unknown unit in '20 parsecs'; there are: B, kB, MB"),
        (["--max-size", "much"], "expected a size such as 500MB or 20GB, found 'much'"),
        (["--max-size", "-1GB"], "expected"),
        (["--unused-for", "30"], "unknown unit in '30'; there are m (minutes), h, d and w"),
        (["--unused-for", ""], "expected a time such as 12h or 30d, found ''"),
    ],
)
def test_other_words_are_wrong_usage(arguments, words, capsys):
    """The message says what was expected."""
    status = entry.main(["clean", *arguments])

    assert status == 64
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (3_218_004_118, "3.2 GB")],
)
def test_sizes_are_short(size_bytes, text):
    """In the largest unit that leaves a number before the point."""
    assert clean._size(size_bytes) == text
