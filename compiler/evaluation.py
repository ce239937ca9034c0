"""Evaluation sets: every split but the training one, whole, with every prompt of every template.

In: shaped rows of the evaluated sources. Out: one `EvaluationSet` a split. Rows stand in the order
of their ids, so the order of the input files does not matter; inverse prompts are left out.
"""

import posixpath
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from taskc.compiler import plan
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.examples import Drop, Encoded, EncodeTask, EvaluationSet, Rows
from taskc.compiler.rows import shape
from taskc.compiler.sequences.gather import written_at
from taskc.compiler.supply import CHUNK_ROWS
from taskc.compiler.turns.encode import encode
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Evaluations", "evaluation_sets"]

COLUMNS = (
    "example", "source", "cluster", "template", "label", "at", "shots", "input_ids", "target_ids",
    "option_ids", "correct", "references", "metric", "file", "row", "row_id", "ordinal",
)  # fmt: skip


@dataclass(slots=True)
class Evaluations:
    """The evaluation sets of a build.

    Attributes:
        sets: One a split, in the spec's order.
        delivered: (source, split) -> number of rows with at least one example.
        drops: (source, split) -> why the other rows gave none, with how many.
    """

    sets: list[EvaluationSet] = field(default_factory=list)
    delivered: dict[tuple[str, str], int] = field(default_factory=dict)
    drops: dict[tuple[str, str], list[tuple[Drop, int]]] = field(default_factory=dict)
    errors: list[Diagnostic] = field(default_factory=list)
    notices: list[Diagnostic] = field(default_factory=list)


def evaluation_sets(
    build: plan.BuildPlan,
    loaded: Mapping[str, shape.Loaded],
    engine: LocalEngine,
    progress: Callable[[str, str, int], None],
) -> Evaluations:
    """Encode every split of `build.splits` but "train"."""
    evaluations = Evaluations()
    sources = {source.name: source for source in build.sources}
    for split in build.splits:
        if split == "train":
            continue
        columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
        for name in build.evaluated:
            rows = loaded[name].rows.get(split)
            if rows is None:
                continue
            tasks = _tasks(build, sources[name], rows)
            results = engine.map(encode, tasks, num_rows=len(rows))
            delivered = 0
            drops: Counter[Drop] = Counter()
            for task, encoded in zip(tasks, results, strict=True):
                evaluations.errors += encoded.errors
                evaluations.notices += encoded.notices
                delivered += len(set(encoded.row.tolist()))
                drops.update(encoded.drops.values())
                _records(build, task, encoded, columns)
                progress("encode", split, len(task.rows))
            evaluations.delivered[name, split] = delivered
            evaluations.drops[name, split] = list(drops.items())
        evaluations.sets.append(EvaluationSet(split, columns))
    return evaluations


def _tasks(build: plan.BuildPlan, source: plan.Source, rows: Rows) -> list[EncodeTask]:
    templates = tuple(t for t in build.templates if source.name in t.sources)
    order = sorted(range(len(rows)), key=lambda index: (rows.ids[index], rows.ordinals[index]))
    chunks = [order[start : start + CHUNK_ROWS] for start in range(0, len(order), CHUNK_ROWS)]
    return [
        EncodeTask(
            source=source,
            split=rows.split,
            templates=templates,
            tokenizer=build.tokenizer,
            format=build.format,
            seed=build.mixture.seed,
            repetition=0,
            evaluation=True,
            rows=rows.pick(chunk),
        )
        for chunk in chunks
    ]


def _records(
    build: plan.BuildPlan, task: EncodeTask, encoded: Encoded, columns: dict[str, list[object]]
) -> None:
    """One record an example: the prompt's ids, and those of the target and of every option."""
    folder = posixpath.dirname(build.at.path)
    rows, source = task.rows, task.source
    for index, row in enumerate(encoded.row.tolist()):
        template = task.templates[int(encoded.template[index])]
        prompt = template.prompts[int(encoded.prompt[index])]
        ids = encoded.ids[encoded.offsets[index] : encoded.offsets[index + 1]].tolist()
        first, last = encoded.span_offsets[index : index + 2].tolist()
        # What is asked for is the last trained turn; all before it is given.
        seam = int(encoded.spans[2 * (last - 1)]) if last > first else len(ids)
        record = (
            len(columns["example"]), source.name, source.clusters[0] if source.clusters else "",
            template.name, prompt.label, written_at(prompt.at, folder), 0, ids[:seam], ids[seam:],
            encoded.option_ids[index], encoded.correct[index], encoded.references[index],
            source.metric, rows.file_names[rows.files[row]], rows.numbers[row], rows.ids[row],
            rows.ordinals[row],
        )  # fmt: skip
        for name, value in zip(COLUMNS, record, strict=True):
            columns[name].append(value)
