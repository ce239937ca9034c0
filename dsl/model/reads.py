"""Which names a checked thing reads: fields of the row, whoever declared them.

In: sources, templates, prompts, mixtures. Out: sets of names. Names that a `let` or a comprehension
binds are among them where they are read.
"""

from collections.abc import Iterable, Iterator

from taskc.dsl.model import program
from taskc.dsl.model.expressions import Expression, Placeholder, Text
from taskc.dsl.model.walk import names_read

__all__ = ["prompt_reads", "source_reads", "take_reads", "template_reads", "text_reads"]


def _all(expressions: Iterable[Expression | None]) -> set[str]:
    found: set[str] = set()
    for expression in expressions:
        if expression is not None:
            found |= names_read(expression)
    return found


def text_reads(text: Text) -> set[str]:
    """Names in the placeholders of a text."""
    return _all(part.expression for part in text.parts if isinstance(part, Placeholder))


def source_reads(source: program.Source) -> set[str]:
    """Names that a source's own statements read."""
    found = _all(let.value for let in source.lets)
    found |= _all(where.condition for where in source.wheres)
    return found | _all([source.dedup.key if source.dedup else None, source.references])


def _options(template: program.Template) -> set[str]:
    match template.options:
        case program.ChoiceOptions(field=field, surfaces=surfaces):
            return {field}.union(*(text_reads(text) for _, text in surfaces))
        case program.RowOptions(surfaces=subject, answer=answer):
            return _all([subject, answer])
        case None:
            return set()


def _shared(template: program.Template) -> set[str]:
    """Names that every prompt of a template depends on."""
    found = _all(let.value for let in template.lets)
    return found | _all(where.condition for where in template.wheres) | _options(template)


def _own(prompt: program.Prompt) -> Iterator[set[str]]:
    yield _all([prompt.when, prompt.messages])
    for turn in prompt.turns:
        yield text_reads(turn.text)


def prompt_reads(template: program.Template, prompt: program.Prompt) -> set[str]:
    """Names that rendering one prompt reads."""
    return _shared(template).union(*_own(prompt))


def template_reads(template: program.Template) -> set[str]:
    """Names that any prompt of a template reads."""
    return _shared(template).union(*(each for p in template.prompts for each in _own(p)))


def take_reads(take: program.Take) -> set[str]:
    """Names that a quota's groups and ranking read."""
    return _all([*take.by_keys, take.best])
