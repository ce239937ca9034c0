"""Calls of library functions: arguments against signatures.

In: a call whose arguments have types, and the function's entry in the table. Out: the type of its
value, or a report and `Unknown`. A function has at most two signatures, told apart by number and
type of arguments; the report speaks of the one that fits best.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskc.dsl.check.expressions.regex import find_fault
from taskc.dsl.check.expressions.unknown_functions import report_unknown_function
from taskc.dsl.diagnostics import insertion
from taskc.dsl.model.expressions import Argument, Call, Expression, Literal, Unary
from taskc.dsl.model.functions import (
    FUNCTIONS,
    Function,
    Parameter,
    Pattern,
    Rule,
    Signature,
    Variable,
    VariableList,
)
from taskc.dsl.model.types import (
    UNKNOWN,
    Choice,
    List,
    NoneType,
    Optional,
    Type,
    Unknown,
    fits,
    is_number,
    is_text,
    join,
)
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import a_type, counted, listed, suggestion

if TYPE_CHECKING:
    from taskc.dsl.check.expressions.typer import Typer

__all__ = ["type_of_call"]

# Functions that are often meant for each text of a list.
_OF_ONE_TEXT = frozenset(
    {
        "lower",
        "upper",
        "capitalize",
        "strip",
        "words",
        "matches",
        "strip_html",
        "strip_markdown",
    }
)


@dataclass(slots=True)
class _Match:
    """How a call meets one signature.

    Attributes:
        bound: Parameter of each argument, in the order of arguments.
        types: What the type variables stand for.
        wrong: The first argument that does not fit, by index; None where all do.
    """

    signature: Signature
    bound: list[Parameter]
    types: dict[Variable, Type] = field(default_factory=dict)
    wrong: int | None = None


def type_of_call(call: Call, types: list[Type], typer: "Typer") -> Type:
    """The type of a call's value; its arguments have these types."""
    function = FUNCTIONS.get(call.function.text)
    if function is None:
        report_unknown_function(call, typer.scope, typer.report)
        return UNKNOWN
    if not _check_names(call, function, typer):
        return UNKNOWN
    num_positional = sum(argument.name is None for argument in call.arguments)
    taking = [signature for signature in function.signatures if _takes(signature, num_positional)]
    if not taking:
        _report_count(call, function, num_positional, typer)
        return UNKNOWN
    matches = [_match(signature, call.arguments, types) for signature in taking]
    fitting = next((match for match in matches if match.wrong is None), None)
    if fitting is None:
        _report_argument(call, function, matches, types, typer)
        return UNKNOWN
    if not _check_rules(call, fitting, typer):
        return UNKNOWN
    return _result(fitting)


# ---- names and number of arguments ---------------------------------------------------------------


def _check_names(call: Call, function: Function, typer: "Typer") -> bool:
    """Whether every named argument is one that the function has, once."""
    named = {
        parameter.name: parameter
        for signature in function.signatures
        for parameter in signature.parameters
    }
    seen: dict[str, Span] = {}
    for argument in call.arguments:
        if argument.name is None:
            continue
        name = argument.name.text
        if name not in named or not named[name].named:
            _report_name(argument, function, typer)
            return False
        if name in seen:
            typer.report.report(
                "T0117",
                argument.name.span,
                f"the argument `{name}` is given twice",
                label="again here",
                secondary=((seen[name], "first here"),),
            )
            return False
        seen[name] = argument.name.span
    return True


def _report_name(argument: Argument, function: Function, typer: "Typer") -> None:
    assert argument.name is not None
    parameters = [p for signature in function.signatures for p in signature.parameters]
    by_position = any(p.name == argument.name.text for p in parameters)
    names = [parameter.name for parameter in parameters if parameter.named]
    helps, fix = suggestion(argument.name.text, names, argument.name.span)
    if by_position:
        helps = (f"it is given by position: `{function.usages[0].partition(' ->')[0]}`",)
    typer.report.report(
        "T0115",
        argument.name.span,
        f"`{function.name}` has no argument named `{argument.name.text}`",
        label="not an argument's name",
        notes=tuple(f"`{usage}`" for usage in function.usages),
        helps=helps,
        fix=fix,
    )


def _takes(signature: Signature, num_positional: int) -> bool:
    by_position = _by_position(signature)
    return num_positional == len(by_position) or (
        signature.variadic and num_positional > len(by_position)
    )


