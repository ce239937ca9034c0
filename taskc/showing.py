"""A real row through the stages that phrase and encode: what `taskc show` prints.

In: a plan, a template, and which row of a source. Out: every prompt of the template that the row
can be given, with its ids and mask; or why the row gives none. The row is read, shaped and keyed
as in a build, and no further row than need be is read: a row by its number reads the file up to it,
unless `dedup`, `carve` or `limit` choose among all rows. Those are then found in the store, where a
build or an earlier look at them has left their keys.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.examples import EncodeTask, Rows
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.connect.reading import split_files
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.load import Loaded, load
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.rows.shaping import Row
from taskc.compiler.rows.survey import SurveyTask, survey
from taskc.compiler.store.objects import Store
from taskc.compiler.tracing.following import Following, index_of, words
from taskc.compiler.tracing.row import Look, look, whole
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


# Opens the store; it is asked for where a choice among all rows has to be known.
StoreOf = Callable[[], Store]
Found = tuple[Rows | None, Sequence[Diagnostic]]  # a row alone, or at least one error


def show(
    lowered: plan.Plan, wanted: Wanted, store: StoreOf
) -> tuple[Shown | None, Sequence[Diagnostic]]:
    """Returns the row as each prompt phrases it, or None with at least one error.

    Args:
        lowered: The plan.
        wanted: Which row, by which template.
        store: Opens the store, which knows what builds have seen of the files.

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
    rows, findings = _row(source, wanted, cache(store))
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
            values=_in_order(rows.values[0], source),
            prompts=tuple(prompts),
            drawn=_drawn(build, source, rows),
            drops=tuple(drops),
        ),
        [],
    )


def _in_order(values: Row, source: plan.Source) -> Row:
    """A row's fields as the source declares them: those of its file may stand in any order."""
    names = dict.fromkeys([*(source.row or ()), *values])
    return {name: values[name] for name in names if name in values}


def _source(build: plan.BuildPlan, template: plan.Template, name: str) -> plan.Source:
    """The source that is meant."""
    served = [each for each in build.sources if each.name in template.sources]
    for source in served:
        if name in {"", source.name}:
            return source
    names = ", ".join(source.name for source in served) or "none of the build's sources"
    raise NotShownError(f"template {template.name!r} does not serve {name!r}; it serves: {names}")


# ---- which row -----------------------------------------------------------------------------------


def _row(source: plan.Source, wanted: Wanted, store: StoreOf) -> Found:
    """The row alone, with its own key."""
    origins = {carve.name: carve.origin for carve in source.carved}
    origin = origins.get(wanted.split, wanted.split)
    if origin not in source.splits:
        known = ", ".join([*source.splits, *origins])
        raise NotShownError(
            f"source {source.name!r} has no split {wanted.split!r} in the builds; it has: {known}"
        )
    findings = Findings(source.name, source.at)
    # What is fetched or made by another package is so once for each store.
    is_local = source.connector.kind not in {"hf", "plugin"}
    files = split_files(source.connector, origin, findings, None if is_local else store())
    if not files:
        return None, findings.diagnostics()
    found = None if wanted.row_id else look(source, files[0], whole(0), wanted.row)
    if found is not None and found.diagnostics:
        return None, found.diagnostics
    if found is not None and found.refused is not None:
        raise NotShownError(f"{_name(source, wanted)} is dropped by `where` at {found.refused.at}")
    is_chosen = bool(source.carved or source.limit is not None or source.dedup is not None)
    if found is None or is_chosen:
        return _chosen(source, wanted, origin, files[0], store())
    return found.rows(source.name, wanted.split, _ordinal(source, found)), []


def _ordinal(source: plan.Source, found: Look) -> int:
    """How many equal rows stand before a row of its split's first file."""
    surveyed = survey(
        SurveyTask(source=source, file=found.file, range=whole(0), most_rows=found.number)
    )
    before = surveyed.ids[surveyed.lines < found.number - 1]
    return int(np.count_nonzero((before == _numbers(found.row_id)).all(axis=1)))


def _chosen(
    source: plan.Source, wanted: Wanted, origin: str, file: InputFile, store: Store
) -> Found:
    """The row among those that are left when all were looked at."""
    following = Following(origin, file.name, wanted.row)
    splits = [origin, *(carve.name for carve in source.carved if carve.origin == origin)]
    with LocalEngine() as engine:
        loaded = load(source, splits, engine=engine, store=store, follower=following)
    if has_errors(loaded.diagnostics):
        return None, loaded.diagnostics
    rows = loaded.rows[wanted.split]
    if wanted.row_id:
        index = _by_id(rows, wanted.row_id.lower())
    else:
        index = index_of(rows, file.name, wanted.row)
    if index is None:
        raise NotShownError(_why_not(source, wanted, loaded, following))
    place = rows.inputs.ranges[int(rows.ranges[index])]
    number = place.first_number + int(rows.lines[index])
    found = look(source, rows.inputs.files[place.file], place, number)
    assert found is not None, "a row that was surveyed a moment ago is there"
    if found.diagnostics:  # its file was changed meanwhile
        return None, found.diagnostics
    return found.rows(source.name, wanted.split, int(rows.ordinals_of(np.array([index]))[0])), []


def _by_id(rows: RowKeys, start: str) -> int | None:
    """The first row whose id starts with hexadecimal digits."""
    try:
        head = _numbers(bytes.fromhex(start[: len(start) // 2 * 2]))[: rows.ids.shape[1]]
    except ValueError:
        return None
    near = np.flatnonzero((rows.ids[:, : len(head)] == head).all(axis=1)).tolist()
    return next((row for row in near if bytes(rows.ids[row]).hex().startswith(start)), None)


def _numbers(row_id: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(row_id, np.uint8)


def _why_not(source: plan.Source, wanted: Wanted, loaded: Loaded, following: Following) -> str:
    """Words for a row that is not there: a clause dropped it, it moved away, or it never was."""
    name = _name(source, wanted)
    if not wanted.row_id and following.ordinal is not None:
        last = following.choices[-1] if following.choices else None
        if last is not None and not last.is_left:
            return f"{name} {words(last)}"
        return f"{name} is not there: it is in split {following.split!r}"
    return f"{name} is not there; the split holds {loaded.counts[wanted.split].kept:,} rows"


def _name(source: plan.Source, wanted: Wanted) -> str:
    return f"row {wanted.row_id or wanted.row} of source {source.name!r}, split {wanted.split!r}"


# ---- what a prompt makes of it -------------------------------------------------------------------


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
