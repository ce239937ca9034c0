"""What a mixture compares rows by: `dedup` and `decontaminate`.

In: statements, and the sources whose rows are trained on or held out. Out: fields, splits and how
alike is too alike. Rows without a field that is named are left alone, so one source that has it is
enough; what no source has is a mistake.
"""

from collections.abc import Sequence

from taskc.dsl.check.expressions.constants import Outcome
from taskc.dsl.check.forms import FormReader
from taskc.dsl.check.sources.splits import TRAIN
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Expression, ListDisplay, Reference
from taskc.dsl.model.forms import DECONTAMINATIONS, Kind
from taskc.dsl.model.types import TEXT, List, Optional, Type, fits
from taskc.dsl.words import a_type, listed, suggestion

__all__ = ["check_decontaminate", "check_dedup"]


def check_dedup(
    nodes: list[ast.MixtureDedup],
    trained: list[program.Source],
    held_out: Sequence[program.Source],
    reader: FormReader,
) -> tuple[program.MixtureDedup, ...]:
    """What is compared, and how alike is too alike.

    Args:
        nodes: The statements.
        trained: The mixture's sources, whose rows are compared.
        held_out: Sources of held-out clusters, which have no part in it.
        reader: Reads their arguments.
    """
    found = []
    for node in nodes:
        fields = _fields("dedup", node.fields, trained, held_out, reader)
        for item in _items(node.fields):
            if isinstance(item, Reference):
                _check_texts(item, trained, reader)
        near = None
        if node.near is not None:
            value = reader.scalar(Kind.FRACTION, node.near, "`near`")
            if isinstance(value, Outcome) or not isinstance(value, int | float):
                continue
            near = float(value)
        if fields:
            found.append(program.MixtureDedup(fields, near, node.span))
    return tuple(found)


def _check_texts(item: Reference, trained: list[program.Source], reader: FormReader) -> None:
    """Rows are compared by their texts: what holds none of them would never be alike."""
    for source in _owners(item.name, trained):
        type_ = source.row.get(item.name)
        if type_ is None or _is_texts(type_):
            continue
        reader.report.report(
            "T0204",
            item.span,
            f"`dedup` compares texts, and `{item.name}` of `{source.name}` is {a_type(type_)}",
            label=f"this is {a_type(type_)}",
            secondary=((source.span, "in this source"),),
            helps=("name fields that hold a text or a list of texts",),
        )


def _is_texts(type_: Type) -> bool:
    inner = type_.inner if isinstance(type_, Optional) else type_
    return fits(inner, TEXT) or fits(inner, List(TEXT))


def check_decontaminate(
    nodes: list[ast.Decontaminate],
    trained: list[program.Source],
    held_out: Sequence[program.Source],
    reader: FormReader,
) -> tuple[program.Decontaminate, ...]:
    """What is compared, with which splits, and how.

    Args:
        nodes: The statements.
        trained: The mixture's sources, whose rows may be dropped.
        held_out: Sources of held-out clusters, which are evaluated too.
        reader: Reads their arguments.
    """
    found = []
    for node in nodes:
        fields = _fields("decontaminate", node.fields, trained, held_out, reader)
        splits = _against(node, [*trained, *held_out], reader)
        bound = reader.read(node.by, DECONTAMINATIONS, "way to compare rows", "T0402")
        if bound is not None and fields and splits:
            name = bound.form.arguments[0].name
            value = bound.number(name)
            max_rows = bound.count("max_rows") if "max_rows" in bound.values else 0
            found.append(
                program.Decontaminate(fields, splits, bound.form.name, value, max_rows, node.span)
            )
    return tuple(found)


def _fields(
    statement: str,
    expression: Expression,
    trained: list[program.Source],
    held_out: Sequence[program.Source],
    reader: FormReader,
) -> tuple[str, ...]:
    names = []
    items = _items(expression)
    for item in items or [expression]:
        if not isinstance(item, Reference):
            reader.report.report(
                "T0229",
                item.span,
                f"`{statement}` takes names of fields",
                label="not a field's name" if items else "names none",
                helps=("write them as a list: `[question, answer]`",),
            )
            continue
        _check_field(item, trained, held_out, reader)
        names.append(item.name)
    return tuple(names)


def _items(expression: Expression) -> tuple[Expression, ...]:
    return tuple(expression.items) if isinstance(expression, ListDisplay) else (expression,)


def _check_field(
    item: Reference,
    trained: list[program.Source],
    held_out: Sequence[program.Source],
    reader: FormReader,
) -> None:
    if _owners(item.name, trained):
        return
    owners = _owners(item.name, held_out)
    if owners:
        # Whichever cluster is held out, the spec stays as it is.
        reader.report.report(
            "T0423",
            item.span,
            f"only held-out sources have a field `{item.name}`",
            label="no training row has it",
            notes=(f"held out: {listed(source.name for source in owners)}",),
            helps=("leave it out, or leave it for the builds that hold out another cluster",),
        )
        return
    known = sorted({name for source in [*trained, *held_out] for name in source.row})
    helps, fix = suggestion(item.name, known, item.span)
    reader.report.report(
        "T0416",
        item.span,
        f"no source of this mixture has a field `{item.name}`",
        label="not a field",
        notes=(f"fields: {listed(known)}",),
        helps=helps,
        fix=fix,
    )


def _owners(field: str, sources: Sequence[program.Source]) -> list[program.Source]:
    """The sources whose rows have a field, or may have it."""
    return [source for source in sources if source.is_open or field in source.row]


def _against(
    node: ast.Decontaminate, sources: list[program.Source], reader: FormReader
) -> tuple[str, ...]:
    known = list(dict.fromkeys(split.name for source in sources for split in source.splits))
    found = []
    for name in node.splits:
        if name.text == TRAIN:
            reader.report.report(
                "T0417",
                name.span,
                f"`{TRAIN}` would be compared with itself",
                label="what is trained on",
                helps=("name the splits that are evaluated: `against dev, test`",),
            )
            continue
        if name.text not in known and sources:
            others = [other for other in known if other != TRAIN]
            helps, fix = suggestion(name.text, others, name.span)
            reader.report.report(
                "T0417",
                name.span,
                f"no source of this mixture has a split `{name.text}`",
                label="not a split",
                notes=(f"splits: {listed(others)}",) if others else (),
                helps=helps,
                fix=fix,
            )
            continue
        found.append(name.text)
    return tuple(found)
