"""The README's blocks, taken out of it and run in an empty folder, in their order.

A `task` block whose first line is a comment with a path is that file; `sh` blocks are run by the
shell, `python` blocks by this Python; `text` blocks are output and not run.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTING_UP = ("make ", "pip install", "git clone")  # what CI did before this test runs


def blocks(repository: Path) -> list[tuple[str, str]]:
    """Returns language and text of each fenced block."""
    return FENCE.findall((repository / "README.md").read_text(encoding="utf-8"))


def runnable(text: str, *, slow: bool) -> str:
    """Returns a shell block without what sets a machine up, and without training unless `slow`."""
    left_out = SETTING_UP if slow else (*SETTING_UP, "taskc train")
    lines = [line for line in text.splitlines() if not line.startswith(left_out)]
    return "\n".join(lines).strip()


def test_every_block_of_the_readme_runs(repository, tmp_path, request):
    """What a newcomer copies from the README works in an empty folder, without the network."""
    slow = request.config.getoption("--slow")
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    num_run = 0
    for language, text in blocks(repository):
        first = text.partition("\n")[0]
        if language == "task" and first.startswith("# "):
            path = tmp_path / first.removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.partition("\n")[2], encoding="utf-8")
            continue
        if language == "sh":
            command = ["bash", "-euo", "pipefail", "-c", runnable(text, slow=slow)]
        elif language == "python":
            command = [sys.executable, "-W", "error", "-c", text]
        else:
            continue
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        num_run += 1

        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    assert num_run > 3


def test_first_spec_is_the_one_that_init_writes(repository):
    """The spec that the README explains and the one on the reader's disk are the same."""
    spec = (repository / "taskc/cli/init/hello.task").read_text(encoding="utf-8")
    shown = [text for language, text in blocks(repository) if language == "task"]

    assert f"# hello/hello.task\n{spec}" in shown


OUTPUTS = {
    "error[": ["check", "hello"],
    "  mixture ": ["build", "hello"],
    "train 0 of": ["inspect", "artifacts/hello/hello", "--index", "0"],
}


def test_output_in_the_readme_is_what_comes_out(repository, hello, taskc):
    """Nothing that the README shows was written by hand; `...` stands for what follows."""
    shown = [text for language, text in blocks(repository) if language == "text"]
    found = {}
    for start, command in OUTPUTS.items():
        if start == "error[":
            spoiled(hello, "{report}\\n\\nName", "{reprot}\\n\\nName")
        found[start] = taskc(*command, cwd=hello.parent).stdout
        if start == "error[":
            spoiled(hello, "{reprot}", "{report}")

    assert len(shown) == len(OUTPUTS)
    for text, start in zip(shown, OUTPUTS, strict=True):
        assert text.startswith(start)
        assert text.removesuffix("...\n") in found[start]


def spoiled(hello, old, new):
    """Replaces a text in the spec."""
    spec = hello / "hello.task"
    text = spec.read_text(encoding="utf-8")
    assert text.count(old) == 1
    spec.write_text(text.replace(old, new), encoding="utf-8")


def test_links_of_the_readme_lead_somewhere(repository):
    """A path that the README names stands in the repository."""
    text = (repository / "README.md").read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]

    assert [target for target in targets if not (repository / target).exists()] == []
