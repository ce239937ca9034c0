"""Strata: the group of each row that a quota is spread over, and how it ranks there.

In: the expressions of a `take`, and rows as their source's clauses made them. Out: two columns, 12
bytes a row, and each group once. Groups are told apart by a hash of their values, so a group may be
any value and none of them stands in memory twice. About 2 us a row.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.keys import value_hash
from taskc.compiler.rows.findings import shown
from taskc.compiler.rows.growing import GrowingColumn, shrunk
from taskc.compiler.rows.shaping import BadRowError
from taskc.compiler.rows.values.evaluate import Env, Evaluator, compile_expression
from taskc.compiler.rows.values.operators import RowError, Value

__all__ = ["Group", "Grouping", "Path", "Strata", "StrataColumns"]

Array = npt.NDArray[Any]


class Group(NamedTuple):
    """A value that rows are grouped by.

    Attributes:
        key: Hash of the value, 16 bytes.
        name: The value as a message shows it.
    """

    key: bytes
    name: str


# A group in a group: the values from the outermost one inwards.
Path = tuple[Group, ...]


@dataclass(slots=True)
class Strata:
    """Columns over n rows.

    Attributes:
        paths: The groups.
        stratum: Which of `paths` each row belongs to, uint32 [n].
        merit: What `best` ranks by, float64 [n]; 0 where there is no `best`.
    """

    paths: Sequence[Path]
    stratum: Array
    merit: Array

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.stratum)

    def pick(self, rows: Array) -> "Strata":
        """The rows at `rows`: indices in any order, or a bool for each row."""
        return Strata(self.paths, self.stratum[rows], self.merit[rows])

    def keep(self, kept: npt.NDArray[np.bool_]) -> None:
        """Leaves only the rows that are `kept`, in place."""
        self.stratum = shrunk(self.stratum, kept)
        self.merit = shrunk(self.merit, kept)

    def groups(self) -> list[list[tuple[str, str]]]:
        """The groups in plain values, for `from_bytes`."""
        return [[(group.key.hex(), group.name) for group in path] for path in self.paths]

    def to_buffers(self) -> list[bytes]:
        """The bytes of the columns."""
        return [self.stratum.tobytes(), self.merit.tobytes()]

    @classmethod
    def from_bytes(
        cls, groups: Sequence[Sequence[Sequence[str]]], content: bytes, start: int, num_rows: int
    ) -> "Strata":
        """What `groups` and `to_buffers` gave; columns are views of `content` from `start` on."""
        paths = [tuple(Group(bytes.fromhex(key), name) for key, name in path) for path in groups]
        stratum = np.frombuffer(content, np.uint32, num_rows, start)
        return cls(
            paths, stratum, np.frombuffer(content, np.float64, num_rows, stratum.nbytes + start)
        )


class StrataColumns:
    """The strata of one range after another, with one number for each group."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[bytes, ...], int] = {}
        self._paths: list[Path] = []
        self._stratum = GrowingColumn(np.uint32)
        self._merit = GrowingColumn(np.float64)

    def extend(self, strata: Strata) -> None:
        """Adds the rows of a range."""
        numbers = np.array([self._number(path) for path in strata.paths], np.uint32)
        self._stratum.extend(numbers[strata.stratum])
        self._merit.extend(strata.merit)

    def _number(self, path: Path) -> int:
        number = self._numbers.setdefault(tuple(g.key for g in path), len(self._paths))
        if number == len(self._paths):
            self._paths.append(path)
        return number

    def finished(self) -> Strata:
        """All rows; nothing is added any more."""
        return Strata(self._paths, self._stratum.finished(), self._merit.finished())


# ---- row by row ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Grouping:
    """The expressions of a `take`, compiled, and the rows that they were asked of."""

    take: plan.Take
    _keys: list[Evaluator] = field(init=False)
    _best: Evaluator | None = field(init=False)
    _numbers: dict[tuple[bytes, ...], int] = field(default_factory=dict)
    _paths: list[Path] = field(default_factory=list)
    _stratum: "array[int]" = field(default_factory=lambda: array("I"))
    _merit: "array[float]" = field(default_factory=lambda: array("d"))

    def __post_init__(self) -> None:
        """Compiles them."""
        self._keys = [compile_expression(key) for key in self.take.by_keys]
        self._best = None if self.take.best is None else compile_expression(self.take.best)

    def note(self, env: Env) -> None:
        """Takes down the next row.

        Raises:
            BadRowError: If it has no group or no rank; then nothing was taken down.
        """
        values = [self._value(key, env, "`by` has no value") for key in self._keys]
        merit = self._ranked(env)
        keys = tuple(value_hash(value) for value in values)
        number = self._numbers.setdefault(keys, len(self._paths))
        if number == len(self._paths):
            names = (value if isinstance(value, str) else shown(value) for value in values)
            self._paths.append(tuple(map(Group, keys, map(_short, names))))
        self._stratum.append(number)
        self._merit.append(merit)

    def _value(self, evaluate: Evaluator, env: Env, label: str) -> Value:
        try:
            value = evaluate(env)
        except RowError as error:
            raise self._bad(error.message, label, error.value) from error
        if isinstance(value, list | dict):
            kind = "a list" if isinstance(value, list) else "a record"
            message = f"rows are grouped and ranked by one value, not by {kind}"
            raise self._bad(message, label, shown(value))
        return value

    def _ranked(self, env: Env) -> float:
        if self._best is None:
            return 0.0
        value = self._value(self._best, env, "`best` has no value")
        if not isinstance(value, bool | int | float):
            raise self._bad("`best` ranks by a number", "no number", shown(value))
        return float(value)

    def _bad(self, message: str, label: str, value: str) -> BadRowError:
        return BadRowError("T0803", message, self.take.at, label=label, value=value)

    def strata(self) -> Strata:
        """The rows so far."""
        stratum = np.frombuffer(self._stratum, np.uint32)
        return Strata(self._paths, stratum, np.frombuffer(self._merit, np.float64))


_MAX_NAME_CHARS = 60


def _short(name: str) -> str:
    flat = name[: _MAX_NAME_CHARS + 1].replace("\n", " ")
    return flat if len(flat) <= _MAX_NAME_CHARS else f"{flat[: _MAX_NAME_CHARS - 3]}..."
