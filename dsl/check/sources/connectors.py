"""Where rows are read from, and the names in a path.

In: the `from` of a source or tokenizer. Out: a connector whose texts are still to be filled in.
Whether a file exists is not asked here.
"""

from taskc.dsl.check.expressions.constants import Outcome
from taskc.dsl.check.forms import Bound, FormReader
from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import (
    Attribute,
    Expression,
    ListDisplay,
    Piece,
    Placeholder,
    Reference,
    Text,
)
from taskc.dsl.model.forms import CONNECTORS, TOKENIZERS, FormArgument, Kind
from taskc.dsl.model.types import Bool, Cluster, Optional, Path, Type
from taskc.dsl.words import a_type, listed, suggestion

__all__ = [
    "FOLDER_STARTS",
    "SPLIT",
    "Arguments",
    "check_connector",
    "check_path_text",
    "check_tokenizer_path",
    "has_split",
    "names_folder",
    "pin",
]

SPLIT = "split"  # the name that stands for the split in a path
_MAIN = {"path", "id"}  # the argument that says what is read
FOLDER_STARTS = ("./", "../", "/")  # how the path of `hf` or `plugin` begins where it is on a disk

Arguments = dict[str, program.ParamValue | list[str]]


def check_connector(node: ast.From, unit: Unit, report: Reporter) -> program.Connector | None:
    """A source's connector; None where it is wrong."""
    reader = FormReader(unit, report)
    bound = reader.read(node.call, CONNECTORS, "connector", "T0501")
    if bound is None:
        return None
    path = _main_text(node, bound, unit, report, with_split=True)
    further = _further(bound, reader)
    if path is None or further is None:
        return None
    return program.Connector(bound.form.name, path, _arguments(bound) | further, node.span)


def check_tokenizer_path(
    node: ast.From, unit: Unit, report: Reporter
) -> tuple[str, Text, Arguments] | None:
    """A tokenizer's kind, path and arguments; None where they are wrong."""
    bound = FormReader(unit, report).read(node.call, TOKENIZERS, "origin of a tokenizer", "T0501")
    if bound is None:
        return None
    path = _main_text(node, bound, unit, report, with_split=False)
    return None if path is None else (bound.form.name, path, _arguments(bound))


def pin(
    node: ast.From, kind: str, arguments: Arguments, locked_revision: str, report: Reporter
) -> None:
    """Remote data is read at the commit that was locked; where nothing says which: a warning.

    Args:
        node: The `from`.
        kind: Of the connector.
        arguments: Its arguments; the commit of the lock takes the place of a branch or of nothing.
        locked_revision: What the lock says; "" = nothing.
        report: Takes the warning.
    """
    if kind != "hf":
        return
    if locked_revision:
        arguments["revision"] = locked_revision
    elif arguments.get("revision") is None:
        _report_unpinned(node, report)


def _arguments(bound: Bound) -> Arguments:
    """The arguments after the path, those that were left out with their defaults."""
    found: Arguments = {}
    for argument in bound.form.arguments:
        if argument.name in _MAIN:
            continue
        value = bound.values[argument.name]
        assert value is None or isinstance(value, str | int | float | bool | list)
        found[argument.name] = value
    return found


def _further(bound: Bound, reader: FormReader) -> Arguments | None:
    """Arguments that only the connector of another package knows; None where one is no constant."""
    found: Arguments = {}
    for name, expression in bound.extra.items():
        if isinstance(expression, ListDisplay):
            argument = FormArgument(name, Kind.TEXTS, "")
            value = reader.read_value(bound.form, argument, expression)
        else:
            value = reader.constant(expression)
            if isinstance(value, Outcome):
                what = f"`{name}` of `{bound.form.name}`"
                value = reader.scalar(Kind.SETTING, expression, what)  # says what is wrong
        if isinstance(value, Outcome):
            return None
        assert value is None or isinstance(value, str | int | float | bool | list)
        found[name] = value
    return found


