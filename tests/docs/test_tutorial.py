"""The pages that are followed, from their first block to their last, in an empty folder.

`sh` and `python` blocks are run as they stand, a `task PATH` block is saved as that file, and a
`diff PATH` block is applied to it. After `diff wrong PATH CODE` the change is checked (with `build`
behind the code, built) and taken back. `sh fails` is a command that finds a mistake. A `text` block
is what the block before it prints: a report whole, anything else perhaps in part, where `...` on
the last line stands for what follows.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETTING_UP = ("pip install",)  # what CI did before this test runs


class Reader:
    """Somebody who does what the page says, in `folder`."""

    def __init__(self, folder, *, slow):
        self.folder = folder
        self.left_out = SETTING_UP if slow else (*SETTING_UP, "taskc train")
        scripts = Path(sys.executable).parent
        self.environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}

    def follow(self, block):
        """Does what a block says; returns what is printed, or None where nothing is run."""
        match block.language, block.words:
            case "sh", words:
                lines = block.text.splitlines(keepends=True)
                script = "".join(line for line in lines if not line.startswith(self.left_out))
                command = ["bash", "-euo", "pipefail", "-c", script]
                return self.run(*command, succeeds="fails" not in words)
            case "python", ():
                return self.run(sys.executable, "-W", "error", "-c", block.text)
            case "task", (path,):
                (self.folder / path).write_text(block.text, encoding="utf-8")
            case "diff", (path,):
                self.change(path, block.text)
            case "diff", ("wrong", path, code, *how):
                return self.try_out(path, block.text, code, "build" if how else "check")
        return None

    def run(self, *command, succeeds=True):
        """Returns what a command prints, findings included."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode == 0) == succeeds, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout if succeeds else done.stdout + done.stderr

    def change(self, path, diff):
        """Applies a change; what it takes away must stand there once."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        lines = diff.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line.startswith("-"))
        new = "".join(line[1:] for line in lines if line.startswith("+"))
        if old:
            assert text.count(old) == 1, diff
        file.write_text(text.replace(old, new) if old else f"{text}\n{new}", encoding="utf-8")

    def try_out(self, path, diff, code, verb):
        """Returns the report that a change gets, and takes it back."""
        file = self.folder / path
        before = file.read_text(encoding="utf-8")
        self.change(path, diff)
        printed = self.run("taskc", verb, path.partition("/")[0], succeeds=False)
        file.write_text(before, encoding="utf-8")

        assert f"error[{code}]" in printed, printed
        return printed


PAGES = [
    "docs/tutorial.md",
    "docs/reading-diagnostics.md",
    "docs/onboarding.md",
    "docs/explain.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs_and_prints_what_it_shows(page, pages, repository, tmp_path, request):
    """What a newcomer copies works, and every output on the page is what comes out."""
    if page == "docs/onboarding.md":  # it starts at the top of the repository
        shutil.copytree(repository / "examples", tmp_path / "examples")
    reader = Reader(tmp_path, slow=request.config.getoption("--slow"))
    printed = None
    shown = {}
    for block in pages.blocks(repository / page):
        if block.language == "text":
            assert printed is not None, f"{block} follows nothing that prints"
            shown[block] = printed
        else:
            printed = reader.follow(block)
    pages.update(repository / page, shown)

    for block, output in shown.items():
        is_report = output.startswith(("error[", "warning[", "lint["))

        assert pages.is_shown(block.text, output), f"{block}:\n{output}"
        assert block.text == output or not is_report, f"{block}:\n{output}"
