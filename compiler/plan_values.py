"""What a plan says of values: types, expressions and template texts, and where things stand.

In: nothing. Out: immutable pydantic models, which `plan.py` builds the rest of a plan from and
hands on under its own name. Parameters are already replaced by their values; names are fields of
the row or a comprehension's variable.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Binary",
    "Call",
    "ChoiceType",
    "Comprehension",
    "Conditional",
    "Const",
    "DictDisplay",
    "Expr",
    "GetField",
    "GetItem",
    "ListDisplay",
    "ListType",
    "Model",
    "Name",
    "OptionalType",
    "Place",
    "Range",
    "RecordType",
    "ScalarType",
    "TemplateText",
    "TextPart",
    "Unary",
    "ValueType",
]


class Model(BaseModel):
    """Closed and frozen: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Place(Model):
    """Where in the spec something stands.

    Attributes:
        path: The file as shown to the user.
        start, end: Offsets in code points, from 0.
        line, column: From 1.
    """

    path: str
    start: int
    end: int
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


# ---- types ---------------------------------------------------------------------------------------


class ScalarType(Model):
    """A text, int (64 bit), float (double), bool; or any: whatever the row holds."""

    type: Literal["text", "int", "float", "bool", "any"]


class ChoiceType(Model):
    """One of a closed list of texts."""

    type: Literal["choice"] = "choice"
    values: tuple[str, ...]


class ListType(Model):
    """A list of one type."""

    type: Literal["list"] = "list"
    item: "ValueType"


class RecordType(Model):
    """Named fields; others in the row are left out."""

    type: Literal["record"] = "record"
    fields: dict[str, "ValueType"]


class OptionalType(Model):
    """A value or null; a missing key is null."""

    type: Literal["optional"] = "optional"
    inner: "ValueType"


ValueType = Annotated[
    ScalarType | ChoiceType | ListType | RecordType | OptionalType, Field(discriminator="type")
]


# ---- expressions ---------------------------------------------------------------------------------
# Parameters are values by now; names are fields of the row or a comprehension's variable.


class Const(Model):
    """A literal value."""

    op: Literal["const"] = "const"
    value: str | int | float | bool | None


class Name(Model):
    """A field of the row, a template's `let` or a comprehension's variable.

    In a template also `options` and `answer`.
    """

    op: Literal["name"] = "name"
    name: str


class GetField(Model):
    """`base.name`; in a template with options `answer.text` is the answer's surface."""

    op: Literal["field"] = "field"
    base: "Expr"
    name: str


class GetItem(Model):
    """`base[index]`."""

    op: Literal["item"] = "item"
    base: "Expr"
    index: "Expr"


class Call(Model):
    """A library function; `draw` names the keyed choice of a `choose`."""

    op: Literal["call"] = "call"
    function: str
    args: tuple["Expr", ...]
    named: dict[str, "Expr"] = {}
    draw: str = ""


class Unary(Model):
    """`-x`, `not x`."""

    op: Literal["unary"] = "unary"
    operator: Literal["-", "not"]
    operand: "Expr"


class Binary(Model):
    """Arithmetic, comparison, membership and logic; `and` and `or` stop early."""

    op: Literal["binary"] = "binary"
    operator: Literal[
        "+", "-", "*", "/", "and", "or", "==", "!=", "<", "<=", ">", ">=", "in", "not in"
    ]
    left: "Expr"
    right: "Expr"


class Range(Model):
    """`low..high`, both included; only on the right of `in`."""

    op: Literal["range"] = "range"
    low: "Expr"
    high: "Expr"


class Conditional(Model):
    """`then if test else otherwise`."""

    op: Literal["if"] = "if"
    then: "Expr"
    test: "Expr"
    otherwise: "Expr"


class ListDisplay(Model):
    """`[a, b]`."""

    op: Literal["list"] = "list"
    items: tuple["Expr", ...]


class DictDisplay(Model):
    """`{a: x, b: y}`: keys in written order."""

    op: Literal["dict"] = "dict"
    entries: tuple[tuple[str, "Expr"], ...]


class Comprehension(Model):
    """`[item for variable in iterable if condition]`."""

    op: Literal["for"] = "for"
    item: "Expr"
    variable: str
    iterable: "Expr"
    condition: "Expr | None" = None


Expr = Annotated[
    Const | Name | GetField | GetItem | Call | Unary | Binary | Range | Conditional | ListDisplay |
    DictDisplay | Comprehension, Field(discriminator="op"),
]  # fmt: skip

# A template text: literal pieces and expressions in turn.
TextPart = str | Expr


class TemplateText(Model):
    """Literal characters and placeholders, in order."""

    parts: tuple[TextPart, ...]
