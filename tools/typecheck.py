"""Types, strictly, through the names that the code is installed under.

In: a checkout, where `taskc.dsl` stands in `dsl/`. A type checker can't follow that mapping, so
this lays a tree of links in which it holds (`build/types/taskc/dsl -> dsl`), and runs mypy there.
Out: mypy's report, with the paths of the checkout, and its exit status. Nothing outside `build/`
and `.mypy_cache/` is written.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOMS = ("compiler", "dsl", "runtime")  # stand at the top, install inside taskc
SCRIPTS = ("tools",)  # import taskc, are imported by nobody


def lay_tree(root: Path) -> Path:
    """Lays the tree of links below `root`/build/types, from nothing, and returns it."""
    tree = root / "build" / "types"
    shutil.rmtree(tree, ignore_errors=True)
    package = tree / "taskc"
    package.mkdir(parents=True)
    for entry in sorted((root / "taskc").iterdir()):
        if entry.name != "__pycache__":
            (package / entry.name).symlink_to(entry)
    for room in ROOMS:
        (package / room).symlink_to(root / room)
    for folder in SCRIPTS:
        if (root / folder).is_dir():
            (tree / folder).symlink_to(root / folder)
    return tree


def packages(tree: Path) -> list[str]:
    """Returns what to check: `taskc`, and every script as a module of its folder."""
    scripts = [
        f"--module={folder}.{script.stem}"
        for folder in SCRIPTS
        for script in sorted((tree / folder).glob("*.py"))
    ]
    return ["--package=taskc", *scripts]


def checkout_paths(report: str) -> str:
    """Turns `taskc/dsl/...` at the start of a line into `dsl/...`, where the file is edited."""
    return re.sub(rf"^taskc/({'|'.join(ROOMS)})/", r"\1/", report, flags=re.MULTILINE)


def main() -> int:
    """Checks one checkout; the exit status is mypy's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    root = parser.parse_args().root.resolve()
    tree = lay_tree(root)
    mypy = [sys.executable, "-m", "mypy", f"--config-file={root / 'pyproject.toml'}"]
    done = subprocess.run(
        [*mypy, f"--cache-dir={root / '.mypy_cache'}", *packages(tree)],
        cwd=tree,  # mypy looks in its own folder first: here `taskc` is whole
        check=False,
        text=True,
        stdout=subprocess.PIPE,
    )
    print(checkout_paths(done.stdout), end="")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
