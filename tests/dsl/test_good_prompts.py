"""The checker has nothing to say about a hundred prompts that are right.

tests/fixtures/good_prompts holds them: many tasks, several languages and scripts, and every mark
that may touch a placeholder. A rule that speaks up here is to be mended, not the prompt.
"""

from pathlib import Path

import pytest

from taskc.dsl.checker import check
from taskc.dsl.packages import Memory
from taskc.dsl.report import render

FOLDER = Path(__file__).parents[1] / "fixtures" / "good_prompts"
NUM_PROMPTS = 100


@pytest.fixture(scope="module")
def checked():
    """The package, checked."""
    return check(["."], files=Memory({p.name: p.read_bytes() for p in FOLDER.glob("*.task")}))


def test_nothing_is_wrong(checked):
    """No error, no warning, no lint."""
    assert render(checked.diagnostics, checked.program.texts) == ""


def test_there_are_a_hundred(checked):
    """As many as are promised."""
    templates = checked.program.packages[0].templates.values()

    assert sum(len(template.prompts) for template in templates) >= NUM_PROMPTS
