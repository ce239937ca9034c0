"""What the tests of writing share: the runtime's small artefacts."""

import importlib.util
import sys
from pathlib import Path

import pytest

ARTIFACTS = Path(__file__).parents[2] / "runtime" / "artifacts.py"


@pytest.fixture(scope="session")
def made():
    """The module tests/runtime/artifacts.py: makes examples, plans and artefacts."""
    name = "taskc_test_artifacts"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ARTIFACTS)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
