"""The engine of clusters: the same tasks as Ray core tasks, on every node that has a free core.

In: a picklable function and its tasks. Out: results in the order of the tasks. Inputs, store and
output are paths that every node can open (a shared disk, an object store); what travels are tasks
and the figures of their results, never tokens. A task of a node that dies is run again elsewhere.
Every node must have the same taskc and libraries, which each task looks at before it runs.
"""

import logging
import os
import platform
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FunctionType, TracebackType
from typing import Any, Self, TypeVar

from taskc.compiler.engines.engine import MachineDiffersError, WorkerLostError
from taskc.compiler.engines.process import spare_pandas
from taskc.compiler.store.code import code_digest

__all__ = ["RayEngine"]

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

# Nodes come and go, above all preemptible ones; a task that is lost so often is the cause itself.
MAX_LOSSES = 5
_TASKS_PER_CPU = 2  # enough to keep a core busy while its next task travels
_MAX_TOLD_CHARS = 240
_COMPILER = "taskc.compiler.build"  # imports all that a task may run


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
            _keep_stdout_clean(ray)
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
            MachineDiffersError: If a node has another taskc.
        """
        del num_rows  # a cluster is never too large for the work: its workers are there already
        remote = self._ray.remote(max_retries=MAX_LOSSES, num_cpus=1)(_at_home).remote
        home, code = str(Path.cwd()), code_digest(_COMPILER)
        waiting: deque[object] = deque()
        try:
            for task in tasks:
                waiting.append(remote(run, task, home, code))
                if len(waiting) > _TASKS_PER_CPU * self.jobs:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            self._cancel(waiting)

    def _cancel(self, references: Iterable[object]) -> None:
        """Ends tasks that nobody waits for any more: after an error, or Ctrl-C."""
        if self._ray.is_initialized():
            for reference in references:
                self._ray.cancel(reference, force=True)

    def _result(self, reference: object) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:  # raised by the task itself: our own error, as it was
            raise error.cause from error
        except errors.RayError as lost:
            reason = next((line.strip() for line in str(lost).splitlines() if line.strip()), "")
            raise WorkerLostError(f"{type(lost).__name__}: {reason}") from lost

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


def _keep_stdout_clean(ray: Any) -> None:
    """Sends what Ray tells of its nodes to stderr, a line each: stdout is for what was asked for.

    It prints that itself and has no switch for it; where it is called otherwise, nothing happens.
    """
    worker = ray._private.worker  # noqa: SLF001 - see above
    tell = getattr(worker, "print_to_stdstream", None)
    if isinstance(tell, FunctionType):
        worker.print_to_stdstream = partial(_tell_briefly, tell)


def _tell_briefly(tell: Callable[..., None], data: dict[str, Any], **how: Any) -> None:
    lines = [line.partition("\n")[0][:_MAX_TOLD_CHARS] for line in data.get("lines", ())]
    tell({**data, "lines": lines, "is_err": True}, **how)


def _at_home(run: Callable[[TaskT], ResultT], task: TaskT, home: str, code: str) -> ResultT:
    """Runs a task where the driver runs: relative paths of inputs and tokenizers start there.

    A worker's core is the parallelism: the tokenizer starts no threads.

    Raises:
        MachineDiffersError: If it would not run what the driver would.
    """
    if code_digest(_COMPILER) != code:
        raise MachineDiffersError(f"`{platform.node()}` has another taskc, or other libraries")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["RAYON_NUM_THREADS"] = "1"
    spare_pandas()
    with suppress(FileNotFoundError):  # a machine where every path is absolute, or a URL
        os.chdir(home)
    return run(task)
