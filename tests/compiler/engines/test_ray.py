"""The engine of clusters: the content of a local build, and words for what goes wrong there.

Ray's processes take 5 s to start and as long to end, so all tests share them; `make prove
ray_cluster` has several nodes and kills one.
"""

import os
import signal
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import pytest

from taskc.compiler.engines import ray as ray_engine
from taskc.compiler.engines.engine import WorkerLostError
from taskc.compiler.store.disk import Disk
from taskc.compiler.store.objects import Store
from taskc.runtime.reader import open as open_artifact
from taskc.workers import Workers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs ray: pip install 'taskc-lang[ray]'"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # Ray's, about its own next version
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves the logs of its nodes open
]


@pytest.fixture(scope="module")
def cluster():
    """Two cores of Ray."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


@pytest.fixture
def engine(cluster):
    """An engine on it."""
    return Workers("ray").started()


def die_once(path: str) -> str:
    """Ends its worker the first time."""
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path


def die(_: str) -> None:
    """Ends its worker every time."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(path: str) -> None:
    """As a task does that finds the disk full."""
    Store.open(f"{path}/store").put("survey", "ab" * 16, b"content")


def digest(built):
    """The content digest of what was built."""
    assert built.diagnostics == []
    return open_artifact(built.path).manifest.content_digest


def test_the_content_is_that_of_a_local_build(project, engine, tmp_path):
    """Made by other processes, with a store that they share."""
    local = digest(project(folder=tmp_path / "local").build())
    one = project(folder=tmp_path / "ray")
    built = one.build(engine=engine)

    assert digest(built) == local
    assert built.work.num_encoded > 0
    assert one.build(engine=engine).is_unchanged


def test_a_lost_worker_costs_its_tasks_another_run(engine, tmp_path):
    """The results are all there, in order."""
    paths = [str(tmp_path / str(number)) for number in range(6)]
    for path in paths[1:]:
        Path(path).touch()

    assert list(engine.map(die_once, paths, num_rows=6)) == paths


def test_a_task_that_always_kills_its_worker_is_given_up(engine, monkeypatch):
    """It would go on for ever."""
    monkeypatch.setattr(ray_engine, "MAX_LOSSES", 1)
    with pytest.raises(WorkerLostError, match="Worker"):
        list(engine.map(die, ["a"], num_rows=1))


def test_an_error_of_a_task_comes_back_as_it_was(engine, tmp_path):
    """The report is the one that a local build would give."""
    (tmp_path / "store").write_text("not a folder", encoding="utf-8")
    with pytest.raises(Exception, match="T1004"):
        list(engine.map(fail, [str(tmp_path)], num_rows=1))


def test_a_machine_with_another_compiler_is_named(project, engine, monkeypatch):
    """What it makes could differ, and nothing would tell."""
    monkeypatch.setattr(ray_engine, "code_digest", lambda _: "of another version")
    built = project().build(engine=engine)

    assert [finding.code for finding in built.diagnostics] == ["T1042"]
    assert os.uname().nodename in built.diagnostics[0].notes[0]


def test_a_store_that_cannot_be_written_has_no_fallback(project, engine, tmp_path):
    """A folder of this machine is of no use to others."""
    store = Store(str(tmp_path / "store"), None, is_writable=False)
    built = project().build(engine=engine, store=store)

    assert built.path is None
    assert [finding.code for finding in built.diagnostics] == ["T1007"]


def test_a_folder_of_the_same_name_is_not_the_store(project, engine, monkeypatch):
    """What a worker would put there could not be found again."""
    monkeypatch.setattr(Disk, "in_use", lambda _: nullcontext("seen by nobody else"))
    built = project().build(engine=engine)

    assert built.path is None
    assert [finding.code for finding in built.diagnostics] == ["T1007"]
