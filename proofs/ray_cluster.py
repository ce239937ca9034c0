"""A node of a Ray cluster dies in the middle of a build, and the content is that of a local one.

In: made-up rows. Out: the content digest of local builds with 1, 2 and 4 workers, of a build on
Ray's own test cluster of three nodes, and of one where a node is killed while it encodes: which
tasks were lost with it, and how many were run. Exit status 1 where a digest differs, or where the
kill came too late to matter.
"""

import io
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from made_up import write_project
from ray.cluster_utils import Cluster

import taskc
from taskc.compiler.build import Built, build
from taskc.compiler.engines.engine import Engine
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.engines.ray import RayEngine
from taskc.compiler.plan import BuildPlan
from taskc.compiler.store.objects import Store
from taskc.compiler.turns.make import make

NUM_ROWS = 20_000
NODES = 3
WORKERS = (1, 2, 4)


def noted(folder: Path, run: Callable[[Any], Any], task: Any) -> Any:
    """Runs a task, and leaves a note of its node before and after."""
    node = ray.get_runtime_context().get_node_id()
    note = folder / f"{node} {uuid4().hex}"
    note.touch()
    result = run(task)
    note.rename(f"{note} done")
    return result


class Noting(RayEngine):
    """The engine, with notes of where each example task began and ended."""

    def __init__(self, address: str, folder: Path) -> None:
        super().__init__(address)
        self.folder = folder

    def map(self, run: Any, tasks: Iterable[Any], *, num_rows: int) -> Iterator[Any]:
        """See `RayEngine`."""
        if run is make:
            run = partial(noted, self.folder, run)
        return super().map(run, tasks, num_rows=num_rows)


def content(
    plan: BuildPlan, engine: Engine, folder: Path, progress: Callable[..., None] | None = None
) -> str:
    """Builds with an empty store; returns the content digest."""
    told = progress or (lambda *_: None)
    with engine, tempfile.TemporaryDirectory(dir=folder) as own:
        store = Store.open(f"{own}/store")
        built: Built = build(plan, out=Path(own, "out"), engine=engine, store=store, progress=told)
        if built.path is None:
            sys.exit("\n".join(finding.message for finding in built.diagnostics))
        return str(taskc.open(built.path).manifest.content_digest)


class Killer:
    """Ends a node, with all that runs on it, as soon as it is encoding."""

    def __init__(self, cluster: Cluster, node: Any, folder: Path) -> None:
        self.cluster, self.node, self.folder = cluster, node, folder
        self.thread = threading.Thread(target=self._wait)

    def _wait(self) -> None:
        while not list(self.folder.glob(f"{self.node.node_id} *")):
            time.sleep(0.01)
        time.sleep(0.2)  # it has begun, and is not done yet: a task takes about a second
        self.cluster.remove_node(self.node, allow_graceful=False)


def on_cluster(plan: BuildPlan, folder: Path, *, kills: bool) -> tuple[str, int, int]:
    """Builds on a new cluster; returns digest, tasks that were run, and those that were lost."""
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    others = [cluster.add_node(num_cpus=1) for _ in range(NODES - 1)]
    cluster.wait_for_nodes()
    notes = folder / f"notes-{kills}"
    notes.mkdir()
    killer = Killer(cluster, others[-1], notes)
    if kills:
        killer.thread.start()
    with redirect_stderr(io.StringIO()):  # Ray tells at length of the node that goes
        try:
            digest = content(plan, Noting(cluster.address, notes), folder)
            if kills:
                killer.thread.join()
        finally:
            cluster.shutdown()
    names = [path.name for path in notes.iterdir()]
    lost = Counter(name.split()[0] for name in names if not name.endswith("done"))
    assert set(lost) <= {others[-1].node_id}, "only the killed node loses tasks"
    return digest, len(names), lost.total()


def main() -> int:
    """Prints the table and returns the exit status."""
    digests = []
    print(f"ray {ray.__version__}\n")
    print(f"{'engine':34} {'content':>12} {'seconds':>8} {'tasks run':>10} {'lost':>5}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (plan,) = taskc.plan(write_project(folder / "project", num_rows=NUM_ROWS)).builds
        for jobs in WORKERS:
            started = time.monotonic()
            digests.append(content(plan, LocalEngine(jobs), folder))
            _show(f"local, {jobs} workers", digests[-1], started)
        for kills in (False, True):
            started = time.monotonic()
            digest, num_run, num_lost = on_cluster(plan, folder, kills=kills)
            digests.append(digest)
            name = f"ray, {NODES} nodes, {'one killed' if kills else 'undisturbed'}"
            _show(name, digest, started, f"{num_run:10} {num_lost:5}")
    is_one = len(set(digests)) == 1
    print(f"\n{len(set(digests))} different digests; {num_lost} tasks were lost and run again")
    return 0 if is_one and num_lost else 1


def _show(name: str, digest: str, started: float, rest: str = "") -> None:
    print(f"{name:34} {digest[:12]:>12} {time.monotonic() - started:8.1f} {rest}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
