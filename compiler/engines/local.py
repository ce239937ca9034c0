"""The default engine: tasks run in processes of this machine, results come back in order.

In: a picklable function and its tasks. Out: an iterator of results in the order of the tasks,
whatever finishes first, so that nothing downstream can depend on the number of workers. Small work
runs in the calling process: workers are forked from it where it has no other thread, for 0.03 s
each, and from a server of their own where it has, which costs a second and what each of them loads.
"""

import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from taskc.compiler.engines.engine import WorkerLostError
from taskc.compiler.engines.process import prepare_to_work_alone, prepare_worker

__all__ = ["LocalEngine"]

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

# Below so many rows in one call the workers' start would cost more than they save.
MIN_ROWS_FOR_WORKERS = 8_000
# A worker may be killed by chance, above all when memory is short for a moment; not three times.
MAX_LOSSES = 3
_LOST = "worker processes were ended from outside, as happens when memory runs out"


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

        A task whose worker was ended from outside is run again: tasks are pure but for the store.

        Raises:
            WorkerLostError: If workers were lost `MAX_LOSSES` times while one task was in hand.
        """
        if self.jobs == 1 or (num_rows < MIN_ROWS_FOR_WORKERS and self._pool is None):
            prepare_to_work_alone()
            yield from map(run, tasks)
            return
        waiting: deque[tuple[TaskT, Future[ResultT]]] = deque()
        for task in tasks:
            waiting.append((task, self._submit(run, task)))
            # Two tasks a worker keep all of them busy; more would only fill memory.
            if len(waiting) > 2 * self.jobs:
                yield self._first(run, waiting)
        while waiting:
            yield self._first(run, waiting)

    def _submit(self, run: Callable[[TaskT], ResultT], task: TaskT) -> "Future[ResultT]":
        """Hands a task to the workers; new ones where the present ones were just lost."""
        for _ in range(MAX_LOSSES):
            try:
                with _without_main_module(), _without_interrupts():
                    return self._workers().submit(run, task)
            except BrokenProcessPool:
                self.kill()
        raise WorkerLostError(_LOST)

    def _first(
        self,
        run: Callable[[TaskT], ResultT],
        waiting: "deque[tuple[TaskT, Future[ResultT]]]",
    ) -> ResultT:
        """The result of the first task that waits; all that wait start over if workers are lost."""
        for _ in range(MAX_LOSSES):
            try:
                result = waiting[0][1].result()
            except BrokenProcessPool:
                self.kill()
                tasks = [task for task, _ in waiting]
                waiting.clear()
                waiting.extend((task, self._submit(run, task)) for task in tasks)
            else:
                waiting.popleft()
                return result
        raise WorkerLostError(_LOST)

    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = get_context("fork") if _is_alone() else _server()
            self._pool = ProcessPoolExecutor(
                self.jobs, mp_context=context, initializer=_start_worker
            )
        return self._pool

    def close(self) -> None:
        """End the worker processes after the tasks in hand."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def kill(self) -> None:
        """End the worker processes at once: what they do is thrown away."""
        if self._pool is not None:
            # Python 3.14 has `kill_workers`; before, the pool's own table is the only way to them.
            for process in list((self._pool._processes or {}).values()):  # noqa: SLF001
                process.kill()
        self.close()

    def __enter__(self) -> Self:
        """The engine itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close; at once where an error or Ctrl-C ends the block."""
        if kind is None:
            self.close()
        else:
            self.kill()


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Hides the user's script from worker processes that start meanwhile.

    A worker would run it again, and a script without an `if __name__ == "__main__"` would build
    again in every worker; none of our tasks needs anything of it.
    """
    main = sys.modules["__main__"].__dict__
    names = [name for name in ("__spec__", "__file__") if name in main]
    hidden: dict[str, object] = {name: main[name] for name in names}
    main["__spec__"] = None
    main.pop("__file__", None)
    try:
        yield
    finally:
        main.update(hidden)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Lets Ctrl-C wait: a worker that is forked meanwhile never hears of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with warnings.catch_warnings():
            # Python 3.12 counts threads before a fork, and jemalloc's among them.
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_alone() -> bool:
    """Whether this thread is the only one, so that workers can be forked from this process.

    They then have at once what was imported and loaded here. A fork copies the locks of other
    threads, pyarrow's and the tokenizers' among them, held or not; jemalloc, whose thread runs from
    the import of pyarrow on, takes its own before a fork and frees them after it.
    """
    try:
        names = [
            task.joinpath("comm").read_text().strip() for task in Path("/proc/self/task").iterdir()
        ]
    except OSError:  # no Linux
        return False
    return len([name for name in names if name != "jemalloc_bg_thd"]) == 1


def _server() -> ForkServerContext:
    """A process that workers are forked from, deaf to Ctrl-C: the parent answers it."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["taskc.compiler.turns.encode"])
    if threading.current_thread() is threading.main_thread():
        _start_server()
    return context


def _start_server() -> None:
    """Starts it; only the main thread may set signal handlers."""
    answering = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ensure_running()
    finally:
        signal.signal(signal.SIGINT, answering)


def _start_worker() -> None:
    """Prepares a worker process.

    Workers are the parallelism; threads of the tokenizer inside each would only compete. Ctrl-C
    goes to every process of the terminal: the parent alone answers it, and ends its workers.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["RAYON_NUM_THREADS"] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_worker()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this worker when the process that gives it tasks is gone.

    A parent that was killed says no goodbye, and its workers would wait for their next task for
    ever: they hold the other end of the queue themselves.
    """
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
