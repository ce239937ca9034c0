"""Markdown to text: what goes, what stays, and what stands between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.rows.values.functions import library_function
from taskc.compiler.rows.values.markdown import MAX_NESTED, strip_marks
from taskc.compiler.rows.values.operators import RowError

CASES = [
    ("", ""),
    ("no mark at all", "no mark at all"),
    ("a\nb", "a\nb"),
    ("a\r\n\r\n\r\nb", "a\n\nb"),
    ("# A *b* **c**", "A b c"),
    ("A\n===\nb", "A\n\nb"),
    ("a  \nb\\\nc", "a\nb\nc"),
    ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
    ('see [a *b*](c "d") and <https://e.org>', "see a b and https://e.org"),
    ("[a][r]\n\n[r]: https://e.org", "a"),
    ("![a cat](cat.png)", "a cat"),
    ("`x * y` and ``a`b``", "x * y and a`b"),
    ("```py\nx = 1\n\n# y\n```\nb", "x = 1\n\n# y\n\nb"),
    ("    x = 1\n", "x = 1"),
    ("> a\n> b\n\nc", "a\nb\n\nc"),
    ("a\n\n***\n\nb", "a\n\nb"),
    ("* a\n* b", "- a\n- b"),
    ("+ a\n\n+ b", "- a\n\n- b"),
    ("3. a\n4. b\n   - c", "3. a\n4. b\n   - c"),
    ("1) a\n\n   b\n2) c", "1) a\n\n   b\n\n2) c"),
    ("- a\n\n  ```\n  x\n\n  y\n  ```", "- a\n\n  x\n\n  y"),
    ("-\n- b", "-\n- b"),
    ("<b>a</b> &lt; \\*b\\*", "<b>a</b> < *b*"),
    ("<div>\n*a*\n</div>", "<div>\n*a*\n</div>"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_marks_go(text, expected):
    """Words stay in their order, blocks apart, code and HTML as they stand."""
    assert expected == strip_marks(text)


@given(st.text("ab1 \n*_#>+-=.)!\\", max_size=40))
def test_no_word_is_lost(text):
    """Whatever marks stand around it: letters stay, in order, and nothing but marks goes."""

    def letters(of):
        return [sign for sign in of if sign in "ab"]

    assert letters(strip_marks(text)) == letters(text)


@given(st.lists(st.text("abc,;:", min_size=1), min_size=1))
def test_plain_text_stays(words):
    """Where there is no mark nothing changes."""
    text = " ".join(words)

    assert strip_marks(text) == text


def test_what_is_nested_too_deep_is_a_mistake():
    """The parser would leave it out without a word."""
    strip = library_function("strip_markdown", [None])

    assert strip("> " * (MAX_NESTED // 2) + "a") == "a"
    with pytest.raises(RowError, match="nested more than 50 deep"):
        strip("> " * MAX_NESTED + "a")


@pytest.mark.parametrize("part", ["> ", "- ", "*", "_a*", "[", "![](", "`", "<", "&", "\\", "1. "])
def test_long_texts_take_no_longer_than_their_length(part):
    """50 KB of one mark end, whatever the mark."""
    try:
        strip_marks(part * (20_000 // len(part)))
    except ValueError:
        assert part in ("> ", "- ", "1. ")
