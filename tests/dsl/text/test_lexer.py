"""The lexer: every text comes back whole, quoted texts end where they should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.dsl.text.findings import shorten
from taskc.dsl.text.lexer import Lexer, tokenize
from taskc.dsl.text.source_text import SourceText

# Characters that mean something to the lexer, so that random texts meet its rules.
TRICKY = st.lists(
    st.sampled_from([*"\"{}\\\n\r\t #ar'u0.%=->[](),:\ufeff\x00\ud800é“”", '"""', "\nsource x {"]),
    max_size=60,
).map("".join)


def findings(text):
    """Codes that reading a text without placeholders gives, in order."""
    lexer = Lexer(SourceText("a.task", text))
    while not lexer.at_end:
        lexer.more()
    return [finding.code for finding in lexer.findings.found]


def kinds(text):
    """Kinds of the tokens of a text, without trivia."""
    gaps = {"space", "newline", "comment", "bad", "mark"}
    return [token.kind for token in tokenize(text) if token.kind not in gaps]


@given(st.one_of(st.text(max_size=200), TRICKY))
def test_tokens_joined_are_the_text(text):
    """Any text, whatever it holds, is the concatenation of its tokens and trivia."""
    tokens = tokenize(text)

    assert "".join(text[token.start : token.end] for token in tokens) == text
    assert all(token.start < token.end for token in tokens)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b[1]", ["name", ".", "name", "[", "number", "]"]),
        ("0..5", ["number", "..", "number"]),
        ("1_200..4_096", ["number", "..", "number"]),
        ("3e-5 1e-5-1 10%", ["number", "number", "-", "number", "number"]),
        ('r"\\d" r "x"', ["raw", "name", "string"]),
        ("x->y<=z", ["name", "->", "name", "<=", "name"]),
        ("not in notx", ["word", "word", "name"]),
        ('"a" ""', ["string", "string"]),
        ('"""\n  x\n  """', ["block"]),
        ("# only\n", []),
        ("\ufefflanguage 1", ["name", "number"]),
    ],
)
def test_tokens(text, expected):
    """What is one token and what is two."""
    assert kinds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a @ b", ["T0001"]),
        ("a\ufeff", ["T0001"]),
        ("'x'", ["T0001"]),
        ('"abc', ["T0002"]),
        ('"abc\\', ["T0002"]),
        ('"""\n abc', ["T0003"]),
        ("1__0 1_ 0x1 1e 1.2.3 1e123", ["T0007"] * 6),
        ("9" * 31, ["T0007"]),
        ('"""abc"""', ["T0025"]),
        ('"""\n abc"""', ["T0025"]),
        ('"""abc\n"""', ["T0025"]),
        ('"\\q"', []),  # escapes are looked at when a text is read
    ],
)
def test_findings(text, expected):
    """Each lexical mistake has its code and gives one diagnostic."""
    assert findings(text) == expected


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ('"""\n  a\n  """ b', 13),  # its own closing quotes
        ('"""\n  a\\"""\n  """ b', 17),  # escaped quotes are text
        ('"""\n source x is text\n"""', 25),  # a declaration's head in a closed block is text
        ('"""\n  a\nsource x {\n}\n', 7),  # the next declaration ends an open block
        ('  p: """\n    a\n  limit 3\n', 14),  # so does a statement no deeper than its line
        ('  p: """\n    a\n  prompt b: """\n    x\n    """\n', 14),  # even with later quotes
        ('"""\n  a\n}\n', 7),  # and a closing brace
    ],
)
def test_blocks_end(text, end):
    """A block ends at its quotes; without them it does not swallow what follows."""
    block = next(token for token in tokenize(text) if token.kind in ("block", "broken"))

    assert block.end == end


def test_open_text_ends_on_its_line():
    """A text without its closing quote ends with its line, whatever the line's end."""
    assert kinds('"ab\r\nc') == ["broken", "name"]


def test_shorten():
    """What a message quotes is printable and short."""
    assert shorten("a\nb") == "a\\u{a}b"
    assert len(shorten("x" * 100)) == 40
