"""Shaped rows on their way through the choices of a split: columns that are picked from together.

In: raw chunks, shaped row by row. Out: columns of the rows that are left, and `Rows`, as they are
handed on.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from taskc.compiler import plan
from taskc.compiler.examples import Rows
from taskc.compiler.rows.connect.raw import RawChunk
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.operators import Value
from taskc.compiler.rows.shaping import BadRowError, Row, Shaping
from taskc.dsl.diagnostics import RowPlace
from taskc.dsl.spelling import did_you_mean

__all__ = ["RowShaper", "ShapedRows"]


@dataclass(slots=True)
class ShapedRows:
    """Columns of rows, all of the same length; see `Rows`.

    Attributes:
        dedup_keys: Hash of each row's dedup key; empty where the source has no dedup.
    """

    values: list[dict[str, Value]] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    dedup_keys: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.ids)

    def pick(self, indices: Sequence[int]) -> "ShapedRows":
        """Returns the rows at `indices`."""
        if len(indices) == len(self):
            return self
        return ShapedRows(
            values=[self.values[index] for index in indices],
            ids=[self.ids[index] for index in indices],
            ordinals=[self.ordinals[index] for index in indices],
            files=[self.files[index] for index in indices],
            numbers=[self.numbers[index] for index in indices],
            dedup_keys=[self.dedup_keys[index] for index in indices] if self.dedup_keys else [],
        )

    def without(self, indices: Sequence[int]) -> "ShapedRows":
        """Returns the rows that are not at `indices`."""
        gone = set(indices)
        return self.pick([index for index in range(len(self)) if index not in gone])

    def rows(self, source: str, split: str, file_names: list[str]) -> Rows:
        """Returns the rows as they are handed on."""
        return Rows(
            source,
            split,
            self.values,
            self.ids,
            self.ordinals,
            self.files,
            self.numbers,
            file_names,
        )


@dataclass(slots=True)
class _Refused:
    """Places of the rows that one `where` refused."""

    files: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


class RowShaper:
    """Shapes the rows of one split of a source.

    Attributes:
        columns: The raw columns to read, sorted; None: all.
        shaped: The rows that conform and that no `where` refused.
        refused: For each `where`, the rows it refused; a row is refused by the first that is false.
        num_failed: Rows with a mistake.
    """

    def __init__(self, source: plan.Source, findings: Findings) -> None:
        self.source = source
        self.findings = findings
        self.shaped = ShapedRows()
        self.refused = [_Refused() for _ in source.wheres]
        self.num_failed = 0
        self._shaping = Shaping(source)
        self.columns = self._shaping.columns
        self._num_equal: defaultdict[bytes, int] = defaultdict(int)
        self._complained_of_file = -1

    # ---- a chunk -------------------------------------------------------------------------------

    def take(self, chunk: RawChunk, file_name: str, most_rows: int | None) -> int:
        """Shapes at most `most_rows` rows of a chunk and returns how many were read."""
        rows = chunk.rows[:most_rows]
        numbers = chunk.numbers[:most_rows]
        if not self._has_columns(chunk, file_name):
            self.num_failed += len(rows)
            return len(rows)
        for number, raw in zip(numbers, rows, strict=True):
            try:
                self._shape(raw, chunk.file, number, is_text=chunk.is_text)
            except BadRowError as bad:
                self.num_failed += 1
                self.findings.report(
                    bad.code,
                    bad.message[:100],
                    at=bad.at,
                    label=bad.label,
                    notes=bad.notes,
                    helps=bad.helps,
                    row=RowPlace(file_name, number, bad.field, bad.value),
                )
        return len(rows)

    def _has_columns(self, chunk: RawChunk, file_name: str) -> bool:
        """Whether the file has every column that is needed; said once a file, not once a row."""
        if chunk.columns is None:
            return True
        missing = self._shaping.missing_columns(chunk.columns)
        if missing and self._complained_of_file != chunk.file:
            self._complained_of_file = chunk.file
            near = did_you_mean(missing[0], chunk.columns)
            names = ", ".join(f'"{name}"' for name in self.source.columns)
            headless = f"if the file has no header, name its columns: `columns: [{names}]`"
            self.findings.report(
                "T0525",
                f"the file has no column `{missing[0]}`"[:100],
                at=self.source.connector.at,
                label="read from here",
                notes=(f"file `{file_name}`", f"its columns: {', '.join(chunk.columns)}"),
                helps=(f"did you mean `{near[0]}`?",) if near else (headless,) * chunk.is_text,
            )
        return not missing

    # ---- a row ---------------------------------------------------------------------------------

    def _shape(self, raw: Row, file: int, number: int, *, is_text: bool) -> None:
        values, row_id = self._shaping.conform(raw, is_text=is_text)
        ordinal = self._num_equal[row_id]
        self._num_equal[row_id] = ordinal + 1
        env = self._shaping.env(values, row_id)
        self._shaping.evaluate_lets(env)
        refusing = self._shaping.refusing(env)
        if refusing is not None:
            self.refused[refusing].files.append(file)
            self.refused[refusing].numbers.append(number)
            return
        dedup_key = self._shaping.dedup_key(env)
        self._shaping.check_fields(values)
        shaped = self.shaped
        shaped.values.append(self._shaping.finished(values))
        shaped.ids.append(row_id)
        shaped.ordinals.append(ordinal)
        shaped.files.append(file)
        shaped.numbers.append(number)
        if dedup_key:
            shaped.dedup_keys.append(dedup_key)
