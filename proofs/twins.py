"""Rows that are near across the sources of a mixture: one of them stays, found in a million rows.

In: the real data beside the checkout, and made-up rows. Out: for `dedup FIELDS near J` over two
sources, held against brute force over all pairs of 5,000 real rows, recall and precision, and
whether a third source at the end changes anything before it; and over 1,000,000 short rows of two
sources in one process, CPU time and memory. Exit status 1 where a promise does not hold.
"""

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from near_and_overlap import (
    DATA,
    MAX_BYTES,
    NUM_COPIES,
    NUM_ROWS,
    REAL,
    brute_force,
    likenesses,
    made_up,
    real,
    shingles,
    write,
)

from taskc.compiler.build import Means, load_all
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.keys import Scope
from taskc.compiler.lower import lower
from taskc.compiler.rows.load import Loaded
from taskc.compiler.rows.row_keys import RowKeys, drawn_order
from taskc.compiler.store.objects import Store
from taskc.dsl.checker import check

ROOT = Path(__file__).parents[1]
NUM_REAL = 5_000
NEAR = 0.8

SOURCE = """
source {name} {{ from jsonl("{name}.jsonl")  splits train  fields {{ text: text }} }}
template say_{name} for {name} {{ prompt only: "Say it." -> "{{text}}" }}
"""
SPEC = """
mixture all {{
  from  {names}
  {clause}
}}
tokenizer letters {{ from file("tokenizer.json")  eos "<|end|>" }}
build all {{
  mixture   all
  tokenizer letters
  format    prompt_target(input: 64, target: 64, separator: "\\n", end: eos, bos: none)
  pack      best_fit(length: 1024)
}}
"""

Pairs = dict[tuple[str, int], tuple[str, int]]


def loaded(folder: Path, names: list[str], clause: str) -> dict[str, Loaded]:
    """What is left of the sources of a folder, and which rows went for which."""
    spec = "language 1\n" + "".join(SOURCE.format(name=name) for name in names)
    spec += SPEC.format(names=", ".join(names), clause=clause)
    (folder / "all.task").write_text(spec, encoding="utf-8")
    shutil.copy(ROOT / "examples/quickstart/tokenizer/tokenizer.json", folder)
    build_plan = lower(check([str(folder)]).program).builds[0]
    with LocalEngine(jobs=1) as engine:
        found, findings = load_all(build_plan, Means(engine, Store.open(folder / ".store")))
    assert not findings, findings
    return found


def pairs_of(found: dict[str, Loaded]) -> Pairs:
    """For each row that went the row that stays: source, and place from 0."""
    pairs = {}
    for name, each in found.items():
        (twins,) = each.twins
        for at, number in enumerate(twins.gone.numbers(np.arange(len(twins.gone))).tolist()):
            kept = twins.kept.row(at)
            pairs[name, number - 1] = (kept.source, kept.number - 1)
    return pairs


# ---- against brute force -------------------------------------------------------------------------


def drawn(rows: RowKeys) -> list[int]:
    """The rows of a source as they are judged."""
    return drawn_order(rows.draws(Scope.source(), 0, "dedup"), rows.ids, rows.ordinals).tolist()


def against_brute_force(folder: Path, texts: list[str]) -> bool:
    """Prints recall and precision over two sources; whether they are as promised."""
    half = NUM_REAL // 2
    write(folder / "three.jsonl", texts[NUM_REAL:] + texts[:NUM_REAL:3])
    texts = texts[:NUM_REAL]
    write(folder / "one.jsonl", texts[:half])
    write(folder / "two.jsonl", texts[half:])
    known = likenesses(texts)
    start = {"one": 0, "two": half}
    whole = loaded(folder, ["one", "two"], "")
    order = drawn(whole["one"].rows["train"])
    order += [half + row for row in drawn(whole["two"].rows["train"])]
    print(f"dedup of a mixture, two sources of {half:,} real rows against all pairs")
    print(
        f"{'near':>6}{'near pairs across':>19}{'parted':>9}{'rows that go':>14}"
        f"{'by brute force':>16}{'by mistake':>12}{'third source changes':>22}"
    )
    holds = True
    for near in (0.3, 0.5, 0.8, 0.9):
        clause = f"dedup text near {near}"
        found = pairs_of(loaded(folder, ["one", "two"], clause))
        more = pairs_of(loaded(folder, ["one", "two", "three"], clause))
        goes_for = {
            start[source] + row: start[other] + kept
            for (source, row), (other, kept) in found.items()
        }
        exact = brute_force(known, order, near)
        wrong = sum(
            known[min(pair), max(pair)] < near or pair[1] in goes_for for pair in goes_for.items()
        )
        across = [
            pair
            for pair, likeness in known.items()
            if likeness >= near and pair[0] < half <= pair[1]
        ]
        parted = sum(not goes_for.keys().isdisjoint(pair) for pair in across)
        changed = {pair for pair in more.items() if pair[0][0] != "three"} ^ set(found.items())
        print(
            f"{near:6}{len(across):19,}{parted:9,}{len(goes_for):14,}{len(exact):16,}{wrong:12}"
            f"{len(changed):22}",
            flush=True,
        )
        holds &= not wrong and not changed
        holds &= parted >= 0.95 * len(across)
        holds &= len(exact & goes_for.keys()) >= 0.95 * len(exact)
    return holds


