"""Values to their declared types: strict, with the place inside the value where one does not fit.

In: a value from a file, or a cell of text, and its type in the plan. Out: the value as the language
holds it, or a `MismatchError` with the path to the part that is wrong. An int where a float is
declared becomes a float; nothing else is converted, except that a cell of a text format is read as
its type.
"""

import re
from collections.abc import Callable
from itertools import chain
from math import isfinite
from types import NoneType
from typing import assert_never

from taskc.compiler import plan
from taskc.compiler.rows.values.operators import Value, kind_of

__all__ = [
    "ColumnConverter",
    "Converter",
    "MismatchError",
    "cell_converter",
    "column_converter",
    "converter",
    "is_optional",
    "stays_as_it_is",
    "type_name",
]

Converter = Callable[[Value], Value]
ColumnConverter = Callable[[list[Value]], list[Value]]

_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1


class MismatchError(Exception):
    """A value does not fit its type; caught by `shape`, which knows the row.

    Attributes:
        path: From the field to the part that is wrong, such as "[2].text"; "" for the value itself.
        expected: The type that stands there, as users write it.
        value: What stands there instead.
        missing: Whether a record lacks the part.
    """

    def __init__(self, path: str, expected: str, value: Value, *, missing: bool = False) -> None:
        super().__init__(path, expected, value)
        self.path = path
        self.expected = expected
        self.value = value
        self.missing = missing

    def message(self, field: str) -> str:
        """The finding in one line, `field` being the column's or field's name."""
        where = f"`{field}{self.path}`"
        if self.missing:
            return f"{where} is missing, {self.expected} is declared"
        if self.expected.startswith("choice(") and isinstance(self.value, str):
            return f"{where} is not among the values of its choice"
        return f"{where} is {kind_of(self.value)}, {self.expected} is declared"

    def within(self, path: str) -> "MismatchError":
        """The same mismatch seen from one level further out."""
        return MismatchError(path + self.path, self.expected, self.value, missing=self.missing)


def type_name(value_type: plan.ValueType) -> str:
    """Returns a type as users write it."""
    match value_type:
        case plan.ScalarType(type=name):
            return name
        case plan.ChoiceType(values=values):
            return f"choice({', '.join(values)})"
        case plan.ListType(item=item):
            return f"list[{type_name(item)}]"
        case plan.RecordType(fields=fields):
            inside = "  ".join(f"{name}: {type_name(inner)}" for name, inner in fields.items())
            return f"{{ {inside} }}"
        case plan.OptionalType(inner=inner):
            return f"{type_name(inner)}?"
        case _ as never:
            assert_never(never)


def is_optional(value_type: plan.ValueType) -> bool:
    """Whether a missing key stands for none."""
    return isinstance(value_type, plan.OptionalType)


# ---- values --------------------------------------------------------------------------------------


def converter(value_type: plan.ValueType) -> Converter:
    """Returns the function from a value to the value as its type holds it."""
    match value_type:
        case plan.ScalarType():
            return _scalar(value_type)
        case plan.ChoiceType(values=values):
            return _choice(frozenset(values), type_name(value_type))
        case plan.ListType(item=item):
            return _list(converter(item), type_name(value_type))
        case plan.RecordType():
            return _record(value_type)
        case plan.OptionalType(inner=inner):
            convert = converter(inner)
            return lambda value: None if value is None else convert(value)
        case _ as never:
            assert_never(never)


def _scalar(scalar: plan.ScalarType) -> Converter:
    match scalar.type:
        case "any":
            return lambda value: value
        case "text":
            return lambda value: value if isinstance(value, str) else _wrong("text", value)
        case "bool":
            return lambda value: value if isinstance(value, bool) else _wrong("bool", value)
        case "int":
            return lambda value: (
                value
                if isinstance(value, int) and not isinstance(value, bool)
                else _wrong("int", value)
            )
        case "float":
            return _float
        case _ as never:
            assert_never(never)


def _wrong(expected: str, value: Value) -> Value:
    raise MismatchError("", expected, value)


def _float(value: Value) -> Value:
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    raise MismatchError("", "float", value)


def _choice(values: frozenset[str], name: str) -> Converter:
    return lambda value: (
        value if isinstance(value, str) and value in values else _wrong(name, value)
    )


def _list(convert: Converter, name: str) -> Converter:
    def items(value: Value) -> Value:
        if not isinstance(value, list):
            raise MismatchError("", name, value)
        converted = []
        for position, item in enumerate(value):
            try:
                converted.append(convert(item))
            except MismatchError as error:
                raise error.within(f"[{position}]") from None
        return converted

    return items


