"""`taskc check` and `taskc lint`: what each shows, its status, what `--fix` writes and tells."""

import json

import pytest

from taskc.cli import entry

TYPOS = {"{report}\\n\\n{options}": "{reprot}\\n\\n{options}", "from weather": "from wether"}
IDLE = '\nsource idle {\n  from   jsonl("idle.jsonl")\n  fields { a: text }\n}\n'


@pytest.fixture
def taskc_here(hello, monkeypatch, capsys):
    """Runs `taskc ARGUMENTS...` beside `hello`; returns status, stdout, stderr."""
    monkeypatch.chdir(hello.parent)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = entry.main(arguments)
        shown = capsys.readouterr()
        return int(status), shown.out, shown.err

    return run


def change(hello, changes=(), *, more="") -> str:
    """Changes words of the spec, and returns what it said before."""
    spec = hello / "hello.task"
    before = text = spec.read_text(encoding="utf-8")
    for old, new in dict(changes).items():
        assert old in text
        text = text.replace(old, new)
    spec.write_text(text + more, encoding="utf-8")
    return before


def test_fixes_are_told_and_the_rest_is_reported(hello, taskc_here):
    """After `check --fix` the spec is what it was before the typos."""
    before = change(hello, TYPOS)
    status, out, err = taskc_here("check", "hello", "--fix")

    assert (status, out) == (0, "1 file checked, 2 fixes made, nothing left\n")
    assert "fixed[T0312] hello/hello.task:12:" in err
    assert "fixed[T0102] hello/hello.task:" in err
    assert (hello / "hello.task").read_text(encoding="utf-8") == before


def test_without_fix_nothing_is_written(hello, taskc_here):
    """`check` only reads."""
    change(hello, TYPOS)
    wrong = (hello / "hello.task").read_bytes()
    status, out, _ = taskc_here("check", "hello")

    assert status == 1
    assert "2 errors" in out
    assert (hello / "hello.task").read_bytes() == wrong


def test_what_is_left_has_its_status(hello, taskc_here):
    """A mistake that the machine can't mend is shown, in the format asked for, with status 1."""
    change(hello, {**TYPOS, "end: eos": "end: zzz"})
    status, out, _ = taskc_here("check", "hello", "--fix", "--format", "json")
    found = json.loads(out)["diagnostics"]

    assert status == 1
    assert len(found) == 1
    assert "zzz" in found[0]["message"]


def test_a_sound_spec_is_not_touched(hello, taskc_here):
    """Not even its time of change."""
    before = (hello / "hello.task").stat()
    status, out, err = taskc_here("check", "hello", "--fix")

    assert (status, out, err) == (0, "1 file checked, nothing found\n", "")
    assert (hello / "hello.task").stat().st_mtime_ns == before.st_mtime_ns


def test_check_is_silent_about_lints(hello, taskc_here):
    """A source without a mixture is how a spec is begun."""
    change(hello, more=IDLE)

    assert taskc_here("check", "hello") == (0, "1 file checked, nothing found\n", "")
    assert taskc_here("build", "hello", "--jobs", "1")[0] == 0


def test_lint_ends_with_1_where_there_is_a_lint(hello, taskc_here):
    """So that CI may want none."""
    assert taskc_here("lint", "hello") == (0, "1 file checked, nothing found\n", "")

    change(hello, more=IDLE)
    status, out, _ = taskc_here("lint", "hello")

    assert status == 1
    assert "lint[T0701]: source `idle` is in no mixture" in out


def test_lint_fixes_an_allow_that_takes_nothing_away(hello, taskc_here):
    """The comment goes with its line."""
    before = change(hello)
    change(hello, {"mixture all {": "# allow T0711: old\nmixture all {"})
    assert taskc_here("lint", "hello")[0] == 1
    status, out, err = taskc_here("lint", "hello", "--fix")

    assert (status, out) == (0, "1 file checked, 1 fix made, nothing left\n")
    assert "fixed[T0710]" in err
    assert (hello / "hello.task").read_text(encoding="utf-8") == before
