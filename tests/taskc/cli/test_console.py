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
