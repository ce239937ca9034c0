"""Clause: `decontaminate` carried out: training rows that share words with evaluation rows go.

In: a build and what is left of its sources. Out: the same without those rows, each in the ledger
under its clause; where the store has what was found; and warnings. A row that one clause drops the
next is not asked about. Ranges that were searched before for the same are not read again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from taskc.compiler import plan
from taskc.compiler.decontamination.evaluated import Index, index_of, rows_key
from taskc.compiler.decontamination.found import Found, IndexName
from taskc.compiler.decontamination.hits import lines_of, opened
from taskc.compiler.decontamination.runs import RunIndex
from taskc.compiler.decontamination.search import HITS_KIND, Searched, SearchTask, forget, search
from taskc.compiler.decontamination.standing import Part, UnreadableError, tasks_of
from taskc.compiler.decontamination.texts import TextsTask
from taskc.compiler.engines.engine import Engine
from taskc.compiler.examples import Drop
from taskc.compiler.places import error_at
from taskc.compiler.rows.load import Loaded
from taskc.compiler.rows.row_keys import Uint32s
from taskc.compiler.store.code import code_digest
from taskc.compiler.store.objects import Store
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Searching", "decontaminate"]

STAGE = "decontaminate"
_MAX_LISTED = 3

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Searching:
    """What the work is done with; `progress` is told of a source and rows that were read."""

    engine: Engine
    store: Store
    progress: Progress


def decontaminate(
    build: plan.BuildPlan, loaded: Mapping[str, Loaded], means: Searching
) -> list[Diagnostic]:
    """Drops training rows by the clauses of the mixture, from what is `loaded`.

    Args:
        build: The build.
        loaded: What is left of each source, by name: the splits that clauses name, too.
        means: What the work is done with.

    Returns:
        Errors, where rows could not be read again; else warnings.

    Raises:
        StoreError: If the store can't be used.
    """
    findings: list[Diagnostic] = []
    for clause in build.mixture.decontaminate:
        try:
            findings += _Carried(build, clause, loaded, means).out()
        except UnreadableError as error:
            return [error.diagnostic]
        finally:
            forget()
    return findings


class _Carried:
    """One clause, while it is carried out."""

    def __init__(
        self,
        build: plan.BuildPlan,
        clause: plan.Decontaminate,
        loaded: Mapping[str, Loaded],
        means: Searching,
    ) -> None:
        self.build = build
        self.clause = clause
        self.loaded = loaded
        self.means = means
        self.sources = {source.name: source for source in build.sources}

    def out(self) -> list[Diagnostic]:
        """Carries the clause out; returns warnings."""
        clause, means = self.clause, self.means
        parts = [
            Part(self.sources[name], rows)
            for name in self.build.evaluated
            for split in clause.splits
            if (rows := self.loaded[name].rows.get(split)) is not None and len(rows)
        ]
        index = index_of(
            clause, parts, engine=means.engine, store=means.store, progress=means.progress
        )
        findings = self._warned(Index.opened(means.store, index))
        for name in clause.sources:
            rows = self.loaded[name].rows.get("train")
            if rows is not None:
                self._search(Part(self.sources[name], rows), index)
        return findings

    def _warned(self, index: Index) -> list[Diagnostic]:
        """Warnings of what is not compared."""
        clause = self.clause
        splits = ", ".join(clause.splits)
        if not len(index.found):
            return [
                error_at(
                    "T0861",
                    clause.at,
                    "no evaluation row has words to compare",
                    label="drops nothing",
                    notes=(f"rows of {splits}: {len(index.rows)}",),
                    helps=("ask for shorter runs, or for other fields or splits",),
                )
            ]
        common = index.found.common() if isinstance(index.found, RunIndex) else []
        if not common:
            return []
        return [
            error_at(
                "T0862",
                clause.at,
                f"{len(common)} runs of words stand in more than {clause.max_rows} rows",
                label=f"of {splits}: these runs don't count",
                notes=tuple(f"in {count} rows: {run}" for run, count in common[:_MAX_LISTED]),
                helps=(
                    "all of them are listed in decontamination/common.parquet of the artefact",
                    f"raise the number where they should count: `max_rows: {common[0][1]}`",
                ),
            )
        ]

    # ---- training rows -------------------------------------------------------------------------

    def _search(self, part: Part, index: IndexName) -> None:
        """Looks up the rows of one source, and drops those that share something."""
        tasks = [
            (range_, task, _hits_key(index, task))
            for range_, task in tasks_of(part, self.clause.fields)
        ]
        known = {key: self._known(key) for _, _, key in tasks}
        wanted = [
            SearchTask(texts=task, index=index, store=self.means.store, key=key)
            for _, task, key in tasks
            if known[key] is None
        ]
        num_rows = sum(len(task.texts.lines) for task in wanted)
        made = self.means.engine.map(search, wanted, num_rows=num_rows)
        gone = [np.zeros(0, np.bool_)]
        for _, task, key in tasks:
            lines = known[key]
            if lines is None:
                lines = self._searched(part, next(made))
            gone.append(np.isin(task.lines, lines))
        found = self.loaded[part.source.name]
        ranges = [(range_, key) for range_, _, key in tasks]
        found.decontaminated.append(Found(self.clause, index, ranges))
        drop = Drop(STAGE, _reason(self.clause), self.clause.at)
        found.leave("train", ~np.concatenate(gone), drop)

    def _known(self, key: str) -> Uint32s | None:
        content = self.means.store.get(HITS_KIND, key)
        return None if content is None else lines_of(opened(content))

    def _searched(self, part: Part, found: Searched) -> Uint32s:
        if found.error is not None:
            raise UnreadableError(found.error)
        self.means.progress(part.source.name, found.num_rows)
        return found.lines


def _hits_key(index: IndexName, task: TextsTask) -> str:
    digest = blake2b(digest_size=16)
    digest.update(code_digest(search.__module__).encode())
    digest.update(f"{index.key}/{index.name}".encode())
    digest.update(rows_key(task))
    return digest.hexdigest()


def _reason(clause: plan.Decontaminate) -> str:
    splits = ", ".join(clause.splits)
    if clause.method == "ngrams":
        return f"shares {clause.value:g} words with {splits}"
    return f"is near a row of {splits}"
