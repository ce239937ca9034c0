"""The list of words that affirm and deny, as it is published."""

import re
from pathlib import Path

from taskc.dsl.check.lints.polarity import OPPOSITES

PAGE = Path(__file__).parents[4] / "dsl" / "explain" / "T0706.md"


def test_the_list_is_published():
    """The page says which words have a polarity, all of them and no others."""
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    listed = re.search(r"before a word: (.*?)\. Other words", text)[1]

    assert [tuple(pair.split(", ")) for pair in listed.split("; ")] == list(OPPOSITES)
