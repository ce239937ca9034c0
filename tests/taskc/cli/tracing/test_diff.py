"""`taskc diff`: two artefacts from the command line."""

import json
import shutil

import pytest

from taskc.cli import entry


@pytest.fixture
def two(built_once, tmp_path, taskc, monkeypatch):
    """Beside each other `a`, what `taskc init` gives, and `b`, of which a prompt was changed."""
    shutil.copytree(built_once / "hello", tmp_path / "hello")
    spec = tmp_path / "hello/hello.task"
    for name, old, new in (("a", "", ""), ("b", "What is the sky", "How is the sky")):
        spec.write_text(spec.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        done = taskc("build", "hello", "--out", f"out/{name}", cwd=tmp_path)
        shutil.move(tmp_path / f"out/{name}/hello/hello", tmp_path / name)

        assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Runs `taskc diff ARGUMENTS...`; returns status, stdout, stderr."""
    status = entry.main(["diff", *arguments])
    shown = capsys.readouterr()
    return int(status), shown.out, shown.err


def test_equal_artefacts_have_status_0(two, capsys):
    """One with itself."""
    assert run(capsys, "a", "a") == (0, "the same content\n", "")


def test_a_changed_prompt_is_named(two, capsys):
    """Counts, the clause, and some examples with both their places."""
    status, out, err = run(capsys, "a", "b", "--limit", "1")
    lines = out.splitlines()

    assert (status, err) == (2, "")
    assert lines[0].split() == [
        *("split", "source", "in", "A", "in", "B", "came", "went", "moved", "changed")
    ]
    assert lines[1].split()[:4] == ["train", "weather", "45", "45"]
    assert any(
        line.startswith("weather, train, sky.ask: ") and line.endswith("have other tokens")
        for line in lines
    )
    assert lines.count("  because template sky: prompt ask changed") == 2
    assert sum(line.startswith("  data/weather.") for line in lines) == 2
    assert " -> train:" in out


def test_the_object_has_the_keys_of_the_reference(two, capsys):
    """docs/cli.md lists them in this order."""
    status, out, _ = run(capsys, "a", "b", "--json")
    found = json.loads(out)
    group = found["groups"][0]

    assert status == 2
    assert list(found) == ["version", "a", "b", "same", "counts", "groups", "components"]
    assert list(group) == [
        *("kind", "split", "to", "source", "prompt", "count", "because", "examples")
    ]
    assert list(group["examples"][0]) == ["file", "row", "row_id", "repetition", "a", "b"]
    assert list(group["examples"][0]["a"]) == ["prompt", "tokens", "at"]
    assert {each["name"] for each in found["components"]} == {"template sky: prompt ask"}


def test_blame_takes_the_places_that_are_shown(two, capsys):
    """They are names of tokens."""
    _, out, _ = run(capsys, "a", "b", "--json")
    at = json.loads(out)["groups"][0]["examples"][0]["b"]["at"]
    status = entry.main(["blame", "b", at, "--specs", "hello", "--json"])
    found = json.loads(capsys.readouterr().out)

    assert status == 0
    assert found["position"] == 0


def test_no_examples_with_limit_0(two, capsys):
    """Counts alone."""
    assert "data/" not in run(capsys, "a", "b", "--limit", "0")[1]


def test_a_folder_that_is_no_artefact_is_one_message(two, capsys):
    """With its name."""
    status, out, err = run(capsys, "a", "hello")

    assert (status, out) == (1, "")
    assert err.startswith("error: hello/manifest.json: file: expected to be there")
