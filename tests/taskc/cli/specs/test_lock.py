"""`taskc lock` and `taskc build --locked`: what is shown, what is written, which status."""

import json


def test_the_way_from_an_empty_folder(hello, taskc):
    """Lock, build from the lock, change an input, be told, lock it anew, build again."""
    folder = hello.parent
    first = taskc("lock", "hello", cwd=folder)

    assert first.returncode == 0, first.stderr
    assert first.stdout == (
        "hello/taskc.lock: 2 added\n"
        "  added  source weather  train 45 rows in 1 file, dev 9 rows in 1 file, 2 columns\n"
        "  added  tokenizer tiny  1 file\n"
    )
    assert taskc("build", "hello", "--locked", cwd=folder).returncode == 0

    train = hello / "data/weather.train.jsonl"
    train.write_text(train.read_text() + '{"report": "Fog.", "sky": "cloudy"}\n')
    for verb in (["lock", "hello"], ["build", "hello", "--locked"]):
        told = taskc(*verb, cwd=folder)

        assert told.returncode == 1
        assert "T0531" in told.stderr
        assert "weather.train.jsonl" in told.stderr
    anew = taskc("lock", "hello", "--update", "weather", cwd=folder)
    assert anew.returncode == 0
    assert anew.stdout.startswith(
        "hello/taskc.lock: 1 changed, 1 unchanged\n  changed  source weather"
    )
    assert taskc("build", "hello", "--locked", cwd=folder).returncode == 0
    assert taskc("lock", "hello", cwd=folder).stdout == "hello/taskc.lock: 2 unchanged\n"


def test_json_is_one_object_on_stdout(hello, taskc):
    """A program reads what changed, and every finding."""
    done = taskc("lock", "hello", "--json", cwd=hello.parent)
    result = json.loads(done.stdout)

    assert done.returncode == 0
    assert list(result) == ["version", "locks", "diagnostics"]
    assert result["locks"] == [
        {
            "package": "hello",
            "path": "hello/taskc.lock",
            "written": True,
            "added": ["source weather", "tokenizer tiny"],
            "changed": [],
            "removed": [],
            "unchanged": [],
            "notes": [],
        }
    ]


def test_a_type_that_is_left_open_is_said(hello, taskc):
    """Whoever reads `any` in the lock was told why."""
    train = hello / "data/weather.train.jsonl"
    train.write_text(train.read_text() + '{"report": "Fog.", "sky": 7}\n')
    done = taskc("lock", "hello", cwd=hello.parent)

    assert done.returncode == 0
    assert "note: source weather: `sky` holds texts and ints: its type is left open" in done.stderr


def test_check_reads_the_lock(hello, taskc):
    """A source without fields is checked to the last name, and no data file is needed for it."""
    spec = hello / "hello.task"
    lines = spec.read_text().splitlines(keepends=True)
    spec.write_text("".join(line for line in lines if not line.lstrip().startswith("fields")))
    taskc("lock", "hello", cwd=hello.parent)
    for path in (hello / "data").iterdir():
        path.unlink()
    spec.write_text(spec.read_text().replace("{report}", "{reprot}", 1))
    done = taskc("check", "hello", cwd=hello.parent)

    assert done.returncode == 1
    assert "T0312" in done.stdout
    assert "did you mean `report`?" in done.stdout


def test_wrong_specs_and_wrong_names(hello, taskc):
    """Nothing is written, and the status is 1."""
    done = taskc("lock", "hello", "--update", "wether", cwd=hello.parent)
    assert done.returncode == 1
    assert "no source or tokenizer `wether`" in done.stderr
    assert taskc("lock", "nowhere", cwd=hello.parent).returncode == 1
    spec = hello / "hello.task"
    spec.write_text(spec.read_text().replace("jsonl(", "jsnol("))
    assert taskc("lock", "hello", cwd=hello.parent).returncode == 1
    assert not (hello / "taskc.lock").exists()
    spec.write_text("language 1\n")
    empty = taskc("lock", "hello", cwd=hello.parent)
    assert empty.returncode == 0
    assert "nothing to lock" in empty.stderr
