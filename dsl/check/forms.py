"""Arguments of forms: `best_fit(length: 2048)` against the table of forms.

In: a call as written, and the table it must be of. Out: its name and the value of every argument,
defaults included, or None where something is wrong and was reported. One way to write an argument:
those that the table gives by position stand by position, all others by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from taskc.dsl.check.expressions.constants import NOT_CONSTANT, Constant, Outcome, evaluate
from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Fix, Reporter, deletion, insertion
from taskc.dsl.model.expressions import (
    Argument,
    Attribute,
    Call,
    DictDisplay,
    Expression,
    ListDisplay,
    Literal,
    Missing,
    Name,
    Reference,
    Unary,
)
from taskc.dsl.model.forms import REQUIRED, Form, FormArgument, Kind
from taskc.dsl.model.program import ParamValue
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import counted, listed, suggestion

__all__ = ["Bound", "FormReader", "Token"]


@dataclass(frozen=True, slots=True)
class Token:
    """A special token's name, or a text that is tokenized; both empty for `none`."""

    name: str = ""
    literal: str = ""
    is_none: bool = False


Value = str | int | float | bool | list[str] | dict[str, float] | Token | None


@dataclass(slots=True)
class Bound:
    """A form with its arguments.

    Attributes:
        values: Every argument's value but for expressions over rows.
        rows: Arguments that are expressions over rows.
        spans: Where each argument that was given stands.
        extra: Arguments beyond the table, of an open form.
        weights: Where the names of weights stand.
    """

    form: Form
    span: Span
    values: dict[str, Value] = field(default_factory=dict)
    rows: dict[str, Expression] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    extra: dict[str, Expression] = field(default_factory=dict)
    weights: dict[str, Span] = field(default_factory=dict)

    def count(self, name: str) -> int:
        """The value of an argument of kind COUNT."""
        value = self.values[name]
        assert isinstance(value, int)
        return value

    def count_or_none(self, name: str) -> int | None:
        """The value of a COUNT that may be left out."""
        return None if self.values[name] is None else self.count(name)

    def number(self, name: str) -> float:
        """The value of a number."""
        value = self.values[name]
        assert isinstance(value, int | float)
        return float(value)

    def word(self, name: str) -> str:
        """The value of a word or text."""
        value = self.values[name]
        assert isinstance(value, str)
        return value

    def token(self, name: str) -> Token:
        """The value of a token."""
        value = self.values[name]
        assert isinstance(value, Token)
        return value


