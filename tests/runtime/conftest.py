"""What the tests of the runtime share: small artefacts, see artifacts.py."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def made():
    """The module artifacts.py: functions that make examples, plans and artefacts."""
    name = "taskc_test_artifacts"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, Path(__file__).with_name("artifacts.py")
        )
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny models only lose by threads, and tests run beside each other."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path, made) -> Path:
    """An artefact of forty examples in windows of eight, with an evaluation split of three rows."""
    return made.write_examples(
        tmp_path / "demo" / "tiny",
        made.seeded_examples(40),
        evaluations=[made.evaluation_of("dev", 3)],
    )
