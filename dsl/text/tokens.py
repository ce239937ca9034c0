"""The words and marks of the language: what a token is, and what lies between two of them.

In: nothing but characters. Out: the sets of words, the patterns that `lexer` reads with, and
`trivia`, which splits what stands between two tokens. Nothing here knows what a statement is.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = [
    "DECLARATION_WORDS",
    "EXPRESSION_WORDS",
    "HEAD",
    "NUMBER",
    "STATEMENT_WORDS",
    "TOKEN",
    "Token",
    "is_line_start",
    "is_trivia",
    "trivia",
]

DECLARATION_WORDS = (
    "language", "import", "param", "schema", "source", "cluster", "template", "test", "mixture",
    "tokenizer", "build", "train", "evaluate",
)  # fmt: skip

STATEMENT_WORDS = frozenset(  # as in rules/blocks
    (
        "add",
        "bos",
        "clusters",
        "data",
        "decontaminate",
        "dedup",
        "dialogue",
        "eos",
        "fewshot",
        "fields",
        "format",
        "from",
        "holdout",
        "input",
        "inverse",
        "let",
        "license",
        "limit",
        "method",
        "metric",
        "mixture",
        "model",
        "options",
        "pack",
        "pad",
        "prompt",
        "rate",
        "recipe",
        "references",
        "related",
        "repeat",
        "require",
        "row",
        "run",
        "seed",
        "sources",
        "splits",
        "take",
        "target",
        "templates",
        "tokenizer",
        "total",
        "where",
    ),
)

# The only words that are not names: with them an expression could not be told from its end.
EXPRESSION_WORDS = frozenset(
    ("and", "else", "false", "for", "if", "in", "none", "not", "or", "true"),
)

_SPACE = r"[ \t\n]*(?:\r\n[ \t\n]*)*"
_BAD = r"[^\x00-\x7f]+|[!$%&;@\\^`|~]+|(?:[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n))+|'"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_DIGITS = r"[0-9](?:_?[0-9]){0,29}"

TOKEN = re.compile(
    rf"""{_SPACE}(?:\#[^\n]*{_SPACE})*(?:
      (?P<raw>r"[^"\r\n]*")
    | (?P<name>{_NAME})
    | (?P<op>->|\.\.|[<>=!]=|[-+*/<>=.,:?()\[\]{{}}])
    | (?P<block>\"\"\")
    | (?P<string>"[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*")
    | (?P<number>[0-9](?:[A-Za-z0-9_]|\.[0-9]|(?<=[eE])[-+](?=[0-9]))*%?)
    | (?P<end>\Z)
    | (?P<quoted>'[^'\r\n]*'|[\u201c\u201d][^\u201c\u201d\r\n]*[\u201c\u201d])
    | (?P<open>"[^\r\n]*)
    | (?P<bad>{_BAD})
    )""",
    re.VERBOSE,
)

# Thirty digits are enough for any count, and a power of two digits for any fraction.
NUMBER = re.compile(rf"{_DIGITS}(?:\.{_DIGITS})?(?:%|[eE][-+]?[0-9]{{1,2}})?")

# A word at column 1 that starts a declaration. `mixture` and `tokenizer` are statements of a build
# too: there the opening brace decides.
HEAD = re.compile(
    rf"(?:language[ \t]+[0-9]|import[ \t]+\""
    rf"|(?:mixture|tokenizer)[ \t]+{_NAME}\s*(?:\"[^\"\n]*\"\s*)?\{{"
    r"|(?:param|schema|source|cluster|template|test|build|train|evaluate|mixture|tokenizer)[ \t]*\{"
    r"|(?:param|schema|source|cluster|template|test|build|train|evaluate)[ \t]+[A-Za-z_])",
)

_TRIVIA = re.compile(
    rf"(?P<space>[ \t]+)|(?P<newline>\r?\n)|(?P<comment>\#(?:[^\r\n]|\r(?!\n))*)|(?P<bad>{_BAD}|.)",
    re.DOTALL,
)

_NOTHING_BAD = re.compile(r"(?:[ \t\n]++|\r\n|#[^\n]*+)*+")


class Token(NamedTuple):
    """A token or a piece of trivia: its kind and where it stands."""

    kind: str
    start: int
    end: int


def is_line_start(text: str, offset: int) -> bool:
    """Whether only blanks stand before `offset` on its line."""
    return not text[text.rfind("\n", 0, offset) + 1 : offset].strip(" \t\ufeff")


def is_trivia(text: str, start: int, end: int) -> bool:
    """Whether nothing but blanks, line ends and comments stands in a place between two tokens."""
    first = 1 if start == 0 and text.startswith("\ufeff") else start
    return _NOTHING_BAD.fullmatch(text, first, end) is not None


def trivia(text: str, start: int, end: int) -> Iterator[Token]:
    """Yields what lies between two tokens.

    Kinds: `space`, `newline`, `comment`, `bad`, and `mark` (of byte order, at the very start).
    """
    position = start
    if position == 0 and end > 0 and text[0] == "\ufeff":
        position = 1
        yield Token("mark", 0, 1)
    while position < end:
        match = _TRIVIA.match(text, position, end)
        assert match is not None, "the last alternative takes any character"
        assert match.lastgroup is not None
        position = match.end()
        yield Token(match.lastgroup, match.start(), position)
