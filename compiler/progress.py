"""Progress: what stages tell of their rows, joined with what the engine's results say of them.

In: a listener. Out: what stages call with the rows that they are through, and an engine whose
results are looked at as they pass. A stage need not know what is told besides: how many rows there
will be, how many tokens they gave, how much of it the store had.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, TypeVar

from taskc.compiler.engines.engine import Engine
from taskc.compiler.rows.survey import Surveyed
from taskc.compiler.turns.make import Made

__all__ = ["Listener", "Step", "Steps", "ignored"]

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

_SURVEYING = "shape"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What came to pass since the last step.

    Attributes:
        stage: The stage's name.
        what: What it works on: a source, a split; "": nothing of it was done yet.
        rows: Rows that are through the stage.
        expected: Rows that the stage will have besides those that were expected before.
        tokens: Tokens of the examples that were made.
        made: What was made now: rows that were read, or pairs of row and prompt.
        reused: What the store had, counted like `made`.
    """

    stage: str
    what: str = ""
    rows: int = 0
    expected: int = 0
    tokens: int = 0
    made: int = 0
    reused: int = 0


Listener = Callable[[Step], None]


def ignored(_: Step) -> None:
    """Listens to nothing."""


class Steps:
    """What the stages of a build are given in place of a listener.

    Attributes:
        engine: The build's engine, whose results are looked at.
    """

    def __init__(self, listener: Listener, engine: Engine, *, is_sample: bool = False) -> None:
        """Joins a listener and an engine.

        Args:
            listener: Told of every step.
            engine: What runs the tasks.
            is_sample: Whether rows are surveyed without the engine.
        """
        self._listener = listener
        self._is_sample = is_sample
        self._surveyed = 0  # rows that the engine surveyed and no stage has told of yet
        self._next = Step(stage="")
        self.engine: Engine = _Watched(engine, self)

    def __call__(self, stage: str, what: str, rows: int) -> None:
        """Tells of rows that are through a stage."""
        step = replace(self._next, stage=stage, what=what, rows=rows)
        if stage == _SURVEYING:
            made = rows if self._is_sample else min(rows, self._surveyed)
            self._surveyed = max(0, self._surveyed - rows)
            step = replace(step, made=made, reused=rows - made)
        self._next = Step(stage="")
        self._listener(step)

    def expect(self, stage: str, rows: int) -> None:
        """Tells how many rows a stage will have, before it begins."""
        self._listener(Step(stage=stage, expected=rows))

    def will_make(self, num_rows: int) -> None:
        """Notes how many rows the engine was asked to make examples of."""
        self._next = replace(self._next, expected=self._next.expected + num_rows)

    def note(self, result: object) -> None:
        """Notes what a result of the engine says, for the step that speaks of its rows."""
        match result:
            case Surveyed():
                self._surveyed += result.num_read
            case Made():
                self._next = replace(
                    self._next,
                    tokens=self._next.tokens + int(result.num_tokens.sum(dtype="int64")),
                    made=self._next.made + result.num_encoded,
                    reused=self._next.reused + result.num_reused,
                )
            case _:  # of no rows
                pass


class _Watched:
    """An engine whose results are noted."""

    def __init__(self, engine: Engine, steps: Steps) -> None:
        self._engine = engine
        self._steps = steps

    def map(
        self, run: Callable[[TaskT], ResultT], tasks: Iterable[TaskT], *, num_rows: int
    ) -> Iterator[ResultT]:
        """See `Engine`."""
        is_told = False
        for result in self._engine.map(run, tasks, num_rows=num_rows):
            if isinstance(result, Made) and not is_told:
                is_told = True
                self._steps.will_make(num_rows)
            self._steps.note(result)
            yield result

    def close(self) -> None:
        """See `Engine`."""
        self._engine.close()

    def __enter__(self) -> Self:
        """The engine itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """See `Engine`."""
        self._engine.__exit__(kind, error, trace)
