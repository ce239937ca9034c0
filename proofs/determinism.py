"""Processes, folders, workers, hash seeds and the order of the input's rows change nothing.

In: tests/real and the real data beside the checkout. Out: for every build and every way of building
it, whether all files are the same bytes as the first build's and whether the content digest is the
same; exit status 1 where a promise does not hold. Rows in another order may move file and row
numbers of provenance, so there only the content has to be equal.
"""

import gzip
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
PACKAGES = ("flan_small", "chat")
# Name, worker processes, hash seed, whether the rows are shuffled.
WAYS = (
    ("as it is", 2, "0", False),
    ("again", 2, "0", False),
    ("one worker", 1, "0", False),
    ("three workers", 3, "0", False),
    ("another hash seed", 2, "12345", False),
    ("rows shuffled", 2, "0", True),
)


def shuffled_copy(folder: Path) -> Path:
    """A copy of the data in which the rows of every JSON Lines file stand in another order."""
    order = random.Random(1)  # noqa: S311 (an order, not a secret)
    for path in sorted(DATA.rglob("*.jsonl*")):
        packed = path.suffix == ".gz"
        content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
        lines = content.rstrip(b"\n").split(b"\n")
        order.shuffle(lines)
        content = b"\n".join(lines) + b"\n"
        target = folder / path.relative_to(DATA)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(content) if packed else content)
    for name in ("tokenizers", "models"):
        (folder / name).symlink_to(DATA / name)
    return folder


def built(folder: Path, data: Path, jobs: int, hash_seed: str) -> dict[str, tuple[str, str]]:
    """Builds all packages in `folder`; build -> digest over all files, content digest."""
    folder.mkdir()
    for package in PACKAGES:
        shutil.copytree(ROOT / "tests" / "real" / package, folder / package)
    command = [
        *(sys.executable, "-m", "taskc", "build", *PACKAGES),
        *("--set", f"data={data}", "--out", "out", "--jobs", str(jobs)),
    ]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    found = {}
    for manifest in sorted((folder / "out").glob("*/*/manifest.json")):
        artifact = manifest.parent
        whole = hashlib.sha256()
        for path in sorted(path for path in artifact.rglob("*") if path.is_file()):
            whole.update(f"{path.relative_to(artifact)}\n".encode())
            whole.update(hashlib.sha256(path.read_bytes()).digest())
        content = json.loads(manifest.read_text(encoding="utf-8"))["content_digest"]
        found[f"{artifact.parent.name}/{artifact.name}"] = whole.hexdigest(), content
    return found


def main() -> int:
    """Prints the table and returns the exit status."""
    if not DATA.is_dir():
        print("needs the real data in ../shared/data beside the checkout")
        return 1
    broken = 0
    first: dict[str, tuple[str, str]] = {}
    print(f"{'way':20} {'build':20} {'all files':>12} {'content':>12}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        other_order = shuffled_copy(folder / "data")
        for number, (way, jobs, hash_seed, is_shuffled) in enumerate(WAYS):
            data = other_order if is_shuffled else DATA
            found = built(folder / str(number), data, jobs, hash_seed)
            first = first or found
            broken += found.keys() != first.keys()
            for name, (files, content) in found.items():
                same_files, same_content = files == first[name][0], content == first[name][1]
                broken += not same_content or not (same_files or is_shuffled)
                told = "not promised" if is_shuffled else _told("the same", same=same_files)
                print(f"{way:20} {name:20} {told:>12} {_told(content[:12], same=same_content):>12}")
    print(f"\n{broken} broken promises")
    return int(broken > 0)


def _told(words: str, *, same: bool) -> str:
    return words if same else "DIFFERS"


if __name__ == "__main__":
    sys.exit(main())
