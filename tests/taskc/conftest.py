"""What the tests of the face share: the command line as a process, and a project to work on."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Taskc = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def taskc() -> Taskc:
    """Runs `taskc ARGUMENTS...` in a process of its own, in `cwd`."""

    def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "taskc", *arguments],
            cwd=cwd,
            env={"PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def hello(tmp_path, taskc) -> Path:
    """The folder `hello` that `taskc init` wrote in an empty folder."""
    done = taskc("init", "hello", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    return tmp_path / "hello"


@pytest.fixture(scope="session")
def built_once(tmp_path_factory, taskc) -> Path:
    """A folder in which `hello` was written and built; nobody changes anything in it."""
    folder = tmp_path_factory.mktemp("built")
    for arguments in (["init", "hello"], ["build", "hello"]):
        done = taskc(*arguments, cwd=folder)

        assert done.returncode == 0, done.stderr
    return folder
