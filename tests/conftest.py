"""What every test may ask for: the checkout's root, the shared real data, `--slow` and `--gpu`."""

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
IN_CI = os.environ.get("CI") == "true"
SHARED_DATA = ROOT.parent / "shared" / "data"

# In CI two runs draw the same examples; a run elsewhere may find new ones. A loaded machine is
# slow, not wrong, so there is no deadline.
hypothesis.settings.register_profile("house", deadline=None, derandomize=IN_CI)
hypothesis.settings.load_profile("house")

# A shell's background jobs ignore Ctrl-C and hand that on to what they start; tests that press it
# must not depend on how they were started.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asks the network for a data set or a tokenizer.
os.environ["HF_HUB_OFFLINE"] = "1"
# Nor does one leave anything in the cache of who runs them.
os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="taskc-tests-")
atexit.register(shutil.rmtree, os.environ["HF_DATASETS_CACHE"], ignore_errors=True)


def pytest_addoption(parser):
    """Adds the two switches for tests that are left out otherwise."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")
    parser.addoption("--gpu", action="store_true", help="run the tests marked gpu as well")


def pytest_collection_modifyitems(config, items):
    """Skips slow and gpu tests unless they are asked for."""
    for marker in ("slow", "gpu"):
        if config.getoption(f"--{marker}"):
            continue
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"runs with --{marker}"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; it is always there in CI, elsewhere perhaps."""
    if not SHARED_DATA.is_dir():
        if IN_CI:
            pytest.fail("../shared/data is missing, and CI must have it", pytrace=False)
        pytest.skip("needs the real data in ../shared/data beside the checkout")
    return SHARED_DATA


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a folder in a bucket of a server on this machine that speaks S3."""
    missing = [name for name in ("s3fs", "moto", "flask") if find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: pip install 'taskc-lang[dev]'")
    import fsspec
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    name = uuid4().hex  # the server's buckets outlive it within a process
    fsspec.filesystem("s3").mkdir(name)
    yield f"s3://{name}/taskc"
    fsspec.filesystem("s3").clear_instance_cache()
    server.stop()
