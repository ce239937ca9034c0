"""The pages of `taskc explain`: one for every code, true to the table, with examples that hold.

A page is its title and severity, what it means, why it matters, and two examples: `## Wrong` gives
the code, `## Right` is the mend. What only a build can report is built in
tests/taskc/test_build_fixtures.py; a code of our own bugs (T09xx) or of
what happens around a build (T10xx) has no examples.
"""

import re
from pathlib import Path

import pytest

from taskc.dsl.checker import check
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Severity
from taskc.dsl.packages import Memory
from taskc.dsl.report import render

FOLDER = Path(__file__).parents[2] / "dsl" / "explain"
AROUND = re.compile(r"T09\d\d|T10\d\d")
BUILD_TIME = re.compile(r"T05[1-4]\d|T06[4-9]\d|T08\d\d|T09\d\d|T10\d\d")
BY_TEXT = sorted(code for code in CODES if not BUILD_TIME.fullmatch(code))
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DEFAULT_NAMES = {"task": "example.task", "params": "params"}
MAX_LINES = 80
MAX_COLUMNS = 100


def page(code):
    """Returns the page of a code."""
    return (FOLDER / f"{code}.md").read_text(encoding="utf-8")


def examples(code):
    """Returns the files of the wrong example and of the right one."""
    wrong, right = page(code).partition("\n## Wrong\n")[2].split("\n## Right\n")
    return [
        {f"{name or DEFAULT_NAMES[kind]} {how}".strip(): text for kind, name, how, text in found}
        for found in (BLOCK.findall(wrong), BLOCK.findall(right))
    ]


def checked(files):
    """Checks files as they would stand in a folder; returns the findings and the report.

    A word after a file's name says how it is stored, and `params` holds what `--set` would give.
    """
    params = dict(line.split("=", 1) for line in files.get("params", "").splitlines())
    stored = {}
    for heading, text in files.items():
        name, _, how = heading.partition(" ")
        stored[name] = None if how == "locked" else text.encode(how or "utf-8")
    done = check(["."], params=params, files=Memory(stored))
    return done.diagnostics, render(done.diagnostics, done.program.texts)


def test_every_code_has_a_page_and_every_page_a_code():
    """What stands in the brackets of a report can be looked up."""
    assert sorted(CODES) == sorted(path.stem for path in FOLDER.glob("*.md"))


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_page_has_its_parts(code):
    """Title and severity are those of the table; the rest stands where a reader looks for it."""
    severity, title = CODES[code]
    text = page(code)
    lines = text.splitlines()
    outside = BLOCK.sub("", text)

    assert lines[:4] == [f"# {code}: {title}", "", f"*{severity.capitalize()}.*", ""]
    assert len(lines) <= MAX_LINES
    assert max(map(len, outside.splitlines())) <= MAX_COLUMNS
    assert text.endswith("\n")
    headings = [line for line in outside.splitlines() if line.startswith("## ")]
    assert headings == ([] if AROUND.fullmatch(code) else ["## Wrong", "## Right"])
    if headings:
        assert [bool(files) for files in examples(code)] == [True, True]


@pytest.mark.parametrize("code", BY_TEXT)
def test_the_wrong_example_gives_its_code(code):
    """What a reader tries gets the report that was looked up."""
    found, report = checked(examples(code)[0])

    assert code in {each.code for each in found}, report


@pytest.mark.parametrize("code", BY_TEXT)
def test_the_right_example_is_right(code):
    """The mend mends it, and breaks nothing else."""
    found, report = checked(examples(code)[1])

    assert code not in {each.code for each in found}, report
    assert not [each for each in found if each.severity is Severity.ERROR], report
