"""One row's way through a source: conform, id, `let`, `where`, conform.

In: raw chunks of one split. Out: shaped rows with their ids and ordinals, the rows that each
`where` refused, and a diagnostic for each row that can't be shaped. Compiled once a source; about 6
us a small row.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from taskc.compiler import plan
from taskc.compiler.keys import (
    NotCanonicalError,
    RowKey,
    Scope,
    canonical,
    row_hasher,
    value_hash,
)
from taskc.compiler.rows.conform import (
    Converter,
    MismatchError,
    cell_converter,
    converter,
    is_optional,
    type_name,
)
from taskc.compiler.rows.connect.raw import RawChunk
from taskc.compiler.rows.evaluate import Env, Evaluator, compile_expression
from taskc.compiler.rows.findings import Findings, shown
from taskc.compiler.rows.operators import RowError, Value, require_bool
from taskc.compiler.rows.shaped import ShapedRows
from taskc.dsl.diagnostics import RowPlace
from taskc.dsl.spelling import did_you_mean

__all__ = ["RowShaper"]

Row = dict[str, Value]


@dataclass(slots=True)
class _Refused:
    """Places of the rows that one `where` refused."""

    files: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Column:
    """A raw column that is read."""

    name: str
    convert: Converter
    convert_cell: Converter
    declared: bool
    optional: bool
    expected: str


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of the shaped row that isn't known to conform already."""

    name: str
    convert: Converter
    optional: bool
    expected: str
    at: plan.Place


