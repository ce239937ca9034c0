"""Options: the answers that a template offers.

In: the `options` of a template and the rows that it meets. Out: options over a choice field, or
options that come from the row. Every value of the choice has its surface, no two are alike, and the
answer is one of them, as far as the text decides it.
"""

from taskc.dsl.check.expressions.settle import settle, settle_text
from taskc.dsl.check.expressions.texts import check_text
from taskc.dsl.check.expressions.typer import Typer
from taskc.dsl.diagnostics import Edit, Fix, Reporter, Safety
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Expression, ListDisplay, Literal, Piece, Reference, Text
from taskc.dsl.model.types import (
    TEXT,
    Choice,
    Int,
    List,
    Type,
    Unknown,
    fits,
    is_text,
    may_be_choice,
)
from taskc.dsl.model.walk import Fingerprint, fingerprint, text_fingerprint
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import a_type, either, key_text, listed, quoted, suggestion

__all__ = ["check_options"]

_MAX_LETTERS = 26

Options = program.ChoiceOptions | program.RowOptions


def check_options(node: ast.Options, typer: Typer) -> Options | None:
    """A template's options; None where they are wrong."""
    style = node.style.text if node.style else "dashes"
    if node.answer is not None:
        return _row_options(node, node.answer, style, typer)
    if not node.surfaces:
        _report_no_words(node, typer)
        return None
    return _choice_options(node, style, typer)


def _report_no_words(node: ast.Options, typer: Typer) -> None:
    type_ = typer.infer(node.subject)
    helps = ('give each value its words: `options label { yes: "Yes"  no: "No" }`',)
    if isinstance(type_, Choice):
        helps = (_words_help(node.subject, type_),)
    typer.report.report(
        "T0304", node.span, "options without a single value", label="empty", helps=helps
    )


def _words_help(subject: Expression, choice: Choice) -> str:
    """How options over a choice are written."""
    values = "  ".join(f'{key_text(value)}: "..."' for value in choice.values[:4])
    name = subject.name if isinstance(subject, Reference) else "label"
    return f"give each value its words: `options {name} {{ {values} }}`"


# ---- options over a choice -----------------------------------------------------------------------


def _choice_options(node: ast.Options, style: str, typer: Typer) -> program.ChoiceOptions | None:
    report = typer.report
    if not isinstance(node.subject, Reference):
        report.report(
            "T0303",
            node.subject.span,
            "options with words stand over a field",
            label="not a field's name",
            helps=("give it a name: `let label = ...`, in the source or here",),
        )
        return None
    given = [option.value.text for option in node.surfaces]
    values = _values(node.subject, given, typer)
    _check_surfaces(node, report)
    if values is not None:
        _check_coverage(node, values, typer)
    for option in node.surfaces:
        check_text(option.surface, typer)
    scope = typer.scope
    surfaces = {each.value.text: settle_text(each.surface, scope) for each in node.surfaces}
    _check_letters(style, len(node.surfaces), node, report)
    return program.ChoiceOptions(
        node.subject.name,
        tuple(surfaces.items()),  # shown as written here, whatever order the schema declares
        style,
        node.shuffled,
        node.span,
    )


def _values(subject: Reference, given: list[str], typer: Typer) -> tuple[str, ...] | None:
    """The values of the choice; None where they are not known or something was reported."""
    type_ = typer.value(subject)
    if may_be_choice(type_):
        return None
    if isinstance(type_, Choice):
        return type_.values
    typer.report.report(
        "T0303",
        subject.span,
        f"options stand over a choice, and `{subject.name}` is {a_type(type_)}",
        label=f"this is {a_type(type_)}",
        secondary=(typer.scope.origin,) if typer.scope.origin else (),
        helps=_choice_helps(subject.name, type_, given),
    )
    return None


def _choice_helps(name: str, type_: Type, given: list[str]) -> tuple[str, ...]:
    if is_text(type_):
        values = ", ".join(key_text(value) for value in given)
        return (f"declare its values: `{name}: choice({values})`",)
    if isinstance(type_, Int):
        values = ", ".join(quoted(value) for value in given)
        return (f"map its numbers in the source: `let {name} = [{values}][{name}]`",)
    if isinstance(type_, List):
        return ("options that come from the row: `options LIST answer E`",)
    return ()


def _check_surfaces(node: ast.Options, report: Reporter) -> None:
    """No value twice, no words twice, no words missing."""
    values: dict[str, Span] = {}
    surfaces: dict[Fingerprint, Span] = {}
    for option in node.surfaces:
        name, text = option.value, option.surface
        if name.text in values:
            report.report(
                "T0306",
                name.span,
                f"the value `{name.text}` has words twice",
                label="again here",
                secondary=((values[name.text], "first here"),),
            )
            continue
        values[name.text] = name.span
        if _is_empty(text):
            report.report(
                "T0311", text.span, f"the option `{name.text}` has no words", label="empty"
            )
            continue
        key = text_fingerprint(text)
        if key in surfaces:
            report.report(
                "T0307",
                text.span,
                "two options have the same words",
                label="the same again",
                secondary=((surfaces[key], "first here"),),
                notes=("an answer could not be told from the other",),
            )
        surfaces.setdefault(key, text.span)


def _is_empty(text: Text) -> bool:
    return all(isinstance(part, Piece) and not part.text.strip() for part in text.parts)


