"""The default engine: tasks run in processes of this machine, results come back in order.

In: a picklable function and its tasks. Out: an iterator of results in the order of the tasks,
whatever finishes first, so that nothing downstream can depend on the number of workers. Small work
runs in the
calling process: starting workers costs about a second.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Self, TypeVar

__all__ = ["LocalEngine"]

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

# Below so many rows in one call the workers' start would cost more than they save.
MIN_ROWS_FOR_WORKERS = 8_000


class LocalEngine:
    """Runs tasks in this process or in `jobs` worker processes.

    Args:
        jobs: Number of worker processes; None = as many as this process may use cores.
    """

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs or len(os.sched_getaffinity(0))
        self._pool: ProcessPoolExecutor | None = None

    def map(
        self, run: Callable[[TaskT], ResultT], tasks: Iterable[TaskT], *, num_rows: int
    ) -> Iterator[ResultT]:
        """Run every task and yield the results in the tasks' order.

        Args:
            run: A function at a module's top level.
            tasks: Its arguments.
            num_rows: How many rows the tasks hold together: decides whether workers are worth it.

        Raises:
            concurrent.futures.process.BrokenProcessPool: If a worker process died.
        """
        if self.jobs == 1 or (num_rows < MIN_ROWS_FOR_WORKERS and self._pool is None):
            yield from map(run, tasks)
            return
        pool = self._workers()
        waiting: list[Future[ResultT]] = []
        for task in tasks:
            waiting.append(pool.submit(run, task))
            # Two tasks a worker keep all of them busy; more would only fill memory.
            if len(waiting) > 2 * self.jobs:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()

    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # A fork would copy the threads' locks of pyarrow and tokenizers in whatever state they
            # are.
            context = get_context("forkserver")
            context.set_forkserver_preload(["taskc.compiler.turns.encode"])
            self._pool = ProcessPoolExecutor(
                self.jobs, mp_context=context, initializer=_one_thread_each
            )
        return self._pool

    def close(self) -> None:
        """End the worker processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Self:
        """The engine itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


def _one_thread_each() -> None:
    """Workers are the parallelism; threads of the tokenizer inside each would only compete."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
