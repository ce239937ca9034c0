"""The kinds of mistakes in published instruction templates are found, by rules that know no data.

tests/fixtures/flan_defects is a package with these mistakes in words of its own;
docs/flan-defects.md says which rule finds which. A line that ends in `# finds CODE` has a mistake,
no other line has one.
"""

import re
from pathlib import Path

import pytest

from taskc.dsl.checker import check
from taskc.dsl.packages import Memory
from taskc.dsl.report import render

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "fixtures" / "flan_defects"
MARK = re.compile(r"  # finds (T\d{4})$")
# Names of the data sets whose templates had these mistakes: no rule may look for one.
DATA_SETS = (
    *("anli", "mnli", "snli", "rte", "story_?cloze", "cola", "cnn_?dailymail", "multi_?news"),
    *("quac", "web_?nlg", "para_?crawl", "sst-?2", "imdb", "flan"),
)


@pytest.fixture(scope="module")
def package():
    """The texts of the package, without the marks, and what the marks say."""
    texts, marked = {}, set()
    for path in sorted(FOLDER.glob("*.task")):
        lines = path.read_text(encoding="utf-8").splitlines()
        marked |= {
            (path.name, number, found[1])
            for number, line in enumerate(lines, 1)
            if (found := MARK.search(line))
        }
        texts[path.name] = "\n".join(MARK.sub("", line) for line in lines) + "\n"
    return texts, marked


def test_each_is_found_where_it_stands(package):
    """Every mark has its finding and every finding its mark."""
    texts, marked = package
    checked = check(["."], files=Memory({name: text.encode() for name, text in texts.items()}))
    sources = checked.program.texts
    found = set()
    for each in checked.diagnostics:
        span = each.primary.span
        found.add((span.path, sources[span.path].location(span.start)[0], each.code))

    assert sorted(marked) == sorted(found), render(checked.diagnostics, sources)


def test_the_document_names_every_rule(package):
    """What is found here is in the table of docs/flan-defects.md."""
    document = (ROOT / "docs" / "flan-defects.md").read_text(encoding="utf-8")

    assert {code for _, _, code in package[1]} <= set(re.findall(r"T\d{4}", document))


def test_no_rule_names_a_data_set():
    """The rules are about what is written, never about whose it is."""
    pattern = re.compile(rf"\b({'|'.join(DATA_SETS)})\b", re.IGNORECASE)
    for path in sorted((ROOT / "dsl" / "check").rglob("*.py")):
        assert pattern.findall(path.read_text(encoding="utf-8")) == [], path.name
