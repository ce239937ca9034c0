"""A real row through the stages that phrase and encode: what `taskc show` prints.

In: a plan, a template, and which row of a source. Out: every prompt of the template that the row
can be given, with its ids and mask; or why the row gives none. The row is read, shaped and keyed
as in a build, and no further row than need be is read: a row by its number reads the file up to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from taskc.compiler import plan
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.examples import EncodeTask, Rows
from taskc.compiler.rows.load import Loaded, load
from taskc.compiler.rows.reread import RereadError, read_rows, refusing
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.store.objects import Store
from taskc.compiler.turns.encode import encode
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.errors import has_errors
from taskc.rendering import Rendered, build_that_uses, rendered, with_prompts

__all__ = ["NotShownError", "Shown", "Wanted", "show"]


class NotShownError(ValueError):
    """What was asked for is not there; the words say what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which row of which source.

    Attributes:
        template: "conclude.infer", or "conclude" for all of its prompts.
        source: Name of the source; "" = the first that the template serves.
        split: Name of the split.
        row: Number of the row in the split's first file, from 1; ignored where `row_id` is given.
        row_id: The start of a row id in hexadecimal, or "".
    """

    template: str
    source: str
    split: str
    row: int
    row_id: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A row and what its prompts make of it.

    Attributes:
        source, split, file, row, row_id: Which row it is.
        values: Its fields after `let`.
        prompts: (place of the prompt in the spec, rendering) of every prompt that gives an example.
        drawn: "template.label" of the prompt, among all that serve the source, that a build draws
            for the row's first delivery; "" where none gives an example.
        drops: (label, reason) of every prompt that gives none.
    """

    source: str
    split: str
    file: str
    row: int
    row_id: str
    values: dict[str, object]
    prompts: tuple[tuple[plan.Place, Rendered], ...]
    drawn: str
    drops: tuple[tuple[str, str], ...]


def show(
    lowered: plan.Plan, wanted: Wanted, store: Store
) -> tuple[Shown | None, Sequence[Diagnostic]]:
    """Returns the row as each prompt phrases it, or None with at least one error.

    Args:
        lowered: The plan.
        wanted: Which row, by which template.
        store: Knows what builds have seen of the files.

    Raises:
        NotShownError: If there is no such template, prompt, source, split or row, or a clause of
            the source drops the row.
    """
    name, _, label = wanted.template.partition(".")
    try:
        build = build_that_uses(lowered, name, None)
        template = next(each for each in build.templates if each.name == name)
        asked = with_prompts(template, label)
    except ValueError as error:
        raise NotShownError(str(error)) from error
    source = _source(build, template, wanted.source)
    rows, findings = _row(source, wanted, store)
    if rows is None:
        return None, findings
    prompts = []
    drops = []
    for prompt in asked.prompts:
        alone = asked.model_copy(update={"prompts": (prompt,)})
        task = _task(build, source, (alone,), rows)
        encoded = encode(task)
        if encoded.errors:
            return None, encoded.errors
        if len(encoded):
            prompts.append((prompt.at, rendered(task, encoded)))
        else:
            drops.append((prompt.label, encoded.drops[0].reason))
    return (
        Shown(
            source=source.name,
            split=rows.split,
            file=rows.file_names[rows.files[0]],
            row=rows.numbers[0],
            row_id=rows.ids[0].hex(),
            values=rows.values[0],
            prompts=tuple(prompts),
            drawn=_drawn(build, source, rows),
            drops=tuple(drops),
        ),
        [],
    )


def _source(build: plan.BuildPlan, template: plan.Template, name: str) -> plan.Source:
    """The source that is meant."""
    served = [each for each in build.sources if each.name in template.sources]
    for source in served:
        if name in {"", source.name}:
            return source
    names = ", ".join(source.name for source in served) or "none of the build's sources"
    raise NotShownError(f"template {template.name!r} does not serve {name!r}; it serves: {names}")


def _row(
    source: plan.Source, wanted: Wanted, store: Store
) -> tuple[Rows | None, Sequence[Diagnostic]]:
    """The row alone, with its own key."""
    loaded = _loaded(source, wanted, store)
    if has_errors(loaded.diagnostics):
        return None, loaded.diagnostics
    keys = loaded.rows.get(wanted.split)
    if keys is None:
        known = ", ".join([*source.splits, *(carved.name for carved in source.carved)])
        raise NotShownError(
            f"source {source.name!r} has no split {wanted.split!r} in the builds; it has: {known}"
        )
    found = _wanted_among(keys, wanted)
    if found is None:
        raise NotShownError(_why_not(source, loaded, wanted, store))
    try:
        return _read(source, keys, found), []
    except RereadError as error:
        return None, [error.diagnostic]


