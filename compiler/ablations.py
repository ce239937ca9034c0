"""Templates without their instructions: `templates none` and `templates name`.

In: the lowered templates of a build. Out: templates whose prompts keep what a row says and leave
out the words around it: the values that the input shows, one a line, and the target as it was, but
that an option is answered by its text, not by the letter or number of a list that is gone. The two
are the ablations of Wei et al. 2022 (section 4.3): inputs and outputs alone, and inputs after the
name of task and data set, as in `[Translation: WMT 2014] The dog runs.`
"""

from collections.abc import Iterator, Mapping

from taskc.compiler import plan
from taskc.compiler.rows.values.names import names_in

__all__ = ["named", "without_instructions"]

_GIVEN = frozenset({"input", "user", "system", "tool"})


def without_instructions(templates: tuple[plan.Template, ...]) -> tuple[plan.Template, ...]:
    """`templates none`: the first prompt of each `when`, without its words, under label "none"."""
    return tuple(_bared(template, "none", "") for template in templates)


def named(
    templates: tuple[plan.Template, ...], names: Mapping[str, str]
) -> tuple[plan.Template, ...]:
    """`templates name`: as `none`, after the name of what is asked; one template a source.

    Args:
        templates: The templates of a build.
        names: Source -> what stands before its inputs, such as "[Translation: WMT 2014] ".
    """
    return tuple(
        _bared(template, "name", names[source]).model_copy(
            update={"name": f"{template.name}.{source}", "sources": (source,)}
        )
        for template in templates
        for source in template.sources
    )


def _bared(template: plan.Template, label: str, prefix: str) -> plan.Template:
    """A template without its words, answered by the texts of its options."""
    prompts = tuple(_bare(template.prompts, label, prefix))
    options = template.options
    # A mark stands for nothing where no text is left that lists what it marks.
    if options is not None and options.style != "dashes" and "options" not in names_in(prompts):
        options = options.model_copy(update={"style": "none"})
    return template.model_copy(update={"prompts": prompts, "options": options})


def _bare(prompts: tuple[plan.Prompt, ...], label: str, prefix: str) -> Iterator[plan.Prompt]:
    """Yields one prompt for each condition under which the template has prompts with a target."""
    seen: list[plan.Expr | None] = []
    for prompt in prompts:
        if prompt.kind == "inverse" or prompt.when in seen:
            continue
        seen.append(prompt.when)
        yield prompt.model_copy(
            update={
                "label": label if len(seen) == 1 else f"{label}_{len(seen)}",
                "turns": _turns(prompt.turns, prefix),
            }
        )


def _turns(turns: tuple[plan.Turn, ...], prefix: str) -> tuple[plan.Turn, ...]:
    """The turns with the words of what is given left out; the prefix stands before the first."""
    found = []
    for turn in turns:
        if turn.role not in _GIVEN or turn.trained:
            found.append(turn)
            continue
        parts = (*((prefix,) if prefix else ()), *_values(turn.text))
        found.append(turn.model_copy(update={"text": plan.TemplateText(parts=parts)}))
        prefix = ""
    return tuple(found)


def _values(text: plan.TemplateText) -> Iterator[plan.TextPart]:
    """Yields the placeholders of a text, each once, on lines of their own; options are no value."""
    seen: list[plan.TextPart] = []
    for part in text.parts:
        if isinstance(part, str) or part in seen or part == plan.Name(name="options"):
            continue
        if seen:
            yield "\n"
        seen.append(part)
        yield part
