"""What the tests of the stream share: made-up sources."""

import importlib.util
import sys
from pathlib import Path

import pytest

WORLD = Path(__file__).parents[1] / "demand" / "world.py"


@pytest.fixture(scope="session")
def world():
    """The module world.py: sources, builds and a `make` that follows a table."""
    name = "taskc_test_world"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, WORLD)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
