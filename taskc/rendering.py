"""One row through the stages that phrase and encode: what `taskc.render` returns.

In: a plan, a template and a row. Out: turns, ids and mask, made by the same stages that a build
runs, on a chunk of one row. Nothing is read but the tokenizer. The row's key is that of the fields
given, so an order that is drawn (shuffled options, `choose`) may differ from the one in a build,
whose key is that of the source's raw columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from taskc.compiler import plan
from taskc.compiler.examples import Encoded, EncodeTask, Rows
from taskc.compiler.keys import value_hash
from taskc.compiler.rows.values import conform
from taskc.compiler.turns.encode import encode
from taskc.compiler.turns.phrase import Phrased, phrase
from taskc.compiler.turns.tokenizer import load
from taskc.compiler.turns.turn import Loss
from taskc.dsl.diagnostics import Diagnostic

__all__ = [
    "Rendered",
    "RenderedTurn",
    "build_that_uses",
    "render",
    "rendered",
    "with_prompts",
]


@dataclass(frozen=True, slots=True)
class RenderedTurn:
    """A text spoken in a role, and whether the loss sees it."""

    role: str
    text: str
    trained: bool


@dataclass(frozen=True, slots=True)
class Rendered:
    """One row as the model gets it.

    Attributes:
        turns: In order.
        ids: Token ids of the example, special tokens included.
        mask: For each id whether it is trained.
        text: The ids decoded, special tokens included.
        options: The surfaces in the order shown; empty where the template has none.
        label: "TEMPLATE.LABEL" of the prompt.
    """

    turns: tuple[RenderedTurn, ...]
    ids: tuple[int, ...]
    mask: tuple[bool, ...]
    text: str
    options: tuple[str, ...]
    label: str


def render(
    lowered: plan.Plan, name: str, row: Mapping[str, object], *, tokenizer: str | None
) -> tuple[Rendered | None, Sequence[Diagnostic]]:
    """Returns the rendering, or None with at least one error.

    Raises:
        ValueError: If no build uses the template, it has no such prompt, the row does not conform
            to the source, or a clause drops it.
    """
    template_name, _, label = name.partition(".")
    build = build_that_uses(lowered, template_name, tokenizer)
    template = next(each for each in build.templates if each.name == template_name)
    source = next(each for each in build.sources if each.name in template.sources)
    task = _task(build, source, with_prompts(template, label), row)
    encoded = encode(task)
    if encoded.errors:
        return None, encoded.errors
    if not len(encoded):
        reason = encoded.drops[0].reason if encoded.drops else "no prompt applies"
        raise ValueError(f"the row gives no example: {reason}")
    return rendered(task, encoded), []


def build_that_uses(lowered: plan.Plan, template: str, tokenizer: str | None) -> plan.BuildPlan:
    """Returns the first build that uses the template, with the tokenizer if one is named."""
    for build in lowered.builds:
        named = tokenizer in {None, build.tokenizer.name}
        if named and template in {each.name for each in build.templates}:
            return build
    used = sorted({each.name for build in lowered.builds for each in build.templates})
    with_tokenizer = f" with tokenizer {tokenizer!r}" if tokenizer else ""
    raise ValueError(
        f"no build{with_tokenizer} uses a template {template!r}; "
        f"templates in use: {', '.join(used) or 'none'}"
    )


def with_prompts(template: plan.Template, label: str) -> plan.Template:
    """Returns the template with only the prompt that is named, or as it is."""
    prompts = tuple(prompt for prompt in template.prompts if label in {"", prompt.label})
    if not prompts:
        labels = ", ".join(prompt.label for prompt in template.prompts)
        raise ValueError(f"template {template.name!r} has no prompt {label!r}; it has: {labels}")
    return template.model_copy(update={"prompts": prompts})


def _task(
    build: plan.BuildPlan, source: plan.Source, template: plan.Template, row: Mapping[str, object]
) -> EncodeTask:
    """Returns the task of a chunk that holds the row alone."""
    values = _conformed(source, row)
    return EncodeTask(
        source=source,
        split="train",
        templates=(template,),
        tokenizer=build.tokenizer,
        format=build.format,
        seed=build.mixture.seed,
        repetition=0,
        # A prompt without a target is only ever evaluated: training would drop the row.
        evaluation=not any(prompt.has_target for prompt in template.prompts),
        rows=Rows(
            source=source.name,
            split="train",
            values=[values],
            ids=[value_hash(values)],
            ordinals=[0],
            files=[0],
            numbers=[1],
            file_names=["(the row given)"],
        ),
    )


def _conformed(source: plan.Source, row: Mapping[str, object]) -> dict[str, object]:
    """Returns the row as the source's type holds it."""
    if source.row is None:
        return dict(row)
    unknown = sorted(set(row) - set(source.row))
    if unknown:
        raise ValueError(
            f"source {source.name!r} has no field {unknown[0]!r}; it has: {', '.join(source.row)}"
        )
    try:
        values = conform.converter(plan.RecordType(fields=source.row))(dict(row))
    except conform.MismatchError as error:
        wrong = error.message("").replace("`.", "`")  # of the row itself: no field before the dot
        raise ValueError(f"the row is none of source {source.name!r}: {wrong}") from error
    assert isinstance(values, dict), "a record's converter gives a record"
    return values


def rendered(task: EncodeTask, encoded: Encoded) -> Rendered:
    """Returns what the two stages say of a chunk's first row.

    Args:
        task: The chunk; its first row gives an example.
        encoded: What `encode` made of it.
    """
    phrased = phrase(task).examples[0]
    ids = encoded.ids[: encoded.offsets[1]].tolist()
    mask = [False] * len(ids)
    spans = encoded.spans[: 2 * encoded.span_offsets[1]].tolist()
    for start, end in zip(spans[::2], spans[1::2], strict=True):
        mask[start:end] = [True] * (end - start)
    template = task.templates[phrased.template]
    return Rendered(
        turns=_turns(phrased, task.format),
        ids=tuple(ids),
        mask=tuple(mask),
        text=_decoded(task.tokenizer, ids),
        options=phrased.options.surfaces if phrased.options else (),
        label=f"{template.name}.{template.prompts[phrased.prompt].label}",
    )


def _turns(phrased: Phrased, format_: plan.Format) -> tuple[RenderedTurn, ...]:
    """Returns the turns with the format's rule of loss applied."""
    answers = [i for i, turn in enumerate(phrased.turns) if turn.loss is Loss.BY_FORMAT]
    if isinstance(format_, plan.ChatFormat) and format_.loss == "last":
        answers = answers[-1:]
    return tuple(
        RenderedTurn(turn.role, turn.text, turn.loss is Loss.ALWAYS or index in answers)
        for index, turn in enumerate(phrased.turns)
    )


def _decoded(tokenizer: plan.Tokenizer, ids: list[int]) -> str:
    """Returns the text of the ids, special tokens included."""
    loaded, _ = load(tokenizer)
    assert loaded is not None, "the tokenizer that has just encoded"
    own = _tokenizer(loaded.artifact_files()["tokenizer.json"])
    return str(own.decode(ids, skip_special_tokens=False))


@lru_cache(maxsize=1)  # parsing takes 0.15 s, and rows are looked at one after the other
def _tokenizer(content: bytes) -> Any:
    import tokenizers

    return tokenizers.Tokenizer.from_buffer(content)