def _check_coverage(node: ast.Options, values: tuple[str, ...], typer: Typer) -> None:
    report = typer.report
    origin = (typer.scope.origin,) if typer.scope.origin else ()
    given = [option.value.text for option in node.surfaces]
    missing = [value for value in values if value not in given]
    misspelled = 0
    for option in node.surfaces:
        name = option.value
        if name.text in values:
            continue
        helps, fix = suggestion(name.text, missing, name.span)
        misspelled += bool(helps)
        report.report(
            "T0305",
            name.span,
            f"`{name.text}` is not a value of `{_subject(node)}`",
            label="not one of its values",
            secondary=origin,
            notes=(f"values: {listed(values)}",),
            helps=helps,
            fix=fix,
        )
    # A misspelled value is what is missing: saying both would be saying it twice.
    if len(missing) <= misspelled:
        return
    lines = [f"{key_text(value)}: {quoted(value)}" for value in missing]
    report.report(
        "T0304",
        node.subject.span,
        f"no words for {either(missing[:3])} of `{_subject(node)}`",
        label=f"{len(missing)} of {len(values)} values are not covered",
        secondary=origin,
        notes=(f"values: {listed(values)}",),
        helps=(f"add {either(lines[:3])}",),
        fix=_added(node, lines),
    )


def _subject(node: ast.Options) -> str:
    return node.subject.name if isinstance(node.subject, Reference) else "the choice"


def _added(node: ast.Options, lines: list[str]) -> Fix | None:
    """The lines that cover the rest: words are the user's to choose, so this is only shown."""
    if not node.surfaces:
        return None
    last = node.surfaces[-1].span
    after = Span(last.path, last.end, last.end)
    text = "".join(f"\n    {line}" for line in lines)
    return Fix((Edit(after, text),), Safety.DISPLAY)


def _check_letters(style: str, count: int, node: ast.Options, report: Reporter) -> None:
    if style == "letters" and count > _MAX_LETTERS:
        report.report(
            "T0310",
            node.span if node.style is None else node.style.span,
            f"{count} options are more than there are letters",
            label=f"{_MAX_LETTERS} letters",
            helps=("number them: `as numbers`",),
        )


# ---- options of the row --------------------------------------------------------------------------


def _row_options(
    node: ast.Options, answer: Expression, style: str, typer: Typer
) -> program.RowOptions | None:
    report = typer.report
    subject, scope = node.subject, typer.scope
    items, type_ = typer.value(subject), typer.value(answer)
    if not _check_list(subject, items, report):
        return None
    if not _check_answer(answer, type_, subject, report):
        return None
    if isinstance(subject, ListDisplay):
        _check_letters(style, len(subject.items), node, report)
        _check_equal(subject, report)
    return program.RowOptions(
        settle(subject, scope),
        settle(answer, scope),
        isinstance(type_, Int),
        style,
        node.shuffled,
        node.span,
    )


def _check_list(subject: Expression, items: Type, report: Reporter) -> bool:
    if fits(items, List(TEXT)):
        return True
    report.report(
        "T0303",
        subject.span,
        f"options of the row are a list of texts, not {a_type(items)}",
        label=f"this is {a_type(items)}",
        helps=_list_helps(subject, items),
    )
    return False


def _list_helps(subject: Expression, items: Type) -> tuple[str, ...]:
    if isinstance(items, Choice):
        return (_words_help(subject, items),)
    if is_text(items):
        return ("name them: `options [answer0, answer1] answer label`",)
    return ()


def _check_answer(answer: Expression, type_: Type, subject: Expression, report: Reporter) -> bool:
    if not isinstance(type_, Int | Unknown) and not is_text(type_):
        report.report(
            "T0308",
            answer.span,
            f"the answer is a position or one of the texts, not {a_type(type_)}",
            label=f"this is {a_type(type_)}",
        )
        return False
    if not isinstance(subject, ListDisplay):
        return True
    return _is_among(answer, type_, subject, report)


def _is_among(answer: Expression, type_: Type, options: ListDisplay, report: Reporter) -> bool:
    """Whether an answer that is written out, or of a choice, is among options that are."""
    match answer:
        case Literal(value=int() as position) if not isinstance(position, bool):
            if 0 <= position < len(options.items):
                return True
            _report_not_among(answer, f"the options are 0 to {len(options.items) - 1}", report)
            return False
    texts = [item.value for item in options.items if isinstance(item, Literal)]
    if len(texts) != len(options.items):
        return True
    known = [str(text) for text in texts]
    possible = type_.values if isinstance(type_, Choice) else ()
    if isinstance(answer, Literal):
        possible = (str(answer.value),)
    strange = [value for value in possible if value not in known]
    if strange:
        words = f"may be {either(strange[:3])}"
        _report_not_among(answer, words, report, notes=(f"options: {listed(known)}",))
    return not strange


def _report_not_among(
    answer: Expression, words: str, report: Reporter, notes: tuple[str, ...] = ()
) -> None:
    report.report(
        "T0308", answer.span, "the answer is not among the options", label=words, notes=notes
    )


def _check_equal(options: ListDisplay, report: Reporter) -> None:
    seen: dict[Fingerprint, Span] = {}
    for item in options.items:
        key = fingerprint(item)
        if key in seen:
            report.report(
                "T0307",
                item.span,
                "two options are the same",
                label="the same again",
                secondary=((seen[key], "first here"),),
            )
        seen.setdefault(key, item.span)
