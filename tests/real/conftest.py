"""The real packages: built once a session, whichever worker asks first."""

import fcntl
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

import taskc

HERE = Path(__file__).parent
# The oracle is a package of its own; importlib mode puts nothing on the path, so it is put there.
sys.path.insert(0, str(HERE))

from oracle.comparison import Case  # noqa: E402 (found through the line above)

Built = Callable[[str], taskc.Artifact]


@contextmanager
def _one_at_a_time(lock: Path):
    """Lets one worker process in after the other."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def built(shared_data, tmp_path_factory) -> Built:
    """The artefact of "package/build", made by the first who asks and opened by all."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # each worker has a folder of its own in there
    out = shared / "artifacts"
    out.mkdir(exist_ok=True)
    opened: dict[str, taskc.Artifact] = {}

    def build(name: str) -> taskc.Artifact:
        if name not in opened:
            package, build_name = name.split("/")
            with _one_at_a_time(out / f"{package}-{build_name}.lock"):
                if not (out / name).is_dir():
                    taskc.build(
                        HERE / package,
                        build=build_name,
                        params={"data": str(shared_data)},
                        out=out,
                    )
            opened[name] = taskc.open(out / name)
        return opened[name]

    return build


@pytest.fixture(scope="session")
def case(shared_data) -> Callable[[str], Case]:
    """What the oracle says of "package/build", worked out once a worker."""
    known: dict[str, Case] = {}

    def of(name: str) -> Case:
        if name not in known:
            known[name] = Case.of(name, shared_data)
        return known[name]

    return of
