"""The other statements of a mixture: rate, total, templates, few-shot, decontamination.

In: statements. Out: their values, defaults included. Each is judged by itself; what they mean
together is the mixture's.
"""

from collections.abc import Sequence

from taskc.dsl.check.expressions.constants import Outcome
from taskc.dsl.check.forms import FormReader
from taskc.dsl.check.mixtures.held_out import Selection
from taskc.dsl.check.sources.splits import TRAIN
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Expression, ListDisplay, Literal, Range, Reference
from taskc.dsl.model.forms import DECONTAMINATIONS, RATES, Kind
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import counted, either, listed, suggestion

__all__ = [
    "TEMPLATE_CHOICES",
    "check_decontaminate",
    "check_fewshot",
    "check_rate",
    "check_templates_setting",
    "check_total",
]

TEMPLATE_CHOICES = ("one", "all", "none", "name")
_DEFAULT_RATE = program.Rate("proportional", None, None, None, {}, None)


def check_rate(node: ast.Rate | None, selection: Selection, reader: FormReader) -> program.Rate:
    """How sources of `from` are weighted; by their rows where nothing is said."""
    if node is None:
        return _DEFAULT_RATE
    bound = reader.read(node.call, RATES, "rate", "T0402")
    if bound is None:
        return _DEFAULT_RATE
    values = bound.values
    weights = values.get("weights")
    shares = weights if isinstance(weights, dict) else {}
    if not selection.members and selection.takes:
        reader.report.report(
            "T0422",
            node.span,
            "a rate weighs the sources of `from`, and there is none",
            label="weighs nothing",
            helps=("a `take` says itself how many",),
        )
    elif selection.members and bound.form.name == "shares":
        _check_shares(node, bound.weights, selection, reader)
    return program.Rate(
        kind=bound.form.name,
        cap=bound.count_or_none("cap") if "cap" in values else None,
        limit=bound.count_or_none("limit") if "limit" in values else None,
        temperature=bound.number("t") if "t" in values else None,
        shares=shares,
        span=node.span,
    )


def _check_shares(
    node: ast.Rate, shares: dict[str, Span], selection: Selection, reader: FormReader
) -> None:
    """Every name of `from` has its share, and no other has one."""
    names = [member.name for member in selection.members]
    strange = [name for name in shares if name not in names]
    missing = [name for name in names if name not in shares]
    for name in strange:
        helps, fix = suggestion(name, missing, shares[name])
        reader.report.report(
            "T0410",
            shares[name],
            f"`{name}` has a share and is not in `from`",
            label="not mixed here",
            notes=(f"in `from`: {listed(names)}",),
            helps=helps,
            fix=fix,
        )
    if len(missing) > len(strange):
        reader.report.report(
            "T0411",
            node.call.span,
            f"no share for {either(missing[:3])}",
            label=f"{counted(len(missing), 'name')} of `from` without a share",
            helps=(f"add {either(f'{name}: 1' for name in missing[:3])}",),
        )


def check_total(node: ast.Total | None, reader: FormReader) -> program.Total:
    """How much is delivered; every row once where nothing is said."""
    if node is None:
        return program.Total(1, "epochs", None)
    count = reader.scalar(Kind.COUNT, node.count, "a total", code="T0403")
    number = count if isinstance(count, int) and not isinstance(count, Outcome) else 1
    return program.Total(number, node.unit.text, node.span)


def check_templates_setting(node: ast.Templates | None, reader: FormReader) -> str:
    """`one`, `all`, `none`, `name` or a number as text."""
    if node is None:
        return "one"
    match node.value:
        case Reference(name=name) if name in TEMPLATE_CHOICES:
            return name
        case Literal(value=None):
            return "none"
        case Reference(name=name) if name not in reader.unit.params:
            helps, fix = suggestion(name, TEMPLATE_CHOICES, node.value.span)
            reader.report.report(
                "T0122",
                node.value.span,
                f"`templates` is a number or {either(TEMPLATE_CHOICES)}",
                label="not one of these words",
                helps=helps,
                fix=fix,
            )
            return "one"
    found = reader.scalar(Kind.COUNT, node.value, "`templates`")
    return str(found) if isinstance(found, int) and not isinstance(found, Outcome) else "one"


def check_fewshot(node: ast.Fewshot | None, reader: FormReader) -> tuple[int, int]:
    """The least and the greatest number of exemplars; (0, 0) for none."""
    if node is None:
        return 0, 0
    if not isinstance(node.value, Range):
        count = _whole(node.value, reader)
        return count, count
    low, high = _whole(node.value.low, reader), _whole(node.value.high, reader)
    if low > high:
        reader.report.report(
            "T0232",
            node.value.span,
            f"the range {low}..{high} holds nothing",
            label="from the greater to the smaller",
            helps=(f"write `{high}..{low}`",),
        )
    return low, high


def _whole(expression: Expression, reader: FormReader) -> int:
    found = reader.scalar(Kind.WHOLE, expression, "`fewshot`")
    return found if isinstance(found, int) and not isinstance(found, Outcome) else 0


# ---- decontamination -----------------------------------------------------------------------------


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
        fields = _fields(node.fields, trained, held_out, reader)
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
    expression: Expression,
    trained: list[program.Source],
    held_out: Sequence[program.Source],
    reader: FormReader,
) -> tuple[str, ...]:
    items = expression.items if isinstance(expression, ListDisplay) else (expression,)
    names = []
    for item in items:
        if not isinstance(item, Reference):
            reader.report.report(
                "T0229",
                item.span,
                "`decontaminate` takes names of fields",
                label="not a field's name",
                helps=("write them as a list: `[question, answer]`",),
            )
            continue
        _check_field(item, trained, held_out, reader)
        names.append(item.name)
    return tuple(names)


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
