"""The digest of stages: it follows the source, and whatever the source imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from taskc.compiler.store import code
from taskc.compiler.store.code import code_digest, imported, source_files

STAGES = ("taskc.compiler.turns.encode", "taskc.compiler.rows.values.conform")


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A small compiler of three modules in place of the real one."""
    files = {
        "stage.py": "import numpy as np\nfrom taskc.compiler import below\n",
        "below.py": "from taskc.compiler.deep import (  # why\n    name,\n)\n",
        "deep.py": "name = 1\n",
        "other.py": "name = 2\n",
        "__init__.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(code, "_ROOMS", {"taskc.compiler": tmp_path})
    return tmp_path


def digest():
    """Computes the digest again, as another process would."""
    kept = (code_digest, code._module, code._version)
    for each in kept:
        each.cache_clear()
    try:
        return code_digest("taskc.compiler.stage")
    finally:
        for each in kept:
            each.cache_clear()


@pytest.mark.parametrize("name", ["stage.py", "below.py", "deep.py", "__init__.py"])
def test_a_change_anywhere_below_changes_it(house, name):
    """However far down, however it is imported."""
    before = digest()
    (house / name).write_text(f"{(house / name).read_text()}changed = True\n", encoding="utf-8")

    assert digest() != before


def test_a_change_elsewhere_does_not(house):
    """What a stage does not run is of no matter; nor is where the house stands."""
    before = digest()
    (house / "other.py").write_text("name = 3\n", encoding="utf-8")

    assert digest() == before


def test_a_new_version_of_a_library_changes_it(house, monkeypatch):
    """Of one that is imported somewhere below."""
    before = digest()
    monkeypatch.setattr(code, "version", lambda name: f"{name} 99")

    assert digest() != before


def test_the_order_of_modules_does_not_matter():
    """They are one stage."""
    assert code_digest(*STAGES) == code_digest(*reversed(STAGES))
    assert code_digest(*STAGES) != code_digest(STAGES[0])


def test_every_import_is_seen(repository):
    """The pattern finds what the parser of Python finds, in every file of the house."""
    missed = {}
    for room in ("compiler", "dsl", "runtime", "taskc"):
        for path in (repository / room).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            wanted = set()
            for node in ast.walk(ast.parse(source)):
                match node:
                    case ast.Import():
                        wanted |= {alias.name for alias in node.names}
                    case ast.ImportFrom(module=str(module)):
                        wanted |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
            if wanted - set(imported(source)):
                missed[path] = wanted - set(imported(source))

    assert missed == {}


def test_what_a_stage_imports_is_in_it():
    """All that a process has loaded of the house after importing the stage, save the face of it."""
    script = f"import sys, {STAGES[0]}; print(*(m for m in sys.modules if m.startswith('taskc.')))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    inside = {name for name in loaded if name.startswith(("taskc.compiler", "taskc.dsl"))}

    assert len(inside) > 20
    assert inside - set(source_files(STAGES[0])[0]) == set()


def test_nothing_is_imported_to_be_digested():
    """Asking what a stage is costs none of its libraries."""
    script = (
        "import sys; from taskc.compiler.store.code import code_digest; "
        f"code_digest(*{STAGES!r}); print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    assert {"numpy", "pyarrow", "tokenizers", "pydantic"} & set(loaded) == set()


def test_a_module_that_is_not_there_is_our_mistake():
    """A stage that was renamed must not leave its digest to nothing."""
    with pytest.raises(AssertionError, match="no module"):
        code_digest("taskc.compiler.turns.nothing")


def test_sources_are_files_of_the_house(repository):
    """Names and bytes belong together."""
    files, libraries = source_files("taskc.compiler.store.cutting")
    path = Path(repository, "compiler/store/cutting.py")

    assert files["taskc.compiler.store.cutting"] == path.read_bytes()
    assert libraries == ["numpy"]
