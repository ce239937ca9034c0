"""`taskc info`: what a bug report needs."""

import json
import platform
import tomllib

EXTRAS = {"fast", "hf", "lora", "ray", "s3", "tensorboard", "train", "wandb"}


def test_info_names_versions_and_extras(taskc, tmp_path):
    """For people: a line a library, and for each extra what is there or how to get it."""
    done = taskc("info", cwd=tmp_path)

    assert done.returncode == 0
    assert platform.python_version() in done.stdout
    assert "extra `train`" in done.stdout


def test_info_for_programs(taskc, tmp_path):
    """The same as one JSON object."""
    done = taskc("info", "--json", cwd=tmp_path)
    info = json.loads(done.stdout)

    assert list(info) == ["version", "taskc", "python", "libraries", "extras", "connectors"]
    assert info["libraries"]["pyarrow"]
    assert set(info["extras"]) == EXTRAS


def test_every_extra_of_a_user_is_there(repository):
    """Those of people who work on taskc itself are left out."""
    declared = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))

    assert set(declared["project"]["optional-dependencies"]) - {"bench", "dev", "fuzz"} == EXTRAS


def test_a_missing_extra_says_how_to_install_it(monkeypatch, capsys):
    """Nobody has to look up the name of an extra."""
    from taskc.cli import entry, info

    monkeypatch.setattr(info, "_version", lambda name: None if name == "torch" else "1.0")
    entry.main(["info"])

    assert "torch missing; install with: pip install 'taskc-lang[train]'" in capsys.readouterr().out


def test_connectors_of_packages_are_listed(tmp_path, monkeypatch, capsys):
    """Nobody has to look through what is installed."""
    from taskc.cli import entry

    described = tmp_path / "taskc_sqlite-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Name: taskc-sqlite\nVersion: 1\n", encoding="utf-8")
    points = "[taskc.connectors]\nsqlite = taskc_sqlite:rows\n"
    (described / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry.main(["info"])

    assert "connector `sqlite`: taskc_sqlite:rows" in capsys.readouterr().out
