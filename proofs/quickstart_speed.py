"""`taskc check` answers within 0.2 CPU seconds, and the quickstart builds cold within 3 seconds.

In: examples/quickstart. Out: a table of both figures beside their limits; exit status 1 where one
is broken. CPU seconds are user plus system time of the whole process, as the shell starts it; the
build starts without a store and without an artefact each time.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "examples" / "quickstart"
TASKC = Path(sys.executable).with_name("taskc")
CHECK_LIMIT_CPU_S = 0.2
BUILD_LIMIT_WALL_S = 3.0
CHECK_RUNS = 10
BUILD_RUNS = 5


def seconds(command: list[str], cwd: Path) -> tuple[float, float]:
    """Runs `command` and returns its CPU seconds, children included, and its wall seconds."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    wall_s, after = time.perf_counter() - started, os.times()
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    cpu_s = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return cpu_s, wall_s


def cold_build_wall_s(folder: Path) -> float:
    """Copies the quickstart into `folder`, which has no store, and builds it there."""
    shutil.copytree(
        QUICKSTART, folder / "quickstart", ignore=shutil.ignore_patterns(".taskc", "artifacts")
    )
    (folder / "taskc.toml").touch()  # the project's root, so that the store is this folder's own
    _, wall_s = seconds([str(TASKC), "build", "quickstart", "--out", "artifacts"], folder)
    return wall_s


def main() -> int:
    """Prints the table and returns the exit status."""
    checks = [seconds([str(TASKC), "check", str(QUICKSTART)], ROOT)[0] for _ in range(CHECK_RUNS)]
    builds = []
    for _ in range(BUILD_RUNS):
        with tempfile.TemporaryDirectory() as folder:
            builds.append(cold_build_wall_s(Path(folder)))
    table = (
        ("taskc check examples/quickstart, CPU s", checks, CHECK_LIMIT_CPU_S),
        ("taskc build examples/quickstart, cold, wall s", builds, BUILD_LIMIT_WALL_S),
    )
    broken = False
    print(f"{'':46} {'runs':>5} {'median':>7} {'least':>7} {'most':>7} {'limit':>6}")
    for what, taken_s, limit_s in table:
        median_s = statistics.median(taken_s)
        verdict = "" if median_s <= limit_s else "  over the limit"
        broken = broken or median_s > limit_s
        print(
            f"{what:46} {len(taken_s):5} {median_s:7.3f} {min(taken_s):7.3f} {max(taken_s):7.3f}"
            f" {limit_s:6.1f}{verdict}"
        )
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
