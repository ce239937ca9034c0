"""Markdown to text: marks go, the words stay.

In: a text in CommonMark. Out: what a reader sees of it, as plain text. markdown-it-py says what is
a mark; how the rest is laid out is said here. 0.25 ms a KB of README.md. What stays, exactly:

- Paragraphs, headings, quotes: their words; an empty line stands between two blocks. Rules
  (`---`) and definitions of links go.
- Lists: `- ` or the number and its mark before each item, what it holds indented as far. Items of a
  list without empty lines follow line by line.
- Code: as it stands, without fences, backticks and the name of its language.
- Emphasis goes and leaves its words, a link its text, an image the text that stands in its place.
  Line ends stay; a hard break is one.
- HTML stays as it is: `strip_html` takes it out. Escapes and entities are what they stand for.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

__all__ = ["MAX_NESTED", "NestedTooDeepError", "strip_marks"]

MAX_NESTED: Final = 50  # levels of tokens; deeper ones would be left out by the parser


class NestedTooDeepError(ValueError):
    """Quotes and lists stand in one another deeper than is read."""


def strip_marks(text: str) -> str:
    """Returns the words of a text in CommonMark.

    Raises:
        NestedTooDeepError: More than `MAX_NESTED` levels.
    """
    tokens = _parser().parse(text)
    if any(token.level >= MAX_NESTED - 1 for token in tokens):
        raise NestedTooDeepError
    return "\n\n".join(_blocks(SyntaxTreeNode(tokens)))


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"maxNesting": MAX_NESTED})


def _blocks(node: SyntaxTreeNode) -> Iterator[str]:
    """Yields the blocks in a node, each without the line feed that ends it."""
    for child in node.children:
        match child.type:
            case "bullet_list" | "ordered_list":
                yield _list(child)
            case "blockquote":
                yield from _blocks(child)
            case "fence" | "code_block" | "html_block":
                yield child.content.removesuffix("\n")
            case "hr":
                pass
            case _:  # a paragraph or a heading, which holds one node of inline text
                yield "".join(map(_words, child.children))


def _list(node: SyntaxTreeNode) -> str:
    start = int(node.attrs.get("start", 1))
    # The parser hides the paragraphs of a list whose items no empty line parts.
    is_loose = any(
        part.type == "paragraph" and not part.hidden
        for item in node.children
        for part in item.children
    )
    gap = "\n\n" if is_loose else "\n"
    items = []
    for number, item in enumerate(node.children, start):
        mark = f"{number}{item.markup} " if node.type == "ordered_list" else "- "
        lines = gap.join(_blocks(item)).split("\n")
        indented = [f"{' ' * len(mark)}{line}" if line else "" for line in lines[1:]]
        items.append("\n".join([f"{mark}{lines[0]}".rstrip(), *indented]))
    return gap.join(items)


def _words(node: SyntaxTreeNode) -> str:
    """What a reader sees of inline text."""
    match node.type:
        case "softbreak" | "hardbreak":
            return "\n"
        case "text" | "code_inline" | "html_inline":
            return node.content
        case _:  # emphasis, a link, an image, or all of a block
            return "".join(map(_words, node.children))
