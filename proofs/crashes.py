"""SIGKILL at 50 moments of a build leaves the old artefact or the new one, and a sound store.

In: made-up rows. Out: for each kill when it came, what stood under the artefact's name afterwards,
how many objects the store held (all of them whole), and whether the next build, which goes on from
there, has the content of a build that nobody disturbed; exit status 1 where a promise does not
hold. Builds start in turn with nothing, with an old artefact, and with what the kill before left.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from made_up import write_project

from taskc.compiler.store.objects import Store
from taskc.runtime import reader

KILLS = 50
NUM_ROWS = 6_000
TASKC = Path(sys.executable).with_name("taskc")
ARTIFACT = Path("artifacts/project/whole")


def build(folder: Path, jobs: int = 1) -> str:
    """Builds to the end; returns the content digest."""
    done = subprocess.run(
        [str(TASKC), "build", ".", "--jobs", str(jobs), "--json"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return str(json.loads(done.stdout)["builds"][0]["content_digest"])


def kill_during_build(folder: Path, after_s: float, jobs: int) -> bool:
    """Starts a build in a session of its own and kills all of it; whether it was still running."""
    process = subprocess.Popen(
        [str(TASKC), "build", ".", "--jobs", str(jobs)],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    time.sleep(after_s)
    is_running = process.poll() is None
    if is_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return is_running


def found_artifact(folder: Path) -> str:
    """The content digest of the artefact that stands there, every file of it checked; or none."""
    if not (folder / ARTIFACT).exists():
        return "none"
    return reader.open(folder / ARTIFACT).manifest.content_digest


def num_sound(folder: Path) -> int:
    """How many objects the store holds; every one is read, and a damaged one would be removed."""
    store = Store.open(folder / ".taskc/store")
    listed = list(store.objects())
    for each in listed:
        kind, _, key, name = each.path.split("/")[-4:]
        if store.read(kind, key, name) is None:
            sys.exit(f"an object of the store is damaged: {each.path}")
    if any(finding.code == "T1003" for finding in store.take_findings()):
        sys.exit("the store holds a damaged object")
    return len(listed)


def reseed(folder: Path, seed: int) -> None:
    """Gives the mixture another seed: another artefact from the same examples."""
    spec = folder / "whole.task"
    lines = spec.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = (f"  seed  {seed}\n" if line.startswith("  seed") else line for line in lines)
    spec.write_text("".join(changed), encoding="utf-8")


def main() -> int:
    """Prints the table and returns the exit status."""
    moments = random.Random(11)  # noqa: S311 - moments, no secrets
    broken = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_project(Path(temporary) / "project", num_rows=NUM_ROWS)
        started = time.perf_counter()
        new = build(folder)
        whole_s = time.perf_counter() - started
        reseed(folder, 6)
        old = build(folder)
        reseed(folder, 5)
        kept = Path(temporary) / "old"
        shutil.copytree(folder / "artifacts", kept)
        print(f"a whole build takes {whole_s:.1f} s; digests: new {new[:12]}, old {old[:12]}")
        print(
            f"{'kill':>4} {'start':10} {'jobs':>4} {'after s':>8} {'left':>12} {'objects':>8}  next"
        )
        # A kill that came too late is no kill; the next one from such a start comes earlier.
        number, num_killed = -1, 0
        latest_s = dict.fromkeys(("nothing", "old", "what is left"), whole_s)
        while num_killed < KILLS:
            number += 1
            start = ("nothing", "old", "what is left")[number % 3]
            if start != "what is left":
                shutil.rmtree(folder / "artifacts", ignore_errors=True)
                shutil.rmtree(folder / ".taskc", ignore_errors=True)
            if start == "old":
                shutil.copytree(kept, folder / "artifacts")
            after_s = moments.uniform(0.3, latest_s[start])
            jobs = 1 + number % 2
            was_running = kill_during_build(folder, after_s, jobs)
            num_killed += was_running
            if not was_running:
                latest_s[start] = max(0.6, 0.9 * after_s)
            left = found_artifact(folder)
            objects = num_sound(folder) if (folder / ".taskc").exists() else 0
            again = build(folder, jobs)
            hidden = [path.name for path in (folder / ARTIFACT.parent).glob(".*")]
            good = left in {"none", old, new} and again == new and not hidden
            good &= left != "none" or start != "old"
            broken += not good
            print(
                f"{number + 1:4} {start:10.10} {jobs:4} {after_s:8.2f} {left[:12]:>12} "
                f"{objects:8}  "
                f"{'same content' if good else 'BROKEN'}{'' if was_running else ' (had ended)'}",
                flush=True,
            )
    print(
        f"killed {num_killed} times; {number + 1 - broken} of {number + 1} times something whole "
        "was left, and the next build was right"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
