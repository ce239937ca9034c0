"""Survey: the first look at a range: which rows there are, and which of them `where` keeps.

In: a range of an input file and its source. Out: columns of numpy, and no value of any row; why
rows were refused; what is wrong with rows, as diagnostics. Each row's declared columns are
conformed, its id is made, `let` and `where` are evaluated, the shaped row is conformed. A range is
surveyed without a look at any other, and streams: only a chunk's rows stand in memory. About 3.5 us
a row of 600 bytes, the format's parsing included; `dedup ... near` adds 25 us.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import compress
from math import inf
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from taskc.compiler import plan
from taskc.compiler.quotas.strata import Grouping, Strata
from taskc.compiler.resemblance.minhash import Signing
from taskc.compiler.resemblance.words import words_key
from taskc.compiler.rows.connect.files import FileProblemError, InputFile
from taskc.compiler.rows.connect.raw import BadRow, RawChunk, Value
from taskc.compiler.rows.connect.reading import range_chunks, report_bad_row, report_problem
from taskc.compiler.rows.findings import Findings
from taskc.compiler.rows.ranges import Range
from taskc.compiler.rows.row_keys import Ids, Uint32s
from taskc.compiler.rows.shaping import BadRowError, Row, Shaping
from taskc.compiler.rows.values.evaluate import Env
from taskc.dsl.diagnostics import RowPlace
from taskc.dsl.spelling import did_you_mean

__all__ = ["NO_PICK", "SurveyTask", "Surveyed", "survey", "survey_row"]

NO_PICK = 0xFFFF  # in `picks`: none of the values that are listed
_MAX_PICK_CHARS = 256  # a longer text is nobody's option
_ALIGNMENT_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyTask:
    """A range and what is asked of it.

    Attributes:
        watched: Fields whose values are told of each row: those that some template's options cover.
        most_rows: Only the first so many rows are looked at; None: all.
        take: The quota whose groups and ranks are told of each row; None: none are.
    """

    source: plan.Source
    file: InputFile
    range: Range
    watched: tuple[str, ...] = ()
    most_rows: int | None = None
    take: plan.Take | None = None


@dataclass(slots=True)
class Surveyed:
    """What a range holds.

    Attributes:
        ids: Row ids of the k rows that `where` keeps, in file order, uint8 [k, 16].
        lines: Their places within the range, from 0, uint32 [k].
        dedup_keys: Hash of what `dedup` compares, uint8 [k, 16]; [0, 16] where there is none. With
            `near` that is the row's words.
        picks: For each row and watched field, which of `values` it holds, uint16 [k, w]; `NO_PICK`
            where it holds none of them.
        values: For each watched field the texts found, in the order found.
        refused: For each `where`, how many rows it refused; a row is refused by the first that is
            false.
        num_read: Rows read, those with a mistake among them.
        num_failed: Rows with a mistake.
        findings: What is wrong with rows, or with the file.
        is_broken: Whether the file could not be read through: nothing of it counts from here on.
        strata: The groups and ranks of the k rows, where a quota asks for them.
        bands: By which rows that may be near one another are found, uint32 [k, b]; b is 0 where
            `dedup` has no `near`.
    """

    ids: Ids
    lines: Uint32s
    dedup_keys: Ids
    picks: npt.NDArray[np.uint16]
    values: list[list[str]]
    refused: list[int]
    num_read: int = 0
    num_failed: int = 0
    findings: Findings | None = None
    is_broken: bool = False
    strata: Strata | None = None
    bands: npt.NDArray[np.uint32] = field(default_factory=lambda: np.empty((0, 0), np.uint32))

    def __len__(self) -> int:
        """The number of rows that `where` keeps."""
        return len(self.ids)

    def to_buffers(self) -> list[bytes]:
        """The bytes that stand for it in the store; one with findings is never kept there."""
        assert self.findings is None, "a survey with findings is made again"
        columns: list[npt.NDArray[Any]] = [
            self.ids,
            self.dedup_keys,
            self.lines,
            self.bands,
            self.picks,
        ]
        head = orjson.dumps(
            {
                "num_rows": len(self),
                "num_keys": len(self.dedup_keys),
                "bands": self.bands.shape,
                "values": self.values,
                "refused": self.refused,
                "num_read": self.num_read,
                "groups": None if self.strata is None else self.strata.groups(),
            }
        )
        head += b" " * (-len(head) % _ALIGNMENT_BYTES)
        return [
            len(head).to_bytes(_ALIGNMENT_BYTES, "little"),
            head,
            *(column.tobytes() for column in columns),
            *([] if self.strata is None else self.strata.to_buffers()),
        ]

    @classmethod
    def from_bytes(cls, content: bytes) -> "Surveyed":
        """What `to_buffers` gave; columns are views of `content`."""
        start = _ALIGNMENT_BYTES + int.from_bytes(content[:_ALIGNMENT_BYTES], "little")
        head = orjson.loads(content[_ALIGNMENT_BYTES:start])
        num_rows, values = head["num_rows"], head["values"]
        shapes = [
            (np.uint8, (num_rows, 16)),
            (np.uint8, (head["num_keys"], 16)),
            (np.uint32, (num_rows,)),
            (np.uint32, tuple(head["bands"])),
            (np.uint16, (num_rows, len(values))),
        ]
        columns = []
        for dtype, shape in shapes:
            count = int(np.prod(shape))
            column = np.frombuffer(content, dtype, count, start).reshape(shape)
            start += column.nbytes
            columns.append(column)
        ids, dedup_keys, lines, bands, picks = columns
        refused, num_read = head["refused"], head["num_read"]
        found = cls(ids, lines, dedup_keys, picks, values, refused, num_read, bands=bands)
        if head["groups"] is not None:
            found.strata = Strata.from_bytes(head["groups"], content, start, num_rows)
        return found


def survey(task: SurveyTask) -> Surveyed:
    """Looks at every row of a range once."""
    surveyor = _Surveyor(task)
    connector = task.source.connector
    is_broken = False
    try:
        for chunk in range_chunks(
            connector, task.file, task.range, surveyor.shaping.columns, surveyor.bad_row
        ):
            surveyor.take(chunk)
            if surveyor.num_rows == task.most_rows:
                break
        surveyor.say_bad_rows()
    except FileProblemError as problem:
        surveyor.say_bad_rows()
        report_problem(surveyor.findings, connector, task.file, problem)
        is_broken = True
    return surveyor.result(is_broken=is_broken)


def survey_row(task: SurveyTask, number: int) -> tuple[Surveyed, RawChunk | None]:
    """Looks at one row of a range, as `survey` does; nothing behind its chunk is read.

    Args:
        task: The range.
        number: The row's number in its file.

    Returns:
        What was found; `num_read` is 0 where no row has that number. And the row as it stands in
        the file, None where the format can't read it.
    """
    surveyor = _Surveyor(task)
    connector = task.source.connector
    found: RawChunk | None = None
    is_broken = False

    def bad_row(bad: BadRow) -> None:
        if bad.number == number:
            surveyor.bad_row(bad)

    try:
        for chunk in range_chunks(
            connector, task.file, task.range, surveyor.shaping.columns, bad_row
        ):
            numbers = chunk.numbers
            at = bisect_left(numbers, number)
            if at < len(numbers):
                if numbers[at] == number:
                    found = replace(chunk, numbers=[number], rows=[chunk.rows[at]])
                    surveyor.take(replace(found, rows=deepcopy(found.rows)))
                break
        surveyor.say_bad_rows()
    except FileProblemError as problem:
        surveyor.say_bad_rows()
        report_problem(surveyor.findings, connector, task.file, problem)
        is_broken = True
    return surveyor.result(is_broken=is_broken), found


# ---- chunk by chunk ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Surveyor:
    """A range on its way: columns that grow chunk by chunk."""

    task: SurveyTask
    shaping: Shaping = field(init=False)
    findings: Findings = field(init=False)
    ids: bytearray = field(default_factory=bytearray)
    lines: "array[int]" = field(default_factory=lambda: array("I"))
    dedup_keys: bytearray = field(default_factory=bytearray)
    signing: Signing | None = field(init=False)
    picks: "_Picks" = field(init=False)
    grouping: Grouping | None = field(init=False)
    refused: list[int] = field(init=False)
    num_rows: int = 0  # that the format could read
    num_bad_rows: int = 0  # that it could not
    bad_rows: list[BadRow] = field(default_factory=list)  # of them, those that are yet to be said
    num_failed: int = 0
    lacks_columns: bool = False

    def __post_init__(self) -> None:
        """Compiles the source."""
        source = self.task.source
        self.shaping = Shaping(source)
        self.findings = Findings(source.name, source.at)
        near = None if source.dedup is None else source.dedup.near
        self.signing = None if near is None else Signing(near)
        self.picks = _Picks(self.task.watched)
        self.grouping = None if self.task.take is None else Grouping(self.task.take)
        self.refused = [0] * len(source.wheres)

    def bad_row(self, bad: BadRow) -> None:
        """Takes a row that the format could not read.

        It is said in its turn: a format reads a chunk before the rows of it are looked at.
        """
        self.num_bad_rows += 1
        self.bad_rows.append(bad)

    def say_bad_rows(self, before: float = inf) -> None:
        """Reports those of them whose number is lower than `before`."""
        while self.bad_rows and self.bad_rows[0].number < before:
            bad = self.bad_rows.pop(0)
            report_bad_row(self.findings, self.task.source.connector, self.task.file, bad)

    def take(self, chunk: RawChunk) -> None:
        """Takes the rows of a chunk, as far as they are wanted."""
        most = self.task.most_rows
        room = None if most is None else most - self.num_rows
        rows, numbers = chunk.rows[:room], chunk.numbers[:room]
        self.num_rows += len(rows)
        if not self._has_columns(chunk):
            self.num_failed += len(rows)
            return
        self._take(chunk, rows, numbers)
        self.say_bad_rows()

    def _take(self, chunk: RawChunk, rows: list[Row], numbers: Sequence[int]) -> None:
        ids = self.shaping.conform_all(rows, is_text=chunk.is_text)
        is_plain = self.shaping.is_plain and self.grouping is None
        if ids is not None and is_plain:
            self._keep(rows, ids, numbers)
            return
        if ids is not None and self._keep_asked(rows, ids, numbers):
            return
        kept: list[Row] = []
        kept_ids: list[bytes] = []
        kept_numbers: list[int] = []
        for number, values, row_id in self._conformed(chunk, rows, numbers, ids):
            try:
                is_kept = is_plain or self._judge(values, row_id)
            except BadRowError as bad:
                self._fail(bad, number)
                continue
            if is_kept:
                kept.append(values)
                kept_ids.append(row_id)
                kept_numbers.append(number)
        self._keep(kept, kept_ids, kept_numbers)

    def _keep_asked(self, rows: list[Row], ids: list[bytes], numbers: Sequence[int]) -> bool:
        """Keeps what `where` keeps, a column at a time; False, and nothing done, where it can't."""
        shaping = self.shaping
        if not shaping.is_asked or self.grouping is not None:
            return False
        refusing = shaping.refusing_all(rows, ids)
        if refusing is None:
            return False
        kept = [clause is None for clause in refusing]
        kept_rows = list(compress(rows, kept))
        if not shaping.check_all(kept_rows):
            return False
        for clause, count in Counter(refusing).items():
            if clause is not None:
                self.refused[clause] += count
        self._keep(kept_rows, list(compress(ids, kept)), list(compress(numbers, kept)))
        return True

    def _conformed(
        self,
        chunk: RawChunk,
        rows: list[Row],
        numbers: Sequence[int],
        ids: list[bytes] | None,
    ) -> Iterator[tuple[int, Row, bytes]]:
        """Yields number, values and id of each row; one with a mistake is reported here."""
        if ids is not None:
            yield from zip(numbers, rows, ids, strict=True)
            return
        for number, raw in zip(numbers, rows, strict=True):
            try:
                values, row_id = self.shaping.conform(raw, is_text=chunk.is_text)
            except BadRowError as bad:
                self._fail(bad, number)
            else:
                yield number, values, row_id

    def _judge(self, values: Row, row_id: bytes) -> bool:
        """Whether a row that conforms is kept; its fields are then made and checked."""
        shaping = self.shaping
        env = shaping.env(values, row_id)
        shaping.evaluate_lets(env)
        refusing = shaping.refusing(env)
        if refusing is not None:
            self.refused[refusing] += 1
            return False
        if self.signing is None:
            dedup_key = shaping.dedup_key(env)
            self._finish(env)
            self.dedup_keys += dedup_key
        else:
            words = shaping.dedup_words(env)
            self._finish(env)
            self.dedup_keys += words_key(words)
            self.signing.note(words)
        return True

    def _finish(self, env: Env) -> None:
        """Checks the fields that were made, and takes down to which stratum the row belongs."""
        self.shaping.check_fields(env.values)
        if self.grouping is not None:
            self.grouping.note(env)

    def _keep(self, rows: list[Row], ids: list[bytes], numbers: Sequence[int]) -> None:
        self.ids += b"".join(ids)
        first = self.task.range.first_number
        self.lines.extend([number - first for number in numbers])
        self.picks.note(rows)
        if self.signing is not None:
            self.signing.sign()

    def _has_columns(self, chunk: RawChunk) -> bool:
        """Whether the file has every column that is needed; said once, not once a row."""
        if chunk.columns is None:
            return True
        missing = self.shaping.missing_columns(chunk.columns)
        if missing and not self.lacks_columns:
            self.lacks_columns = True
            near = did_you_mean(missing[0], chunk.columns)
            names = ", ".join(f'"{name}"' for name in self.task.source.columns)
            headless = f"if the file has no header, name its columns: `columns: [{names}]`"
            self.findings.report(
                "T0525",
                f"the file has no column `{missing[0]}`"[:100],
                at=self.task.source.connector.at,
                label="read from here",
                notes=(
                    f"file `{self.task.file.name}`",
                    f"its columns: {', '.join(chunk.columns)}",
                ),
                helps=(f"did you mean `{near[0]}`?",) if near else (headless,) * chunk.is_text,
            )
        return not missing

    def _fail(self, bad: BadRowError, number: int) -> None:
        self.num_failed += 1
        self.say_bad_rows(before=number)
        self.findings.report(
            bad.code,
            bad.message[:100],
            at=bad.at,
            label=bad.label,
            notes=bad.notes,
            helps=bad.helps,
            row=RowPlace(self.task.file.name, number, bad.field, bad.value),
        )

    def result(self, *, is_broken: bool) -> Surveyed:
        """What was found."""
        has_findings = bool(self.findings.diagnostics())
        return Surveyed(
            ids=np.frombuffer(bytes(self.ids), np.uint8).reshape(-1, 16),
            lines=np.frombuffer(self.lines, np.uint32),
            dedup_keys=np.frombuffer(bytes(self.dedup_keys), np.uint8).reshape(-1, 16),
            picks=self.picks.column(len(self.lines)),
            values=self.picks.values,
            refused=self.refused,
            num_read=self.num_rows + self.num_bad_rows,
            num_failed=self.num_failed + self.num_bad_rows,
            findings=self.findings if has_findings else None,
            is_broken=is_broken,
            strata=None if self.grouping is None else self.grouping.strata(),
            bands=np.empty((0, 0), np.uint32) if self.signing is None else self.signing.column(),
        )


class _Picks:
    """The values of watched fields, each written down once and then by its number."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = fields
        self.values: list[list[str]] = [[] for _ in fields]
        self._numbers: list[dict[Value, int]] = [{None: NO_PICK} for _ in fields]
        self._picks = [array("H") for _ in fields]

    def note(self, rows: list[Row]) -> None:
        """Takes down the next rows."""
        for at, name in enumerate(self.fields):
            values = [row.get(name) for row in rows]
            if not {str, NoneType}.issuperset(map(type, values)):
                values = [value if isinstance(value, str) else None for value in values]
            known, numbers = self.values[at], self._numbers[at]
            for value in dict.fromkeys(values):
                text = str(value)
                if value not in numbers and len(text) <= _MAX_PICK_CHARS and len(known) < NO_PICK:
                    numbers[value] = len(known)
                    known.append(text)
            self._picks[at].extend([numbers.get(value, NO_PICK) for value in values])

    def column(self, num_rows: int) -> npt.NDArray[np.uint16]:
        """Numbers of values by row and field, uint16 [k, w]."""
        columns = [np.frombuffer(picks, np.uint16) for picks in self._picks]
        return np.stack(columns, axis=1) if columns else np.empty((num_rows, 0), np.uint16)
