"""`taskc blame`: from a token's name to the words that gave it, from the command line."""

import json

import pytest

from taskc.cli import entry

ARTIFACT = "artifacts/hello/hello"


@pytest.fixture
def blame(built_once, monkeypatch, capsys):
    """Runs `taskc blame ARTIFACT ARGUMENTS...` beside the specs; returns status, stdout, stderr."""
    monkeypatch.chdir(built_once)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = entry.main(["blame", ARTIFACT, *arguments])
        shown = capsys.readouterr()
        return int(status), shown.out, shown.err

    return run


def test_the_answer_is_a_slot_of_an_option(blame):
    """The token, its row, its prompt, the placeholder and the option's own words."""
    status, out, err = blame("train:6:31")

    assert (status, err) == (0, "")
    assert out.startswith("train:6:31  'Cloud'  id 447  trained\n")
    assert "⟦Cloud⟧y<|end|>" in out
    assert "row      weather data/weather.train.jsonl:5\n" in out
    assert "prompt   sky.ask hello.task:12\n" in out
    assert "place    in the target\n" in out
    assert "slot     {answer} = \"Cloudy\", of it 'Cloud'  hello/hello.task:12:69\n" in out
    assert "option   2 of 3, 'Cloudy'  hello/hello.task:11:41\n" in out


def test_the_object_says_the_same(blame):
    """Its keys are those of the reference."""
    status, out, _ = blame("dev:10:36", "--json")
    found = json.loads(out)

    assert status == 0
    assert list(found) == [
        "version",
        "split",
        "sequence",
        "token",
        "id",
        "text",
        "trained",
        "position",
        "example",
        "exemplar",
        "place",
        "role",
        "origins",
        "changes",
        "reason",
    ]
    assert (found["text"], found["place"], found["trained"]) == ("<|end|>", "end", True)
    assert found["example"]["row"] == 2
    assert found["origins"][0]["kind"] == "format"


def test_specs_are_looked_for_where_it_is_said(blame, built_once, tmp_path, monkeypatch):
    """In the current folder otherwise; without them provenance speaks."""
    monkeypatch.chdir(tmp_path)
    artifact = str(built_once / ARTIFACT)
    status = entry.main(["blame", artifact, "train:0:0", "--specs", str(built_once / "hello")])

    assert status == 0


def test_without_specs_only_provenance_is_shown(built_once, tmp_path, taskc):
    """And it is said why, and what helps."""
    done = taskc("blame", str(built_once / ARTIFACT), "train:6:31", cwd=tmp_path)

    assert done.returncode == 0
    assert "only provenance is shown: no build hello/hello in `.`" in done.stderr
    assert "help: name the specs that it was built from with --specs" in done.stderr
    assert "prompt   sky.ask hello.task:12" in done.stdout
    assert "slot" not in done.stdout


@pytest.mark.parametrize("token", ["train", "train:1", "1:2", "train:x:1", ":1:2", "train:-1:2"])
def test_what_is_no_token_is_wrong_usage(blame, token):
    """As any other wrong argument."""
    status, _, err = blame(token)

    assert status == 64
    assert f"expected SPLIT:SEQUENCE:TOKEN, found {token!r}" in err


def test_a_token_that_is_not_there_is_one_message(blame):
    """With what there is instead."""
    status, out, err = blame("train:99:0")

    assert (status, out) == (1, "")
    assert err == ("error: there is no sequence 99 in `train`\nhelp: it holds 8, counted from 0\n")
