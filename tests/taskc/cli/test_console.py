"""Colours only where they are seen, and tables whose columns line up."""

import io

import pytest

from taskc.cli import console


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Always one."""
        return True


@pytest.mark.parametrize(
    ("environment", "stream", "expected"),
    [
        ({}, Terminal(), True),
        ({}, io.StringIO(), False),
        ({"NO_COLOR": "1"}, Terminal(), False),
        ({"NO_COLOR": ""}, Terminal(), True),
        ({"TERM": "dumb"}, Terminal(), False),
    ],
)
def test_colour_is_for_terminals_that_want_it(environment, stream, expected, monkeypatch):
    """A file never gets escape codes, and NO_COLOR (if not empty) is respected."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert console.shows_color(stream) is expected


def test_numbers_stand_flush_right():
    """Digits of one weight stand below each other."""
    rows = [("source", "rows"), ("weather", "45"), ("a", "1,200")]

    assert console.table(rows) == (
        "  source    rows\n"
        "  weather     45\n"
        "  a        1,200"
    )  # fmt: skip


def test_json_is_readable_and_ends_with_a_line(capsys):
    """Text of other scripts is not escaped."""
    console.emit_json({"word": "Straße"})

    assert capsys.readouterr().out == '{\n  "word": "Straße"\n}\n'


def test_a_file_gets_a_line_a_stage(capsys):
    """Where stderr is no terminal there is no carriage return, and nothing is repeated."""
    with console.Progress() as progress:
        progress.add("hello", "shape", "weather", 2_000)
        progress.add("hello", "shape", "weather", 500)
        progress.add("hello", "encode", "train", 2_500)

    assert capsys.readouterr().err == "hello  shape weather  2,500\nhello  encode train  2,500\n"


def test_a_terminal_gets_one_line_that_is_cleared(monkeypatch):
    """What was drawn is gone at the end."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with console.Progress() as progress:
        progress.add("hello", "shape", "weather", 2_000)
    drawn = terminal.getvalue()

    assert "hello  shape weather  2,000" in drawn
    assert "\n" not in drawn
    assert drawn.endswith("\r\x1b[K")
