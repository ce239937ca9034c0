"""`taskc inspect`: the text that is stored, what of it is trained, and where it came from."""

import json

import pytest

from taskc.cli import console, entry

ARTIFACT = "artifacts/hello/hello"


@pytest.fixture
def shown(built_once, monkeypatch, capsys):
    """Runs `taskc inspect` on the artefact, in this process; returns status, stdout, stderr."""
    monkeypatch.chdir(built_once)

    def run(*arguments):
        status = entry.main(["inspect", ARTIFACT, *arguments])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def shown_json(shown):
    """As `shown`, for the object of `--json`."""

    def run(*arguments):
        status, out, err = shown(*arguments, "--json")

        assert status == 0, err
        return json.loads(out)

    return run


def test_trained_tokens_are_marked(shown):
    """Off a terminal they stand between brackets: here the answers with their end."""
    status, out, _ = shown()
    marked = {part.partition("⟧")[0] for part in out.split("⟦")[1:]}

    assert status == 0
    assert marked
    assert marked <= {"Clear<|end|>", "Cloudy<|end|>", "Rain<|end|>"}


def test_every_example_names_row_and_prompt(built_once, shown_json):
    """The row's file and line hold the text that is shown; the spec's line holds the prompt."""
    spec = (built_once / "hello/hello.task").read_text(encoding="utf-8").splitlines()
    for example in shown_json("--index", "1")["examples"]:
        lines = (built_once / "hello" / example["file"]).read_text().splitlines()
        row = json.loads(lines[example["row"] - 1])
        path, _, line = example["at"].partition(":")

        assert row["report"] in example["pieces"][0]["text"]
        assert example["pieces"][1]["text"].lower() == f"{row['sky']}<|end|>"
        assert path == "hello.task"
        assert f"prompt {example['label']}:" in spec[int(line) - 1]


def test_counts_add_up(built_once, shown_json):
    """Sequences hold every example once, and their tokens are the manifest's."""
    manifest = json.loads((built_once / ARTIFACT / "manifest.json").read_text())
    num_sequences = shown_json()["num_sequences"]
    sequences = [shown_json("--index", str(index)) for index in range(num_sequences)]
    counts = manifest["splits"]["train"]
    ids = sorted(each["example"] for one in sequences for each in one["examples"])

    assert ids == list(range(counts["examples"]))
    assert sum(one["tokens"] for one in sequences) == counts["tokens"]
    assert sum(one["trained_tokens"] for one in sequences) == counts["trained_tokens"]


def test_an_evaluation_row_shows_its_options(shown):
    """What is asked for is marked, options and accepted answers stand below."""
    status, out, _ = shown("--split", "dev", "--index", "2")

    assert status == 0
    assert out.count("⟦") == 1
    assert "asked for" in out
    assert out.count("(correct)") == 1
    assert "option 2" in out
    assert "accepted: " in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--index", "999"], "there is no number 999"),
        (["--index", "-1"], "there is no number -1"),
        (["--split", "tset"], "there is no split `tset`"),
    ],
)
def test_what_is_not_there_is_an_error(arguments, words, shown):
    """With what there is instead."""
    status, out, err = shown(*arguments)

    assert status == 1
    assert words in err
    assert "help: " in err
    assert out == ""


def test_a_terminal_gets_colours_and_no_brackets(shown, monkeypatch):
    """What is trained is green there."""
    monkeypatch.setattr(console, "shows_color", lambda _stream: True)
    _, out, _ = shown()

    assert "\x1b[32m" in out
    assert "⟦" not in out
