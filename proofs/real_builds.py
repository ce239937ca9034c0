"""Every example, row and pack of the builds over real data is the one that plain Python works out.

In: tests/real and the real data beside the checkout. Out: a line a build with what was compared;
exit status 1 where anything differs. The oracle reads the same rows, renders every prompt by hand,
calls `tokenizers` itself and recomputes every draw: see tests/real/oracle.
"""

import sys
import tempfile
import time
from pathlib import Path

import taskc

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
sys.path.insert(0, str(ROOT / "tests" / "real"))

from oracle import comparison  # noqa: E402 (found through the line above)
from oracle.builds import BUILDS  # noqa: E402

HEAD = (
    f"{'build':20} {'examples':>9} {'evaluation':>10} {'rows read':>9} {'tokens':>10} {'packs':>6}"
    f" {'bins':>6} {'fill':>8} {'build s':>8} {'oracle s':>8}"
)


def compared(name: str, out: Path) -> str:
    """Builds and compares one; returns its line of the table."""
    package, build = name.split("/")
    started = time.perf_counter()
    artifact = taskc.build(
        ROOT / "tests" / "real" / package, build=build, params={"data": str(DATA)}, out=out
    )
    built_s = time.perf_counter() - started
    started = time.perf_counter()
    case = comparison.Case.of(name, DATA)
    examples = comparison.compare_training(case, artifact)
    questions = comparison.compare_evaluation(case, artifact)
    rows = comparison.compare_ledger(case, artifact)
    comparison.compare_mixture(case, artifact)
    packs, bins, fill = comparison.compare_packs(case, artifact)
    artifact.verify()
    compared_s = time.perf_counter() - started
    tokens = artifact.manifest.splits["train"].tokens
    return (
        f"{name:20} {examples:9,} {questions:10,} {rows:9,} {tokens:10,} {packs:6,} {bins:6,}"
        f" {fill:8.3%} {built_s:8.1f} {compared_s:8.1f}"
    )


def main() -> int:
    """Prints the table and returns the exit status."""
    if not DATA.is_dir():
        print("needs the real data in ../shared/data beside the checkout")
        return 1
    print("Compared one by one: training examples (row, prompt, ids, labels), evaluation examples,")
    print(
        "ledger, quotas, shares of every prefix; `bins`: best-fit-decreasing over whole windows.\n"
    )
    print(HEAD)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in BUILDS:
            try:
                print(compared(name, Path(folder)))
            except (AssertionError, taskc.TaskcError) as error:
                failed += 1
                print(
                    f"{name:20} differs: {str(error).splitlines()[0] if str(error) else 'no words'}"
                )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
