"""Report: which rows `dedup` of a mixture dropped, and which row stays in the place of each.

In: what the clauses found. Out: tables for the artefact, some ten thousand entries at a time; and
of one row, its twin. Where rows stand is said as provenance says it.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from taskc.compiler import plan
from taskc.compiler.decontamination.standing import Standing, StandingRow
from taskc.compiler.rows.load import Loaded
from taskc.compiler.rows.row_keys import Ids
from taskc.compiler.sequences.stream import written_at
from taskc.compiler.tracing.following import index_of
from taskc.compiler.twins.found import Twins
from taskc.runtime import artifact

__all__ = ["Twin", "TwinsReport", "twin_of", "twins_report_of"]

GROUP_ENTRIES = 1 << 16


@dataclass(frozen=True, slots=True)
class Twin:
    """Why one row went.

    Attributes:
        clause: The clause that dropped it.
        likeness: How alike the rows are; 1 where they are equal.
        kept: The row that stays.
    """

    clause: plan.MixtureDedup
    likeness: float
    kept: StandingRow


@dataclass(frozen=True, slots=True)
class TwinsReport:
    """What an artefact says of its twins.

    Attributes:
        found: What each clause did in each source.
        folder: Of the spec, which places are shown relative to.
    """

    found: list[Twins]
    folder: str

    def rows(self) -> Iterator[pa.Table]:
        """Yields the entries of twins/rows.parquet."""
        for each in self.found:
            at = written_at(each.clause.at, self.folder)
            for start in range(0, len(each.gone), GROUP_ENTRIES):
                own = np.arange(start, min(start + GROUP_ENTRIES, len(each.gone)))
                yield _table(each, own, at)


def twins_report_of(build: plan.BuildPlan, loaded: Mapping[str, Loaded]) -> TwinsReport | None:
    """The report of a build; None where its mixture has no clause.

    Args:
        build: The build.
        loaded: What is left of each source, by name.
    """
    if not build.mixture.dedup:
        return None
    found = [each for source in loaded.values() for each in source.twins]
    return TwinsReport(found, posixpath.dirname(build.at.path))


def twin_of(found: Sequence[Twins], file: str, number: int) -> Twin | None:
    """The twin of one row, by the clause that dropped it; None where none did.

    Args:
        found: What the clauses did in the row's source.
        file: Name of the row's file.
        number: Its number there.
    """
    for each in found:
        row = index_of(each.gone, file, number)
        if row is not None:
            return Twin(each.clause, float(each.likeness[row]), each.kept.row(row))
    return None


def _table(found: Twins, own: np.ndarray, at: str) -> pa.Table:
    """The entries of some of the rows that went in one source."""
    schema = artifact.twins_schema()
    gone, kept = Standing.of([found.gone.pick(own)]), found.kept.pick(own)
    columns = {
        "at": pa.array([at] * len(own)).dictionary_encode(),
        "similarity": pa.array(found.likeness[own]),
        **_places(gone, ""),
        **_places(kept, "kept_"),
    }
    return pa.table([columns[name] for name in schema.names], schema.names).cast(schema)


def _places(rows: Standing, prefix: str) -> dict[str, pa.Array]:
    sources = [source for source, _ in rows.parts]
    return {
        f"{prefix}source": _named(rows.part, sources),
        f"{prefix}file": _named(rows.file, rows.files),
        f"{prefix}row": pa.array(rows.number),
        f"{prefix}row_id": _binary(rows.ids),
    }


def _named(indices: np.ndarray, names: list[str]) -> pa.DictionaryArray:
    """Names by their index; those that nobody has stand in no dictionary."""
    used, own = np.unique(indices, return_inverse=True)
    # Two sources may have files of one name.
    found = pa.array([names[index] for index in used.tolist()]).take(pa.array(own))
    return found.dictionary_encode()


def _binary(ids: Ids) -> pa.Array:
    buffer = pa.py_buffer(np.ascontiguousarray(ids).tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(ids), [None, buffer])
