"""Values of settings: numbers, texts, words, special tokens, weights.

In: an expression where a setting is asked for, and what kind it must be. Out: its value, or a
report. Settings are known with the spec: literals and parameters, no fields of a row.
"""

from dataclasses import dataclass

from taskc.dsl.check.expressions.constants import NOT_CONSTANT, Constant, Outcome, evaluate
from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model.expressions import (
    Attribute,
    DictDisplay,
    Expression,
    ListDisplay,
    Literal,
    Name,
    Reference,
    Unary,
)
from taskc.dsl.model.forms import Form, FormArgument, Kind
from taskc.dsl.model.program import ParamValue
from taskc.dsl.words import listed, suggestion

__all__ = ["Token", "Value", "ValueReader"]

# Below it a count to the power of one over it is no number any more; near it one source has all.
_LEAST_TEMPERATURE = 0.1


@dataclass(frozen=True, slots=True)
class Token:
    """A special token's name, or a text that is tokenized; both empty for `none`."""

    name: str = ""
    literal: str = ""
    is_none: bool = False


Value = str | int | float | bool | list[str] | dict[str, float] | Token | None


class ValueReader:
    """Reads the settings of one package."""

    __slots__ = ("report", "unit")

    def __init__(self, unit: Unit, report: Reporter) -> None:
        self.unit = unit
        self.report = report

    def constant(self, expression: Expression) -> Constant:
        """The value of a constant, parameters included."""
        unit = self.unit
        return evaluate(expression, unit.params, unit.imported_params, unit.used_params)

    def read_value(self, form: Form, parameter: FormArgument, value: Expression) -> Value | Outcome:
        """The value of an argument of any kind but rows and settings; reports a wrong one."""
        match parameter.kind:
            case Kind.WORD:
                return self._word(form, parameter, value)
            case Kind.NAME:
                return self._name(form, parameter, value)
            case Kind.TOKEN:
                return self._token(form, parameter, value)
            case Kind.WEIGHTS:
                return self._weights(form, parameter, value)
            case Kind.TEXTS:
                return self._texts(form, parameter, value)
            case _:
                return self.scalar(parameter.kind, value, f"`{parameter.name}` of `{form.name}`")

    def scalar(
        self, kind: Kind, value: Expression, what: str, *, code: str = "T0230"
    ) -> Value | Outcome:
        """The value of a constant; reports one of another kind, or out of range (`code`)."""
        found = self.constant(value)
        if found is NOT_CONSTANT:
            self._report_value(value, what, kind.value, "not a constant")
            return NOT_CONSTANT
        if isinstance(found, Outcome):
            return found
        percent = isinstance(value, Literal) and value.percent
        if not _is_kind(kind, found) or (percent and kind in (Kind.COUNT, Kind.WHOLE)):
            self._report_value(value, what, kind.value, f"this is {_said(found, percent=percent)}")
            return NOT_CONSTANT
        if not _is_in_range(kind, found):
            self.report.report(
                code,
                value.span,
                f"{what} must be {kind.value}",
                label=f"this is {_said(found)}",
                helps=_percent_help(kind, found),
            )
            return NOT_CONSTANT
        return found

    def _report_value(
        self,
        value: Expression,
        what: str,
        wanted: str,
        label: str,
        helps: tuple[str, ...] = (),
    ) -> None:
        if isinstance(value, Reference) and value.name not in self.unit.params:
            near, _ = suggestion(value.name, self.unit.params, None)
            helps = near or (f"declare it: `param {value.name}: int = ...`",)
        self.report.report(
            "T0229", value.span, f"{what} must be {wanted}", label=label, helps=helps
        )

    def _word(self, form: Form, parameter: FormArgument, value: Expression) -> Value | Outcome:
        word = _bare(value)
        if word in parameter.words:
            return word
        found = self.constant(value)
        if isinstance(found, str) and found in parameter.words and not isinstance(value, Literal):
            return found  # a parameter's value
        quoted_word = isinstance(value, Literal) and value.value in parameter.words
        helps, fix = suggestion(str(word or found), parameter.words, value.span)
        if quoted_word:
            assert isinstance(value, Literal)
            helps = (f"write it without quotes: `{value.value}`",)
        self.report.report(
            "T0122",
            value.span,
            f"`{parameter.name}` of `{form.name}` is one of {listed(parameter.words)}",
            label="not one of these words",
            helps=helps,
            fix=fix,
        )
        return NOT_CONSTANT

    def _name(self, form: Form, parameter: FormArgument, value: Expression) -> Value | Outcome:
        if isinstance(value, Reference):
            return value.name
        self._report_value(value, f"`{parameter.name}` of `{form.name}`", "a name", "not a name")
        return NOT_CONSTANT

    def _token(self, form: Form, parameter: FormArgument, value: Expression) -> Value | Outcome:
        match value:
            case Literal(value=None):
                return Token(is_none=True)
            case Literal(value=str() as text):
                return Token(literal=text)
            case Reference(name=name):
                return Token(name=name)
            case _:
                pass
        what = f"`{parameter.name}` of `{form.name}`"
        helps = ("a special token enters by the name that the tokenizer gives it",)
        self._report_value(value, what, parameter.kind.value, "none of these", helps)
        return NOT_CONSTANT

    def _texts(self, form: Form, parameter: FormArgument, value: Expression) -> Value | Outcome:
        what = f"`{parameter.name}` of `{form.name}`"
        if not isinstance(value, ListDisplay):
            helps = ('write a list: `["a", "b"]`',)
            self._report_value(value, what, parameter.kind.value, "not a list", helps)
            return NOT_CONSTANT
        texts: list[str] = []
        for item in value.items:
            found = self.scalar(Kind.TEXT, item, f"an item of {what}")
            if not isinstance(found, str):
                return NOT_CONSTANT
            texts.append(found)
        return texts

    def _weights(self, form: Form, parameter: FormArgument, value: Expression) -> Value | Outcome:
        what = f"`{parameter.name}` of `{form.name}`"
        if not isinstance(value, DictDisplay):
            self._report_value(value, what, parameter.kind.value, "no table of weights")
            return NOT_CONSTANT
        weights: dict[str, float] = {}
        fine = True
        for name, weight in value.entries:
            found = self._weight(name, weight)
            fine &= found is not None
            weights[name.text] = found or 0.0
        return weights if fine else NOT_CONSTANT

    def _weight(self, name: Name, weight: Expression) -> float | None:
        found = self.constant(weight)
        if isinstance(found, Outcome) or not _is_kind(Kind.NUMBER, found):
            if found is not Outcome.POISON:
                label = (
                    "not a constant" if isinstance(found, Outcome) else f"this is {_said(found)}"
                )
                what = f"the weight of `{name.text}`"
                self._report_value(weight, what, "a number above 0", label)
            return None
        assert isinstance(found, int | float)
        if found <= 0:
            self.report.report(
                "T0403",
                weight.span,
                f"the weight of `{name.text}` must be above 0",
                label=f"this is {found}",
                helps=(f"leave `{name.text}` out of the mixture",),
            )
            return None
        return float(found)


