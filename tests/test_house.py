"""The rules of the house: who imports whom, what is exported and installed, how big a file is."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {
    "compiler": "taskc.compiler",
    "dsl": "taskc.dsl",
    "runtime": "taskc.runtime",
    "taskc": "taskc",
}
CODE = (*ROOMS, "benchmarks", "examples", "fuzz", "proofs", "specs", "tools")
NAMELESS = {"common", "helper", "helpers", "misc", "util", "utils"}
HEAVY = {"numpy", "pyarrow", "tokenizers", "torch", "transformers"}

# What each room may import of taskc; the rest of the world is settled by its dependencies.
MAY_IMPORT = {
    "compiler": ("taskc.compiler", "taskc.dsl", "taskc.runtime.artifact"),
    "dsl": ("taskc.dsl",),
    "runtime": ("taskc.runtime",),
}

PUBLIC = [
    "Artifact",
    "ArtifactError",
    "Diagnostic",
    "InternalError",
    "Plan",
    "Rendered",
    "Sequence",
    "TaskcError",
    "build",
    "check",
    "examples",
    "open",
    "plan",
    "render",
    "sequences",
    "sweep",
    "tokens",
]


def modules(*folders: str) -> Iterator[Path]:
    """Yields the Python files below `folders`, as they stand on disk."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yields line and dotted target of each import; `from a import b` aims at `a.b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom(level=0, module=str(module)):
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
            case ast.ImportFrom():
                yield node.lineno, "a relative import"


def within(target: str, packages: tuple[str, ...]) -> bool:
    """Whether `target` is one of `packages` or inside one."""
    return any(target == package or target.startswith(f"{package}.") for package in packages)


def place(path: Path, line: int) -> str:
    """Returns where to look, as a reviewer would write it."""
    return f"{path.relative_to(ROOT)}:{line}"


def declared() -> dict:
    """Returns the setuptools table of pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["tool"]["setuptools"]


def folder_of(package: str) -> Path:
    """Returns where a declared package stands: its longest mapped parent's folder, and down."""
    folders = declared()["package-dir"]
    parent = max((name for name in folders if within(package, (name,))), key=len)
    return ROOT / folders[parent] / package.removeprefix(parent).strip(".").replace(".", "/")


def run_python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs this Python with `arguments` in `cwd`, where the checkout is not on the path."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


# ---- who imports whom --------------------------------------------------------------------------


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_no_arrow_runs_back_up(room):
    """Language and runtime don't know each other; the compiler sees of runtime only the format."""
    wrong = [
        f"{place(path, line)} imports {target}"
        for path in modules(room)
        for line, target in imports(path)
        if within(target, ("taskc",)) and not within(target, MAY_IMPORT[room])
    ]

    assert wrong == []


def test_dsl_stands_on_lark_and_the_standard_library():
    """The language is pure: it has no library that could open data or load a tokenizer."""
    allowed = (*sys.stdlib_module_names, "lark", "taskc.dsl")
    wrong = [
        f"{place(path, line)} imports {target}"
        for path in modules("dsl")
        for line, target in imports(path)
        if not within(target, allowed)
    ]

    assert wrong == []


def test_nobody_imports_the_command_line():
    """The command line is a shell: scripts and rooms use the API, tests may look inside."""
    wrong = [
        f"{place(path, line)} imports {target}"
        for path in modules(*CODE)
        for line, target in imports(path)
        if within(target, ("taskc.cli",)) and path.relative_to(ROOT).parts[0] != "taskc"
    ]

    assert wrong == []


def test_rooms_are_imported_by_their_installed_names():
    """`import dsl` would make a second copy of every class, unequal to the first."""
    wrong = [
        f"{place(path, line)} imports {target}"
        for path in modules(*CODE, "tests")
        for line, target in imports(path)
        if within(target, ("compiler", "dsl", "runtime"))
    ]

    assert wrong == []


