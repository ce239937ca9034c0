"""The other statements of a mixture: rate, total, templates, few-shot.

In: statements. Out: their values, defaults included. Each is judged by itself; what they mean
together is the mixture's.
"""

from taskc.dsl.check.expressions.constants import Outcome
from taskc.dsl.check.forms import FormReader
from taskc.dsl.check.mixtures.held_out import Selection
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Expression, Literal, Range, Reference
from taskc.dsl.model.forms import RATES, Kind
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import counted, either, listed, suggestion

__all__ = [
    "TEMPLATE_CHOICES",
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
