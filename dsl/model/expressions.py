"""Expressions as written: the syntax tree of the typed, total subset of Python's expressions.

In: nothing; the parser builds these. Out: immutable nodes with spans. Types are found in `check`,
values in the compiler; a node knows neither.
"""

from dataclasses import dataclass

from taskc.dsl.text.source_text import Span


@dataclass(slots=True)
class Name:
    """An identifier in its place."""

    text: str
    span: Span


@dataclass(slots=True)
class QualifiedName:
    """`name` or `package.name` (or `template.label`)."""

    parts: tuple[Name, ...]
    span: Span

    @property
    def text(self) -> str:
        """The name as written, joined by dots."""
        return ".".join(part.text for part in self.parts)


@dataclass(slots=True)
class Literal:
    """A text, number, `true`, `false` or `none`.

    Attributes:
        percent: Written as `10%`, whose value is 0.1.
        raw: Written as `r"..."`.
    """

    value: str | int | float | bool | None
    span: Span
    percent: bool = False
    raw: bool = False


@dataclass(slots=True)
class Reference:
    """A name used as a value: a field, a parameter, a comprehension's variable, a declaration."""

    name: str
    span: Span


@dataclass(slots=True)
class Attribute:
    """`base.name`: a record's field, or `answer.text`."""

    base: "Expression"
    name: Name
    span: Span


@dataclass(slots=True)
class Index:
    """`base[index]`: a list by position, a dict display by key."""

    base: "Expression"
    index: "Expression"
    span: Span


@dataclass(slots=True)
class Argument:
    """A positional (`name` is None) or named argument."""

    name: Name | None
    value: "Expression"
    span: Span


@dataclass(slots=True)
class Call:
    """`function(arguments)`: a library function, or a form such as `best_fit(length: 2048)`."""

    function: Name
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(slots=True)
class Unary:
    """`-x` or `not x`; `operator` is "-" or "not"."""

    operator: str
    operand: "Expression"
    span: Span


@dataclass(slots=True)
class Binary:
    """`+ - * /`, `and`, `or`; chains are left-nested."""

    operator: str
    left: "Expression"
    right: "Expression"
    span: Span


@dataclass(slots=True)
class Compare:
    """`== != < <= > >=`, `in`, `not in`; never chained."""

    operator: str
    left: "Expression"
    right: "Expression"
    span: Span


@dataclass(slots=True)
class Range:
    """`low..high`, both ends included; only after `in` or as a statement's argument."""

    low: "Expression"
    high: "Expression"
    span: Span


@dataclass(slots=True)
class Conditional:
    """`then if test else otherwise`."""

    then: "Expression"
    test: "Expression"
    otherwise: "Expression"
    span: Span


@dataclass(slots=True)
class ListDisplay:
    """`[a, b]`."""

    items: tuple["Expression", ...]
    span: Span


@dataclass(slots=True)
class DictDisplay:
    """`{key: value}`; keys are bare names (texts) or text literals."""

    entries: tuple[tuple[Name, "Expression"], ...]
    span: Span


@dataclass(slots=True)
class Comprehension:
    """`[item for variable in iterable if condition]`."""

    item: "Expression"
    variable: Name
    iterable: "Expression"
    condition: "Expression | None"
    span: Span


@dataclass(slots=True)
class Missing:
    """Where an expression should stand and none could be read; its type is poison."""

    span: Span


Expression = (
    Literal
    | Reference
    | Attribute
    | Index
    | Call
    | Unary
    | Binary
    | Compare
    | Range
    | Conditional
    | ListDisplay
    | DictDisplay
    | Comprehension
    | Missing
)


@dataclass(slots=True)
class Placeholder:
    """`{expression}` inside a text."""

    expression: Expression
    span: Span


@dataclass(slots=True)
class Piece:
    """Literal characters of a text, escapes undone and block indentation removed."""

    text: str
    span: Span


@dataclass(slots=True)
class Text:
    """A template text, path or other interpolated string: pieces and placeholders in order."""

    parts: tuple[Piece | Placeholder, ...]
    span: Span
