"""The report: what a reader sees, and what programs get."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.dsl.diagnostics import Reporter, RowPlace, Safety, insertion, replacement
from taskc.dsl.report import MAX_PER_FILE, render, summary
from taskc.dsl.snippet import MAX_CELLS, mark_line
from taskc.dsl.text.source_text import SourceText, Span

NLI = SourceText(
    "nli.task",
    "language 1\n\nsource anli_r1: entailment {\n}\n"
    + "\n" * 5
    + '  prompt "{hypotesis}" -> "{answer}"\n',
)
START = NLI.text.index("{hypotesis}")


def reported(*arguments, **keywords):
    """One diagnostic."""
    reporter = Reporter()
    reporter.report(*arguments, **keywords)
    return reporter.diagnostics[0]


def unknown_field(safety=Safety.SAFE):
    """A diagnostic with every part."""
    name = Span("nli.task", START + 1, START + 10)
    return reported(
        "T0011",
        Span("nli.task", START, START + 11),
        "unknown field `hypotesis` in template `conclude`",
        label="not a field here",
        secondary=((Span("nli.task", 12, 18), "its fields come from schema `entailment`"),),
        notes=("fields: premise, hypothesis, label",),
        helps=("did you mean `hypothesis`?",),
        fix=replacement(name, "hypothesis", safety),
    )


def test_human():
    """The lines concerned in order, marks and labels under them, facts, actions."""
    assert render([unknown_field()], {"nli.task": NLI}) == (
        "error[T0011]: unknown field `hypotesis` in template `conclude`\n"
        "  --> nli.task:10:11\n"
        "   |\n"
        " 3 | source anli_r1: entailment {\n"
        "   | ------ its fields come from schema `entailment`\n"
        '10 |   prompt "{hypotesis}" -> "{answer}"\n'
        "   |           ^^^^^^^^^^^ not a field here\n"
        "   = note: fields: premise, hypothesis, label\n"
        "help: did you mean `hypothesis`?   [safe fix]\n"
        "\n"
        "1 error\n"
    )


def test_fixes_say_how_safe_they_are():
    """A fix that is only shown is not offered."""
    unsafe = render([unknown_field(Safety.UNSAFE)], {"nli.task": NLI})
    shown = render([unknown_field(Safety.DISPLAY)], {"nli.task": NLI})

    assert "`hypothesis`?   [unsafe fix]\n" in unsafe
    assert "`hypothesis`?\n" in shown


def test_fix_without_help():
    """A fix is said in words even where nobody wrote them."""
    place = Span("nli.task", 0, 0)
    report = render(
        [reported("T0008", place, "m", fix=insertion(place, "language 1\n"))],
        {"nli.task": NLI},
    )

    assert "help: write `language 1` here   [safe fix]\n" in report


def test_another_file():
    """A label in another file stands under that file's name."""
    other = SourceText("b.task", "schema entailment {\n}\n")
    finding = reported(
        "T0011",
        Span("nli.task", 12, 18),
        "message",
        label="here",
        secondary=((Span("b.task", 7, 17), "and there"),),
    )

    assert render([finding], {"nli.task": NLI, "b.task": other}) == (
        "error[T0011]: message\n"
        " --> nli.task:3:1\n"
        "  |\n"
        "3 | source anli_r1: entailment {\n"
        "  | ^^^^^^ here\n"
        " ::: b.task:1:8\n"
        "  |\n"
        "1 | schema entailment {\n"
        "  |        ---------- and there\n"
        "\n"
        "1 error\n"
    )


def test_rows():
    """A build-time finding names file, row, field and value."""
    place = RowPlace("data/a.jsonl", 7, "label", "maybe")
    finding = reported("T0011", Span("nli.task", 12, 18), "message", row=place)
    report = render([finding], {"nli.task": NLI})

    assert "  = row: data/a.jsonl:7, field `label`, value `maybe`\n" in report
    assert "(data/a.jsonl:7, field `label`, value `maybe`)" in render(
        [finding], {"nli.task": NLI}, "concise"
    )


def test_no_place_and_no_text():
    """What has no place, or a place in a file that is not at hand, is said all the same."""
    nowhere = reported("T0011", None, "a folder is missing", notes=("first\nsecond",))
    unknown = reported("T0011", Span("gone.task", 3, 4), "message", label="here")

    assert render([nowhere], {}) == (
        "error[T0011]: a folder is missing\n  = note: first\n          second\n\n1 error\n"
    )
    assert render([unknown], {}) == "error[T0011]: message\n --> gone.task\n\n1 error\n"


def test_order_and_summary():
    """Sorted by file, offset and code; at most twenty of a file; a line that counts."""
    findings = [
        reported("T0011", Span("nli.task", offset, offset + 1), f"at {offset}")
        for offset in (*range(30, 0, -1), 5)
    ]
    other = reported("T0008", Span("a.task", 0, 0), "first")
    lines = render([*findings, other], {"nli.task": NLI}, "concise").splitlines()

    assert lines[0] == "a.task: error[T0008]: first"
    assert lines[1].endswith("at 1")
    assert len(lines) == 1 + MAX_PER_FILE + 2
    assert lines[-2:] == ["and 11 more in nli.task", "32 errors"]


