"""What a source's clauses make of a row: conform, id, `let`, `where`, `dedup`'s key, conform.

In: raw rows of one source. Out: values, ids and keys, or a `BadRowError` that says why there are
none. Compiled once a source; nothing here knows files, ranges or other rows. About 2 us a small row
of which every value is as its type holds it, 6 us where each has to be looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from taskc.compiler import plan
from taskc.compiler.keys import (
    NotCanonicalError,
    RowKey,
    Scope,
    canonical,
    columns_hasher,
    row_hasher,
    value_hash,
)
from taskc.compiler.resemblance.words import words
from taskc.compiler.rows.findings import shown
from taskc.compiler.rows.values.by_column import (
    CloserLookError,
    ColumnEvaluator,
    compile_by_column,
)
from taskc.compiler.rows.values.conform import (
    ColumnConverter,
    Converter,
    MismatchError,
    cell_converter,
    column_converter,
    converter,
    is_optional,
    stays_as_it_is,
    type_name,
)
from taskc.compiler.rows.values.evaluate import Env, Evaluator, compile_expression
from taskc.compiler.rows.values.names import names_in
from taskc.compiler.rows.values.operators import RowError, Value, require_bool
from taskc.dsl.spelling import did_you_mean

__all__ = ["BadRowError", "Row", "Shaping"]

Row = dict[str, Value]
_Columns = dict[str, list[Value]]


@dataclass(frozen=True, slots=True)
class _Column:
    """A raw column that is read."""

    name: str
    convert: Converter
    convert_cell: Converter
    convert_all: ColumnConverter
    convert_cells: ColumnConverter
    declared: bool
    optional: bool
    expected: str
    stays: bool  # as a file of no text format holds it


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of the shaped row that isn't known to conform already."""

    name: str
    convert: Converter
    convert_all: ColumnConverter
    optional: bool
    expected: str
    at: plan.Place
    stays: bool


class BadRowError(Exception):
    """The row can't be shaped; `survey` makes a diagnostic of it."""

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


