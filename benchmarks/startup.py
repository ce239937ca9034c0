"""How long `taskc check` takes on a small spec: CPU seconds of whole processes, median of ten.

In: the installed `taskc`, and a folder of specs (examples/quickstart unless named). Out: one line a
command, with bare Python beside it as what cannot be saved; `--json FILE` keeps the numbers. CPU
time is user plus system of the child, so a busy machine changes it little.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
NUM_RUNS = 10


def cpu_seconds(command: list[str]) -> tuple[float, float]:
    """Runs a command once; returns its CPU seconds and its wall seconds."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - started


def measure(command: list[str]) -> dict[str, float]:
    """Returns medians over `NUM_RUNS` runs, after one that warms the page cache."""
    cpu_seconds(command)
    runs = [cpu_seconds(command) for _ in range(NUM_RUNS)]
    return {
        "cpu_s": round(statistics.median(cpu for cpu, _ in runs), 4),
        "wall_s": round(statistics.median(wall for _, wall in runs), 4),
    }


def main() -> None:
    """Measures bare Python, `import taskc`, `taskc --help` and `taskc check`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("specs", nargs="?", default=str(ROOT / "examples/quickstart"))
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    taskc = [sys.executable, str(Path(sys.executable).with_name("taskc"))]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import taskc": [sys.executable, "-c", "import taskc"],
        "taskc --help": [*taskc, "--help"],
        "taskc check": [*taskc, "check", options.specs],
    }
    results = {name: measure(command) for name, command in commands.items()}
    for name, result in results.items():
        print(f"{name:16} {result['cpu_s']:.3f} CPU s   {result['wall_s']:.3f} s elapsed")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
