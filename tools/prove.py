"""Runs one proof and keeps its output, dated, beside it; without a name, lists the proofs.

In: the name of a script in `proofs/`. Out: what it prints, on the screen and in `proofs/NAME.txt`
under a header that says when, on which commit, on which machine and with which versions. The exit
status is the proof's; a proof that failed is kept as well, and says so.
"""

import argparse
import ast
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROOFS = ROOT / "proofs"
LIBRARIES = ("numpy", "pyarrow", "tokenizers", "torch", "transformers")


def promise(proof: Path) -> str:
    """Returns the first line of a proof's docstring: what it proves."""
    text = ast.get_docstring(ast.parse(proof.read_text(encoding="utf-8"))) or "(no docstring)"
    return text.splitlines()[0]


def list_proofs() -> None:
    """Prints every proof with its promise and the date of its last output."""
    for proof in sorted(PROOFS.glob("*.py")):
        output = proof.with_suffix(".txt")
        kept = output.read_text(encoding="utf-8").splitlines() if output.exists() else []
        date = kept[0].removeprefix("date: ")[:10] if kept else "never run"
        print(f"{proof.stem:24} {date:10}  {promise(proof)}")


def commit() -> str:
    """Returns the commit's short id, marked where more than proofs' outputs differs from it."""
    found = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", ".", ":!proofs/*.txt")
    return f"{found}{'-dirty' if changed else ''}" if found else "not a git checkout"


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def processor() -> str:
    """Returns the processor's name and the number of cores that this process may use."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def versions() -> str:
    """Returns Python's version and those of the libraries that decide a result."""
    found = [f"Python {platform.python_version()}"]
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def header(arguments: list[str]) -> str:
    """Returns the lines that say under which circumstances the proof ran."""
    lines = [
        f"date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"commit: {commit()}",
        f"machine: {processor()}",
        f"versions: {versions()}",
    ]
    if arguments:
        lines.append(f"arguments: {' '.join(arguments)}")
    return "\n".join(lines) + "\n\n"


def prove(proof: Path, arguments: list[str]) -> int:
    """Runs `proof`, echoing its output; keeps the output and returns the exit status."""
    kept = [header(arguments)]
    print(kept[0], end="", flush=True)
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-u", str(proof), *arguments],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            kept.append(line)
    status = process.returncode
    verdict = "holds" if status == 0 else f"FAILED (exit status {status})"
    kept.append(f"\n{proof.stem}: {verdict}, {time.monotonic() - started:.0f} s\n")
    print(kept[-1], end="")
    # Absolute paths would make the kept output differ between two checkouts.
    text = "".join(kept).replace(f"{ROOT}/", "")
    proof.with_suffix(".txt").write_text(text, encoding="utf-8")
    return status


def main() -> int:
    """Lists the proofs or runs one; the exit status is the proof's, or 2 for an unknown name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?")
    options, arguments = parser.parse_known_args()
    if options.name is None:
        list_proofs()
        return 0
    proof = PROOFS / f"{options.name}.py"
    if not proof.exists():
        names = ", ".join(sorted(known.stem for known in PROOFS.glob("*.py"))) or "none yet"
        print(f"there is no proof `{options.name}`; there are: {names}", file=sys.stderr)
        return 2
    return prove(proof, arguments)


if __name__ == "__main__":
    sys.exit(main())
