"""The types of the language and how one fits another.

In: nothing. Out: immutable type values; `str(type)` is how users write it. `Unknown` is the poison
type: it comes from a mistake already reported, or from a raw column whose type no text declares,
and every rule stays silent on it.
"""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Text:
    """A sequence of Unicode scalar values.

    Attributes:
        is_inferred: Files hold it, and nobody declares it: it may be meant as a choice.
    """

    is_inferred: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return "text"


@dataclass(frozen=True, slots=True)
class Int:
    """A signed 64-bit integer."""

    def __str__(self) -> str:
        return "int"


@dataclass(frozen=True, slots=True)
class Float:
    """An IEEE 754 double; never NaN."""

    def __str__(self) -> str:
        return "float"


@dataclass(frozen=True, slots=True)
class Bool:
    """`true` or `false`."""

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Path:
    """A path: starts at the file that declares it, with `--set` at the working directory."""

    def __str__(self) -> str:
        return "path"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The name of a cluster, for parameters."""

    def __str__(self) -> str:
        return "cluster"


@dataclass(frozen=True, slots=True)
class NoneType:
    """The type of `none` alone."""

    def __str__(self) -> str:
        return "none"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a closed list of texts, in declared order."""

    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"choice({', '.join(self.values)})"


@dataclass(frozen=True, slots=True)
class List:
    """A list of one type."""

    item: "Type"

    def __str__(self) -> str:
        return f"list[{self.item}]"


@dataclass(frozen=True, slots=True)
class Record:
    """Named fields in declared order.

    Attributes:
        is_inferred: Files hold it, and nobody declares it: it may have fields that nobody asks for.
    """

    fields: tuple[tuple[str, "Type"], ...]
    is_inferred: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return "{ " + "  ".join(f"{name}: {type_}" for name, type_ in self.fields) + " }"


@dataclass(frozen=True, slots=True)
class Optional:
    """A value or none; never nested."""

    inner: "Type"

    def __str__(self) -> str:
        return f"{self.inner}?"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Poison: nothing is known, nothing is reported."""

    def __str__(self) -> str:
        return "unknown"


Type = (
    Text
    | Int
    | Float
    | Bool
    | Path
    | Cluster
    | NoneType
    | Choice
    | List
    | Record
    | Optional
    | Unknown
)

TEXT: Final = Text()
INT: Final = Int()
FLOAT: Final = Float()
BOOL: Final = Bool()
PATH: Final = Path()
CLUSTER: Final = Cluster()
NONE: Final = NoneType()
UNKNOWN: Final = Unknown()


def is_text(type_: Type) -> bool:
    """Whether values of the type are texts: a choice is one of a list of texts."""
    return isinstance(type_, Text | Choice)


def is_number(type_: Type) -> bool:
    """Whether values of the type are numbers; a bool is none."""
    return isinstance(type_, Int | Float)


def may_be_choice(type_: Type) -> bool:
    """Whether values may be meant as those of a choice, which nobody has declared."""
    return isinstance(type_, Unknown) or (isinstance(type_, Text) and type_.is_inferred)


def optional(type_: Type) -> Type:
    """The type or none; optional types never nest, and poison stays poison."""
    return type_ if isinstance(type_, Optional | NoneType | Unknown) else Optional(type_)


def fits(given: Type, wanted: Type) -> bool:
    """Whether every value of `given` may stand where a `wanted` is asked for.

    An int fits a float, a choice fits text and every choice that has all of its values, none fits
    an optional type; poison fits and takes everything. O(size of the types).
    """
    if given is wanted or isinstance(given, Unknown) or isinstance(wanted, Unknown):
        return True
    match given, wanted:
        case (NoneType(), Optional()) | (Int(), Float()) | (Choice(), Text()):
            return True
        case Text(is_inferred=True), Choice():
            return True
        case Optional(inner=inner), Optional(inner=into):
            return fits(inner, into)
        case _, Optional(inner=into):
            return fits(given, into)
        case Choice(values=some), Choice(values=all_):
            return set(some) <= set(all_)
        case List(item=item), List(item=into):
            return fits(item, into)
        case Record(), Record():
            return _record_fits(given, dict(wanted.fields))
        case _:
            return given == wanted


def _record_fits(record: Record, wanted: dict[str, Type]) -> bool:
    """A record may lack what is optional; a field that nobody asks for is a mistake somewhere."""
    given = dict(record.fields)
    if not record.is_inferred and not given.keys() <= wanted.keys():
        return False
    return all(fits(given.get(name, NONE), type_) for name, type_ in wanted.items())


def join(left: Type, right: Type) -> Type | None:
    """The type of a value that is one or the other; None where there is no such type."""
    if left == right:
        return right if isinstance(right, Text | Record) and right.is_inferred else left
    match left, right:
        case (Unknown(), _) | (_, Unknown()):
            return UNKNOWN
        case (NoneType(), other) | (other, NoneType()):
            return optional(other)
        case (Optional(inner=inner), Optional(inner=other)):
            return _optional_join(inner, other)
        case (Optional(inner=inner), other) | (other, Optional(inner=inner)):
            return _optional_join(inner, other)
        case (Int() | Float(), Int() | Float()):
            return FLOAT
        case Choice(values=some), Choice(values=others):
            return Choice(tuple(dict.fromkeys(some + others)))
        case (Text() | Choice(), Text() | Choice()):
            return TEXT
        case List(item=item), List(item=other):
            joined = join(item, other)
            return None if joined is None else List(joined)
        case _:
            return None


def _optional_join(left: Type, right: Type) -> Type | None:
    """The optional type of a joined value."""
    joined = join(left, right)
    return None if joined is None else optional(joined)
