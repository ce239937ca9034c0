"""What the tests of exemplars share: made-up sources, and the draws as docs/keys.md writes them."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def world():
    """The module tests/compiler/demand/world.py: rows in ranges, builds over them."""
    name = "taskc_test_world"
    if name not in sys.modules:
        path = TESTS / "compiler" / "demand" / "world.py"
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def written():
    """The function `exemplars` of docs/keys.md."""
    page = (TESTS.parent / "docs" / "keys.md").read_text(encoding="utf-8")
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(block, names)
    return names["exemplars"]
