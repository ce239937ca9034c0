"""Ten minutes of coverage-guided fuzzing find no input that the front end does not take.

In: seconds (default 600), and the extra `fuzz`. Out: how many inputs were run, what of the front
end they reached, and every finding, run again by itself at full speed; exit status 1 where one
holds. A promise is broken by an exception, by a check of more than a second for 100 KB, a report
that points outside of its file, a tree that does not give its text back, or a formatter that fails
its check of itself.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import coverage

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "fuzz"))

# Watched from the start: what runs while a module is imported is part of it.
WATCHED = coverage.Coverage(branch=True, data_file=None, source_pkgs=["taskc.dsl"])
with WATCHED.collect():
    from promises import BrokenPromiseError, check_promises

from alarm import stopped_after  # noqa: E402 (found by the line above)

DEFAULT_SECONDS = 600
HANGS_AFTER_S = 15.0
_DONE = re.compile(r"^#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)/(\w+)", re.MULTILINE)


def fuzz(seconds: int, corpus: Path, findings: Path) -> str:
    """Runs the fuzzer and returns what it wrote."""
    command = [
        *(sys.executable, str(ROOT / "fuzz" / "fuzz_check.py"), str(seconds)),
        *("--corpus", str(corpus), "--findings", str(findings)),
    ]
    done = subprocess.run(
        command, cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.stdout


def fault_of(content: bytes) -> str:
    """What an input breaks when it is run by itself; "" where nothing."""
    try:
        with stopped_after(HANGS_AFTER_S):
            check_promises(content)
    except BrokenPromiseError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 (whatever is raised is a finding)
        return f"{type(error).__name__}: {error}"
    return ""


def reached_percent(corpus: Path) -> float:
    """The share of the front end's lines and branches that the corpus takes."""
    with WATCHED.collect():
        for path in sorted(corpus.iterdir()):
            fault_of(path.read_bytes())
    with tempfile.TemporaryFile("w") as nowhere:
        return WATCHED.report(file=nowhere)


def main() -> int:
    """Prints the figures and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", type=int, nargs="?", default=DEFAULT_SECONDS)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz")
    given = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("needs the extra `fuzz`: pip install --editable '.[fuzz]'")
        return 1
    corpus, findings = given.folder / "corpus", given.folder / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    for old in findings.iterdir():
        old.unlink()
    written = fuzz(given.seconds, corpus, findings)
    done = _DONE.search(written)
    if done is None:
        print(written[-2_000:])
        return 1
    executions, cov, features, inputs, size = done.groups()
    print(f"{given.seconds} s, one process, seed 1")
    print(f"executions            {int(executions):>10,}")
    print(f"edges reached         {int(cov):>10,}   (features {int(features):,})")
    print(f"corpus                {int(inputs):>10,}   inputs, {size}")
    print(f"lines and branches    {reached_percent(corpus):>9.1f}%   of taskc.dsl")
    broken = 0
    for path in sorted(findings.iterdir()):
        fault = fault_of(path.read_bytes())
        broken += bool(fault)
        print(f"finding {path.name}: {fault or 'holds when it is run by itself'}")
    print(f"\n{broken} broken promises")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