def test_rows_stand_in_the_order_of_their_numbers():
    """Of findings in one place that hold a row's number, row 5 comes before row 31."""
    findings = [
        reported(
            "T0518",
            Span("nli.task", 12, 18),
            f"row {number} has too few cells: 1, not 2",
            row=RowPlace("a.csv", number),
        )
        for number in (22, 25, 31, 32, 5)
    ]
    lines = render(findings, {"nli.task": NLI}, "concise").splitlines()

    assert [int(line.partition("row ")[2].split()[0]) for line in lines[:-1]] == [5, 22, 25, 31, 32]


def test_nothing_found():
    """Without findings there is nothing to read, and programs get an empty document."""
    assert [render([], {}, style) for style in ("human", "concise", "github")] == ["", "", ""]
    assert json.loads(render([], {}, "json"))["diagnostics"] == []
    assert summary([]) == ""


def test_colors_change_nothing_else():
    """Without its colours, the coloured report is the plain one."""
    import re

    texts = {"nli.task": NLI}
    colored = render([unknown_field()], texts, color=True)

    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render([unknown_field()], texts)


@pytest.mark.parametrize(
    ("line", "span", "shown", "mark"),
    [
        ("a b", (2, 3), "a b", (2, 1)),
        ("\ta", (1, 2), "    a", (4, 1)),
        ("日本 b", (3, 4), "日本 b", (5, 1)),
        ("日本", (0, 2), "日本", (0, 4)),
        ("e\u0301 b", (3, 4), "e\u0301 b", (2, 1)),
        ("a\x1b[31mb", (6, 7), "a\ufffd[31mb", (6, 1)),
        ("a", (1, 1), "a", (1, 1)),
        ("", (0, 0), "", (0, 1)),
    ],
)
def test_marks_stand_under_what_they_mark(line, span, shown, mark):
    """Tabs, wide, combining and control characters do not shift the marks."""
    assert mark_line(line, (span,)) == (shown, (mark,))


@given(st.integers(0, 5_000), st.integers(0, 300), st.integers(0, 5_000))
def test_long_lines_are_cut_around_the_mark(start, length, size):
    """A long line is cut to the terminal's width, and the mark stays under its text."""
    line = "".join(chr(97 + number % 26) for number in range(size))
    start = min(start, size)
    marked = mark_line(line, ((start, min(start + length, size)),))
    before, under = marked.marks[0]

    assert len(marked.text) <= MAX_CELLS + 2
    assert before + under <= MAX_CELLS + 3
    if start < size:
        assert marked.text[before] in (line[start], "…")


@given(st.text(max_size=60), st.data())
def test_any_line_can_be_printed(line, data):
    """Whatever a line holds, the report shows one line of printable characters."""
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    marked = mark_line(line, ((start, end),))

    assert "\n" not in marked.text
    assert all(mark >= " " for mark in marked.text)
    assert marked.marks[0][1] >= 1


def test_several_lines():
    """What goes over several lines is marked on its first one, with where it ends."""
    finding = reported("T0014", Span("nli.task", 12, 42), "message", label="opened here")

    assert "3 | source anli_r1: entailment {\n  | ^^^^" in render([finding], {"nli.task": NLI})
    assert "opened here (to line 4)" in render([finding], {"nli.task": NLI})


def test_json():
    """The document has every part of a diagnostic, with offsets, lines and columns."""
    document = json.loads(render([unknown_field()], {"nli.task": NLI}, "json"))

    assert document["version"] == 1
    assert document["summary"] == {"errors": 1, "warnings": 0, "lints": 0}
    (found,) = document["diagnostics"]
    assert found["primary"] == {
        "path": "nli.task",
        "start": {"offset": START, "line": 10, "column": 11},
        "end": {"offset": START + 11, "line": 10, "column": 22},
        "label": "not a field here",
    }
    assert found["fix"]["safety"] == "safe"
    assert found["fix"]["edits"][0]["replacement"] == "hypothesis"
    assert found["row"] is None


def test_github():
    """A workflow command a finding, its text escaped."""
    line = render([unknown_field()], {"nli.task": NLI}, "github")

    assert line.startswith(
        "::error file=nli.task,line=10,endLine=10,col=11,endColumn=22,title=T0011::"
    )
    assert "%0Anote: fields: premise, hypothesis, label%0Ahelp: did you mean" in line
    assert line.count("\n") == 1


def test_sarif():
    """The log has the parts that SARIF 2.1.0 demands, and rules for its codes."""
    log = json.loads(render([unknown_field()], {"nli.task": NLI}, "sarif"))
    (run,) = log["runs"]
    (result,) = run["results"]

    assert (log["version"], log["$schema"][-16:]) == ("2.1.0", "sarif-2.1.0.json")
    assert run["tool"]["driver"]["name"] == "taskc"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "T0011"
    assert result["level"] == "error"
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"], region["endColumn"]) == (10, 11, 22)
    assert result["relatedLocations"][0]["message"]["text"]
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"] == {"uri": "nli.task"}
    assert change["replacements"][0]["insertedContent"] == {"text": "hypothesis"}