def _by_position(signature: Signature) -> list[Parameter]:
    return [parameter for parameter in signature.parameters if not parameter.named]


def _report_count(call: Call, function: Function, num_positional: int, typer: "Typer") -> None:
    fewest = min(len(_by_position(signature)) for signature in function.signatures)
    notes = tuple(f"`{usage}`" for usage in function.usages)
    if num_positional < fewest:
        typer.report.report(
            "T0116",
            call.span,
            f"`{function.name}` is missing an argument",
            label=f"{num_positional or 'none'} of {fewest}",
            notes=notes,
        )
        return
    extra = [argument for argument in call.arguments if argument.name is None][-1]
    most = max(len(_by_position(signature)) for signature in function.signatures)
    typer.report.report(
        "T0118",
        extra.span,
        f"`{function.name}` takes {counted(most, 'argument')}, not {num_positional}",
        label="one too many",
        notes=notes,
    )


# ---- types of arguments --------------------------------------------------------------------------


def _match(signature: Signature, arguments: tuple[Argument, ...], types: list[Type]) -> _Match:
    """Binds arguments to parameters and type variables to types."""
    by_name = {parameter.name: parameter for parameter in signature.parameters}
    by_position = _by_position(signature)
    match = _Match(signature, [])
    position = 0
    for index, (argument, type_) in enumerate(zip(arguments, types, strict=True)):
        if argument.name is None:
            parameter = by_position[min(position, len(by_position) - 1)]
            position += 1
        else:
            parameter = by_name[argument.name.text]
        match.bound.append(parameter)
        if match.wrong is None and not _accepts(parameter.type, argument, type_, match.types):
            match.wrong = index
    return match


def _accepts(
    pattern: Pattern, argument: Argument, type_: Type, bound: dict[Variable, Type]
) -> bool:
    """Whether a parameter takes the argument; fills `bound`."""
    if isinstance(type_, Unknown):
        return True
    match pattern:
        case Variable():
            return _bind(pattern, type_, bound)
        case VariableList(item=variable):
            return isinstance(type_, List) and _bind(variable, type_.item, bound)
        case Choice():
            return isinstance(argument.value, Literal) and argument.value.value in pattern.values
        case _:
            return fits(type_, pattern)


def _bind(variable: Variable, type_: Type, bound: dict[Variable, Type]) -> bool:
    joined = join(bound[variable], type_) if variable in bound else type_
    if joined is None or not _within_bound(variable, joined):
        return False
    bound[variable] = joined
    return True


def _within_bound(variable: Variable, type_: Type) -> bool:
    match variable:
        case Variable.ANY:
            return True
        case Variable.NUMBER:
            return isinstance(type_, Unknown) or is_number(type_)
        case Variable.ORDERED:
            return isinstance(type_, Unknown) or is_number(type_) or is_text(type_)


def _result(match: _Match) -> Type:
    pattern = match.signature.result
    match pattern:
        case Variable():
            return match.types.get(pattern, UNKNOWN)
        case VariableList(item=variable):
            return List(match.types.get(variable, UNKNOWN))
        case _:
            return pattern


def _report_argument(
    call: Call, function: Function, matches: list[_Match], types: list[Type], typer: "Typer"
) -> None:
    best = max(matches, key=lambda match: match.wrong or 0)
    assert best.wrong is not None
    argument, type_ = call.arguments[best.wrong], types[best.wrong]
    parameter = best.bound[best.wrong]
    if isinstance(type_, Optional | NoneType) and not isinstance(parameter.type, Choice):
        typer.report_none(argument.value, type_)
        return
    wanted = dict.fromkeys(
        _wanted(match.bound[match.wrong], match.types)
        for match in matches
        if match.wrong == best.wrong
    )
    if isinstance(parameter.type, Choice):
        _report_word(argument, parameter.name, parameter.type, function, typer)
        return
    typer.report.report(
        "T0204",
        argument.value.span,
        f"`{function.name}` takes {' or '.join(wanted)} here, not {a_type(type_)}",
        label=f"this is {a_type(type_)}",
        notes=tuple(f"`{usage}`" for usage in function.usages),
        helps=_argument_helps(function.name, type_),
    )


