"""What a user gets: wheel, source distribution and editable install, outside the checkout."""

import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOMS = {"compiler": "taskc/compiler", "dsl": "taskc/dsl", "runtime": "taskc/runtime"}
MAX_BASE_MB = 350


def run(*command, cwd):
    """Runs a command outside the checkout and returns what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr

    return done.stdout


def copy_of(repository, folder):
    """Copies what belongs to the distribution, so that building leaves nothing in the checkout."""
    folder.mkdir()
    for name in (*ROOMS, "taskc"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repository / name, folder / name, ignore=ignored)
    for path in repository.iterdir():
        if path.is_file() and path.suffix in {".toml", ".md", ".txt", ""}:
            shutil.copy(path, folder)
    return folder


def new_environment(folder):
    """Makes an empty environment and returns its Python."""
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def installed_mb(python):
    """Returns what was added to an empty environment, in MB on disk, compiled files too."""
    (site,) = python.parents[1].glob("lib/*/site-packages")
    start = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
    files = (path for path in site.rglob("*") if path.is_file())
    ours = (path for path in files if not path.relative_to(site).parts[0].startswith(start))
    return sum(path.stat().st_blocks * 512 for path in ours) / 2**20


@pytest.fixture(scope="session")
def distributions(repository, tmp_path_factory):
    """Builds the source distribution and, from it, the wheel; returns both paths."""
    base = tmp_path_factory.mktemp("distributions")
    source = copy_of(repository, base / "checkout")
    run(sys.executable, "-m", "build", "--outdir", base / "dist", source, cwd=base)
    (wheel,) = (base / "dist").glob("*.whl")
    (archive,) = (base / "dist").glob("*.tar.gz")
    return wheel, archive


@pytest.fixture(scope="session")
def base_install(repository, distributions, tmp_path_factory):
    """Installs the wheel and its base dependencies into an empty environment; its Python."""
    wheel, _ = distributions
    folder = tmp_path_factory.mktemp("base")
    python = new_environment(folder / "environment")
    constraints = repository / "constraints.txt"
    run(python, "-m", "pip", "install", "--quiet", "--constraint", constraints, wheel, cwd=folder)
    return python


def expected_files(repository):
    """Returns every file of the rooms and of the face, by its installed name."""
    return {
        str(Path(ROOMS.get(room, room)) / path.relative_to(repository / room))
        for room in (*ROOMS, "taskc")
        for path in (repository / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_is_whole_and_holds_one_package(repository, distributions):
    """Every module, grammar, schema and page is in the wheel; nothing stands beside `taskc`."""
    wheel, _ = distributions
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}

    assert expected_files(repository) == names


def test_the_wheel_has_the_licence_and_the_command(distributions):
    """The licence travels along, and `taskc` is a command."""
    wheel, _ = distributions
    with zipfile.ZipFile(wheel) as opened:
        about = {Path(name).name: name for name in opened.namelist() if ".dist-info/" in name}
        commands = opened.read(about["entry_points.txt"]).decode()

    assert "LICENSE" in about
    assert "taskc = taskc.cli:main" in commands


def test_the_source_distribution_holds_the_rooms(repository, distributions):
    """The archive has the files where the checkout has them, so it builds like the checkout."""
    _, archive = distributions
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    wanted = {
        str(path.relative_to(repository))
        for room in (*ROOMS, "taskc")
        for path in (repository / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert wanted <= names
    assert {"LICENSE", "pyproject.toml"} <= names


def test_the_base_install_is_small(base_install):
    """No torch, and at most 350 MB."""
    listed = run(base_install, "-m", "pip", "list", "--format=freeze", cwd="/")
    packages = {line.partition("==")[0].lower() for line in listed.splitlines()}

    assert {"torch", "transformers", "datasets"} & packages == set()
    assert installed_mb(base_install) <= MAX_BASE_MB


def test_the_base_install_checks_and_builds(repository, base_install, tmp_path):
    """With the base dependencies alone the example is checked, built and verified."""
    taskc = base_install.with_name("taskc")
    shutil.copytree(repository / "examples" / "quickstart", tmp_path / "quickstart")
    run(taskc, "check", "quickstart", cwd=tmp_path)
    run(taskc, "build", "quickstart", "--out", "artifacts", cwd=tmp_path)
    run(taskc, "verify", "artifacts/quickstart/quickstart", cwd=tmp_path)
    program = "import taskc; print(len(taskc.open('artifacts/quickstart/quickstart')['train']))"

    assert int(run(base_install, "-c", program, cwd=tmp_path)) > 0


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_an_installed_room_is_found_inside_taskc_only(room, base_install, tmp_path):
    """`taskc.dsl` is there, `dsl` is not."""
    program = (
        "from importlib.util import find_spec as find; "
        f"print(find('taskc.{room}') is not None, find('{room}') is None)"
    )

    assert run(base_install, "-c", program, cwd=tmp_path).split() == ["True", "True"]


def test_an_editable_install_follows_the_checkout(repository, tmp_path):
    """A folder that is added after installing is found, at its place in the checkout."""
    checkout = copy_of(repository, tmp_path / "checkout")
    python = new_environment(tmp_path / "environment")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "-e", checkout, cwd=tmp_path)
    (checkout / "dsl" / "attic").mkdir()
    (checkout / "dsl" / "attic" / "__init__.py").write_text("", encoding="utf-8")
    (checkout / "dsl" / "attic" / "box.py").write_text("LABEL = 'box'\n", encoding="utf-8")
    program = "from taskc.dsl.attic import box; print(box.LABEL, box.__file__)"

    assert run(python, "-c", program, cwd=tmp_path).split() == [
        "box",
        str(checkout / "dsl" / "attic" / "box.py"),
    ]