class Shaping:
    """A source's clauses, compiled.

    Attributes:
        source: The source.
        columns: The raw columns to read, sorted; None: all.
        is_plain: Whether a row that conforms is kept as it is: nothing is made, asked or compared.
        is_asked: Whether a row that conforms is kept or not, and nothing is made of it or compared
            but that its fields are looked at.
        is_near: Whether `dedup` compares words, not values.
    """

    def __init__(self, source: plan.Source) -> None:
        self.source = source
        self.columns = None if source.reads is None else _columns_read(source, source.reads)
        self._columns = [
            _column(name, source.columns.get(name))
            for name in (sorted(source.columns) if self.columns is None else self.columns)
        ]
        self._row_id = row_hasher(source.reads)
        self._row_ids = None if source.reads is None else columns_hasher(source.reads)
        self._lets = [(let, compile_expression(let.value)) for let in source.lets]
        self._wheres = [(where, compile_expression(where.condition)) for where in source.wheres]
        self._by_column = _conditions_by_column(source)
        self._dedup = _dedup_evaluator(source)
        self._fields = _fields_to_check(source)
        self._kept = _kept(source, self.columns)
        self._kept_names = frozenset(self._kept or ())
        self._scope = Scope.source()
        self._env = Env({}, self._draw)
        self._row_id_now = b""
        self.is_near = source.dedup is not None and source.dedup.near is not None
        self.is_asked = not (self._lets or self._dedup)
        self.is_plain = self.is_asked and not (self._wheres or self._fields)

    def missing_columns(self, file_columns: Sequence[str]) -> list[str]:
        """The columns that are needed and that are not among those of a file."""
        return [
            column.name
            for column in self._columns
            if not column.optional and column.name not in file_columns
        ]

    # ---- to a row that conforms ----------------------------------------------------------------

    def conform_all(self, rows: list[Row], *, is_text: bool) -> list[bytes] | None:
        """Conforms rows in place, a column at a time, and returns their ids.

        The same as `conform` for each row, in a third of the time, but that columns which are not
        read stay in the rows. None, with the rows as they were, where one needs a closer look.
        """
        try:
            columns, changed = _converted(self._columns, rows, is_text=is_text)
            if self.source.reads is not None and self._row_ids is not None:
                read = [columns[name] for name in sorted({*self.source.reads})]
                ids = self._row_ids(read, len(rows))
            elif not changed:
                ids = [self._row_id(row) for row in rows]
            else:
                return None
        except (KeyError, MismatchError, NotCanonicalError):
            return None
        _replace_columns(rows, changed)
        return ids

    def conform_known(self, rows: list[Row], *, is_text: bool) -> bool:
        """As `conform_all`, where the ids of the rows are known; False where that gives none.

        So is that they conform: what stays as it is need not be looked at.
        """
        columns = [column for column in self._columns if is_text or not column.stays]
        try:
            _, changed = _converted(columns, rows, is_text=is_text)
        except (KeyError, MismatchError):
            return False
        _replace_columns(rows, changed)
        return True

    def conform(self, raw: Row, *, is_text: bool) -> tuple[Row, bytes]:
        """The columns that are read, each as its declared type holds it, and the row's id."""
        values = self._conformed(raw, is_text=is_text)
        try:
            return values, self._row_id(values)
        except NotCanonicalError as error:
            raise self._foreign_value(values, str(error)) from error

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

    # ---- through the clauses -------------------------------------------------------------------

    def env(self, values: Row, row_id: bytes) -> Env:
        """What the source's expressions see of a row, until the next row's is asked for."""
        self._row_id_now = row_id
        self._env.values = values
        return self._env

    def _draw(self, name: str) -> int:
        # Equal rows see the same draws, so that no row has to know of another one.
        return self._scope.draw(self.source.name, RowKey(self._row_id_now, 0), 0, name)

    def evaluate_lets(self, env: Env) -> None:
        """Adds the fields that `let` makes."""
        for let, evaluate in self._lets:
            try:
                env.values[let.name] = evaluate(env)
            except RowError as error:
                raise _failed(error, let.at, f"`{let.name}` has no value", let.name) from error

    def refusing(self, env: Env) -> int | None:
        """The index of the first `where` that is false; None: the row is kept."""
        for index, (where, condition) in enumerate(self._wheres):
            try:
                holds = require_bool(condition(env), "`where`")
            except RowError as error:
                raise _failed(error, where.at, "neither true nor false") from error
            if not holds:
                return index
        return None

    def refusing_all(self, rows: list[Row], ids: list[bytes]) -> list[int | None] | None:
        """As `refusing` for each row; None where one of them is a mistake."""
        if self._by_column is not None:
            try:
                return _first_false([condition(rows) for condition in self._by_column], len(rows))
            except CloserLookError:
                pass
        conditions = [condition for _, condition in self._wheres]
        env = self._env
        found: list[int | None] = []
        try:
            for env.values, self._row_id_now in zip(rows, ids, strict=True):
                refusing = None
                for index, condition in enumerate(conditions):
                    if (holds := condition(env)) is not True:
                        require_bool(holds, "`where`")
                        refusing = index
                        break
                found.append(refusing)
        except RowError:
            return None
        return found

    def dedup_key(self, env: Env) -> bytes:
        """The hash of what `dedup` compares, 16 bytes; b"" where the source has none."""
        if self._dedup is None or self.source.dedup is None:
            return b""
        try:
            return value_hash(self._dedup(env))
        except RowError as error:
            raise _failed(error, self.source.dedup.at, "no key") from error

    def dedup_words(self, env: Env) -> list[str]:
        """The words of what `dedup ... near` compares; those of a list's texts follow on."""
        assert self._dedup is not None, "asked for where there is a dedup"
        assert self.source.dedup is not None, "asked for where there is a dedup"
        try:
            return words(_text_of(self._dedup(env)))
        except RowError as error:
            raise _failed(error, self.source.dedup.at, "no key") from error

    def check_fields(self, values: Row) -> None:
        """Conforms the fields that `let` made to their declared types, in place."""
        for checked in self._fields:
            name = checked.name
            if name not in values:
                if not checked.optional:
                    raise BadRowError(
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

    def check_all(self, rows: list[Row], *, known: bool = False) -> bool:
        """As `check_fields` for each row, a column at a time, where no `let` makes anything.

        False, with the rows as they were, where one needs a closer look.

        Args:
            rows: Rows that conform.
            known: Whether the same rows were checked before.
        """
        if self._lets:
            return False
        changed: _Columns = {}
        try:
            for checked in self._fields:
                if known and checked.stays:
                    continue
                name = checked.name
                if checked.optional:
                    values = [row.get(name) for row in rows]
                    changed[name] = checked.convert_all(values)
                else:
                    values = [row[name] for row in rows]
                    converted = checked.convert_all(values)
                    if converted is not values:
                        changed[name] = converted
        except (KeyError, MismatchError):
            return False
        _replace_columns(rows, changed)
        return True

    def finished(self, rows: list[Row]) -> list[Row]:
        """The shaped rows of rows that were checked: fields, and what `references` reads."""
        names = self._kept
        if names is None:
            return rows
        every = self._kept_names
        return [
            row if row.keys() == every else {name: row[name] for name in names if name in row}
            for row in rows
        ]

    # ---- mistakes ------------------------------------------------------------------------------

    def _declared(self, name: str) -> plan.Place:
        """Where the type of a column stands: in `fields`, or in the schema."""
        return self.source.places.get(name, self.source.at)

    def _missing_column(self, column: _Column, raw: Row) -> BadRowError:
        near = did_you_mean(column.name, raw)
        optional = f"write `{column.name}: {column.expected}?` where a row may lack it"
        return BadRowError(
            "T0802",
            f"`{column.name}` is missing, {column.expected} is declared",
            self._declared(column.name),
            label=f"declared for source `{self.source.name}`",
            field=column.name,
            notes=(f"fields of the row: {', '.join(raw) or 'none'}",),
            helps=(f"did you mean `{near[0]}`?",) if near else (optional,),
        )

    def _foreign_value(self, values: Row, message: str) -> BadRowError:
        """Finds the first column without canonical bytes."""
        for name in sorted(values):
            try:
                canonical(values[name])
            except NotCanonicalError as error:
                return BadRowError(
                    "T0804",
                    f"`{name}`: {error}",
                    self.source.connector.at,
                    label="read from here",
                    field=name,
                    value=shown(values[name]),
                )
        return BadRowError("T0804", message, self.source.connector.at, label="read from here")


def _mismatch(
    code: str, name: str, error: MismatchError, at: plan.Place, label: str
) -> BadRowError:
    """A value that is not of its type, and what to do where that is plain."""
    helps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    if error.value is None and not error.missing:
        where = "" if error.path else f": `{name}: {error.expected}?`"
        helps = (f"write `?` behind the type where a row may hold none{where}",)
    elif error.expected.startswith("choice("):
        notes = (f"its values: {error.expected.removeprefix('choice(').removesuffix(')')}",)
    return BadRowError(
        code,
        error.message(name),
        at,
        label=label,
        field=name + error.path,
        value=shown(error.value),
        notes=notes,
        helps=helps,
    )


def _failed(error: RowError, at: plan.Place, label: str, field: str = "") -> BadRowError:
    return BadRowError("T0803", error.message, at, label=label, field=field, value=error.value)


def _converted(
    columns: Sequence[_Column], rows: list[Row], *, is_text: bool
) -> tuple[_Columns, _Columns]:
    """Columns as their types hold them, and those of them that this changes."""
    found: _Columns = {}
    changed: _Columns = {}
    for column in columns:
        values = [row[column.name] for row in rows]
        convert = column.convert_cells if is_text else column.convert_all
        converted = found[column.name] = convert(values)
        if converted is not values:
            changed[column.name] = converted
    return found, changed


def _replace_columns(rows: list[Row], columns: _Columns) -> None:
    """Puts other values of some columns into rows."""
    for name, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value


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
        column_converter(value_type, is_text=False),
        column_converter(value_type, is_text=True),
        declared is not None,
        is_optional(value_type),
        type_name(value_type),
        stays_as_it_is(value_type),
    )


