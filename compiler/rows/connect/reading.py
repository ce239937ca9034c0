"""Reading: which format, and every mistake as a diagnostic.

In: a plan's `Connector`, and a file, a range of one, or a split. Out: an iterator over rows. This
is the only place that knows all formats.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from taskc.compiler import plan
from taskc.compiler.rows.connect.columnar import arrow_chunks, is_parquet, parquet_chunks
from taskc.compiler.rows.connect.delimited import delimited_chunks
from taskc.compiler.rows.connect.files import FileProblemError, InputFile, input_files
from taskc.compiler.rows.connect.hub import hub_files
from taskc.compiler.rows.connect.lines import json_chunks, text_chunks
from taskc.compiler.rows.connect.plugin import plugin_files
from taskc.compiler.rows.connect.raw import BadRow, RawChunk, ReportRow, Wanted
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.ranges import Range
from taskc.compiler.store.objects import Store
from taskc.dsl.diagnostics import RowPlace

__all__ = [
    "SplitReader",
    "open_split",
    "range_chunks",
    "report_bad_row",
    "report_problem",
    "split_files",
]


def range_chunks(
    connector: plan.Connector,
    file: InputFile,
    place: Range,
    columns: Sequence[str] | None,
    bad_row: ReportRow,
    *,
    wanted: Wanted = None,
    used: Sequence[str] | None = None,
) -> Iterator[RawChunk]:
    """Yields the rows of a range.

    Args:
        connector: How rows are read.
        file: The file.
        place: The range.
        columns: The columns that are read; None: all. Formats of lines yield the others as well.
        bad_row: Told of each row that the format can't read.
        wanted: Which lines or rows of the range, from 0; None: all.
        used: Columns that must have a type of the language. Others of a kind that it lacks are left
            out and named in the chunks' `untyped`; None: no column may be of such a kind.

    Raises:
        FileProblemError: The file can't be read through.
    """
    options = connector.options
    given = options.get("columns")
    names = tuple(given) if isinstance(given, list) else None
    match connector.kind:
        case "jsonl" | "plugin":
            return json_chunks(file, place, bad_row, wanted)
        case "csv" | "tsv" as kind:
            delimiter = str(options.get("delimiter") or ",")
            return delimited_chunks(
                file,
                place,
                bad_row,
                delimiter=delimiter if kind == "csv" else "\t",
                quoted=kind == "csv",
                columns=names,
                wanted=wanted,
            )
        case "parquet":
            return parquet_chunks(file, place, columns, wanted, used)
        case "arrow":
            return arrow_chunks(file, place, columns, wanted, used)
        case "hf":
            read = parquet_chunks if is_parquet(file) else arrow_chunks
            return read(file, place, columns, wanted, used)
        case "text":
            return text_chunks(file, place, wanted)
        case _ as never:
            assert_never(never)


def report_problem(
    findings: Findings, connector: plan.Connector, file: InputFile, problem: FileProblemError
) -> None:
    """Reports why a file can't be read through."""
    findings.report(
        problem.code,
        problem.message,
        at=connector.at,
        label="read from here",
        notes=((f"file `{file.name}`",) if not problem.row else ()) + problem.notes,
        helps=problem.helps,
        row=RowPlace(file.name, problem.row) if problem.row else None,
    )


def report_bad_row(
    findings: Findings, connector: plan.Connector, file: InputFile, bad: BadRow
) -> None:
    """Reports a row that its format can't read."""
    findings.report(
        bad.code,
        bad.message,
        at=connector.at,
        label="read from here",
        notes=bad.notes,
        helps=bad.helps,
        row=RowPlace(file.name, bad.number, bad.field, bad.excerpt),
    )


# ---- a whole split -------------------------------------------------------------------------------


@dataclass(slots=True)
class SplitReader:
    """The rows of one split, file after file.

    Attributes:
        connector: How rows are read.
        files: The split's files, sorted by name.
        columns: The columns that are read; None: all.
        findings: Told of every mistake.
        used: Those of them that must have a type of the language; None: all.
        num_bad_rows: Rows that a format could not read and that no chunk holds, so far.
    """

    connector: plan.Connector
    files: tuple[InputFile, ...]
    columns: tuple[str, ...] | None
    findings: Findings
    used: tuple[str, ...] | None = None
    num_bad_rows: int = 0

    def chunks(self) -> Iterator[RawChunk]:
        """Yields the rows; a file that can't be read through is reported and left there."""
        for index, file in enumerate(self.files):
            try:
                yield from self._file_chunks(file, index)
            except FileProblemError as problem:
                report_problem(self.findings, self.connector, file, problem)

    def _file_chunks(self, file: InputFile, index: int) -> Iterator[RawChunk]:
        def bad_row(bad: BadRow) -> None:
            self.num_bad_rows += 1
            report_bad_row(self.findings, self.connector, file, bad)

        whole = Range(index, 0, 0, 1, "")
        return range_chunks(self.connector, file, whole, self.columns, bad_row, used=self.used)


def open_split(
    connector: plan.Connector,
    split: str,
    columns: Sequence[str] | None,
    findings: Findings,
    *,
    used: Sequence[str] | None = None,
) -> SplitReader:
    """Finds the files of a split; where there are none, that is reported and no rows come.

    Args:
        connector: How rows are read.
        split: A split that is read from files.
        columns: The columns that are read; None: all.
        findings: Told of every mistake.
        used: Columns that must have a type of the language, as in `range_chunks`; None: all.
    """
    files = split_files(connector, split, findings)
    return SplitReader(
        connector,
        tuple(files),
        None if columns is None else tuple(columns),
        findings,
        used=None if used is None else tuple(used),
    )


def split_files(
    connector: plan.Connector, split: str, findings: Findings, store: Store | None = None
) -> list[InputFile]:
    """The files of a split, sorted by name; where there are none, that is reported.

    Args:
        connector: How rows are read.
        split: A split that is read from files.
        findings: Told where there are none.
        store: Remembers what was fetched.
    """
    if connector.kind == "hf":
        return hub_files(connector, split, findings, store)
    if connector.kind == "plugin":
        return plugin_files(connector, split, findings, store)
    if len(str(connector.options.get("delimiter") or ",")) != 1:
        findings.report(
            "T0523",
            "a delimiter is one character",
            at=connector.at,
            label=f"not {len(str(connector.options['delimiter']))}",
        )
        return []
    return input_files(connector, split, findings)
