"""What the tests of the documents share: blocks.py, and a test for each block of a page."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _blocks_module():
    name = "taskc_test_blocks"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("blocks.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def pages():
    """The module blocks.py."""
    return _blocks_module()


def pytest_generate_tests(metafunc):
    """Gives a test that asks for `NAME_block` each `task NAME` block of its module's PAGE.

    `file_block` is a block that is a whole file: one without a word after `task`.
    """
    for fixture in metafunc.fixturenames:
        if not fixture.endswith("_block"):
            continue
        kind = fixture.removesuffix("_block").replace("file", "").replace("inner", "in")
        found = _blocks_module().blocks(ROOT / metafunc.module.PAGE)
        wanted = [each for each in found if each.language == "task" and each.kind == kind]
        metafunc.parametrize(fixture, wanted, ids=str)
