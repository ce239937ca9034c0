"""Wrong specs and what is said about them: one file a mistake, the whole report beside it.

A fixture is a text in sections: `=== NAME.task` for each input file (`latin-1` or `locked`
after the name says how it is stored), `=== params` for values from
outside (`NAME=VALUE` a line), `=== paths` for what the command line names (default: the working
directory), and `=== expected` with the report. `TASKC_UPDATE_FIXTURES='T03*'` writes these reports
again; read each one that changed.
"""

import os
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from taskc.dsl.checker import check
from taskc.dsl.codes import CODES
from taskc.dsl.packages import Memory
from taskc.dsl.report import render

FOLDER = Path(__file__).parents[1] / "fixtures" / "diagnostics"
FIXTURES = sorted(FOLDER.glob("*.txt"))
SECTION = re.compile(r"^=== (.*)\n", re.MULTILINE)
MAX_FIRST_LINE = 100

# Codes that only a build can report have their fixtures under tests/fixtures/build.
BUILD_TIME = re.compile(r"T05[1-4]\d|T06[45]\d|T08\d\d|T09\d\d")
# What happens around a build stands in no spec: a test makes it happen, and names the code.
AROUND = re.compile(r"T10\d\d")


def sections(text):
    """Returns the sections of a fixture by name."""
    parts = SECTION.split(text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def files_of(found):
    """Returns the input files of a fixture; a word after the name says how they are stored."""
    files = {}
    for section, text in found.items():
        name, _, how = section.partition(" ")
        if "." in name:
            files[name] = None if how == "locked" else text.encode(how or "utf-8")
    return files


def report_of(found):
    """Returns the report on the files of a fixture, and its diagnostics."""
    params = dict(line.split("=", 1) for line in found.get("params", "").split("\n") if line)
    paths = found.get("paths", ".").split()
    checked = check(paths, params=params, files=Memory(files_of(found)))
    return render(checked.diagnostics, checked.program.texts), checked.diagnostics


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_report(path):
    """The report on a wrong spec is the one beside it, and speaks of the code that names it."""
    text = path.read_text(encoding="utf-8")
    found = sections(text)
    report, diagnostics = report_of(found)
    if fnmatch(path.name, os.environ.get("TASKC_UPDATE_FIXTURES", "")):
        head = text.partition("=== expected\n")[0]
        path.write_text(f"{head}=== expected\n{report}", encoding="utf-8")
        found["expected"] = report

    assert found["expected"] == report
    assert path.stem.partition("_")[0] in {found.code for found in diagnostics}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_words_keep_the_rules(path):
    """First lines are short and lower case; labels stand; no message ends in a full stop."""
    for found in report_of(sections(path.read_text(encoding="utf-8")))[1]:
        first = found.message.lstrip("`-")

        assert len(found.message) <= MAX_FIRST_LINE
        assert found.message.startswith("`") or first[0].islower() or not first[0].isalpha()
        assert not found.message.endswith(".")
        assert found.primary is None or found.primary.text
        for words in (*found.notes, *found.helps):
            assert not words.endswith(".")


def test_same_report_twice():
    """Two runs say the same, byte for byte."""
    for path in FIXTURES[::5]:
        found = sections(path.read_text(encoding="utf-8"))

        assert report_of(found)[0] == report_of(found)[0]


def test_every_code_has_a_fixture():
    """A code that nothing shows is a message that nobody has read."""
    shown = {path.stem.partition("_")[0] for path in FIXTURES}

    rest = {code for code in CODES if not BUILD_TIME.fullmatch(code)} - shown

    assert {code for code in rest if not AROUND.fullmatch(code)} == set()


def test_every_code_around_a_build_has_a_test():
    """Some test makes a disk full, a file change, a library be missing."""
    tests = FOLDER.parents[1]
    named = "".join(path.read_text(encoding="utf-8") for path in sorted(tests.rglob("test_*.py")))

    assert [code for code in CODES if AROUND.fullmatch(code) and code not in named] == []
