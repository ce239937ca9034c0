"""The command line as a whole: statuses, streams, and no traceback whatever it is given."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from taskc.cli import entry
from taskc.dsl.errors import TaskcError


def test_wrong_usage_ends_with_64(taskc, tmp_path):
    """Status 2 of argparse would collide with `something would change`."""
    for arguments in [[], ["bild"], ["check"], ["check", "a", "--frmt", "x"], ["info", "x"]]:
        done = taskc(*arguments, cwd=tmp_path)

        assert done.returncode == 64
        assert done.stdout == ""
        assert "usage: taskc" in done.stderr
        assert "error: " in done.stderr


def test_a_parameter_without_equals_is_wrong_usage(taskc, tmp_path):
    """`--set x` has no value to give."""
    done = taskc("check", "hello", "--set", "x", cwd=tmp_path)

    assert done.returncode == 64
    assert "expected NAME=VALUE, found 'x'" in done.stderr


@pytest.mark.parametrize(
    "verb", ["check", "lint", "fmt", "test", "build", "inspect", "verify", "train"]
)
def test_an_empty_path_is_wrong_usage(verb, taskc, tmp_path):
    """A shell's variable that nobody set does not mean the working directory."""
    done = taskc(verb, "", cwd=tmp_path)

    assert done.returncode == 64
    assert "expected a path, found nothing" in done.stderr


def test_help_and_version_go_to_stdout(taskc, tmp_path):
    """Both are what was asked for."""
    for arguments in [["--help"], ["--version"], ["build", "--help"]]:
        done = taskc(*arguments, cwd=tmp_path)

        assert done.returncode == 0
        assert done.stdout
        assert done.stderr == ""


def test_our_bug_asks_for_a_report(monkeypatch, capsys):
    """A bug is status 3, one message with what a report needs, and no traceback."""

    def broken(options):
        raise ZeroDivisionError("the sky")

    monkeypatch.setattr(entry.info, "run", broken)
    status = entry.main(["info"])
    shown = capsys.readouterr()

    assert status == entry.Exit.BUG
    assert "please report it" in shown.err
    assert "ZeroDivisionError: the sky" in shown.err
    assert "test_entry.py:" in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_debug_shows_the_traceback(monkeypatch):
    """Whoever mends it sees where it came from."""
    monkeypatch.setenv("TASKC_DEBUG", "1")
    monkeypatch.setattr(entry.info, "run", lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        entry.main(["info"])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TaskcError([], "error[T0101]: unknown source"), "error[T0101]: unknown source"),
        (PermissionError(13, "Permission denied", "out/x"), "Permission denied: `out/x`"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_what_the_user_can_mend_is_status_1(error, words, monkeypatch, capsys):
    """A wrong spec or a full disk is no bug of taskc."""

    def fail(options):
        raise error

    monkeypatch.setattr(entry.info, "run", fail)
    status = entry.main(["info"])

    assert status == entry.Exit.ERRORS
    assert words in capsys.readouterr().err


def test_interrupt_is_130(monkeypatch, capsys):
    """Ctrl-C ends with one word."""

    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(entry.info, "run", interrupted)
    status = entry.main(["info"])

    assert status == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_reader_that_goes_away_is_quiet(tmp_path):
    """`taskc ... | head -1` prints no error of ours."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "taskc", "info"],
            stdout=writing,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)

    assert done.stderr == ""
    assert done.returncode == 141


def test_a_real_interrupt_leaves_no_traceback(tmp_path):
    """SIGINT in the middle of a command ends it with 130 and nothing to read but one word."""
    program = (
        "import sys, time\n"
        "from taskc.cli import entry\n"
        "def wait(options):\n"
        "    print('waiting', flush=True)\n"
        "    time.sleep(60)\n"
        "entry.info.run = wait\n"
        "sys.exit(entry.main(['info']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=30)

    assert process.returncode == 130
    assert words == "interrupted\n"


def bad_inputs(folder: Path) -> dict[str, str]:
    """Makes things that are no specs and no artefacts; returns what each is, by path."""
    (folder / "empty").mkdir()
    (folder / "x.task").mkdir()
    (folder / "e.task").touch()
    (folder / "b.task").write_bytes(b"\xff\xfe\x00language")
    (folder / "n.txt").write_text("not a spec")
    (folder / "l.task").symlink_to("nowhere")
    (folder / "half").mkdir()
    (folder / "half/manifest.json").write_text('{"format_version": 1')
    return {
        "missing": "nothing",
        "empty": "an empty folder",
        "x.task": "a folder with the name of a spec",
        "e.task": "an empty file",
        "b.task": "a file that is no text",
        "n.txt": "a file that is no spec",
        "l.task": "a link that leads nowhere",
        "half": "an artefact with half a manifest",
        "e.task/x": "a file where a folder should be",
    }


@pytest.mark.parametrize("verb", ["check", "lint", "test", "build", "inspect", "verify", "train"])
def test_no_input_gives_a_traceback(verb, monkeypatch, capsys, tmp_path):
    """Whatever stands where a spec or an artefact should be, the answer is a message and 1."""
    monkeypatch.chdir(tmp_path)
    for path, what in bad_inputs(tmp_path).items():
        status = entry.main([verb, path])
        shown = capsys.readouterr()

        assert (what, status) == (what, 1), shown.out + shown.err
        assert "error" in shown.out + shown.err, what
        assert "report it" not in shown.err, what


def test_python_dash_m_is_the_same_program(tmp_path):
    """`python -m taskc` and the installed script agree."""
    script = str(Path(sys.executable).with_name("taskc"))
    outputs = [
        subprocess.run(
            [*command, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for command in ([script], [sys.executable, "-m", "taskc"])
    ]

    assert outputs[0] == outputs[1]
