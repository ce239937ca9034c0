"""Expressions as written: the syntax tree of the typed, total subset of Python's expressions.

In: nothing; the parser builds these. Out: immutable nodes with spans. Types are found in `check`,
values in the compiler; a node knows neither.
"""

from dataclasses import dataclass

from taskc.dsl.model.node import Node
from taskc.dsl.text.source_text import Span


@dataclass(slots=True, repr=False, eq=False)
class Name(Node):
    """An identifier in its place."""

    text: str
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class QualifiedName(Node):
    """`name` or `package.name` (or `template.label`)."""

    parts: tuple[Name, ...]
    span: Span

    @property
    def text(self) -> str:
        """The name as written, joined by dots."""
        return ".".join(part.text for part in self.parts)


@dataclass(slots=True, repr=False, eq=False)
class Literal(Node):
    """A text, number, `true`, `false` or `none`.

    Attributes:
        percent: Written as `10%`, whose value is 0.1.
        raw: Written as `r"..."`.
    """

    value: str | int | float | bool | None
    span: Span
    percent: bool = False
    raw: bool = False


@dataclass(slots=True, repr=False, eq=False)
class Reference(Node):
    """A name used as a value: a field, a parameter, a comprehension's variable, a declaration."""

    name: str
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Attribute(Node):
    """`base.name`: a record's field, or `answer.text`."""

    base: "Expression"
    name: Name
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Index(Node):
    """`base[index]`: a list by position, a dict display by key."""

    base: "Expression"
    index: "Expression"
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Argument(Node):
    """A positional (`name` is None) or named argument."""

    name: Name | None
    value: "Expression"
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Call(Node):
    """`function(arguments)`: a library function, or a form such as `best_fit(length: 2048)`."""

    function: Name
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Unary(Node):
    """`-x` or `not x`; `operator` is "-" or "not"."""

    operator: str
    operand: "Expression"
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Binary(Node):
    """`+ - * /`, `and`, `or`; chains are left-nested."""

    operator: str
    left: "Expression"
    right: "Expression"
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Compare(Node):
    """`== != < <= > >=`, `in`, `not in`; never chained."""

    operator: str
    left: "Expression"
    right: "Expression"
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Range(Node):
    """`low..high`, both ends included; only after `in` or as a statement's argument."""

    low: "Expression"
    high: "Expression"
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Conditional(Node):
    """`then if test else otherwise`."""

    then: "Expression"
    test: "Expression"
    otherwise: "Expression"
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class ListDisplay(Node):
    """`[a, b]`."""

    items: tuple["Expression", ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class DictDisplay(Node):
    """`{key: value}`; keys are bare names (texts) or text literals."""

    entries: tuple[tuple[Name, "Expression"], ...]
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Comprehension(Node):
    """`[item for variable in iterable if condition]`."""

    item: "Expression"
    variable: Name
    iterable: "Expression"
    condition: "Expression | None"
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Missing(Node):
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


@dataclass(slots=True, repr=False, eq=False)
class Placeholder(Node):
    """`{expression}` inside a text."""

    expression: Expression
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Piece(Node):
    """Literal characters of a text, escapes undone and block indentation removed."""

    text: str
    span: Span


@dataclass(slots=True, repr=False, eq=False)
class Text(Node):
    """A template text, path or other interpolated string: pieces and placeholders in order."""

    parts: tuple[Piece | Placeholder, ...]
    span: Span
