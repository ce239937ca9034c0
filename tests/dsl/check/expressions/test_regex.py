"""Patterns: what passes here, the engine takes."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from taskc.dsl.check.expressions.regex import find_fault

PIECES = [
    "a", "b", ".", "^", "$", "|", "(", ")", "[", "]", "[^", "-", "{", "}", "{2}", "{2,}", "{,3}",
    "{2,1001}", "*", "+", "?", "*?", "++", "\\", "\\b", "\\d", "\\1", "\\z", "\\Z", "\\x41",
    "\\x4", "\\p", "(?i)", "(?:", "(?i:", "(?P<n>", "(?P=n)", "(?=", "(?!", "(?<=", "(?>", "(?#",
    "\\n", "\\Q", "é", "\\(", "\\0", "\\a",
]  # fmt: skip


def is_taken(pattern):
    """Whether the engine compiles a pattern."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error:
        return False
    return True


@pytest.mark.parametrize(
    "pattern",
    [
        r"\b(I|I'm|my|mine)\b",
        r"^#### (\d+)$",
        r"[^\]a-z]+?",
        r"[]a]",
        r"(?i)yes|no",
        r"(?P<year>[0-9]{4})",
        r"a{2,1000}",
        r"x{,3}",
        r"\x41\z",
        r"{not a count}",
        "",
    ],
)
def test_taken(pattern):
    """Patterns that people write pass, and the engine takes them."""
    assert find_fault(pattern) is None
    assert is_taken(pattern)


@pytest.mark.parametrize(
    ("pattern", "characters"),
    [
        (r"(\w+) \1", r"\1"),
        (r"a(?=b)", "(?="),
        (r"(?<!not )good", "(?<!"),
        (r"(?>a+)b", "(?>"),
        (r"a++b", "++"),
        (r".{1,5000}", "{1,5000}"),
        (r"end\Z", r"\Z"),
        (r"(?P<a>x)(?P=a)", "(?P="),
        (r"[a-z", "["),
        (r"\x4", r"\x"),
        (r"a**", "*"),
    ],
)
def test_refused(pattern, characters):
    """What only backtracking engines have, or nobody can read, is refused at its place."""
    fault = find_fault(pattern)

    assert fault is not None
    assert pattern[fault.start : fault.end] == characters


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_what_passes_here_the_engine_takes(pattern):
    """The check errs on the safe side: no pattern passes that would stop a build."""
    if find_fault(pattern) is None:
        assert is_taken(pattern)
