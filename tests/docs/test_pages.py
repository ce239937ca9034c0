"""The pages beside language and tutorial: generated ones are up to date, links lead somewhere."""

import re

import pytest

from taskc.dsl.checker import check
from taskc.dsl.model.functions import FUNCTIONS
from taskc.dsl.packages import Memory

EXAMPLES = [
    (function.name, example.expression)
    for function in FUNCTIONS.values()
    for example in function.examples
]


def test_links_lead_somewhere(repository):
    """Files that a page names are there, and so are the headings."""
    wrong = []
    for page in sorted((repository / "docs").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            file = page.parent / path if path else page
            if "://" in target:
                continue
            if not file.exists() or (anchor and anchor not in anchors(file)):
                wrong.append(f"{page.relative_to(repository)}: {target}")

    assert wrong == []


def anchors(page):
    """What the headings of a page are called in a link."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_page_stands_in_the_index(repository):
    """docs/README.md names every page but the single decisions."""
    index = (repository / "docs/README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\(([^)#\s]+)\)", index))
    there = {each.name for each in (repository / "docs").glob("*.*")} - {"README.md"}

    assert there - named == set()


@pytest.mark.parametrize(("name", "expression"), EXAMPLES)
def test_examples_of_functions_are_expressions(name, expression):
    """What the page of functions shows can be written in a spec."""
    spec = f'language 1\nsource s {{\n  from jsonl("s.jsonl")\n  let v = {expression} == none\n}}\n'
    checked = check(["s.task"], files=Memory({"s.task": spec.encode()}))
    found = {each.code for each in checked.diagnostics}

    assert found <= {"T0224"}, (name, expression, checked.diagnostics)


def test_onboarding_names_what_is_there(repository):
    """Every file and function that the walk through the rooms names exists."""
    text = (repository / "docs/onboarding.md").read_text(encoding="utf-8")
    files = re.findall(r"`((?:dsl|compiler|runtime|taskc|tests|examples)/[\w./]+)`", text)
    calls = re.findall(r"`(\w+)\(\)`", text)
    sources = "".join(
        path.read_text(encoding="utf-8")
        for room in ("dsl", "compiler", "runtime", "taskc")
        for path in (repository / room).rglob("*.py")
    )

    assert [each for each in files if not (repository / each).exists()] == []
    assert [each for each in calls if f"def {each}(" not in sources] == []
