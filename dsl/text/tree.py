"""The lossless tree: every character of a file, cut into tokens with trivia and grouped into nodes.

In: the token lists of the lexer and the nodes of the parser. Out: what the formatter and an editor
read. `tree.text` is the file, character for character, whatever is wrong in it. Trivia is split
when it is asked for, so a tree costs nothing beside its tokens.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from taskc.dsl.text.source_text import SourceText, Span
from taskc.dsl.text.tokens import Token, trivia

__all__ = ["Leaf", "Node", "Symbol", "Tokens", "Tree"]


class Leaf(NamedTuple):
    """A token with its trivia: `leading` before it, `trailing` after it to the end of its line."""

    kind: str
    start: int
    end: int
    text: str
    leading: tuple[Token, ...]
    trailing: tuple[Token, ...]


class Tokens(NamedTuple):
    """The tokens of a file as parallel lists, and what the parser saw about some of them."""

    kinds: list[str]
    starts: list[int]
    ends: list[int]
    tight: set[int]
    braces: dict[int, str]


class Symbol(NamedTuple):
    """A declared name, where it stands, and the kind and place of its declaration."""

    kind: str
    name: str
    name_span: Span
    span: Span


@dataclass(slots=True)
class Node:
    """A declaration or a statement.

    Attributes:
        kind: The keyword of the declaration or the statement; "field" in a schema; "stray" for what
            belongs to no declaration.
        first: Number of its first token.
        last: Number of the token after its last one.
        name: Number of the token that names it, or -1.
        body: Number of the `{` that opens its statements, or -1.
        children: Its statements.
        is_broken: Whether it could not be read whole.
    """

    kind: str
    first: int
    last: int = -1
    name: int = -1
    body: int = -1
    children: list["Node"] = field(default_factory=list)
    is_broken: bool = False


class Tree:
    """Tokens and nodes of one file; tokens are numbered from 0 and the last one has no characters.

    Attributes:
        source: The file.
        kinds: Kind of each token.
        starts: Offset at which each starts.
        ends: Offset at which each ends.
        tight: Numbers of the tokens that stand close to the one before them, as `Cursor` says.
        braces: What each `{` inside a statement opens, as `Cursor` says.
        declarations: The nodes of the file, in order.
    """

    __slots__ = (
        "_commented",
        "braces",
        "declarations",
        "ends",
        "kinds",
        "source",
        "starts",
        "tight",
    )

    def __init__(
        self,
        source: SourceText,
        tokens: Tokens,
        declarations: list[Node],
    ) -> None:
        self.source = source
        self.kinds, self.starts, self.ends, self.tight, self.braces = tokens
        self.declarations = declarations
        self._commented: list[int] | None = None

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def text(self) -> str:
        """Tokens and trivia joined: the file."""
        return "".join(
            part
            for leaf in self.leaves()
            for part in (self.written(leaf.leading), leaf.text, self.written(leaf.trailing))
        )

    def written(self, tokens: tuple[Token, ...]) -> str:
        """The characters of some tokens."""
        return "".join(self.source.text[token.start : token.end] for token in tokens)

    def token_text(self, number: int) -> str:
        """The characters of token `number`."""
        return self.source.text[self.starts[number] : self.ends[number]]

    def gap(self, number: int) -> tuple[Token, ...]:
        """The trivia between the token before `number` and token `number`."""
        start, end = self.gap_span(number)
        return tuple(trivia(self.source.text, start, end)) if start < end else ()

    def gap_span(self, number: int) -> tuple[int, int]:
        """Where the trivia before a token start and end."""
        return self.ends[number - 1] if number else 0, self.starts[number]

    def after_ends(self, number: int) -> int:
        """What a token's trivia stand before: itself, or the end of a declaration before it."""
        while number and self.kinds[number - 1] == "end":
            number -= 1
        return number

    # ---- comments --------------------------------------------------------------------------------

    @property
    def commented(self) -> list[int]:
        """The tokens before which comments stand, in order; found at first use."""
        if self._commented is None:
            self._commented = list(self._find_commented())
        return self._commented

    def _find_commented(self) -> Iterator[int]:
        text, starts, ends = self.source.text, self.starts, self.ends
        place = text.find("#")
        while place != -1:
            number = bisect_right(starts, place)
            if number and place < ends[number - 1]:  # in a text
                place = text.find("#", ends[number - 1])
            else:
                yield number
                place = text.find("#", starts[number])

    def comments(self, number: int) -> list[str]:
        """The comments between the token before a token and the token."""
        return [_comment(line) for line in self._gap_lines(number) if "#" in line]

    def trailing_comment(self, number: int) -> str:
        """The comment behind a token on its line, or ""."""
        return _comment(self._gap_lines(number + 1)[0]) if number + 1 < len(self.kinds) else ""

    def comments_before(self, number: int) -> list[str]:
        """The comments on their own lines before a token; "" for blank lines among and behind."""
        place = self.after_ends(number)
        found: list[str] = []
        num_line_ends = 0
        for line in self._gap_lines(place)[place > 0 :]:
            num_line_ends += 1
            if "#" in line:
                found.extend([""] if num_line_ends > 1 else [])
                found.append(_comment(line))
                num_line_ends = 0
        return [*found, ""] if num_line_ends > 1 else found

    def ends_line(self, number: int) -> bool:
        """Whether a line ends behind a token."""
        return "\n" in self.source.text[self.ends[number] : self.starts[number + 1]]

    def _gap_lines(self, number: int) -> list[str]:
        start, end = self.gap_span(number)
        return self.source.text[start:end].split("\n")

    # ---- reading ---------------------------------------------------------------------------------

    def leaves(self) -> Iterator[Leaf]:
        """Yields every token with its trivia."""
        leading = self.gap(0)
        for number, kind in enumerate(self.kinds):
            following = self.gap(number + 1) if number + 1 < len(self.kinds) else ()
            cut = _line_end(following) if kind != "end" else 0
            start, end = self.starts[number], self.ends[number]
            text = self.source.text[start:end]
            yield Leaf(kind, start, end, text, leading, following[:cut])
            leading = following[cut:]

    def symbols(self) -> list[Symbol]:
        """The declared names, those of declarations with mistakes too."""
        found: list[Symbol] = []
        for node in self.declarations:
            if node.name >= 0:
                name = self._span(node.name, node.name + 1)
                found.append(
                    Symbol(
                        node.kind,
                        self.token_text(node.name),
                        name,
                        self._span(node.first, node.last),
                    )
                )
        return found

    def _span(self, first: int, last: int) -> Span:
        return Span(self.source.path, self.starts[first], self.ends[max(first, last - 1)])


def _comment(line: str) -> str:
    """The comment of a line between two tokens, or ""."""
    _, mark, comment = line.partition("#")
    return (mark + comment).rstrip()


def _line_end(tokens: tuple[Token, ...]) -> int:
    """How many of the tokens stand before the line's end, which goes with the next ones."""
    for number, token in enumerate(tokens):
        if token.kind == "newline":
            return number
    return len(tokens)
