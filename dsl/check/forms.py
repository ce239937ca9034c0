"""Arguments of forms: `best_fit(length: 2048)` against the table of forms.

In: a call as written, and the table it must be of. Out: its name and the value of every argument,
defaults included, or None where something is wrong and was reported. One way to write an argument:
those that the table gives by position stand by position, all others by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from taskc.dsl.check.expressions.constants import Outcome
from taskc.dsl.check.settings import Token, Value, ValueReader
from taskc.dsl.diagnostics import Fix, deletion, insertion
from taskc.dsl.model.expressions import (
    Argument,
    Call,
    DictDisplay,
    Expression,
    Missing,
    Name,
)
from taskc.dsl.model.forms import REQUIRED, Form, FormArgument, Kind
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import counted, listed, suggestion

__all__ = ["Bound", "FormReader", "usage"]


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


class FormReader(ValueReader):
    """Reads the forms of one package."""

    __slots__ = ()

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
                helps=(f"write `{usage(form)}`",),
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
            notes=(f"arguments: {usage(form)}",),
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
            notes=(f"arguments: {usage(form)}",),
        )

    def _report_nameless(self, argument: Argument, form: Form, named: list[FormArgument]) -> None:
        mandatory = [each.name for each in named if each.default is REQUIRED]
        only = mandatory[0] if len(mandatory) == 1 else ""
        self.report.report(
            "T0118",
            argument.span,
            f"`{form.name}` takes its arguments by name",
            label="which one is this?",
            notes=(f"arguments: {usage(form)}",),
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

    def _set(self, bound: Bound, parameter: FormArgument, value: Expression) -> bool:
        """Stores an argument's value; False where it is wrong or stems from something wrong."""
        if isinstance(value, Missing):
            return False
        if parameter.kind in (Kind.ROW, Kind.FORM, Kind.SETTING):
            bound.rows[parameter.name] = value
            return True
        found = self.read_value(bound.form, parameter, value)
        if isinstance(found, Outcome):
            return False
        bound.values[parameter.name] = found
        if isinstance(value, DictDisplay):
            bound.weights = {name.text: name.span for name, _ in value.entries}
        return True


# ---- words of messages ---------------------------------------------------------------------------


def _default(parameter: FormArgument) -> Value:
    default = parameter.default
    assert default is not REQUIRED
    return default


def usage(form: Form) -> str:
    """How a form is written, without values: "best_fit(length:, window:)"."""
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