# ---- a million rows ------------------------------------------------------------------------------


def measured(folder: Path) -> None:
    """Prints as JSON what it took, and writes what it found: in a process of its own."""
    cpu = time.process_time()
    found = loaded(folder, ["one", "two"], f"dedup text near {NEAR}")
    seconds = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    again = time.process_time()
    loaded(folder, ["one", "two"], f"dedup text near {NEAR}")
    again = time.process_time() - again
    pairs = [[*row, *kept] for row, kept in pairs_of(found).items()]
    (folder / "pairs.json").write_text(json.dumps(pairs), encoding="utf-8")
    print(json.dumps({"cpu_s": seconds, "again_s": again, "peak_bytes": peak}))


def a_million(folder: Path) -> bool:
    """Near dedup across two sources; one row of twenty of the second a copy with a word changed."""
    chance = random.Random(13)  # noqa: S311 - rows, no secrets
    half = NUM_ROWS // 2
    one = list(made_up(half, seed=1))
    two = list(made_up(half - NUM_COPIES, seed=2))
    originals = chance.sample(range(half), NUM_COPIES)
    for original in originals:
        changed = one[original].split()
        changed[chance.choice((0, 1, -2, -1))] = "changed"
        two.append(" ".join(changed))
    texts = {"one": one, "two": two}
    for name, own in texts.items():
        write(folder / f"{name}.jsonl", own)
    command = [sys.executable, __file__, "--measure", str(folder)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    pairs = json.loads((folder / "pairs.json").read_text(encoding="utf-8"))
    sets = {name: [shingles(text) for text in own] for name, own in texts.items()}
    gone = {(source, row) for source, row, _, _ in pairs}
    wrong = sum(
        _jaccard(sets[source][row], sets[other][kept]) < NEAR or (other, kept) in gone
        for source, row, other, kept in pairs
    )
    first = len(two) - NUM_COPIES
    alike = [
        (("two", first + at), ("one", original))
        for at, original in enumerate(originals)
        if _jaccard(sets["two"][first + at], sets["one"][original]) >= NEAR
    ]
    parted = sum(one in gone or other in gone for one, other in alike)
    print(
        f"{NUM_ROWS:,} short rows (12 to 28 words) of two sources, one process, nothing in the "
        f"store: {answer['cpu_s']:.1f} CPU s, peak {answer['peak_bytes'] / 1e9:.2f} GB; "
        f"once more {answer['again_s']:.1f} s\n"
        f"  {len(pairs):,} rows go, {wrong} by mistake; of {len(alike):,} planted pairs "
        f"{parted / len(alike):.2%} are parted"
    )
    return not wrong and parted >= 0.95 * len(alike) and answer["peak_bytes"] <= MAX_BYTES


def _jaccard(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    return len(one & other) / len(one | other)


def main() -> int:
    """Prints the tables and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure")
    options = parser.parse_args()
    if options.measure:
        measured(Path(options.measure))
        return 0
    holds = True
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary, name) for name in ("pairs", "million")]
        for folder in folders:
            folder.mkdir()
        name, field = REAL[0]
        if (DATA / name).exists():
            holds &= against_brute_force(folders[0], real(DATA / name, field))
        else:
            print("the part over real rows is left out: ../shared/data is missing")
        print()
        holds &= a_million(folders[1])
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