class FormReader:
    """Reads the forms of one package."""

    __slots__ = ("report", "unit")

    def __init__(self, unit: Unit, report: Reporter) -> None:
        self.unit = unit
        self.report = report

    def constant(self, expression: Expression) -> Constant:
        """The value of a constant, parameters included."""
        unit = self.unit
        return evaluate(expression, unit.params, unit.imported_params, unit.used_params)

    def read(self, call: Call, table: Mapping[str, Form], noun: str, code: str) -> Bound | None:
        """A form's values, or None where a mistake was reported.

        Args:
            call: As written.
            table: The forms that may stand here.
            noun: What they are called: "rate".
            code: The code for a form that is not in the table.
        """
        form = table.get(call.function.text)
        if form is None:
            self._report_form(call.function, table, noun, code)
            return None
        arguments = self._assign(call, form)
        if arguments is None:
            return None
        bound = Bound(form, call.span)
        fine = True
        for parameter in form.arguments:
            argument = arguments.get(parameter.name)
            if argument is not None:
                bound.spans[parameter.name] = argument.value.span
                fine &= self._set(bound, parameter, argument.value)
            elif parameter.default is REQUIRED:
                self._report_missing(call, form, parameter)
                fine = False
            else:
                bound.values[parameter.name] = _default(parameter)
        known = {parameter.name for parameter in form.arguments}
        bound.extra = {n: a.value for n, a in arguments.items() if n not in known}
        bound.spans |= {n: value.span for n, value in bound.extra.items()}
        return bound if fine else None

    def _report_form(self, name: Name, table: Mapping[str, Form], noun: str, code: str) -> None:
        helps, fix = suggestion(name.text, table, name.span)
        self.report.report(
            code,
            name.span,
            f"unknown {noun} `{name.text}`",
            label=f"not a {noun}",
            notes=(f"known: {listed(table)}",),
            helps=helps,
            fix=fix,
        )

    # ---- which argument is which -----------------------------------------------------------------

    def _assign(self, call: Call, form: Form) -> dict[str, Argument] | None:
        by_position = [each for each in form.arguments if each.by_position]
        found: dict[str, Argument] = {}
        fine = True
        position = 0
        for argument in call.arguments:
            if argument.name is not None:
                fine &= self._assign_named(argument, form, found)
            elif position < len(by_position):
                found[by_position[position].name] = argument
                position += 1
            else:
                self._report_extra(argument, form, by_position)
                fine = False
        return found if fine else None

    def _assign_named(self, argument: Argument, form: Form, found: dict[str, Argument]) -> bool:
        assert argument.name is not None
        name = argument.name
        parameter = next((each for each in form.arguments if each.name == name.text), None)
        if parameter is None and not form.is_open:
            self._report_unknown(name, form)
            return False
        if parameter is not None and parameter.by_position:
            self.report.report(
                "T0115",
                name.span,
                f"`{name.text}` of `{form.name}` is given without its name",
                label="by position",
                helps=(f"write `{_usage(form)}`",),
                fix=_without_name(argument),
            )
            return False
        if name.text in found:
            self.report.report(
                "T0117",
                name.span,
                f"the argument `{name.text}` is given twice",
                label="again here",
                secondary=((found[name.text].span, "first here"),),
            )
            return False
        found[name.text] = argument
        return True

    def _report_unknown(self, name: Name, form: Form) -> None:
        names = [each.name for each in form.arguments if not each.by_position]
        helps, fix = suggestion(name.text, names, name.span)
        self.report.report(
            "T0115",
            name.span,
            f"`{form.name}` has no argument named `{name.text}`",
            label="not an argument's name",
            notes=(f"arguments: {_usage(form)}",),
            helps=helps,
            fix=fix,
        )

    def _report_extra(
        self, argument: Argument, form: Form, by_position: list[FormArgument]
    ) -> None:
        named = [each for each in form.arguments if not each.by_position]
        if named and not by_position:
            self._report_nameless(argument, form, named)
            return
        most = counted(len(by_position), "argument") if by_position else "no arguments"
        self.report.report(
            "T0118",
            argument.span,
            f"`{form.name}` takes {most}" + (" without a name" if named else ""),
            label="one too many",
            notes=(f"arguments: {_usage(form)}",),
        )

    def _report_nameless(self, argument: Argument, form: Form, named: list[FormArgument]) -> None:
        mandatory = [each.name for each in named if each.default is REQUIRED]
        only = mandatory[0] if len(mandatory) == 1 else ""
        self.report.report(
            "T0118",
            argument.span,
            f"`{form.name}` takes its arguments by name",
            label="which one is this?",
            notes=(f"arguments: {_usage(form)}",),
            helps=(f"give it by name: `{only or named[0].name}: ...`",),
            fix=insertion(argument.span, f"{only}: ") if only else None,
        )

    def _report_missing(self, call: Call, form: Form, parameter: FormArgument) -> None:
        shown = f"{parameter.name}: ..." if not parameter.by_position else parameter.name
        self.report.report(
            "T0116",
            call.function.span,
            f"`{form.name}` is missing `{parameter.name}`",
            label=f"lacks `{parameter.name}`",
            notes=(_sentence(parameter),),
            helps=(f"add `{shown}`{_choices(parameter)}",),
        )

    # ---- values ----------------------------------------------------------------------------------

    def _set(self, bound: Bound, parameter: FormArgument, value: Expression) -> bool:
        """Stores an argument's value; False where it is wrong or stems from something wrong."""
        if isinstance(value, Missing):
            return False
        if parameter.kind in (Kind.ROW, Kind.SETTING):
            bound.rows[parameter.name] = value
            return True
        found = self._value(bound.form, parameter, value)
        if isinstance(found, Outcome):
            return False
        bound.values[parameter.name] = found
        if isinstance(value, DictDisplay):
            bound.weights = {name.text: name.span for name, _ in value.entries}
        return True

    def _value(self, form: Form, parameter: FormArgument, value: Expression) -> Value | Outcome:
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


# ---- words of messages ---------------------------------------------------------------------------


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


def _default(parameter: FormArgument) -> Value:
    default = parameter.default
    assert default is not REQUIRED
    return default


def _is_kind(kind: Kind, value: ParamValue) -> bool:
    match kind:
        case Kind.COUNT | Kind.WHOLE:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.NUMBER | Kind.FRACTION:
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
        case Kind.WHOLE:
            return value >= 0
        case Kind.NUMBER:
            return value > 0
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


def _usage(form: Form) -> str:
    shown = [each.name if each.by_position else f"{each.name}:" for each in form.arguments]
    dots = ["..."] if form.is_open else []
    return f"{form.name}({', '.join(shown + dots)})"


def _sentence(parameter: FormArgument) -> str:
    doc = parameter.doc.rstrip(".")
    return f"`{parameter.name}`: {doc[0].lower()}{doc[1:]}"


def _choices(parameter: FormArgument) -> str:
    if parameter.kind is Kind.WORD:
        return f", one of {listed(parameter.words)}"
    if parameter.kind is Kind.TOKEN:
        return ', a special token such as `eos`, a text such as `"\\n"`, or `none`'
    return f", {parameter.kind.value}"


def _without_name(argument: Argument) -> Fix | None:
    span = argument.span
    return deletion(Span(span.path, span.start, argument.value.span.start))
