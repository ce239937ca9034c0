"""The engine of clusters: the same tasks as Ray core tasks, on every node that has a free core.

In: a picklable function and its tasks. Out: results in the order of the tasks. Inputs, store and
output are paths that every node can open (a shared disk, an object store); what travels are tasks
and the figures of their results, never tokens. A task of a node that dies is run again elsewhere.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from taskc.compiler.engines.engine import WorkerLostError

__all__ = ["RayEngine"]

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

# Nodes come and go, above all preemptible ones; a task that is lost so often is the cause itself.
MAX_LOSSES = 5
_TASKS_PER_CPU = 2  # enough to keep a core busy while its next task travels


class RayEngine:
    """Runs tasks on a Ray cluster.

    Args:
        address: The cluster's address, as `ray.init` takes it; "" = the one that this process is
            connected to, else a new one on this machine.
        jobs: Most tasks that run at once; None = as many as the cluster has cores.

    Raises:
        ImportError: If Ray is not installed.
        ConnectionError: If there is no cluster at `address`.
    """

    def __init__(self, address: str = "", jobs: int | None = None) -> None:
        import ray

        self._ray: Any = ray  # its annotations say less than its documentation
        self._started_here = not ray.is_initialized()
        if self._started_here:
            ray.init(
                address=address or None,
                logging_level=logging.ERROR,
                log_to_driver=False,
                include_dashboard=None if address else False,
            )
        self._jobs = jobs

    @property
    def jobs(self) -> int:
        """How many tasks may run at once now: nodes may have come or gone."""
        return self._jobs or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def map(
        self, run: Callable[[TaskT], ResultT], tasks: Iterable[TaskT], *, num_rows: int
    ) -> Iterator[ResultT]:
        """Runs every task and yields the results in the tasks' order; see `Engine`.

        Raises:
            WorkerLostError: If a task's worker or node was lost more than `MAX_LOSSES` times.
        """
        del num_rows  # a cluster is never too large for the work: its workers are there already
        remote = self._ray.remote(max_retries=MAX_LOSSES, num_cpus=1)(_at_home).remote
        home = str(Path.cwd())
        waiting: deque[object] = deque()
        for task in tasks:
            waiting.append(remote(run, task, home))
            if len(waiting) > _TASKS_PER_CPU * self.jobs:
                yield self._result(waiting.popleft())
        while waiting:
            yield self._result(waiting.popleft())

    def _result(self, reference: object) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:  # raised by the task itself: our own error, as it was
            raise error.cause from error
        except (errors.WorkerCrashedError, errors.ObjectLostError, errors.OutOfMemoryError) as lost:
            raise WorkerLostError(str(lost)) from lost

    def close(self) -> None:
        """Leaves the cluster, and ends it where it was started here."""
        if self._started_here and self._ray.is_initialized():
            self._ray.shutdown()

    def __enter__(self) -> Self:
        """The engine itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves the cluster; what still runs there is cancelled with the connection."""
        self.close()


def _at_home(run: Callable[[TaskT], ResultT], task: TaskT, home: str) -> ResultT:
    """Runs a task where the driver runs: relative paths of inputs and tokenizers start there.

    A worker's core is the parallelism: the tokenizer starts no threads.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.chdir(home)
    return run(task)
