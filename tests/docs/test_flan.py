"""docs/flan.md beside specs/flan and specs/flan_ablations: what the page quotes stands there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/flan.md"
SPECS = ROOT / "specs/flan"
ABLATIONS = ROOT / "specs/flan_ablations"
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


def test_every_block_is_a_part_of_its_file(pages):
    """Nothing is quoted that stands in no file."""
    found = [each for each in pages.blocks(PAGE) if each.language == "task"]
    files = {path.name: path for folder in (SPECS, ABLATIONS) for path in folder.glob("*.task")}

    assert {each.kind for each in found} >= {"nli.task", "flan_ablations.task"}
    for block in found:
        assert block.text in files[block.kind].read_text(encoding="utf-8"), str(block)


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