class _BadRowError(Exception):
    """The row can't be shaped; caught in `RowShaper.take`, which makes a diagnostic of it."""

    def __init__(
        self,
        code: str,
        message: str,
        at: plan.Place,
        *,
        label: str,
        field: str = "",
        value: str = "",
        notes: tuple[str, ...] = (),
        helps: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.at = at
        self.label = label
        self.field = field
        self.value = value
        self.notes = notes
        self.helps = helps


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
        self.columns = None if source.reads is None else _columns_read(source, source.reads)
        self.shaped = ShapedRows()
        self.refused = [_Refused() for _ in source.wheres]
        self.num_failed = 0
        self._columns = [
            _column(name, source.columns.get(name))
            for name in (sorted(source.columns) if self.columns is None else self.columns)
        ]
        self._row_id = row_hasher(source.reads)
        self._lets = [(let, compile_expression(let.value)) for let in source.lets]
        self._wheres = [(where, compile_expression(where.condition)) for where in source.wheres]
        self._dedup = _dedup_evaluator(source)
        self._fields = _fields_to_check(source)
        self._scope = Scope.source()
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
            except _BadRowError as bad:
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
        missing = [
            column.name
            for column in self._columns
            if not column.optional and column.name not in chunk.columns
        ]
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
        values = self._conformed(raw, is_text=is_text)
        try:
            row_id = self._row_id(values)
        except NotCanonicalError as error:
            raise self._foreign_value(values, str(error)) from error
        ordinal = self._num_equal[row_id]
        self._num_equal[row_id] = ordinal + 1
        dedup_key = b""
        if self._lets or self._wheres or self._dedup is not None:
            env = Env(values, self._drawer(RowKey(row_id, ordinal)))
            self._evaluate_lets(env)
            for index, (where, condition) in enumerate(self._wheres):
                if not self._holds(env, where, condition):
                    self.refused[index].files.append(file)
                    self.refused[index].numbers.append(number)
                    return
            dedup_key = self._dedup_key(env)
        shaped = self.shaped
        shaped.values.append(self._finished(values))
        shaped.ids.append(row_id)
        shaped.ordinals.append(ordinal)
        shaped.files.append(file)
        shaped.numbers.append(number)
        if dedup_key:
            shaped.dedup_keys.append(dedup_key)

    def _conformed(self, raw: Row, *, is_text: bool) -> Row:
        """The columns that are read, each as its declared type holds it."""
        values: Row = raw if self.columns is None else {}
        for column in self._columns:
            name = column.name
            try:
                value = raw[name]
            except KeyError:
                if not column.declared:
                    continue
                if not column.optional:
                    raise self._missing_column(column, raw) from None
                value = None
            try:
                values[name] = (column.convert_cell if is_text else column.convert)(value)
            except MismatchError as error:
                raise _mismatch(
                    "T0802" if error.missing else "T0801",
                    name,
                    error,
                    self._declared(name),
                    f"declared for source `{self.source.name}`",
                ) from None
        return values

    def _evaluate_lets(self, env: Env) -> None:
        for let, evaluate in self._lets:
            try:
                env.values[let.name] = evaluate(env)
            except RowError as error:
                raise _failed(error, let.at, f"`{let.name}` has no value", let.name) from error

    def _holds(self, env: Env, where: plan.Where, condition: Evaluator) -> bool:
        try:
            return require_bool(condition(env), "`where`")
        except RowError as error:
            raise _failed(error, where.at, "neither true nor false") from error

    def _dedup_key(self, env: Env) -> bytes:
        if self._dedup is None or self.source.dedup is None:
            return b""
        try:
            return value_hash(self._dedup(env))
        except RowError as error:
            raise _failed(error, self.source.dedup.at, "no key") from error

    def _finished(self, values: Row) -> Row:
        """The shaped row: its declared fields and no others, each of its declared type."""
        for checked in self._fields:
            name = checked.name
            if name not in values:
                if not checked.optional:
                    raise _BadRowError(
                        "T0802",
                        f"`{name}` is missing",
                        checked.at,
                        label="its rows need this field",
                        field=name,
                    )
                values[name] = None
                continue
            try:
                values[name] = checked.convert(values[name])
            except MismatchError as error:
                label = f"`{name}` is made here"
                raise _mismatch("T0805", name, error, checked.at, label) from None
        row = self.source.row
        return values if row is None else {name: values[name] for name in row}

    def _drawer(self, key: RowKey) -> Callable[[str], int]:
        return lambda draw_name: self._scope.draw(self.source.name, key, 0, draw_name)

    # ---- mistakes ------------------------------------------------------------------------------

    def _declared(self, name: str) -> plan.Place:
        """Where the type of a column stands: in `fields`, or in the schema."""
        return self.source.places.get(name, self.source.at)

    def _missing_column(self, column: _Column, raw: Row) -> _BadRowError:
        near = did_you_mean(column.name, raw)
        optional = f"write `{column.name}: {column.expected}?` where a row may lack it"
        return _BadRowError(
            "T0802",
            f"`{column.name}` is missing, {column.expected} is declared",
            self._declared(column.name),
            label=f"declared for source `{self.source.name}`",
            field=column.name,
            notes=(f"fields of the row: {', '.join(raw) or 'none'}",),
            helps=(f"did you mean `{near[0]}`?",) if near else (optional,),
        )

    def _foreign_value(self, values: Row, message: str) -> _BadRowError:
        """Finds the first column without canonical bytes."""
        for name in sorted(values):
            try:
                canonical(values[name])
            except NotCanonicalError as error:
                return _BadRowError(
                    "T0804",
                    f"`{name}`: {error}",
                    self.source.connector.at,
                    label="read from here",
                    field=name,
                    value=shown(values[name]),
                )
        return _BadRowError("T0804", message, self.source.connector.at, label="read from here")


def _mismatch(
    code: str, name: str, error: MismatchError, at: plan.Place, label: str
) -> _BadRowError:
    """A value that is not of its type, and what to do where that is plain."""
    helps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    if error.value is None and not error.missing:
        where = "" if error.path else f": `{name}: {error.expected}?`"
        helps = (f"write `?` behind the type where a row may hold none{where}",)
    elif error.expected.startswith("choice("):
        notes = (f"its values: {error.expected.removeprefix('choice(').removesuffix(')')}",)
    return _BadRowError(
        code,
        error.message(name),
        at,
        label=label,
        field=name + error.path,
        value=shown(error.value),
        notes=notes,
        helps=helps,
    )


def _failed(error: RowError, at: plan.Place, label: str, field: str = "") -> _BadRowError:
    return _BadRowError("T0803", error.message, at, label=label, field=field, value=error.value)


# ---- compiling a source --------------------------------------------------------------------------


def _columns_read(source: plan.Source, reads: Sequence[str]) -> tuple[str, ...]:
    """A declared column is looked at even where nothing uses it: it says what the file holds."""
    return tuple(sorted({*reads, *source.columns}))


def _column(name: str, declared: plan.ValueType | None) -> _Column:
    value_type = declared or plan.ScalarType(type="any")
    return _Column(
        name,
        converter(value_type),
        cell_converter(value_type),
        declared is not None,
        is_optional(value_type),
        type_name(value_type),
    )


def _dedup_evaluator(source: plan.Source) -> Evaluator | None:
    if source.dedup is None or source.dedup.near is not None:
        return None
    return compile_expression(source.dedup.key)


def _fields_to_check(source: plan.Source) -> list[_Field]:
    """The fields of the shaped row but those that are a column, unchanged and of the same type."""
    made_at = {let.name: let.at for let in source.lets}
    return [
        _Field(
            name,
            converter(value_type),
            is_optional(value_type),
            type_name(value_type),
            made_at.get(name, source.at),
        )
        for name, value_type in (source.row or {}).items()
        if name in made_at or source.columns.get(name) != value_type
    ]
