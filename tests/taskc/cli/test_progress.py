"""How far the work is: a table on a terminal that leaves nothing behind; plain lines elsewhere."""

import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace

import pytest

from taskc.cli import console
from taskc.cli import progress as module
from taskc.cli.progress import Progress
from taskc.compiler.progress import Step


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self):
        """It does."""
        return True


class Screen:
    """What stands on a terminal: texts, line ends, and the two codes that the table uses."""

    CODE = re.compile(r"\x1b\[(\d*)([A-Za-z])")

    def __init__(self) -> None:
        self.lines = [""]
        self.frames: list[str] = []  # what stood there before each erasing

    def feed(self, text: str) -> "Screen":
        """Shows a text."""
        text = text.replace("\r\n", "\n")
        while text:
            code = self.CODE.match(text)
            if code:
                self._obey(*code.groups())
                text = text[code.end() :]
            else:
                if text[0] == "\n":
                    self.lines.append("")
                else:
                    self.lines[-1] += text[0]
                text = text[1:]
        return self

    def _obey(self, number: str, code: str) -> None:
        match code:
            case "F":
                self.frames.append("\n".join(self.lines))
                assert self.lines[-1] == "", "the cursor stands below the table"
                self.lines = [*self.lines[: -1 - int(number)], ""]
            case "J" | "m":  # all below is gone already; a style
                pass
            case _:
                pytest.fail(f"the terminal was sent {code!r}")


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is told."""

    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


@pytest.fixture
def terminal(monkeypatch):
    """Stderr is a terminal of 100 columns."""
    terminal = Terminal()
    # Before a test begins, its own capture replaces what stands in `sys`.
    for each in (module, console):
        monkeypatch.setattr(each, "sys", SimpleNamespace(stdout=sys.stdout, stderr=terminal))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return terminal


def shown(terminal: Terminal) -> str:
    """What stands on the terminal now."""
    return "\n".join(Screen().feed(terminal.getvalue()).lines)


def test_a_table_of_stages(terminal, clock):
    """Rows, rates, what the store had, and the time that is left where the end is known."""
    with Progress() as progress:
        progress.step("hello", Step(stage="shape", expected=3_000))
        clock.now += 1
        progress.step("hello", Step(stage="shape", what="north", rows=1_000, made=1_000))
        first = shown(terminal)
        clock.now += 1
        progress.step("hello", Step(stage="shape", what="south", rows=2_000, reused=2_000))
        clock.now += 2
        progress.step(
            "hello",
            Step(
                stage="encode",
                what="train",
                rows=500,
                expected=2_000,
                tokens=150_000,
                made=400,
                reused=100,
            ),
        )
        second = shown(terminal)

    assert first.splitlines() == [
        "hello",
        "                          rows  rows/s  from store       time",
        "  shape  north  1,000 of 3,000    1.0k         0 %  0:02 left",
    ]
    assert second.splitlines() == [
        "hello",
        "                            rows  rows/s  tokens/s  from store       time",
        "  shape   2 in all         3,000    1.5k                  67 %       0:02",
        "  encode  train     500 of 2,000     250     75.0k        20 %  0:06 left",
    ]
    assert shown(terminal) == ""


def test_what_is_not_known_is_not_shown(terminal, clock):
    """No total, no tokens, no store: three columns."""
    with Progress() as progress:
        clock.now += 1
        progress.add("hello", "lock", "train", 50)

        assert shown(terminal).splitlines() == [
            "hello",
            "               rows  rows/s",
            "  lock  train    50    50.0",
        ]


def test_stages_that_take_turns_count_their_own_time(terminal, clock):
    """A rate is over the time in which the stage ran."""
    with Progress() as progress:
        for _ in range(2):
            clock.now += 1
            progress.add("hello", "draw", "train", 100)
            clock.now += 3
            progress.add("hello", "encode", "train", 300)

        assert shown(terminal).splitlines() == [
            "hello",
            "                 rows  rows/s  time",
            "  draw    train   200     100  0:02",
            "  encode  train   600     100",
        ]


def test_what_is_between_two_stages_counts_for_neither(terminal, clock):
    """A stage that says beforehand how many rows it will have begins there."""
    with Progress() as progress:
        clock.now += 1
        progress.add("hello", "encode", "train", 100)
        clock.now += 60
        progress.step("hello", Step(stage="write", expected=100))
        clock.now += 1
        progress.step("hello", Step(stage="write", what="train", rows=50))

        assert shown(terminal).splitlines() == [
            "hello",
            "                      rows  rows/s       time",
            "  encode  train        100     100       0:01",
            "  write   train  50 of 100    50.0  0:01 left",
        ]


def test_a_table_is_drawn_ten_times_a_second_at_most(terminal, clock):
    """However many chunks there are, and where stages and files take turns with each of them."""
    with Progress() as progress:
        for chunk in range(1_000):
            clock.now += 0.001
            progress.add("hello", ("draw", "encode")[chunk % 2], f"file {chunk}", 1)

    assert 9 <= terminal.getvalue().count("hello") <= 11


def test_a_narrow_terminal_gets_narrow_lines(terminal, clock, monkeypatch):
    """A line that wraps could not be erased."""
    monkeypatch.setenv("COLUMNS", "20")
    with Progress() as progress:
        clock.now += 1
        progress.add("hello", "shape", "a-source-with-a-long-name", 1)

        assert max(map(len, shown(terminal).splitlines())) < 20


def test_every_build_has_a_table_of_its_own(terminal, clock):
    """What the one before came to is gone from the screen."""
    with Progress() as progress:
        progress.add("one", "shape", "north", 10)
        clock.now += 1
        progress.add("two", "shape", "north", 20)

        assert shown(terminal).splitlines() == [
            "two",
            "                rows  rows/s",
            "  shape  north    20    20.0",
        ]


@pytest.mark.parametrize(("name", "has_style"), [("", True), ("NO_COLOR", False)])
def test_the_stage_that_runs_is_bold_where_colours_are_wanted(
    terminal, clock, monkeypatch, name, has_style
):
    """NO_COLOR leaves the table, and takes the style."""
    if name:
        monkeypatch.setenv(name, "1")
    with Progress() as progress:
        clock.now += 1
        progress.add("hello", "shape", "north", 1)

    assert ("\x1b[1m" in terminal.getvalue()) is has_style
    assert "\x1b[3F\x1b[J" in terminal.getvalue()


def test_a_file_gets_a_line_a_stage(capsys):
    """Where stderr is no terminal there is no code, and nothing is repeated."""
    with Progress() as progress:
        progress.step("hello", Step(stage="shape", expected=5_000))
        progress.step("hello", Step(stage="shape", what="weather", rows=2_000, made=2_000))
        progress.add("hello", "shape", "weather", 500)
        progress.add("hello", "shape", "rain", 10)
        progress.add("hello", "encode", "train", 2_500)

    assert capsys.readouterr().err == (
        "hello  shape weather  2,500\nhello  shape rain  10\nhello  encode train  2,500\n"
    )


def test_a_dumb_terminal_gets_a_line_a_stage(terminal, monkeypatch):
    """It would show the codes."""
    monkeypatch.setenv("TERM", "dumb")
    with Progress() as progress:
        progress.add("hello", "shape", "weather", 2_000)

    assert terminal.getvalue() == "hello  shape weather  2,000\n"


# ---- a terminal of the system --------------------------------------------------------------------


def on_terminal(*words: str, cwd: Path, **environment: str) -> tuple[str, str]:
    """Runs a command whose stderr is a terminal; returns what came there, and its stdout."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "taskc", *words],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "TERM": "xterm", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        said = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                block = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
            said += block
        stdout = process.stdout.read().decode() if process.stdout else ""
    os.close(ours)

    assert process.returncode == 0, said
    return said.decode(), stdout


def test_a_build_on_a_terminal_leaves_its_summary_alone(hello):
    """The table came, and nothing of it is left; no word of it is on stdout."""
    said, stdout = on_terminal("build", "hello", cwd=hello.parent)
    screen = Screen().feed(said)

    assert screen.lines == [""]
    assert screen.frames
    assert screen.frames[-1].startswith("hello\n")
    assert "\x1b[1m" in said
    assert "\x1b" not in stdout
    assert stdout.startswith("hello/hello  artifacts/hello/hello")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_s_wishes_are_respected(hello, environment):
    """No style with NO_COLOR, no code at all where TERM is dumb."""
    said, _ = on_terminal("build", "hello", cwd=hello.parent, **environment)

    assert re.search(r"\x1b\[\d*m", said) is None
    assert ("\x1b" in said) is ("NO_COLOR" in environment)
    assert ("hello  encode train" in said) is ("TERM" in environment)
