"""Tests: golden renderings that `taskc test` compares.

In: `test` blocks. Out: rows that their source could have, with the prompt that they are rendered
by. Nothing is rendered here.
"""

from taskc.dsl.check.expressions.constants import Outcome
from taskc.dsl.check.forms import FormReader
from taskc.dsl.check.names import resolve, resolve_own
from taskc.dsl.check.statements import Statements
from taskc.dsl.check.units import Declared, Unit, marking
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model import program
from taskc.dsl.model.expressions import (
    DictDisplay,
    Expression,
    ListDisplay,
    Name,
    QualifiedName,
)
from taskc.dsl.model.reads import prompt_reads
from taskc.dsl.model.types import (
    UNKNOWN,
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
from taskc.dsl.text.source_text import Span
from taskc.dsl.words import a_type, listed, suggestion

__all__ = ["check_tests"]

Value = object
_WRONG = Outcome.NOT_CONSTANT


def check_tests(unit: Unit, report: Reporter) -> None:
    """Fills the package's tests with those that hold."""
    for declared, block in unit.blocks("test"):
        with marking(declared, report):
            test = _test(block, declared, unit, report)
        if test is not None and not declared.is_broken:
            unit.package.tests[block.name.text] = test


def _test(
    block: ast.Block, declared: Declared, unit: Unit, report: Reporter
) -> program.Test | None:
    statements = Statements(block, report)
    declared.is_broken |= statements.has_broken
    source = _source(block, declared, unit, report)
    node = statements.one(ast.TestRow)
    before = len(report.diagnostics)
    row = {} if node is None else _row(node.row, source, unit, report)
    is_row_right = len(report.diagnostics) == before
    use = statements.one(ast.TestPrompt)
    found = None if use is None else _prompt(use.name, declared, unit, report)
    if source is None or found is None or node is None:
        declared.is_broken = True
        return None
    template, prompt = found
    assert use is not None
    if not any(served is source for served in template.serves) and not declared.is_broken:
        _report_not_served(use.name, template, source, report)
    elif not declared.is_broken and is_row_right:
        _check_complete(node, row, source, found, report)
    texts = {each.keyword: each.text for each in statements.many(ast.TestText)}
    return program.Test(
        name=block.name.text,
        source=source,
        row=row,
        template=".".join(part.text for part in use.name.parts[:-1]),
        label=prompt.label,
        input=texts.get("input"),
        target=texts.get("target"),
        node=block,
        span=block.name.span,
    )


def _source(
    block: ast.Block, declared: Declared, unit: Unit, report: Reporter
) -> program.Source | None:
    for name in block.serves[:1]:
        found = resolve(name, unit, ("source",), report)
        if found is not None:
            home, target = found
            declared.is_broken |= target.is_broken
            return home.sources[target.name.text]
    return None


# ---- the prompt ----------------------------------------------------------------------------------


def _prompt(
    name: QualifiedName, declared: Declared, unit: Unit, report: Reporter
) -> tuple[program.Template, program.Prompt] | None:
    *owner, label = name.parts
    if not owner:
        report.report(
            "T0331",
            name.span,
            "a test names template and prompt",
            label="one name",
            helps=(f"write `prompt {_example(label.text, unit)}`",),
        )
        return None
    template_name = QualifiedName(tuple(owner), owner[0].span.to(owner[-1].span))
    found = resolve_own(template_name, unit, "template", report)
    if found is None:
        return None
    home, target = found
    declared.is_broken |= target.is_broken
    template = home.templates[target.name.text]
    for prompt in template.prompts:
        if prompt.label == label.text:
            return template, prompt
    if not target.is_broken:
        _report_no_prompt(label, template, report)
    return None


def _example(name: str, unit: Unit) -> str:
    """What one name may mean: a template whose prompt is missing, or a prompt without its own."""
    template = unit.templates.get(name)
    if template is not None and template.prompts:
        return f"{name}.{template.prompts[0].label}"
    for each in unit.templates.values():
        if any(prompt.label == name for prompt in each.prompts):
            return f"{each.name}.{name}"
    return f"template.{name}"


def _report_no_prompt(label: Name, template: program.Template, report: Reporter) -> None:
    labels = [prompt.label for prompt in template.prompts]
    helps, fix = suggestion(label.text, labels, label.span)
    report.report(
        "T0331",
        label.span,
        f"template `{template.name}` has no prompt `{label.text}`",
        label="not a prompt",
        secondary=((template.span, "the template"),),
        notes=(f"prompts: {listed(labels)}",),
        helps=helps,
        fix=fix,
    )


def _report_not_served(
    name: QualifiedName, template: program.Template, source: program.Source, report: Reporter
) -> None:
    report.report(
        "T0332",
        name.span,
        f"template `{template.name}` does not serve `{source.name}`",
        label="serves others",
        secondary=((template.span, "the template"), (source.span, "the source")),
        notes=(f"it serves: {listed(each.name for each in template.serves)}",),
    )


# ---- the row -------------------------------------------------------------------------------------


def _row(
    node: DictDisplay, source: program.Source | None, unit: Unit, report: Reporter
) -> dict[str, object]:
    row: dict[str, object] = {}
    places: dict[str, Span] = {}
    for name, expression in node.entries:
        if name.text in places:
            report.report(
                "T0215",
                name.span,
                f"the field `{name.text}` stands twice",
                label="again here",
                secondary=((places[name.text], "first here"),),
            )
            continue
        places[name.text] = name.span
        wanted: Type = UNKNOWN
        if source is not None and not source.is_open:
            if name.text not in source.row:
                _report_stranger(name, source, report)
                continue
            wanted = source.row[name.text]
        value = _value(expression, wanted, name.text, FormReader(unit, report))
        if not isinstance(value, Outcome):
            row[name.text] = value
    return row


def _report_stranger(name: Name, source: program.Source, report: Reporter) -> None:
    helps, fix = suggestion(name.text, source.row, name.span)
    report.report(
        "T0333",
        name.span,
        f"source `{source.name}` has no field `{name.text}`",
        label="not a field of the shaped row",
        secondary=((source.span, "the source"),),
        notes=(f"fields: {listed(source.row)}",),
        helps=helps,
        fix=fix,
    )


def _value(expression: Expression, wanted: Type, what: str, reader: FormReader) -> Value:
    """A value of a row, or an outcome where it is wrong."""
    match expression:
        case ListDisplay(items=items) if isinstance(wanted, List | Optional | Unknown):
            inner = wanted.inner if isinstance(wanted, Optional) else wanted
            item = inner.item if isinstance(inner, List) else UNKNOWN
            values = [_value(each, item, what, reader) for each in items]
            return _WRONG if any(isinstance(each, Outcome) for each in values) else values
        case DictDisplay(entries=entries) if isinstance(wanted, Record | Optional | Unknown):
            return _record(entries, wanted, what, reader)
    found = reader.constant(expression)
    if found is Outcome.POISON:
        return found
    if isinstance(found, Outcome) or not _is_value(found, wanted):
        _report_value(expression, found, wanted, what, reader.report)
        return _WRONG
    return found


def _record(
    entries: tuple[tuple[Name, Expression], ...], wanted: Type, what: str, reader: FormReader
) -> Value:
    inner = wanted.inner if isinstance(wanted, Optional) else wanted
    types = dict(inner.fields) if isinstance(inner, Record) else {}
    values = {
        name.text: _value(each, types.get(name.text, UNKNOWN), f"{what}.{name.text}", reader)
        for name, each in entries
    }
    return _WRONG if any(isinstance(each, Outcome) for each in values.values()) else values


def _is_value(value: object, wanted: Type) -> bool:
    match wanted:
        case Unknown():
            return True
        case Optional(inner=inner):
            return value is None or _is_value(value, inner)
        case NoneType():
            return value is None
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
        case List() | Record():
            return False


def _report_value(
    expression: Expression, found: object, wanted: Type, what: str, report: Reporter
) -> None:
    shaped = "the row is the shaped one, after every `let`"
    if isinstance(wanted, Choice) and isinstance(found, str):
        helps, fix = suggestion(found, wanted.values, expression.span, as_literal=True)
        report.report(
            "T0334",
            expression.span,
            f"`{found}` is not a value of `{what}`",
            label="not one of its values",
            notes=(f"values: {listed(wanted.values)}", shaped),
            helps=helps,
            fix=fix,
        )
        return
    label = "not a constant" if isinstance(found, Outcome) else "of another type"
    message = f"`{what}` must be {a_type(wanted)}"
    report.report("T0334", expression.span, message, label=label, notes=(shaped,))


def _check_complete(
    node: ast.TestRow,
    row: dict[str, object],
    source: program.Source,
    found: tuple[program.Template, program.Prompt],
    report: Reporter,
) -> None:
    """The row has every field that the prompt reads."""
    if source.is_open:
        return
    template, prompt = found
    read = prompt_reads(template, prompt)
    missing = [
        name
        for name, type_ in source.row.items()
        if name in read and name not in row and not isinstance(type_, Optional)
    ]
    if missing:
        report.report(
            "T0335",
            node.row.span,
            f"the row lacks `{missing[0]}`, which the prompt reads",
            label=f"without {listed(missing)}",
            secondary=((prompt.span, "the prompt"),),
        )