def _report_word(
    argument: Argument, name: str, choice: Choice, function: Function, typer: "Typer"
) -> None:
    value = argument.value
    written = value.value if isinstance(value, Literal) else ""
    helps, fix = suggestion(str(written), choice.values, value.span, as_literal=True)
    typer.report.report(
        "T0122",
        value.span,
        f"`{name}` of `{function.name}` is one of {listed(choice.values)}",
        label="not one of these",
        helps=helps,
        fix=fix,
    )


def _wanted(parameter: Parameter, bound: dict[Variable, Type]) -> str:
    match parameter.type:
        case Variable.NUMBER:
            return "a number"
        case Variable.ORDERED:
            return "a text or a number"
        case Variable.ANY:
            return a_type(bound[Variable.ANY]) if Variable.ANY in bound else "a value"
        case VariableList(item=Variable.NUMBER):
            return "a list of numbers"
        case VariableList(item=Variable.ORDERED):
            return "a list of texts or numbers"
        case VariableList():
            return "a list"
        case other:
            return a_type(other)


def _argument_helps(name: str, type_: Type) -> tuple[str, ...]:
    if isinstance(type_, List) and is_text(type_.item):
        joined = 'join(..., " ")'
        if name in _OF_ONE_TEXT:
            return (
                f"make one text of it: `{joined}`",
                f"or of each item: `[{name}(x) for x in ...]`",
            )
    if is_number(type_) and name in ("len", "words"):
        return ("a number has no length; compare it directly",)
    return ()


# ---- literals ------------------------------------------------------------------------------------


def _check_rules(call: Call, match: _Match, typer: "Typer") -> bool:
    """What is checked with the spec where an argument is written out."""
    fine = True
    for argument, parameter in zip(call.arguments, match.bound, strict=True):
        match parameter.rule:
            case Rule.FREE:
                continue
            case Rule.REGEX:
                fine &= _check_pattern(argument, call, typer)
            case Rule.FILLED:
                fine &= _check_filled(argument, parameter, call, typer)
            case Rule.NATURAL:
                fine &= _check_natural(argument, parameter, call, typer)
    return fine


def _check_pattern(argument: Argument, call: Call, typer: "Typer") -> bool:
    value = argument.value
    if not isinstance(value, Literal) or not isinstance(value.value, str) or not value.raw:
        _report_not_raw(value, call, typer)
        return False
    fault = find_fault(value.value)
    if fault is None:
        return True
    # The pattern starts after `r"`, and a raw text has no escapes: offsets map one to one.
    start = value.span.start + 2
    typer.report.report(
        "T0217",
        Span(value.span.path, start + fault.start, start + max(fault.end, fault.start + 1)),
        fault.words,
        label=fault.label,
        notes=("patterns are matched in linear time, by RE2",) if fault.is_unsupported else (),
    )
    return False


def _report_not_raw(value: Expression, call: Call, typer: "Typer") -> None:
    text = value.value if isinstance(value, Literal) else None
    # Without backslashes and quotes, the raw text is the same text.
    is_plain = isinstance(text, str) and not set(text) & set('\\"')
    typer.report.report(
        "T0216",
        value.span,
        f"the pattern of `{call.function.text}` must be a raw text",
        label="not a raw text",
        notes=("patterns are checked with the spec, so they cannot come from a row",),
        helps=('write it as `r"..."`, where a backslash stands for itself',),
        fix=insertion(value.span, "r") if is_plain else None,
    )


def _check_filled(argument: Argument, parameter: Parameter, call: Call, typer: "Typer") -> bool:
    if not (isinstance(argument.value, Literal) and argument.value.value == ""):
        return True
    helps = ("the words of a text: `words(...)`",) if call.function.text == "split" else ()
    typer.report.report(
        "T0225",
        argument.value.span,
        f"`{parameter.name}` of `{call.function.text}` may not be empty",
        label="an empty text is found everywhere",
        helps=helps,
    )
    return False


def _check_natural(argument: Argument, parameter: Parameter, call: Call, typer: "Typer") -> bool:
    match argument.value:
        case Unary(operator="-", operand=Literal(value=int())):
            typer.report.report(
                "T0225",
                argument.value.span,
                f"`{parameter.name}` of `{call.function.text}` may not be negative",
                label="negative",
            )
            return False
        case _:
            return True
