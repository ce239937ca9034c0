"""Words for two values that are swapped between two templates.

In: templates with options over one choice. Out: lints where one template calls a value what another
calls its opposite: `yes: "Yes"  no: "No"` here, `yes: "No"  no: "Yes"` there. A question may be
asked the other way round, so it is a lint; a copied block with two lines exchanged looks the same.
"""

from taskc.dsl.check.units import Unit
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import program
from taskc.dsl.model.expressions import Piece, Text

__all__ = ["check_polarity"]

Words = dict[str, str]


def check_polarity(unit: Unit, report: Reporter) -> None:
    """Compares the options of templates that serve the same sources."""
    groups: dict[tuple[object, ...], list[tuple[program.Template, Words]]] = {}
    for home in unit.reachable():
        for template in home.templates.values():
            options = template.options
            if not isinstance(options, program.ChoiceOptions):
                continue
            words = _words(options)
            values = tuple(sorted(words))
            for served in _types(template):
                groups.setdefault((options.field, values, served), []).append((template, words))
    seen: set[tuple[str, str]] = set()
    for group in groups.values():
        _compare(group, seen, report)


def _types(template: program.Template) -> set[str]:
    """What tells one choice from another: the schema, or the source that declares it."""
    return {
        source.name if source.schema is None else source.schema.name for source in template.serves
    }


def _words(options: program.ChoiceOptions) -> Words:
    """Value -> its words, for surfaces that are written out."""
    found = {}
    for value, text in options.surfaces:
        plain = _plain(text)
        if plain is not None:
            found[value] = plain
    return found


def _plain(text: Text) -> str | None:
    if any(not isinstance(part, Piece) for part in text.parts):
        return None
    written = "".join(part.text for part in text.parts if isinstance(part, Piece))
    return written.strip().rstrip(".!").casefold()


def _compare(
    group: list[tuple[program.Template, Words]], seen: set[tuple[str, str]], report: Reporter
) -> None:
    """Reports each template that swaps what an earlier one says; O(templates x values)."""
    first: dict[tuple[str, str, str], program.Template] = {}
    for template, words in group:
        for value, said in words.items():
            for other, other_said in words.items():
                if value >= other:
                    continue
                before = first.get((value, other_said, said))
                if before is not None and before is not template:
                    _report(template, before, (value, other), seen, report)
                first.setdefault((value, said, other_said), template)


def _report(
    template: program.Template,
    before: program.Template,
    values: tuple[str, str],
    seen: set[tuple[str, str]],
    report: Reporter,
) -> None:
    if (before.name, template.name) in seen:
        return
    seen.add((before.name, template.name))
    options, other = template.options, before.options
    assert options is not None
    assert other is not None
    report.report(
        "T0706",
        options.span,
        f"`{values[0]}` and `{values[1]}` have their words swapped",
        label=f"the other way round than in `{before.name}`",
        secondary=((other.span, "here they are"),),
        helps=("if the question is asked the other way round, allow it: `# allow T0706: reason`",),
    )
