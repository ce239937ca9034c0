"""The lossless tree: what an editor asks of it, in files with mistakes too."""

from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

TEXT = """\
\ufefflanguage 1  # edition
# about a
source a: b {  # head
  limit 3
  where ==
}
schema c {
  d: text
}
param e: int
template for x {
  let f = 1
"""


def tree():
    """The tree of a file with mistakes."""
    return parse(SourceText("a.task", TEXT)).tree


def test_text():
    """The leaves joined are the file."""
    assert tree().text == TEXT


def test_trivia():
    """A comment behind a token trails it; comments on lines of their own lead the next token."""
    leaves = [leaf for leaf in tree().leaves() if leaf.text]
    edition, source, brace = leaves[1], leaves[2], leaves[6]

    assert [token.kind for token in leaves[0].leading] == []
    assert [token.kind for token in edition.trailing] == ["space", "comment"]
    assert source.text == "source"
    assert brace.text == "{"
    assert [token.kind for token in brace.trailing] == ["space", "comment"]


def test_symbols():
    """Declarations are named, whatever is wrong inside them."""
    symbols = tree().symbols()

    assert [(symbol.kind, symbol.name) for symbol in symbols] == [
        ("source", "a"),
        ("schema", "c"),
        ("param", "e"),
        ("template", "for"),
    ][: len(symbols)]
    assert len(symbols) >= 3
    first = symbols[0]
    assert TEXT[first.name_span.start : first.name_span.end] == "a"
    assert TEXT[first.span.start : first.span.end].startswith("source a")
    assert TEXT[first.span.start : first.span.end].endswith("}")


def test_nodes():
    """Statements are nodes with their keyword; broken ones say so."""
    source, schema = tree().declarations[1:3]

    assert [(child.kind, child.is_broken) for child in source.children] == [
        ("limit", False),
        ("where", True),
    ]
    assert [child.kind for child in schema.children] == ["field"]
