"""The seam behind which work is done: what the compiler knows of an engine, and all it knows.

In: a function and its tasks. Out: results in the order of the tasks. Whichever engine runs them,
the content is the same: tasks are pure but for the store, and may be run again.
"""

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Protocol, Self, TypeVar

__all__ = ["Engine", "MachineDiffersError", "WorkerLostError"]

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


class WorkerLostError(Exception):
    """Workers were ended from outside, again and again: what runs out is memory, as a rule."""


class MachineDiffersError(Exception):
    """A machine of the cluster has another taskc, or other libraries: so it could make others."""


class Engine(Protocol):
    """What runs chunk tasks."""

    def map(
        self, run: Callable[[TaskT], ResultT], tasks: Iterable[TaskT], *, num_rows: int
    ) -> Iterator[ResultT]:
        """Runs every task and yields the results in the tasks' order.

        Args:
            run: A function at a module's top level, which may be run again on the same task.
            tasks: Its arguments; taken from as results are asked for.
            num_rows: How many rows the tasks hold together: decides whether workers are worth it.

        Raises:
            WorkerLostError: If a task's worker was lost more often than chance explains.
            MachineDiffersError: If tasks would run on another compiler than this one.
        """
        ...

    def close(self) -> None:
        """Ends the workers after the tasks in hand."""
        ...

    def __enter__(self) -> Self:
        """The engine itself."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes; at once where an error or Ctrl-C ends the block."""
        ...
