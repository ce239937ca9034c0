"""Types as the lock writes them: the language's own notation, any name of a field allowed.

In: a type of rows, or its text. Out: the text, or the type. Fields of a record are sorted by name
and stand in quotes (as in JSON) where they are no names of the language. `any` is a type that the
rows don't tell: a mixture, or never a value; to the checker it is unknown. What is read is marked
as inferred: nobody has declared it.
"""

import json
import re
from functools import lru_cache

from taskc.dsl.model.types import (
    BOOL,
    FLOAT,
    INT,
    UNKNOWN,
    List,
    Optional,
    Record,
    Text,
    Type,
    Unknown,
    optional,
)

__all__ = ["NotationError", "read_type", "written"]

_SCALARS: dict[str, Type] = {
    "any": UNKNOWN,
    "bool": BOOL,
    "float": FLOAT,
    "int": INT,
    "text": Text(is_inferred=True),
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(r'[ ]*([A-Za-z_][A-Za-z0-9_]*|"(?:[^"\\]|\\.)*"|[\[\]{}:?])')
_MAX_DEPTH = 100


class NotationError(ValueError):
    """A text that writes no type; its words say why."""


def written(type_: Type) -> str:
    """Returns a type of rows as the lock has it."""
    match type_:
        case Unknown():
            return "any"
        case Optional(inner=inner):
            return f"{written(inner)}?"
        case List(item=item):
            return f"list[{written(item)}]"
        case Record(fields=fields):
            inside = "  ".join(f"{_key(name)}: {written(each)}" for name, each in sorted(fields))
            return f"{{ {inside} }}" if inside else "{}"
        case _:
            return str(type_)


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)


@lru_cache(maxsize=4096)
def read_type(text: str) -> Type:
    """Returns the type that a text writes.

    Raises:
        NotationError: If it writes none.
    """
    reader = _Reader(text)
    found = reader.type(0)
    if reader.rest:
        raise NotationError(f"`{text}` goes on after its type")
    return found


class _Reader:
    """Reads a type from the tokens of a text, by recursive descent."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.rest: list[str] = []  # tokens that are not read yet, the next one last
        position = 0
        while position < len(text.rstrip(" ")):
            found = _TOKEN.match(text, position)
            if found is None:
                raise self._no_type()
            self.rest.append(found[1])
            position = found.end()
        self.rest.reverse()

    def type(self, depth: int) -> Type:
        """Reads one type."""
        if depth > _MAX_DEPTH:
            raise NotationError("a type that is nested too deep")
        word = self._next()
        found: Type
        if word in _SCALARS:
            found = _SCALARS[word]
        elif word == "list":
            self._expect("[")
            found = List(self.type(depth + 1))
            self._expect("]")
        elif word == "{":
            found = self._record(depth + 1)
        else:
            raise self._no_type()
        if self.rest and self.rest[-1] == "?":
            self._next()
            found = optional(found)
        return found

    def _record(self, depth: int) -> Type:
        fields: dict[str, Type] = {}
        while (word := self._next()) != "}":
            name = self._name(word)
            self._expect(":")
            if name in fields:
                raise NotationError(f"`{self.text}` has the field `{name}` twice")
            fields[name] = self.type(depth)
        return Record(tuple(fields.items()), is_inferred=True)

    def _name(self, token: str) -> str:
        if not token.startswith('"'):
            if not _NAME.fullmatch(token):
                raise self._no_type()
            return token
        try:
            return str(json.loads(token))
        except ValueError:
            raise self._no_type() from None

    def _next(self) -> str:
        if not self.rest:
            raise self._no_type()
        return self.rest.pop()

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise self._no_type()

    def _no_type(self) -> NotationError:
        return NotationError(f"`{self.text}` is no type of a column")
