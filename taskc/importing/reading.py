"""The rows of a file that no spec names yet, and what is wrong with them.

In: a path. Out: its rows, chunk by chunk, as the connector of its format reads them; a JSON array
is written out as JSON Lines first. Mistakes become diagnostics with a row and no place in a spec.
The file's end says the format: `.parquet`, `.arrow`, else JSON, also compressed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from taskc.compiler import plan
from taskc.compiler.rows.connect.files import FileProblemError, InputFile, byte_blocks
from taskc.compiler.rows.connect.raw import RawChunk
from taskc.compiler.rows.connect.reading import open_split
from taskc.compiler.rows.findings import Findings
from taskc.dsl.diagnostics import Diagnostic, RowPlace
from taskc.importing.arrays import array_elements, is_array

__all__ = ["RowsFile", "opened"]

Kind = Literal["jsonl", "parquet", "arrow"]

_COLUMNAR: dict[str, Kind] = {".parquet": "parquet", ".arrow": "arrow"}
_NOWHERE = plan.Place(path="", start=0, end=0, line=0, column=0)


@dataclass(slots=True)
class RowsFile:
    """A file of rows.

    Attributes:
        path: The file as it was named.
        kind: Its connector.
        lines: The rows of a JSON array, one a line, in a file of their own; None: it is no array.
        findings: What is wrong with it.
    """

    path: Path
    kind: Kind
    lines: Path | None = None
    findings: Findings = field(default_factory=lambda: Findings("rows", _NOWHERE))

    def chunks(self, used: Sequence[str]) -> Iterator[RawChunk]:
        """Yields every row; those that cannot be read are reported.

        Args:
            used: Columns that a shape has; others may hold what the language has no type for.
        """
        read = self.lines or self.path
        connector = plan.Connector(
            kind=self.kind,
            patterns={"train": str(read)},
            roots={"train": str(read.parent)},
            at=_NOWHERE,
        )
        yield from open_split(connector, "train", None, self.findings, used=used).chunks()

    def report(
        self,
        code: str,
        message: str,
        *,
        row: tuple[int, str, str] | None = None,
        notes: tuple[str, ...] = (),
        helps: tuple[str, ...] = (),
    ) -> None:
        """Adds a mistake.

        Args:
            code: A code of the table.
            message: The first line.
            row: The row's number from 1, the field, and the value as it is shown.
            notes: Facts.
            helps: Actions.
        """
        place = RowPlace(self.path.name, *row) if row else None
        self.findings.report(code, message[:100], notes=notes, helps=helps, row=place)

    def diagnostics(self) -> list[Diagnostic]:
        """What is wrong; there is no spec yet that a place could point into."""
        return [self._without_place(found) for found in self.findings.diagnostics()]

    def _without_place(self, found: Diagnostic) -> Diagnostic:
        row = replace(found.row, file=self.path.name) if found.row else None
        return replace(found, primary=None, row=row)


def opened(path: Path, folder: Path) -> RowsFile:
    """Looks what kind of file it is, and writes an array out.

    Args:
        path: The file.
        folder: Where the lines of an array are written.
    """
    suffixes = path.suffixes[-1:]
    kind = _COLUMNAR.get(suffixes[0] if suffixes else "", "jsonl")
    rows = RowsFile(path, kind)
    if path.is_dir():
        rows.report("T0510", f"a folder, not a file: `{path}`", helps=("name one file of it",))
    if kind != "jsonl" or not path.is_file():
        return rows
    file = InputFile(str(path), path.name)
    try:
        if is_array(byte_blocks(file)):
            rows.lines = folder / "rows.jsonl"
            with rows.lines.open("wb") as lines:
                for element in array_elements(byte_blocks(file)):
                    lines.write(element + b"\n")
    except FileProblemError as problem:
        rows.report(
            problem.code,
            problem.message,
            row=(problem.row, "", "") if problem.row else None,
            notes=problem.notes,
            helps=problem.helps,
        )
    return rows
