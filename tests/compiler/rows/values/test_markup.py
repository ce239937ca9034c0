"""HTML to text: what goes, what stays, and what stands between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.rows.values.markup import strip_markup

CASES = [
    ("no markup at all", "no markup at all"),
    ("<p>a <b>b</b></p>", "a b"),
    ("1 < 2 &amp; 3 > 2", "1 < 2 &amp; 3 > 2"),
    ("<p>a</p><p>b</p>", "a\nb"),
    ("<p>a</p>\n\n<p>b</p>", "a\n\nb"),
    ("<p>a</p> <p>b</p>", "a \nb"),
    ("x<br>y<br/>z<BR />", "x\ny\nz"),
    ("<div><div>a</div></div><div>b</div>", "a\nb"),
    ("<tr><td>a</td><td>b</td></tr><tr><td>c</td></tr>", "a b\nc"),
    ("a<script>if (x < y) { '</b>' }</script>b", "ab"),
    ("a<STYLE>p {}</Style >b", "ab"),
    ("a<script>never closed", "a"),
    ("a<!-- x > y -- z -->b", "ab"),
    ("a<!-- never closed", "a"),
    ("<!DOCTYPE html><?php x ?>a", "a"),
    ("<a href='x>y' title=\"<b>\">t</a>", "t"),
    ("<a href='never closed>t", "<a href='never closed>t"),
    ("a <b", "a <b"),
    ("a <3 b <- c", "a <3 b <- c"),
    ("i<b>tali</b>c", "italic"),
    ("<pre><code>x = 1\n</code></pre>text", "x = 1\ntext"),
    ("<p></p>", ""),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_tags_go(text, expected):
    """Tags go with their attributes, text stays as it is, blocks stay apart."""
    assert expected == strip_markup(text, frozenset())


def test_kept_tags_stay_bare():
    """A kept tag loses its attributes and stands for itself; no line feed is added for it."""
    text = '<UL class="x"><li>a<li id=1><em>b</em></UL><p>c</p>'

    assert "<ul><li>a<li>b</ul>\nc" == strip_markup(text, frozenset({"ul", "li"}))


@given(st.lists(st.sampled_from(["<p>", "</p>", "<b>", "a", " ", "\n", "<", ">", "'", '"', "/"])))
def test_text_is_never_lost(pieces):
    """However broken the markup, every letter outside of tags stays."""
    text = "".join(pieces)
    stripped = strip_markup(text, frozenset())

    assert stripped.count("a") == text.count("a") - sum(found.count("a") for found in _tags(text))


def _tags(text: str) -> list[str]:
    """What stands in tags, by a scan of its own."""
    found = []
    position = 0
    while (start := text.find("<", position)) >= 0:
        position = start + 1
        rest = text[position:].removeprefix("/")
        after = rest.lstrip("a" if rest.startswith("a") else "b" if rest.startswith("b") else "p")
        if after == rest or after[:1] not in {" ", "\n", "/", ">"}:
            continue
        quote = ""
        for end in range(position, len(text)):
            mark = text[end]
            if quote:
                quote = "" if mark == quote else quote
            elif mark in {"'", '"'}:
                quote = mark
            elif mark == "<":
                break
            elif mark == ">":
                found.append(text[start:end])
                position = end + 1
                break
    return found
