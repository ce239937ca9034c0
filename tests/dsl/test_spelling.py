"""Did you mean: what is near, and in which order."""

import pytest

from taskc.dsl.spelling import did_you_mean


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("promt", ["options", "prompt", "inverse"], ["prompt"]),
        ("PROMPT", ["prompts", "prompt"], ["prompt", "prompts"]),
        ("form", ["format", "from", "for"], ["from", "for"]),  # a swap is one edit
        ("ab", ["ba", "cd"], ["ba"]),
        ("hypotesis", ["premise", "hypothesis", "label"], ["hypothesis"]),
        ("x", ["abc"], []),
        ("label", ["label"], []),  # what is there already is not meant
        ("aa", ["ab", "ac", "ad", "ae"], ["ab", "ac", "ad"]),  # three at most, in their order
        ("", ["a"], ["a"]),
    ],
)
def test_did_you_mean(name, candidates, expected):
    """Equal but for case comes first, then what at most a third of the letters tells apart."""
    assert did_you_mean(name, candidates) == expected
