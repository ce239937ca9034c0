"""Ten mistakes that everybody makes, each made once in a project that is otherwise right.

Each gives exactly one error, at its place, with its cause and a way on; the exit status is 1, and
no traceback is ever shown.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Mistake:
    """One wrong project.

    Attributes:
        make: Makes the mistake in a folder that `taskc init` wrote.
        code: The code that it must get.
        place: Where the report must point: a line of hello.task, as written there.
        words: What the finding must say, in message, labels, notes, helps or row.
        at_check: Whether the text alone shows it, so that `taskc check` finds it too.
    """

    make: Callable[[Path], None]
    code: str
    place: str
    words: tuple[str, ...]
    at_check: bool


def edit(old: str, new: str) -> Callable[[Path], None]:
    """Returns a mistake that replaces `old`, which must stand once, in the spec."""

    def make(folder: Path) -> None:
        spec = folder / "hello.task"
        text = spec.read_text(encoding="utf-8")
        assert text.count(old) == 1
        spec.write_text(text.replace(old, new), encoding="utf-8")

    return make


def bad_json(folder: Path) -> None:
    """Line 1,234 of a long file ends too early."""
    good = json.dumps({"report": "Dull.", "sky": "cloudy"})
    lines = [good] * 1_300
    lines[1_233] = good[:-1]
    (folder / "data/weather.train.jsonl").write_text("\n".join(lines), encoding="utf-8")


def wrong_value(folder: Path) -> None:
    """One row holds a number where the spec says text."""
    path = folder / "data/weather.train.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[6] = json.dumps({"report": 17, "sky": "clear"})
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


MISTAKES = {
    "unknown field": Mistake(
        edit("sky of this report.\\n{options}", "sky of this report.\\n{reprot}\\n{options}"),
        "T0312",
        "prompt tell",
        ("`reprot`", "`report`"),
        at_check=True,
    ),
    "unknown source": Mistake(
        edit("template sky for weather", "template sky for wether"),
        "T0102",
        "template sky for",
        ("`wether`", "`weather`"),
        at_check=True,
    ),
    "uncovered option": Mistake(
        edit('  rain: "Rain"', ""),
        "T0304",
        "options sky",
        ("`rain`",),
        at_check=True,
    ),
    "missing file": Mistake(
        lambda folder: (folder / "data/weather.train.jsonl").unlink(),
        "T0510",
        "from    jsonl",
        ("data/weather.train.jsonl",),
        at_check=False,
    ),
    "bad JSON on line 1,234": Mistake(
        bad_json, "T0516", "from    jsonl", ("weather.train.jsonl:1234",), at_check=False
    ),
    "wrong type": Mistake(
        wrong_value,
        "T0801",
        "fields  {",
        ("weather.train.jsonl:7", "`report`", "17", "text"),
        at_check=False,
    ),
    "tokenizer absent": Mistake(
        lambda folder: (folder / "tokenizer.json").unlink(),
        "T0640",
        'from file("tokenizer.json")',
        ("tokenizer.json",),
        at_check=False,
    ),
    "empty source": Mistake(
        lambda folder: (folder / "data/weather.train.jsonl").write_text("", encoding="utf-8"),
        "T0850",
        "source weather",
        ("`weather`",),
        at_check=False,
    ),
    "quota too large": Mistake(
        edit("  from weather\n", "  take 1_000 from weather\n"),
        "T0851",
        "take 1_000",
        ("1000", "45"),
        at_check=False,
    ),
    "syntax error amid good declarations": Mistake(
        edit("mixture all {\n  from weather", "mixture all {\n  form weather"),
        "T0011",
        "form weather",
        ("`from`",),
        at_check=True,
    ),
}


def errors_of(report: str) -> list[dict]:
    """Returns the errors among the diagnostics of a JSON object on stdout."""
    found = json.loads(report)["diagnostics"]
    return [finding for finding in found if finding["severity"] == "error"]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_good_error(name, hello, taskc):
    """A wrong spec is reported once, where it is wrong, with what to do."""
    mistake = MISTAKES[name]
    mistake.make(hello)
    spec = (hello / "hello.task").read_text(encoding="utf-8").splitlines()
    done = taskc("build", "hello", "--json", cwd=hello.parent)
    errors = errors_of(done.stdout)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert [error["code"] for error in errors] == [mistake.code]
    assert not (hello.parent / "artifacts").exists()
    assert mistake.place in spec[errors[0]["primary"]["start"]["line"] - 1]
    for words in mistake.words:
        assert words in done.stderr


@pytest.mark.parametrize("name", [name for name, m in MISTAKES.items() if m.at_check])
def test_what_the_text_shows_is_found_by_check(name, hello, taskc):
    """No data is needed to see these."""
    MISTAKES[name].make(hello)
    done = taskc("check", "hello", "--format", "json", cwd=hello.parent)

    assert done.returncode == 1
    assert [error["code"] for error in errors_of(done.stdout)] == [MISTAKES[name].code]


def test_a_syntax_error_hides_no_other_finding(hello, taskc):
    """A declaration that can't be read costs that declaration, not the file's other findings."""
    MISTAKES["syntax error amid good declarations"].make(hello)
    MISTAKES["unknown field"].make(hello)
    MISTAKES["uncovered option"].make(hello)
    done = taskc("check", "hello", "--format", "json", cwd=hello.parent)

    assert {error["code"] for error in errors_of(done.stdout)} == {"T0011", "T0304", "T0312"}


def test_the_other_build_is_built(hello, taskc):
    """A missing input of one build is one error; the other build is there, whole."""
    spec = hello / "hello.task"
    text = spec.read_text(encoding="utf-8")
    spec.write_text(
        text
        + """
source gone {
  from   jsonl("data/gone.jsonl")
  fields { report: text }
}

template say for gone {
  prompt "Say something." -> "{report}"
}

mixture lost {
  from gone
}

build lost {
  mixture   lost
  tokenizer tiny
  format    prompt_target(input: 96, target: 32, separator: "\\n", end: eos, bos: none)
  pack      best_fit(length: 256)
  splits    train
}
""",
        encoding="utf-8",
    )
    done = taskc("build", "hello", "--json", cwd=hello.parent)
    result = json.loads(done.stdout)

    assert done.returncode == 1
    assert {b["name"]: b["status"] for b in result["builds"]} == {
        "hello": "built",
        "lost": "failed",
    }
    assert len(errors_of(done.stdout)) == 1
    assert taskc("verify", "artifacts/hello/hello", cwd=hello.parent).returncode == 0
    assert not (hello.parent / "artifacts/hello/lost").exists()


def test_an_error_in_one_package_leaves_the_other(hello, taskc):
    """Folders are packages: a wrong one does not build, the one beside it does."""
    copy = hello.parent / "wrong"
    shutil.copytree(hello, copy)
    MISTAKES["unknown source"].make(copy)
    done = taskc("build", ".", "--json", cwd=hello.parent)
    result = json.loads(done.stdout)

    assert done.returncode == 1
    assert [(b["package"], b["status"]) for b in result["builds"]] == [("hello", "built")]
    assert "wrong/hello: not built, the package has errors" in done.stderr
