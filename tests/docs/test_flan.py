"""docs/flan.md beside specs/flan: what the page quotes stands there, what it adds would check."""

import re
from pathlib import Path

import pytest

from taskc.dsl.checker import check
from taskc.dsl.packages import Memory

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/flan.md"
SPECS = ROOT / "specs/flan"
ROW = re.compile(r"^\| (?P<paper>.+?) \| (?P<section>[^|]+) \| (?P<spec>.+) \| (?P<file>[^|]+) \|$")
TWELVE = "twelve files"


def rows():
    """The rows of the tables that have a column for the file."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = [match for line in lines if (match := ROW.match(line))]
    return [match for match in found if match["file"] not in {"File", "---"}]


def together(text):
    """A text with one blank where it has several, or a line end."""
    return " ".join(text.split())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["paper"][:40])
def test_what_a_row_quotes_stands_in_its_file(row):
    """Each statement of the last column but one, to the letter; commands apart."""
    files = sorted(SPECS.glob("*.task"))
    if row["file"] != TWELVE:
        files = [SPECS / row["file"].strip("`")]
    texts = [together(path.read_text(encoding="utf-8")) for path in files]
    quoted = re.findall(r"`([^`]+)`", row["spec"])

    for statement in quoted:
        assert statement.startswith("taskc ") or any(
            together(statement) in text for text in texts
        ), statement


def test_the_tables_quote_the_recipe():
    """There is something to compare."""
    assert sum("`" in row["spec"] for row in rows()) > 20


def blocks(pages, kind):
    """The `task` blocks of the page whose word matches."""
    return [
        each
        for each in pages.blocks(PAGE)
        if each.language == "task" and re.fullmatch(kind, each.kind)
    ]


def test_parts_of_a_file_are_that_files(pages):
    """A block with a file's name is a part of it."""
    found = blocks(pages, r"\w+\.task")

    assert found
    for block in found:
        assert block.text in (SPECS / block.kind).read_text(encoding="utf-8"), str(block)


def test_what_could_stand_there_is_sound(pages):
    """The recipe with what the page adds to it: no error and no warning."""
    files = {f"flan/{path.name}": path.read_bytes() for path in SPECS.glob("*.task")}
    added = "".join(["language 1\n\n", *(block.text for block in blocks(pages, "recipe"))])
    checked = check(["flan"], files=Memory({**files, "flan/added.task": added.encode()}))

    assert pages.findings(checked) == []
    assert {"figure_6", "no_template", "data_set_name"} <= set(checked.program.packages[0].mixtures)


def test_sources_come_to_what_the_table_says(pages):
    """The sum of the table is its last line, and the number of sources."""
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("## How 62 become 68") :]
    numbers = re.findall(r"^\| .* \| (\+ )?(\d+) \|$", table, re.MULTILINE)
    *parts, total = [int(number) for _, number in numbers]
    declared = sum(
        len(re.findall(r"^source ", path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in SPECS.glob("*.task")
    )
    figure_3 = re.findall(r" (\d+)[,.]", together(table[: table.index("| | Sources")]))

    assert sum(parts) == total == declared
    assert sum(int(number) for number in figure_3) == parts[0]