def _record(record: plan.RecordType) -> Converter:
    name = type_name(record)
    fields = [
        (field, converter(inner), is_optional(inner), type_name(inner))
        for field, inner in record.fields.items()
    ]

    def convert_fields(value: Value) -> Value:
        if not isinstance(value, dict):
            raise MismatchError("", name, value)
        converted = {}
        for field, convert, optional, inner_name in fields:
            if field not in value and not optional:
                raise MismatchError(f".{field}", inner_name, None, missing=True)
            try:
                converted[field] = convert(value.get(field))
            except MismatchError as error:
                raise error.within(f".{field}") from None
        return converted

    return convert_fields


# ---- cells ---------------------------------------------------------------------------------------


def cell_converter(value_type: plan.ValueType) -> Converter:
    """Returns the function from a cell of a text format to the value of its type.

    An int is written in decimal, a float as a decimal fraction with or without exponent, a bool as
    `true` or `false` in any case; an empty cell of an optional type is none. Nothing is stripped. A
    list or a record has no cell.
    """
    match value_type:
        case plan.ScalarType(type="int"):
            return _cell_int
        case plan.ScalarType(type="float"):
            return _cell_float
        case plan.ScalarType(type="bool"):
            return _cell_bool
        case plan.OptionalType(inner=inner):
            convert = cell_converter(inner)
            return lambda cell: None if cell in ("", None) else convert(cell)
        case _:
            return converter(value_type)


def _cell_int(cell: Value) -> Value:
    if isinstance(cell, str) and _INTEGER.fullmatch(cell):
        number = int(cell)
        if _MIN_INT <= number <= _MAX_INT:
            return number
    raise MismatchError("", "int", cell)


def _cell_float(cell: Value) -> Value:
    if isinstance(cell, str) and _DECIMAL.fullmatch(cell):
        number = float(cell)
        if isfinite(number):
            return number
    raise MismatchError("", "float", cell)


def _cell_bool(cell: Value) -> Value:
    match cell.lower() if isinstance(cell, str) else "":
        case "true":
            return True
        case "false":
            return False
        case _:
            raise MismatchError("", "bool", cell)


# ---- columns -------------------------------------------------------------------------------------


def column_converter(value_type: plan.ValueType, *, is_text: bool) -> ColumnConverter:
    """Returns the function from a column of values to the values as their type holds them.

    It gives what `converter` or, for text formats, `cell_converter` gives for each value, and the
    list itself where every value is as its type holds it already: then a column costs one look at
    the kinds of its values. It raises `MismatchError` where one of them does.
    """
    convert = (cell_converter if is_text else converter)(value_type)
    conforms = _conformance(value_type, is_text=is_text)
    return lambda values: values if conforms(values) else list(map(convert, values))


def stays_as_it_is(value_type: plan.ValueType) -> bool:
    """Whether every value that fits the type is held as it is, and none stands for a missing one.

    Of values that are known to fit, the columns of other types alone need a conversion.
    """
    match value_type:
        case plan.ScalarType(type=name):
            return name != "float"
        case plan.ChoiceType():
            return True
        case plan.ListType(item=item):
            return stays_as_it_is(item)
        case plan.RecordType() | plan.OptionalType():
            return False
        case _ as never:
            assert_never(never)


def _conformance(value_type: plan.ValueType, *, is_text: bool) -> Callable[[list[Value]], bool]:
    """Whether no value of a column needs a conversion; "no" where that is long to find out."""
    if is_text and not _is_text_cell(value_type):
        return lambda _values: False
    match value_type:
        case plan.ScalarType(type="any"):
            return lambda _values: True
        case plan.ScalarType() | plan.ChoiceType():
            return _among(value_type, frozenset())
        case plan.OptionalType(inner=plan.ScalarType() | plan.ChoiceType() as inner):
            return _among(inner, frozenset([NoneType]))
        case plan.ListType(item=item):
            items_conform = _conformance(item, is_text=False)
            return lambda values: (
                {list}.issuperset(map(type, values))
                and items_conform(list(chain.from_iterable(values)))  # type: ignore[arg-type]  # lists
            )
        case _:
            return lambda _values: False


def _is_text_cell(value_type: plan.ValueType) -> bool:
    """Whether a cell of this type is the text that stands there."""
    return isinstance(value_type, plan.ChoiceType) or (
        isinstance(value_type, plan.ScalarType) and value_type.type in {"text", "any"}
    )


_KINDS: dict[str, frozenset[type]] = {
    "text": frozenset([str]),
    "int": frozenset([int]),
    "float": frozenset([float]),
    "bool": frozenset([bool]),
}


def _among(
    value_type: plan.ScalarType | plan.ChoiceType, besides: frozenset[type]
) -> Callable[[list[Value]], bool]:
    """Whether a column holds values of exactly the kinds of its type."""
    if isinstance(value_type, plan.ChoiceType):
        allowed = frozenset([*value_type.values, *([None] if besides else [])])
        kinds = _KINDS["text"] | besides
        return lambda values: kinds.issuperset(map(type, values)) and allowed.issuperset(values)
    if value_type.type == "any":
        return lambda _values: True
    kinds = _KINDS[value_type.type] | besides
    return lambda values: kinds.issuperset(map(type, values))