def _dedup_evaluator(source: plan.Source) -> Evaluator | None:
    return None if source.dedup is None else compile_expression(source.dedup.key)


def _text_of(value: Value) -> str:
    """The text that `near` compares; where columns have no type only the row tells."""
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise RowError("`near` compares texts", shown(value))
    return " ".join(str(text) for text in texts)


def _kept(source: plan.Source, columns: Sequence[str] | None) -> tuple[str, ...] | None:
    """The values that are handed on; None: all.

    `references` is evaluated with the prompts, when columns that no field keeps would be gone.
    """
    if source.row is not None:
        return tuple(dict.fromkeys([*source.row, *names_in(source.references)]))
    if columns is None:
        return None
    return tuple(dict.fromkeys([*columns, *(let.name for let in source.lets)]))


def _conditions_by_column(source: plan.Source) -> list[ColumnEvaluator] | None:
    """The conditions of `where`; None where one of them has to be asked row by row."""
    conditions = [compile_by_column(where.condition) for where in source.wheres]
    found = [condition for condition in conditions if condition is not None]
    return found if len(found) == len(conditions) else None


def _first_false(columns: list[list[Value]], num_rows: int) -> list[int | None]:
    """For each row the first of the conditions that is false, None where all hold.

    Raises:
        CloserLookError: A condition is neither true nor false.
    """
    found: list[int | None] = [None] * num_rows
    for index, holds in reversed(list(enumerate(columns))):
        if not {bool}.issuperset(map(type, holds)):
            raise CloserLookError
        found = [each if held else index for each, held in zip(found, holds, strict=True)]
    return found


def _fields_to_check(source: plan.Source) -> list[_Field]:
    """The fields of the shaped row but those that are a column, unchanged and of the same type."""
    made_at = {let.name: let.at for let in source.lets}
    return [
        _Field(
            name,
            converter(value_type),
            column_converter(value_type, is_text=False),
            is_optional(value_type),
            type_name(value_type),
            made_at.get(name, source.at),
            stays_as_it_is(value_type),
        )
        for name, value_type in (source.row or {}).items()
        if name in made_at or source.columns.get(name) != value_type
    ]
