"""What the tests of demand and of the stream share: made-up sources, see world.py."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def world():
    """The module world.py: sources, builds and a `make` that follows a table."""
    name = "taskc_test_world"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("world.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