# ---- kinds ---------------------------------------------------------------------------------------


def _bare(value: Expression) -> str | None:
    match value:
        case Reference(name=name):
            return name
        case Literal(value=None):
            return "none"
        case Attribute() | Unary():
            return None
        case _:
            return None


def _is_kind(kind: Kind, value: ParamValue) -> bool:
    match kind:
        case Kind.COUNT | Kind.WHOLE:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.NUMBER | Kind.AMOUNT | Kind.TEMPERATURE | Kind.FRACTION:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.FLAG:
            return isinstance(value, bool)
        case _:
            return False


def _is_in_range(kind: Kind, value: ParamValue) -> bool:
    if not isinstance(value, int | float) or kind is Kind.FLAG:
        return True
    match kind:
        case Kind.COUNT:
            return value >= 1
        case Kind.WHOLE | Kind.AMOUNT:
            return value >= 0
        case Kind.NUMBER:
            return value > 0
        case Kind.TEMPERATURE:
            return value >= _LEAST_TEMPERATURE
        case Kind.FRACTION:
            return 0 <= value <= 1
        case _:
            return True


def _percent_help(kind: Kind, value: ParamValue) -> tuple[str, ...]:
    """`near 80` was meant as a percentage."""
    if kind is Kind.FRACTION and isinstance(value, int) and 1 < value <= 100:  # noqa: PLR2004
        return (f"did you mean `{value}%`?",)
    return ()


def _said(value: ParamValue, *, percent: bool = False) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case str():
            return "a text"
        case float() if percent:
            return f"a share: {value * 100:g}%"
        case _:
            return f"{value}"