def test_check_imports_nothing_heavy(tmp_path):
    """`taskc check` answers at once: no array library, no tokenizer, no torch."""
    taskc = str(Path(sys.executable).with_name("taskc"))
    checked = run_python(
        "-X", "importtime", taskc, "check", str(ROOT / "examples/quickstart"), cwd=tmp_path
    )
    lines = checked.stderr.splitlines()
    imported = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time")}

    assert checked.returncode == 0, checked.stdout + checked.stderr[-2000:]
    assert "taskc.dsl" in imported
    assert {name for name in imported if name.partition(".")[0] in HEAVY} == set()


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("taskc", HEAVY | {"pydantic"}),
        ("taskc.dsl", HEAVY | {"pydantic"}),
        ("taskc.runtime.artifact", {"torch", "transformers", "taskc.dsl", "taskc.compiler"}),
        (
            "taskc.compiler.build",
            {"torch", "datasets", "pyarrow.compute", "taskc.compiler.decontamination.report"},
        ),
    ],
)
def test_importing_a_module_brings_in_only_what_it_needs(module, unwanted, tmp_path):
    """A data machine has no torch; a reader of artefacts has no use for language or compiler."""
    program = f"import sys, {module}; print(*sorted(sys.modules))"
    done = run_python("-c", program, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert unwanted & set(done.stdout.split()) == set()


# ---- what is installed -------------------------------------------------------------------------


def test_declared_packages_are_the_folders_on_disk():
    """A new folder of a room is installed, and one that is gone is not asked for."""
    on_disk = {
        ".".join((ROOMS[room], *path.parent.relative_to(ROOT / room).parts))
        for room in ROOMS
        for path in modules(room)
        if "init" not in path.parts  # what `taskc init` copies is data
    }

    assert sorted(on_disk) == declared()["packages"]


def test_every_package_has_a_docstring_that_says_what_it_is():
    """A reader who opens a folder is told what goes in, what comes out and what is never done."""
    wrong = []
    for package in declared()["packages"]:
        path = folder_of(package) / "__init__.py"
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))):
            wrong.append(str(path.relative_to(ROOT)))

    assert wrong == []


def test_data_files_of_the_rooms_are_installed():
    """A grammar, a schema or a template that stands in a room is declared as package data."""
    patterns = dict(declared()["package-data"])
    everywhere = patterns.pop("*")
    installed = set()
    for package in declared()["packages"]:
        folder = folder_of(package)
        for pattern in (*everywhere, *patterns.get(package, ())):
            installed.update(folder.glob(pattern))
    wrong = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*"))
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
        if path not in installed
    ]

    assert wrong == []


@pytest.mark.parametrize("room", ["compiler", "dsl", "runtime"])
def test_no_room_lands_at_the_top(room, tmp_path):
    """Outside the checkout no module is called `dsl`, and in here the tests see none either."""
    done = run_python("-c", f"import taskc.{room}, {room}", cwd=tmp_path)

    assert done.returncode == 1
    assert f"No module named '{room}'" in done.stderr
    assert find_spec(room) is None


# ---- names, sizes, exports ---------------------------------------------------------------------


def test_no_module_is_without_a_name():
    """A helper lives beside its only user; what has several users has a noun."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules(*CODE, "tests")
        if {path.stem, path.parent.name} & NAMELESS
    ]

    assert wrong == []


@pytest.mark.parametrize(("folders", "most_lines"), [(CODE, 600), (("tests",), 800)])
def test_no_file_hides_a_noun(folders, most_lines):
    """A longer file is about two things: 600 lines for code, 800 for tests."""
    sizes = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n")
        for path in modules(*folders)
    }

    assert {path: lines for path, lines in sizes.items() if lines > most_lines} == {}


def test_public_names_are_these():
    """The API is one screen; a name is added or removed on purpose, here.

    That every other `__all__` is sorted is seen by the linter (RUF022).
    """
    import taskc

    exported = {name: getattr(taskc, name) for name in taskc.__all__}

    assert PUBLIC == taskc.__all__
    assert None not in exported.values()


def test_public_errors_have_three_roots():
    """A user's error, a damaged artefact and our own bug can be told apart by their class."""
    import taskc

    assert issubclass(taskc.TaskcError, Exception)
    assert issubclass(taskc.ArtifactError, Exception)
    assert issubclass(taskc.InternalError, Exception)
    assert not issubclass(taskc.InternalError, taskc.TaskcError)


# ---- types -------------------------------------------------------------------------------------


def test_types_are_followed_through_the_mapping(tmp_path):
    """A type error in dsl/, and one where `taskc.dsl` is used, are found at their lines."""
    files = {
        "pyproject.toml": (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
        "taskc/__init__.py": "from taskc.dsl.count import count\n\nlines: str = count('a')\n",
        "dsl/__init__.py": "",
        "dsl/count.py": "def count(text: str) -> int:\n    return text\n",
        "compiler/__init__.py": "",
        "runtime/__init__.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    checked = run_python(str(ROOT / "tools/typecheck.py"), "--root", str(tmp_path), cwd=tmp_path)

    assert checked.returncode == 1, checked.stderr
    assert "dsl/count.py:2: error: Incompatible return value type" in checked.stdout
    assert "taskc/__init__.py:3: error: Incompatible types in assignment" in checked.stdout
