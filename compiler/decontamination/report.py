"""Report: which rows `decontaminate` dropped, for which words, and which evaluation rows have them.

In: what the clauses found, in the store. Out: tables for the artefact, some ten thousand entries at
a time; and of one row, what it shared. Where rows stand is said as provenance says it.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from taskc.compiler import plan
from taskc.compiler.decontamination.evaluated import Index
from taskc.compiler.decontamination.found import Found, IndexName
from taskc.compiler.decontamination.hits import opened
from taskc.compiler.decontamination.runs import RunIndex
from taskc.compiler.decontamination.search import HITS_KIND
from taskc.compiler.decontamination.standing import StandingRow
from taskc.compiler.rows.load import Loaded
from taskc.compiler.rows.ranges import SplitInputs
from taskc.compiler.sequences.stream import written_at
from taskc.compiler.store.objects import Store, StoreError
from taskc.dsl.codes import CODES
from taskc.dsl.diagnostics import Diagnostic
from taskc.runtime import artifact

__all__ = ["Report", "Shared", "report_of", "shared_by"]

GROUP_ENTRIES = 1 << 16


@dataclass(frozen=True, slots=True)
class Shared:
    """What one row shared with an evaluation row, and how many more entries it has.

    Attributes:
        clause: The clause that dropped it.
        words: The words that both have; "" where they are near.
        similarity: How near they are; 0 where words are shared.
        evaluated: The evaluation row.
        num_more: Further stretches of words or evaluation rows.
    """

    clause: plan.Decontaminate
    words: str
    similarity: float
    evaluated: StandingRow
    num_more: int


@dataclass(frozen=True, slots=True)
class Report:
    """What an artefact says of its decontamination.

    Attributes:
        found: Source, its training files, and what each clause found there.
        folder: Of the spec, which places are shown relative to.
    """

    found: list[tuple[str, SplitInputs, list[Found]]]
    folder: str

    def rows(self, store: Store) -> Iterator[pa.Table]:
        """Yields the entries of decontamination/rows.parquet.

        Raises:
            StoreError: If the store no longer has them.
        """
        return _grouped(self._entries(store))

    def _entries(self, store: Store) -> Iterator[pa.Table]:
        for source, inputs, found in self.found:
            for each in found:
                index = None
                for range_, key in each.ranges:
                    hits = _hits(store, key)
                    if len(hits):
                        index = index or Index.opened(store, each.index)
                        at = written_at(each.clause.at, self.folder)
                        yield _table(hits, source, at, inputs, range_, index)

    def common(self, store: Store) -> Iterator[pa.Table]:
        """Yields the entries of decontamination/common.parquet: a table for each clause.

        Raises:
            StoreError: If the store no longer has them.
        """
        clauses: dict[IndexName, plan.Decontaminate] = {}
        for _, _, found in self.found:
            for each in found:
                clauses.setdefault(each.index, each.clause)
        schema = artifact.common_runs_schema()
        for name, clause in clauses.items():
            index = Index.opened(store, name).found
            runs = index.common() if isinstance(index, RunIndex) else []
            if runs:
                words, rows = zip(*runs, strict=True)
                at = [written_at(clause.at, self.folder)] * len(runs)
                columns = [pa.array(at).dictionary_encode(), pa.array(words), pa.array(rows)]
                yield pa.table(columns, schema.names).cast(schema)


def report_of(build: plan.BuildPlan, loaded: Mapping[str, Loaded]) -> Report | None:
    """The report of a build; None where its mixture has no clause.

    Args:
        build: The build.
        loaded: What is left of each source, by name.
    """
    if not build.mixture.decontaminate:
        return None
    found = [
        (name, each.rows["train"].inputs, each.decontaminated)
        for name, each in loaded.items()
        if each.decontaminated
    ]
    return Report(found, posixpath.dirname(build.at.path))


def shared_by(found: Sequence[Found], store: Store, range_: int, line: int) -> Shared | None:
    """What one row shared, by the first clause that dropped it; None where none did.

    Args:
        found: What the clauses found in the row's source.
        store: Where it is.
        range_: Index of the row's range.
        line: Its place there.

    Raises:
        StoreError: If the store no longer has it.
    """
    for each in found:
        for own, key in each.ranges:
            if own != range_:
                continue
            hits = _hits(store, key)
            hits = hits.filter(pa.array(hits["line"].to_numpy() == line))
            if len(hits):
                first = hits.slice(0, 1).to_pylist()[0]
                row = Index.opened(store, each.index).rows.row(first["evaluated"])
                return Shared(each.clause, first["words"], first["similarity"], row, len(hits) - 1)
    return None


def _hits(store: Store, key: str) -> pa.Table:
    content = store.get(HITS_KIND, key)
    if content is None:
        raise StoreError(
            Diagnostic(
                code="T1005",
                severity=CODES["T1005"].severity,
                message="what was found in training rows left the store during the build",
                primary=None,
                notes=(f"store `{store.url}`, object `{key}`",),
                helps=("build again: what is missing is made again",),
            )
        )
    return opened(content)


def _table(  # noqa: PLR0917 - columns, and what they are made of
    hits: pa.Table, source: str, at: str, inputs: SplitInputs, range_: int, index: Index
) -> pa.Table:
    """The entries of one range, with the places of both rows."""
    schema = artifact.decontamination_schema()
    place = inputs.ranges[range_]
    lines = hits["line"].to_numpy().astype(np.int64)
    evaluated = [index.rows.row(number) for number in hits["evaluated"].to_pylist()]
    fixed = {"source": source, "file": inputs.files[place.file].name, "at": at}
    columns = {name: pa.array([value] * len(hits)) for name, value in fixed.items()}
    columns |= {name: hits[name] for name in ("row_id", "field", "words", "num_words")}
    columns |= {
        "row": pa.array(lines + place.first_number),
        "similarity": hits["similarity"],
        "evaluated_source": pa.array([row.source for row in evaluated]),
        "evaluated_split": pa.array([row.split for row in evaluated]),
        "evaluated_file": pa.array([row.file for row in evaluated]),
        "evaluated_row": pa.array([row.number for row in evaluated]),
        "evaluated_row_id": pa.array([row.row_id for row in evaluated], pa.binary(16)),
    }
    arrays = [
        (each.combine_chunks() if isinstance(each, pa.ChunkedArray) else each).dictionary_encode()
        if pa.types.is_dictionary(schema.field(name).type)
        else each
        for name, each in ((name, columns[name]) for name in schema.names)
    ]
    return pa.table(arrays, schema.names).cast(schema)


def _grouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yields the same entries, at least `GROUP_ENTRIES` at a time but for the last."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= GROUP_ENTRIES:
            yield pa.concat_tables(waiting).unify_dictionaries()
            waiting.clear()
    if waiting:
        yield pa.concat_tables(waiting).unify_dictionaries()
