"""What the tests of writing share: the runtime's small artefacts, and made-up sources."""

import importlib.util
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]


def _module(name, path):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def made():
    """The module tests/runtime/artifacts.py: makes examples, plans and artefacts."""
    return _module("taskc_test_artifacts", TESTS / "runtime" / "artifacts.py")


@pytest.fixture(scope="session")
def world():
    """The module tests/compiler/demand/world.py: rows in ranges."""
    return _module("taskc_test_world", TESTS / "compiler" / "demand" / "world.py")
