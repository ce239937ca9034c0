"""How few packs the stage `pack` needs, and how fast: beside best-fit-decreasing over all at once.

In: nothing; lengths are drawn with a fixed seed, `--lengths FILE.npy` adds real ones. Out: a table
with a line for each kind of lengths and window: the packs that the tokens need (`least`), those of
best-fit-decreasing over the whole table, one example at a time, as TRL's "bfd" has it, and those of
`taskc build`, with the fill and the CPU seconds of each, medians of runs in turn. TRL's packs don't
keep to windows, so the order of the stream is lost there; `pack` orders by key as well, which is in
its time. `--json FILE` keeps the numbers.
"""

import argparse
import json
import statistics
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from taskc.compiler.sequences.pack import pack

Ints = npt.NDArray[np.int64]
NUM_RUNS = 5
LENGTH = 2048


def best_fit_decreasing(lengths: Ints, length: int) -> int:
    """Packs the whole table, an example at a time; returns the number of packs."""
    spaces: list[int] = []  # spaces that some pack has, ascending
    packs_of: dict[int, list[int]] = {}
    order = np.argsort(-lengths, kind="stable").tolist()
    packs: list[list[int]] = []
    for example, size in zip(order, lengths[order].tolist(), strict=True):
        place = bisect_left(spaces, size)
        if place == len(spaces):
            space, number = length, len(packs)
            packs.append([])
        else:
            space = spaces[place]
            number = packs_of[space].pop()
            if not packs_of[space]:
                del spaces[place], packs_of[space]
        packs[number].append(example)
        if space > size:
            if space - size not in packs_of:
                insort(spaces, space - size)
            packs_of.setdefault(space - size, []).append(number)
    return len(packs)


def kinds() -> Iterator[tuple[str, Ints, int]]:
    """Yields a name, lengths and a window."""
    rng = np.random.default_rng(0)
    million = np.clip(rng.lognormal(np.log(200) - 0.32, 0.8, 1_000_000), 1, LENGTH)
    for window in (1_000_000, 20_000, 1_000):
        yield "lognormal, mean 200", million.astype(np.int64), window
    yield "uniform 47 to 465", rng.integers(47, 466, 6_000), 20_000
    yield "uniform 47 to 465", rng.integers(47, 466, 1_000_000), 20_000
    yield "normal, 300 +- 30", rng.normal(300, 30, 20_000).astype(np.int64), 20_000
    yield "uniform 300 to 700", rng.integers(300, 701, 20_000), 20_000
    yield "uniform 1 to 2048", rng.integers(1, 2049, 20_000), 20_000
    yield "uniform 500 to 900", rng.integers(500, 901, 20_000), 20_000
    yield "uniform 640 to 760", rng.integers(640, 761, 20_000), 20_000
    yield "uniform 900 to 1200", rng.integers(900, 1201, 20_000), 20_000
    yield "constant 683", np.full(20_000, 683), 20_000


def timed(work: Callable[[], int]) -> tuple[int, float]:
    """Returns what `work` returns and its CPU seconds."""
    started = time.process_time()
    return work(), time.process_time() - started


def compared(lengths: Ints, window: int) -> dict[str, float]:
    """Runs both in turn; returns packs, and medians of CPU seconds."""
    keys = np.random.default_rng(1).integers(0, 2**64, len(lengths), dtype=np.uint64)
    runs = [
        (
            timed(lambda: best_fit_decreasing(lengths, LENGTH)),
            timed(lambda: len(pack(lengths, length=LENGTH, window=window, keys=keys))),
        )
        for _ in range(NUM_RUNS)
    ]
    (whole, _), (ours, _) = runs[0]
    return {
        "least": -(-int(lengths.sum()) // LENGTH),
        "whole_packs": whole,
        "whole_cpu_s": round(statistics.median(run[0][1] for run in runs), 4),
        "packs": ours,
        "cpu_s": round(statistics.median(run[1][1] for run in runs), 4),
        "whole_fill": round(lengths.sum() / (whole * LENGTH), 6),
        "fill": round(lengths.sum() / (ours * LENGTH), 6),
    }


def main() -> None:
    """Compares both on each kind of lengths."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lengths", metavar="FILE.npy", type=Path, help="real lengths as well")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    table = list(kinds())
    if options.lengths:
        table.append((options.lengths.stem, np.load(options.lengths), 20_000))
    print(
        f"{'lengths':20} {'examples':>9} {'window':>9} {'least':>7}"
        f" {'BFD packs':>9} {'fill':>8} {'CPU s':>7} {'packs':>7} {'fill':>8} {'CPU s':>7}"
    )
    results = []
    for name, lengths, window in table:
        found = compared(lengths, window)
        results.append({"lengths": name, "examples": len(lengths), "window": window, **found})
        print(
            f"{name:20} {len(lengths):9,} {window:9,} {found['least']:7,}"
            f" {found['whole_packs']:9,} {found['whole_fill']:8.3%} {found['whole_cpu_s']:7.3f}"
            f" {found['packs']:7,} {found['fill']:8.3%} {found['cpu_s']:7.3f}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