def _main_text(
    node: ast.From, bound: Bound, unit: Unit, report: Reporter, *, with_split: bool
) -> Text | None:
    """The path or id, which may hold names."""
    names = [argument.name for argument in bound.form.arguments]
    place = next(at for at, name in enumerate(names) if name in _MAIN)
    name = names[place]
    text = node.texts.get(str(place))
    if text is None:  # a parameter, or a text without names
        value = bound.word(name)
        text = Text((Piece(value, bound.spans[name]),) if value else (), bound.spans[name])
    if not text.parts:
        report.report(
            "T0502",
            text.span,
            f"`{bound.form.name}` needs a path",
            label="empty",
        )
        return None
    return text if check_path_text(text, unit, report, with_split=with_split) else None


def _report_unpinned(node: ast.From, report: Reporter) -> None:
    report.report(
        "T0505",
        node.call.span,
        "remote data without a revision may change between two builds",
        label="no revision",
        helps=('pin it: `revision: "..."` with the commit\'s hash',),
    )


def names_folder(text: Text, unit: Unit) -> bool:
    """Whether the path of `hf` is a folder: the text says it, and not what lies on a disk."""
    match text.parts[0]:
        case Piece(text=written):
            return written.startswith(FOLDER_STARTS)
        case Placeholder(expression=Reference(name=name)):
            param = unit.params.get(name)
        case Placeholder(expression=Attribute(base=Reference(name=alias), name=name)):
            param = unit.imported_params.get(alias, {}).get(name.text)
        case _:
            return False
    return param is not None and isinstance(param.type, Path)


# ---- names in a path -----------------------------------------------------------------------------


def has_split(text: Text) -> bool:
    """Whether `{split}` stands in a path."""
    return any(_is_split(part.expression) for part in text.parts if isinstance(part, Placeholder))


def _is_split(expression: Expression) -> bool:
    return isinstance(expression, Reference) and expression.name == SPLIT


def check_path_text(text: Text, unit: Unit, report: Reporter, *, with_split: bool) -> bool:
    """Checks the names in a path: parameters, and `{split}` for a source."""
    fine = True
    for part in text.parts:
        if isinstance(part, Placeholder):
            fine &= _check_name(part, unit, report, with_split=with_split)
    return fine


def _check_name(part: Placeholder, unit: Unit, report: Reporter, *, with_split: bool) -> bool:
    expression = part.expression
    match expression:
        case Reference(name=name) if name in unit.params:
            unit.used_params.add(name)
            param = unit.params[name]
            return param is not None and _check_type(expression, param.type, report)
        case Reference(name="split") if with_split:
            return True
        case Attribute(base=Reference(name=alias), name=name) if alias in unit.imported_params:
            unit.used_imports.add(alias)
            param = unit.imported_params[alias].get(name.text)
            if name.text in unit.imported_params[alias]:
                return param is not None and _check_type(expression, param.type, report)
        case Reference(name=name) if unit.is_lossy:
            return False
    known = [*unit.params, *((SPLIT,) if with_split else ())]
    _report_unknown(expression, known, report)
    return False


def _report_unknown(expression: Expression, known: list[str], report: Reporter) -> None:
    if not isinstance(expression, Reference):
        report.report(
            "T0503",
            expression.span,
            "only a parameter or `{split}` stands in a path",
            label="not a name",
            notes=("rows are not known where a path is read",),
        )
        return
    helps, fix = suggestion(expression.name, known, expression.span)
    report.report(
        "T0503",
        expression.span,
        f"unknown name `{expression.name}` in a path",
        label="neither a parameter nor `split`",
        notes=(f"names: {listed(known)}",) if known else (),
        helps=helps or (f'declare it: `param {expression.name}: path = "..."`',),
        fix=fix,
    )


def _check_type(expression: Expression, type_: Type, report: Reporter) -> bool:
    if not isinstance(type_, Bool | Cluster | Optional):
        return True
    report.report(
        "T0503",
        expression.span,
        f"{a_type(type_)} cannot be written into a path",
        label=f"its type is {type_}",
    )
    return False
