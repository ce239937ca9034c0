"""`take N from S`: quotas of single sources.

In: `take` statements. Out: typed quotas: how many, spread over what, best by what. How many rows
there are is known when they are read; a shortage is an error then.
"""

from taskc.dsl.check.expressions.constants import Outcome
from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.check.expressions.settle import settle
from taskc.dsl.check.expressions.typer import Typer
from taskc.dsl.check.forms import FormReader
from taskc.dsl.check.names import resolve
from taskc.dsl.check.sources.locked import fields_beside
from taskc.dsl.check.sources.splits import TRAIN
from taskc.dsl.check.units import Declared, Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Call, Expression, ListDisplay
from taskc.dsl.model.forms import STRATA, Kind
from taskc.dsl.model.types import Bool, List, Record, Type, Unknown, is_number, is_text
from taskc.dsl.words import a_type, listed

__all__ = ["check_take"]


def check_take(
    node: ast.Take, declared: Declared, unit: Unit, report: Reporter
) -> program.Take | None:
    """A quota; None where it is wrong."""
    reader = FormReader(unit, report)
    count = reader.scalar(Kind.COUNT, node.count, "a quota", code="T0403")
    found = resolve(node.source, unit, ("source",), report)
    if found is None:
        return None
    home, target = found
    declared.is_broken |= target.is_broken
    source = home.sources[target.name.text]
    if not any(split.name == TRAIN for split in source.splits) and not target.is_broken:
        _report_no_training_split(node, source, report)
    scope = Scope(
        subject=f"source `{source.name}`",
        fields=fields_beside(source, unit.params),
        is_open=source.is_open,
        inferred=source.inferred or frozenset(),
        params=unit.params,
        imported=unit.imported_params,
        origin=(source.span, "its fields are declared here"),
    )
    strata = None if node.by is None else _strata(node.by, scope, reader)
    if node.best is not None:
        _check_best(node.best, Typer(scope, report).value(node.best), report)
    unit.used_params |= scope.used_params
    if not isinstance(count, int) or isinstance(count, Outcome):
        return None
    by, keys, tau = strata or ("", (), None)
    return program.Take(
        count=count,
        at_most=node.at_most,
        source=source,
        source_span=node.source.span,
        by=by,
        by_keys=keys,
        by_tau=tau,
        best=None if node.best is None else settle(node.best, scope),
        span=node.span,
    )


def _report_no_training_split(node: ast.Take, source: program.Source, report: Reporter) -> None:
    names = [split.name for split in source.splits]
    report.report(
        "T0412",
        node.source.span,
        f"source `{source.name}` has no split `{TRAIN}` to take from",
        label="nothing to train on",
        secondary=((source.splits[0].span, "its splits"),) if source.splits else (),
        notes=(f"splits: {listed(names)}",),
    )


def _strata(
    call: Call, scope: Scope, reader: FormReader
) -> tuple[str, tuple[Expression, ...], float | None] | None:
    """The way, the groups from the outer ones inwards, and the temperature where it has one."""
    bound = reader.read(call, STRATA, "way to spread a quota", "T0402")
    if bound is None:
        return None
    written = bound.rows["group"]
    keys = written.items if isinstance(written, ListDisplay) else (written,)
    if not keys:
        reader.report.report(
            "T0204",
            written.span,
            "rows are grouped by a value, and none is listed",
            label="an empty list",
            helps=("name one, or one in another: `[category, task]`",),
        )
        return None
    for key in keys:
        _check_group(key, Typer(scope, reader.report).infer(key), reader.report)
    tau = bound.number("tau") if "tau" in bound.values else None
    return bound.form.name, tuple(settle(key, scope) for key in keys), tau


def _check_group(key: Expression, type_: Type, report: Reporter) -> None:
    if not isinstance(type_, List | Record):
        return
    report.report(
        "T0204",
        key.span,
        f"rows are grouped by one value, not by {a_type(type_)}",
        label=f"this is {a_type(type_)}",
        helps=("groups in groups are written out: `[category, task]`",)
        if isinstance(type_, List)
        else (),
    )


def _check_best(best: Expression, type_: Type, report: Reporter) -> None:
    if is_number(type_) or isinstance(type_, Bool | Unknown):
        return
    report.report(
        "T0204",
        best.span,
        f"`best` ranks by a number, not by {a_type(type_)}",
        label=f"this is {a_type(type_)}",
        helps=("rank by its length: `len(...)`",) if is_text(type_) else (),
    )
