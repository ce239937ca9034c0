"""Marks in texts: what of a rendering is the row's, and what the template's.

In: texts of rows before they are rendered, and the rendering. Out: where each text came to stand,
and which special tokens the template wrote. Marks are noncharacters, which no interchanged text
holds (The Unicode Standard, section 23.7); a row that holds one all the same is refused. They stand
inside the white space around a text, so that a template trims it as it would without them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["RESERVED", "Marked", "Marker", "Token"]

RESERVED = re.compile("[\ufdd0-\ufdef]")

_BREAK = "\ufdd1"  # before each character of a special token that a row spells
_START, _STOP = "\ufdd2", "\ufdd3"
_DIGITS = "\ufde0\ufde1\ufde2\ufde3\ufde4\ufde5\ufde6\ufde7\ufde8\ufde9"
_TO_DIGITS = str.maketrans("0123456789", _DIGITS)
_FROM_DIGITS = str.maketrans(_DIGITS, "0123456789")


class Token(NamedTuple):
    """A special token that the template wrote, at characters `start` to `stop`."""

    start: int
    stop: int
    text: str


class Marked(NamedTuple):
    """A rendering without its marks, and what they said.

    Attributes:
        text: The rendering.
        tokens: Special tokens that the template wrote, in order.
        starts: Message -> the places at which its text starts.
        stops: Message -> the places at which its text stops.
    """

    text: str
    tokens: list[Token]
    starts: dict[int, list[int]]
    stops: dict[int, list[int]]


class Marker:
    """Sets and reads marks for the special tokens of one tokenizer."""

    def __init__(self, special: Mapping[str, int]) -> None:
        """Takes ids of special tokens by their texts."""
        self.special = dict(special)
        longest_first = sorted(special, key=len, reverse=True)
        spelled = "|".join(map(re.escape, longest_first)) or "(?!)"
        self._spelled = re.compile(spelled)
        digits = f"[{_DIGITS}]+"
        self._found = re.compile(
            f"(?P<start>{_START}{digits})|(?P<stop>{_STOP}{digits})|(?P<break>{_BREAK})"
            f"|(?<!{_BREAK})(?P<token>{spelled})"
        )

    def marked(self, text: str, number: int) -> str:
        """A text with marks: it starts and stops as message `number`, and spells no token."""
        written = self._spelled.sub(_broken, text)
        core = written.strip()
        before = written[: len(written) - len(written.lstrip())]
        after = written[len(before) + len(core) :]
        digits = str(number).translate(_TO_DIGITS)
        return f"{before}{_START}{digits}{core}{_STOP}{digits}{after}"

    def read(self, rendered: str) -> Marked:
        """Takes the marks out of a rendering."""
        pieces: list[str] = []
        found = Marked("", [], {}, {})
        at, length = 0, 0
        for match in self._found.finditer(rendered):
            pieces.append(rendered[at : match.start()])
            length += match.start() - at
            at = match.end()
            written = match.group()
            match match.lastgroup:
                case "token":
                    found.tokens.append(Token(length, length + len(written), written))
                    pieces.append(written)
                    length += len(written)
                case "start" | "stop":
                    places = found.starts if match.lastgroup == "start" else found.stops
                    number = int(written[1:].translate(_FROM_DIGITS))
                    places.setdefault(number, []).append(length)
                case _:
                    pass
        pieces.append(rendered[at:])
        return found._replace(text="".join(pieces))

    def named(self, text: str, tokens: Sequence[Token], start: int, stop: int) -> str:
        """Characters `start` to `stop` with the template's tokens under their guarded names."""
        pieces = []
        for token in tokens:
            if start <= token.start and token.stop <= stop:
                pieces += [text[start : token.start], self.name(token.text)]
                start = token.stop
        return "".join([*pieces, text[start:stop]])

    def name(self, token: str) -> str:
        """The name under which the tokenizer of texts knows a special token."""
        return f"\ufdd0{self.special[token]}\ufdd1"


def _broken(match: "re.Match[str]") -> str:
    return "".join(_BREAK + character for character in match.group())