def _loaded(source: plan.Source, wanted: Wanted, store: Store) -> Loaded:
    carved = [each.name for each in source.carved if each.origin == wanted.split]
    return load(
        source,
        [wanted.split, *carved],
        engine=LocalEngine(jobs=1),
        store=store,
        sample=_num_needed(source, wanted),
    )


def _num_needed(source: plan.Source, wanted: Wanted) -> int | None:
    """How many rows must be read to know what becomes of the one; None = all of them."""
    chosen_among_all = source.carved or source.limit is not None or source.dedup is not None
    return None if wanted.row_id or chosen_among_all else wanted.row


def _wanted_among(keys: RowKeys, wanted: Wanted) -> int | None:
    """The first row that is meant; None: it is not among these."""
    every = np.arange(len(keys))
    if wanted.row_id:
        found = (row for row in every if keys.ids[row].tobytes().hex().startswith(wanted.row_id))
        return next(map(int, found), None)
    is_meant = (keys.numbers(every) == wanted.row) & (keys.file_indices(every) == 0)
    return int(is_meant.argmax()) if is_meant.any() else None


def _read(source: plan.Source, keys: RowKeys, row: int) -> Rows:
    """The row with its values."""
    one = keys.pick(np.array([row]))
    place = keys.inputs.ranges[int(one.ranges[0])]
    wanted = (one.ids, one.ordinals_of(np.array([0])))
    (rows,) = read_rows(source, keys.inputs.files[place.file], place, one.lines, wanted)
    return replace(rows, split=keys.split)


def _why_not(source: plan.Source, loaded: Loaded, wanted: Wanted, store: Store) -> str:
    """Words for a row that is not there: a clause dropped it, it moved away, or it never was."""
    what = f"row {wanted.row_id or wanted.row} of source {source.name!r}, split {wanted.split!r}"
    if not wanted.row_id:
        where = _refusing_where(source, loaded.rows[wanted.split], wanted)
        if where is not None:
            return f"{what} is dropped by `where` at {where.at}"
    for name, others in loaded.rows.items():
        if _wanted_among(others, wanted) is not None:
            return f"{what} was carved out into split {name!r}"
    clauses = [("limit", source.limit_at or source.at)] if source.limit is not None else []
    clauses += [("dedup", source.dedup.at)] if source.dedup is not None else []
    for clause, at in clauses:
        # Without the last clause that drops it the row is there.
        source = source.model_copy(update={clause: None})
        again = _loaded(source, wanted, store).rows[wanted.split]
        if _wanted_among(again, wanted) is not None:
            return f"{what} is dropped by `{clause}` at {at}"
    return f"{what} is not there; the split holds {loaded.counts[wanted.split].kept:,} rows"


def _refusing_where(source: plan.Source, keys: RowKeys, wanted: Wanted) -> plan.Where | None:
    """The `where` that refuses the row of the first file with this number, if it is there."""
    before = [
        place
        for place in keys.inputs.ranges
        if place.file == 0 and place.first_number <= wanted.row
    ]
    if not before:
        return None
    place = before[-1]
    line = wanted.row - place.first_number
    return refusing(source, keys.inputs.files[place.file], place, line)


def _drawn(build: plan.BuildPlan, source: plan.Source, rows: Rows) -> str:
    """The prompt that a build draws for the row's first delivery."""
    templates = tuple(each for each in build.templates if source.name in each.sources)
    encoded = encode(_task(build, source, templates, rows))
    if not len(encoded):
        return ""
    template = templates[int(encoded.template[0])]
    return f"{template.name}.{template.prompts[int(encoded.prompt[0])].label}"


def _task(
    build: plan.BuildPlan,
    source: plan.Source,
    templates: tuple[plan.Template, ...],
    rows: Rows,
) -> EncodeTask:
    has_target = any(prompt.has_target for template in templates for prompt in template.prompts)
    return EncodeTask(
        source=source,
        split=rows.split,
        templates=templates,
        tokenizer=build.tokenizer,
        format=build.format,
        seed=build.mixture.seed,
        repetition=0,
        evaluation=not has_target,
        rows=rows,
    )
