"""The types of the language and how one fits another.

In: nothing. Out: immutable type values; `str(type)` is how users write it. `Unknown` is the poison type:
it comes from a mistake already reported, or from a raw column whose type no text declares, and every rule
stays silent on it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A sequence of Unicode scalar values."""

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
    """A path parameter: a text that is resolved against the file that declares it, or the working directory with `--set`."""

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
    """Named fields in declared order."""

    fields: tuple[tuple[str, "Type"], ...]

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


Type = Text | Int | Float | Bool | Path | Cluster | NoneType | Choice | List | Record | Optional | Unknown
