"""Parameters: their types, and the values that they have in this run.

In: `param` declarations and what came from outside as `NAME=VALUE`. Out: each parameter with its
value. A value from outside wins over the declared one; a path from outside starts at the working
directory, a declared one at the folder of its file.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from taskc.dsl.check.expressions.constants import Outcome, evaluate
from taskc.dsl.check.names import as_qualified, resolve
from taskc.dsl.check.types import type_of
from taskc.dsl.check.units import Unit, marking
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Expression, Literal, Reference
from taskc.dsl.model.types import (
    Bool,
    Choice,
    Cluster,
    Float,
    Int,
    List,
    NoneType,
    Optional,
    Path,
    Record,
    Text,
    Type,
    Unknown,
)
from taskc.dsl.spelling import did_you_mean
from taskc.dsl.words import a_type, listed, quoted

__all__ = ["check_given", "check_params"]

_INT = re.compile(r"-?[0-9][0-9_]*")
_FLOAT = re.compile(r"-?[0-9][0-9_]*(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool] = {"true": True, "false": False}


class _UnfitError(Exception):
    """A text from outside that is no value of the type; its words say what would be."""


def check_given(units: Sequence[Unit], given: Mapping[str, str], report: Reporter) -> None:
    """Reports values from outside for parameters that no package declares."""
    declared = {
        name: None for unit in units for name, each in unit.shared.items() if each.kind == "param"
    }
    for name in given:
        if name in declared:
            continue
        near = did_you_mean(name, declared)
        helps = tuple(f"did you mean `--set {other}={given[name]}`?" for other in near)
        notes = (
            (f"parameters: {listed(declared)}",) if declared else ("no parameters are declared",)
        )
        report.report(
            "T0111", None, f"there is no parameter `{name}` to set", notes=notes, helps=helps
        )


def check_params(
    unit: Unit, given: Mapping[str, str], report: Reporter, *, must_have_values: bool
) -> None:
    """Fills the unit's parameters.

    Args:
        unit: The package.
        given: Values from outside, by name.
        report: Takes what is wrong.
        must_have_values: The package is built from, so every parameter needs its value.
    """
    for declared in list(unit.shared.values()):
        node = declared.node
        if not isinstance(node, ast.Param):
            continue
        with marking(declared, report):
            param = _param(node, unit, given, report)
            is_unset = node.default is None and node.name.text not in given
            if is_unset and param is None and must_have_values and not declared.is_broken:
                _report_unset(node, report)
        unit.params[declared.name.text] = None if declared.is_broken else param


def _report_unset(node: ast.Param, report: Reporter) -> None:
    name = node.name.text
    report.report(
        "T0112",
        node.name.span,
        f"the parameter `{name}` has no value",
        label="neither declared nor set",
        helps=(f"set it: `--set {name}=...`", "or declare one after `=`"),
    )


def _param(
    node: ast.Param, unit: Unit, given: Mapping[str, str], report: Reporter
) -> program.Param | None:
    name = node.name.text
    type_ = type_of(node.type, report, for_param=True)
    if not isinstance(type_, Unknown) and not _can_be_param(type_):
        report.report(
            "T0227",
            node.type.span,
            f"a parameter cannot be {a_type(type_)}",
            label="not a parameter's type",
            helps=("parameters are `text int float bool choice(...) path cluster`",),
        )
        return None
    # A declared default is judged even where a value from outside takes its place.
    value = _default(node, type_, unit, report)
    base = unit.folder.path
    if name in given:
        value = _given(node, type_, given[name], unit, report)
        base = "."
    if isinstance(value, Outcome) or isinstance(type_, Unknown):
        return None
    return program.Param(name, type_, value, base, node.name.span)


def _can_be_param(type_: Type) -> bool:
    inner = type_.inner if isinstance(type_, Optional) else type_
    return not isinstance(inner, List | Record | NoneType)


# ---- declared values -----------------------------------------------------------------------------


def _default(
    node: ast.Param, type_: Type, unit: Unit, report: Reporter
) -> program.ParamValue | Outcome:
    if node.default is None:
        return None if isinstance(type_, Optional) else Outcome.POISON
    inner = type_.inner if isinstance(type_, Optional) else type_
    if isinstance(inner, Cluster):
        return _cluster_default(node.default, type_, unit, report)
    value = evaluate(node.default, {}, {}, set())
    if value is Outcome.POISON or isinstance(type_, Unknown):
        return Outcome.POISON
    if isinstance(value, Outcome) or not _is_value(value, type_):
        report.report(
            "T0228",
            node.default.span,
            f"the value of `{node.name.text}` must be {_asked(type_)}",
            label=_unfit_label(value, type_),
            helps=_default_helps(node.default, type_),
            secondary=((node.type.span, "the declared type"),),
        )
        return Outcome.NOT_CONSTANT
    return value


def _default_helps(default: Expression, type_: Type) -> tuple[str, ...]:
    inner = type_.inner if isinstance(type_, Optional) else type_
    match default, inner:
        case Reference(name=name), Text() | Path():
            return (f"a text stands in quotes: `{quoted(name)}`",)
        case Reference(name=name), Choice(values=values) if name in values:
            return (f"a value stands in quotes: `{quoted(name)}`",)
        case _:
            return ()


def _unfit_label(value: program.ParamValue | Outcome, type_: Type) -> str:
    if isinstance(value, Outcome):
        return "not a constant"
    return "not one of them" if isinstance(type_, Choice) else "of another type"


def _cluster_default(
    default: Expression, type_: Type, unit: Unit, report: Reporter
) -> program.ParamValue | Outcome:
    if evaluate(default, {}, {}, set()) is None:
        if isinstance(type_, Optional):
            return None
    else:
        name = as_qualified(default)
        if name is not None:
            # Clusters are checked later; here it is enough that the name is one's.
            return name.text if resolve(name, unit, ("cluster",), report) else Outcome.POISON
    report.report(
        "T0228",
        default.span,
        f"a parameter of type `{type_}` takes a cluster's name",
        label="not a cluster's name",
        helps=_cluster_helps(default, type_),
    )
    return Outcome.NOT_CONSTANT


def _cluster_helps(default: Expression, type_: Type) -> tuple[str, ...]:
    if isinstance(default, Literal) and isinstance(default.value, str):
        return (f"write it without quotes: `{default.value}`",)
    return () if isinstance(type_, Optional) else ("for none at all the type is `cluster?`",)


def _is_value(value: program.ParamValue, type_: Type) -> bool:
    match type_:
        case Optional(inner=inner):
            return value is None or _is_value(value, inner)
        case Text() | Path() | Cluster():
            return isinstance(value, str)
        case Choice(values=values):
            return value in values
        case Bool():
            return isinstance(value, bool)
        case Int():
            return isinstance(value, int) and not isinstance(value, bool)
        case Float():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case List() | Record() | NoneType() | Unknown():
            return False


def _asked(type_: Type) -> str:
    if isinstance(type_, Choice):
        return f"one of {listed(type_.values, most=8)}"
    return a_type(type_)


# ---- values from outside -------------------------------------------------------------------------


def _given(
    node: ast.Param, type_: Type, text: str, unit: Unit, report: Reporter
) -> program.ParamValue | Outcome:
    try:
        return _parse(text, type_, unit)
    except _UnfitError as unfit:
        words, *helps = unfit.args
        report.report(
            "T0113",
            node.name.span,
            f"`--set {node.name.text}={text}` is not {words}"
            if len(text) < 40  # noqa: PLR2004 # a first line stays below 100 characters
            else f"the value set for `{node.name.text}` is not {words}",
            label=f"declared as {type_}",
            notes=(f"the value is {quoted(text)}",),
            helps=tuple(helps),
        )
        return Outcome.NOT_CONSTANT


def _parse(text: str, type_: Type, unit: Unit) -> program.ParamValue:
    match type_:
        case Optional(inner=inner):
            return None if text in ("", "none") else _parse(text, inner, unit)
        case Text() | Path():
            return text
        case Int():
            if not _INT.fullmatch(text):
                raise _UnfitError("an int", "write a whole number such as `30_000`")
            return int(text)
        case Float():
            if text.endswith("%") and _FLOAT.fullmatch(text[:-1]):
                return float(text[:-1]) / 100
            if not _FLOAT.fullmatch(text):
                raise _UnfitError("a number", "write a number such as `0.5`")
            return float(text)
        case Bool():
            if text not in _WORDS:
                raise _UnfitError("true or false", "write `true` or `false`")
            return _WORDS[text]
        case Choice(values=values):
            if text not in values:
                near = did_you_mean(text, values)
                raise _UnfitError(
                    "one of its values",
                    *(f"did you mean `{other}`?" for other in near),
                    f"values: {listed(values)}",
                )
            return text
        case Cluster():
            return _parse_cluster(text, unit)
        case List() | Record() | NoneType() | Unknown():
            return None


def _parse_cluster(text: str, unit: Unit) -> str:
    known = list(_clusters(unit))
    if text in known:
        return text
    name = text.rpartition(".")[2]
    near = [each for each in known if each.rpartition(".")[2] == name] or did_you_mean(text, known)
    helps = [f"did you mean `{other}`?" for other in near]
    raise _UnfitError(
        "a cluster's name", *(helps or [f"clusters: {listed(known) if known else 'none'}"])
    )


def _clusters(unit: Unit) -> Iterator[str]:
    """Yields the names by which clusters may be given: the package's own, then `alias.name`."""
    homes = {"": unit} | {f"{alias}.": each for alias, each in unit.imports.items() if each}
    for prefix, home in homes.items():
        for name, declared in home.shared.items():
            if declared.kind == "cluster":
                yield f"{prefix}{name}"
