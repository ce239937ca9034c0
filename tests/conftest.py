"""What every test may ask for: the checkout's root, the shared real data, `--slow` and `--gpu`."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
IN_CI = os.environ.get("CI") == "true"
SHARED_DATA = ROOT.parent / "shared" / "data"

# In CI two runs draw the same examples; a run elsewhere may find new ones. A loaded machine is
# slow, not wrong, so there is no deadline.
hypothesis.settings.register_profile("house", deadline=None, derandomize=IN_CI)
hypothesis.settings.load_profile("house")

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
