"""`import taskc` costs nothing, and every public name is there when it is asked for."""

import subprocess
import sys

import pytest

import taskc
from taskc import _HOMES

HEAVY = ("numpy", "pyarrow", "tokenizers", "torch", "transformers", "pydantic")


def imported(program: str, cwd) -> set[str]:
    """Returns the names of all modules that a program of one line leaves loaded."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; import sys; print(*sys.modules)"],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_each_public_name_has_a_home():
    """The table of homes, `__all__` and `dir` agree."""
    assert sorted(_HOMES) == taskc.__all__
    assert set(taskc.__all__) <= set(dir(taskc))


@pytest.mark.parametrize("name", sorted(_HOMES))
def test_each_public_name_is_found(name):
    """What the table promises is there."""
    assert getattr(taskc, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error():
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'biuld'"):
        _ = taskc.biuld


def test_import_loads_nothing_heavy(tmp_path):
    """The names are looked up at first use."""
    assert imported("import taskc", tmp_path) & set(HEAVY) == set()


def test_check_loads_nothing_heavy(hello):
    """From Python as from the shell, checking needs the language alone."""
    for program in (
        "import taskc; taskc.check('hello')",
        "from taskc.cli import main; main(['check', 'hello'])",
        "from taskc.cli import main; main(['check', 'hello', '--fix'])",
        "from taskc.cli import main; main(['lint', 'hello'])",
        "from taskc.cli import main; main(['fmt', 'hello', '--check'])",
        "from taskc.cli import main; main(['explain', 'T0011'])",
        "from taskc.cli import main; main(['info'])",
    ):
        assert imported(program, hello.parent) & set(HEAVY) == set(), program


@pytest.mark.slow
def test_check_answers_at_once(repository, tmp_path):
    """CPU seconds of a whole process; the budget is 0.2, a shared machine gets five times that."""
    done = subprocess.run(
        [sys.executable, str(repository / "benchmarks/startup.py"), "--json", "startup.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("taskc check"))

    assert float(line.split()[2]) < 1.0
