"""Near rows and contaminated rows are found, no other row goes, and a million rows take 2 GB.

In: the real data beside the checkout, and made-up rows. Out: for `dedup ... near`, held against
brute force over all pairs of 5,000 real rows, its recall and precision; for `decontaminate`, how
many of 200 overlaps are found and named that were planted into real rows, whole, in part, in other
case and other spacing, and what is reported where there are none; and for both, over 1,000,000
short rows in one process, CPU time and memory. Exit status 1 where a promise does not hold.
"""

import argparse
import gzip
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet

from taskc.compiler import plan
from taskc.compiler.build import Means, build, load_all
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.keys import Scope
from taskc.compiler.lower import lower
from taskc.compiler.resemblance.greedy import STAYS
from taskc.compiler.resemblance.words import words
from taskc.compiler.rows.row_keys import RowKeys, drawn_order
from taskc.compiler.store.objects import Store
from taskc.dsl.checker import check

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
REAL = (("ni/instances.jsonl.gz", "input"), ("flan/e2e_nlg/train.jsonl.gz", "ref"))
NUM_REAL = 5_000  # half of them inputs of Natural Instructions, half descriptions of restaurants
NUM_PLANTED = 200
RUN = 13
NUM_ROWS = 1_000_000
NUM_COPIES = 50_000
NUM_EVALUATED = 100_000
MAX_BYTES = 2_000_000_000
NEAR = 0.8

SPEC = """language 1
source rows {{
  from   jsonl("{{split}}.jsonl")
  splits train, test
  fields {{ text: text }}
  {dedup}
}}
template say for rows {{ prompt only: "Say it." -> "{{text}}" }}
mixture all {{
  from rows
  {clause}
}}
tokenizer own {{ from file("tokenizer.json")  eos "<|endoftext|>" }}
build all {{
  mixture   all
  tokenizer own
  format    prompt_target(input: 32, target: 64, separator: "\\n", end: eos, overflow: trim)
  pack      best_fit(length: 512)
}}
"""


def write(path: Path, texts: list[str]) -> None:
    """Writes a row a text."""
    lines = (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    path.write_text("".join(lines), encoding="utf-8")


def planned(folder: Path, *, dedup: str = "", clause: str = "") -> plan.BuildPlan:
    """The plan of a folder of rows."""
    spec = SPEC.format(dedup=dedup, clause=clause)
    (folder / "all.task").write_text(spec, encoding="utf-8")
    shutil.copy(ROOT / "examples/quickstart/tokenizer/tokenizer.json", folder)
    checked = check([str(folder)])
    return lower(checked.program).builds[0]


class Heard:
    """Remembers for whom each row goes."""

    def loaded(self, rows: object) -> None:
        """Nothing."""

    def near(self, _dedup: object, rows: RowKeys, goes_for: "np.typing.NDArray[np.int64]") -> None:
        """What is asked for here, and the drawn order of the rows."""
        self.goes_for = goes_for
        draws = rows.draws(Scope.source(), 0, "dedup")
        self.order = drawn_order(draws, rows.ids, rows.ordinals)


def deduplicated(folder: Path, near: float) -> Heard:
    """For each training row the row that it goes for, or `STAYS`; and the order of rows."""
    heard = Heard()
    with LocalEngine(jobs=1) as engine:
        build_plan = planned(folder, dedup=f"dedup by text near {near}")
        means = Means(engine, Store.open(folder / ".store"))
        _, findings = load_all(build_plan, means, {"rows": heard})
    assert not findings, findings
    return heard


# ---- dedup against brute force -------------------------------------------------------------------


def shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of three words, or all words of a shorter text."""
    found = words(text)
    return {tuple(found[at : at + 3]) for at in range(max(len(found) - 2, 1))}


def likenesses(texts: list[str]) -> dict[tuple[int, int], float]:
    """Every pair that has a shingle in common, and how alike they are."""
    sets = [shingles(text) for text in texts]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    found = {}
    for row, own in enumerate(sets):
        common = Counter(other for shingle in own for other in holders[shingle])
        for other, count in common.items():
            found[other, row] = count / (len(own) + len(sets[other]) - count)
        for shingle in own:
            holders[shingle].append(row)
    return found


def brute_force(known: dict[tuple[int, int], float], order: list[int], near: float) -> set[int]:
    """The rows that go where each is compared with every row that stays, in the same order."""
    neighbours: dict[int, list[int]] = defaultdict(list)
    for (one, other), likeness in known.items():
        if likeness >= near:
            neighbours[one].append(other)
            neighbours[other].append(one)
    gone: set[int] = set()
    seen: set[int] = set()
    for row in order:
        if any(other in seen and other not in gone for other in neighbours[row]):
            gone.add(row)
        seen.add(row)
    return gone


def against_brute_force(folder: Path, texts: list[str]) -> bool:
    """Prints recall and precision of near dedup; whether they are as promised."""
    write(folder / "train.jsonl", texts)
    known = likenesses(texts)
    print(f"dedup near, {len(texts):,} real rows against all {len(texts) ** 2 // 2:,} pairs")
    print(
        f"{'':6}{'near pairs':>12}{'of them':>10}{'':9}{'rows that go':>17}{'':17}{'gone by':>10}"
    )
    print(
        f"{'near':>6}{'there are':>12}{'parted':>10}{'recall':>9}{'by brute force':>17}{'here':>8}"
        f"{'recall':>9}{'mistake':>10}"
    )
    holds = True
    for near in (0.3, 0.5, 0.7, 0.8, 0.9):
        heard = deduplicated(folder, near)
        goes_for = heard.goes_for.tolist()
        gone = [(row, other) for row, other in enumerate(goes_for) if other != STAYS]
        exact = brute_force(known, heard.order.tolist(), near)
        wrong = [
            pair
            for pair in gone
            if known[min(pair), max(pair)] < near or goes_for[pair[1]] != STAYS
        ]
        alike = [pair for pair, likeness in known.items() if likeness >= near]
        left = [pair for pair in alike if goes_for[pair[0]] == goes_for[pair[1]] == STAYS]
        recall = 1 - len(left) / len(alike)
        rows_recall = len(exact & {row for row, _ in gone}) / len(exact)
        print(
            f"{near:6}{len(alike):12,}{len(alike) - len(left):10,}{recall:9.2%}"
            f"{len(exact):17,}{len(gone):8,}{rows_recall:9.2%}{len(wrong):10}",
            flush=True,
        )
        holds &= recall >= 0.95 and rows_recall >= 0.95 and not wrong  # noqa: PLR2004 - the promise
    return holds


# ---- planted overlaps ----------------------------------------------------------------------------


def runs(text: str) -> set[tuple[str, ...]]:
    """The runs of 13 words of a text."""
    found = words(text)
    return {tuple(found[at : at + RUN]) for at in range(len(found) - RUN + 1)}


def clean(texts: list[str]) -> tuple[list[str], list[str]]:
    """Training and evaluation rows that share no run, none of which many evaluation rows have."""
    evaluated = [text for text in texts[:1_500] if len(words(text)) >= 2 * RUN]
    holders = Counter(run for text in evaluated for run in runs(text))
    common = {run for run, count in holders.items() if count > 10}  # noqa: PLR2004 - the default
    evaluated = [text for text in evaluated if not runs(text) & common]
    theirs = {run for text in evaluated for run in runs(text)}
    return [text for text in texts[1_500:] if not runs(text) & theirs], evaluated


def planted(text: str, chance: random.Random, kind: int) -> tuple[str, list[str]]:
    """What is planted of an evaluation row: whole or in part, as it is, in other case or spacing.

    Returns:
        It, and its words.
    """
    pieces = text.split()
    if kind % 2:
        start = chance.randrange(len(pieces) - RUN)
        stop = start + RUN
        while len(words(" ".join(pieces[start:stop]))) < RUN:  # some pieces have no word
            start, stop = max(start - 1, 0), stop + 1
        pieces = pieces[start:stop]
    as_it_is = " ".join(pieces)
    match kind // 2 % 4:
        case 0:
            changed = as_it_is
        case 1:
            changed = as_it_is.upper()
        case 2:
            changed = "".join(chance.choice((c.upper(), c.lower())) for c in as_it_is)
        case _:
            changed = chance.choice((" \n ", "  ", "\t", " -- ", ", ")).join(pieces)
    return changed, words(as_it_is)


def report_of(folder: Path, training: list[str], evaluated: list[str]) -> list[dict[str, object]]:
    """Builds; returns the entries of the report."""
    write(folder / "train.jsonl", training)
    write(folder / "test.jsonl", evaluated)
    build_plan = planned(folder, clause=f"decontaminate [text] against test by ngrams({RUN})")
    with LocalEngine(jobs=1) as engine:
        made = build(
            build_plan, out=folder / "out", engine=engine, store=Store.open(folder / ".store")
        )
    assert made.path is not None, made.diagnostics
    ledger = json.loads((Path(made.path) / "ledger.json").read_text(encoding="utf-8"))
    dropped = sum(
        drop["rows"]
        for entry in ledger["entries"]
        for drop in entry["dropped"]
        if drop["stage"] == "decontaminate"
    )
    path = Path(made.path) / "decontamination/rows.parquet"
    entries: list[dict[str, object]] = pyarrow.parquet.read_table(path).to_pylist()
    assert len({entry["row"] for entry in entries}) == dropped, "ledger and report agree"
    return entries


def with_planted(folder: Path, texts: list[str]) -> bool:
    """Prints what is found of planted overlaps; whether it is as promised."""
    chance = random.Random(7)  # noqa: S311 - rows, no secrets
    training, evaluated = clean([text for text in texts if len(words(text)) > 3])  # noqa: PLR2004
    before = report_of(folder, training, evaluated)
    print(f"decontaminate by ngrams({RUN}), {len(training):,} real training rows against")
    print(
        f"{len(evaluated):,} evaluation rows; rows reported where none shares a run: {len(before)}"
    )
    rows = chance.sample(range(len(training)), NUM_PLANTED)
    wanted = {}
    for kind, row in enumerate(rows):
        other = chance.randrange(len(evaluated))
        text, own = planted(evaluated[other], chance, kind)
        middle = len(training[row]) // 2
        training[row] = f"{training[row][:middle]} {text} {training[row][middle:]}"
        wanted[row + 1] = other + 1, " ".join(own)
    entries = report_of(folder, training, evaluated)
    found = {entry["row"] for entry in entries}
    named = {
        entry["row"]
        for entry in entries
        if entry["row"] in wanted
        and entry["evaluated_row"] == wanted[entry["row"]][0]
        and f" {wanted[entry['row']][1]} " in f" {entry['words']} "
    }
    others = found - wanted.keys()
    print(
        f"planted: {NUM_PLANTED}, found: {len(found & wanted.keys())}, named: {len(named)}, ",
        end="",
    )
    print(f"other rows: {len(others)}", flush=True)
    return not before and found == set(wanted) and named == set(wanted)


# ---- a million rows ------------------------------------------------------------------------------


def made_up(num_rows: int, seed: int) -> Iterator[str]:
    """Yields texts of 12 to 28 words whose frequencies fall as in Zipf's law."""
    draw = np.random.Generator(np.random.PCG64(seed))
    vocabulary = np.array([f"{'bcdfghklmnprstvw'[n % 16]}{n:x}" for n in range(40_000)])
    weights = 1 / np.arange(2, 40_002) ** 1.05
    weights /= weights.sum()
    for start in range(0, num_rows, 10_000):
        sizes = draw.integers(12, 29, min(10_000, num_rows - start))
        flat = vocabulary[draw.choice(40_000, int(sizes.sum()), p=weights)].tolist()
        for size in sizes.tolist():
            yield " ".join(flat[:size])
            del flat[:size]


def measured(what: str, folder: Path) -> None:
    """Prints as JSON what one part took, and writes what it found: in a process of its own."""
    cpu = time.process_time()
    if what == "dedup":
        goes_for = deduplicated(folder, NEAR).goes_for
        gone = np.flatnonzero(goes_for != STAYS)
        found = np.stack([gone, goes_for[gone]], axis=1)
    else:
        by = f"ngrams({RUN})" if what == "ngrams" else f"near({NEAR})"
        with LocalEngine(jobs=1) as engine:
            build_plan = planned(folder, clause=f"decontaminate [text] against test by {by}")
            means = Means(engine, Store.open(folder / ".store"))
            loaded, findings = load_all(build_plan, means)
        assert not findings, findings
        rows = loaded["rows"].rows["train"]
        left = rows.numbers(np.arange(len(rows))) - 1
        found = np.setdiff1d(np.arange(loaded["rows"].counts["train"].read), left)
    seconds = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    np.save(folder / "found.npy", found)
    print(json.dumps({"gone": len(found), "cpu_s": seconds, "peak_bytes": peak}))


def in_process(what: str, folder: Path) -> dict[str, float]:
    """Runs one part in a process of its own, so that its memory is its own."""
    command = [sys.executable, __file__, "--measure", what, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def shown(name: str, answer: dict[str, float], num_rows: int) -> bool:
    """Prints a line; whether the memory is within the bound."""
    cpu_s, peak = answer["cpu_s"], answer["peak_bytes"]
    print(
        f"{name:24}{num_rows:12,}{int(answer['gone']):11,}{cpu_s:9.1f}{num_rows / cpu_s:12,.0f}"
        f"{peak / 1e9:9.2f}",
        flush=True,
    )
    return peak <= MAX_BYTES


def a_million(folder: Path) -> bool:
    """Prints what a million short rows take; whether it is as promised."""
    print(f"{NUM_ROWS:,} short rows (12 to 28 words), one process, nothing in the store")
    print(f"{'':24}{'rows':>12}{'gone':>11}{'CPU s':>9}{'rows/CPU s':>12}{'peak GB':>9}")
    return million_deduplicated(folder) & million_decontaminated(folder)


def million_deduplicated(folder: Path) -> bool:
    """Near dedup, one row of twenty a copy with one of its words changed."""
    chance = random.Random(11)  # noqa: S311 - rows, no secrets
    texts = list(made_up(NUM_ROWS - NUM_COPIES, seed=1))
    originals = chance.sample(range(len(texts)), NUM_COPIES)
    texts += [_changed(texts[original], chance) for original in originals]
    write(folder / "train.jsonl", texts)
    holds = shown(f"dedup near {NEAR}", in_process("dedup", folder), NUM_ROWS)
    pairs = [(int(row), int(other)) for row, other in np.load(folder / "found.npy")]
    copies = enumerate(originals, NUM_ROWS - NUM_COPIES)
    alike = {pair for pair in copies if _likeness(texts[pair[0]], texts[pair[1]]) >= NEAR}
    parted = {(max(pair), min(pair)) for pair in pairs}
    recall = len(alike & parted) / len(alike)
    wrong = sum(_likeness(texts[row], texts[other]) < NEAR for row, other in pairs)
    print(f"  {len(alike):,} planted pairs, {recall:.2%} of them parted; {wrong} rows went wrongly")
    shutil.rmtree(folder / ".store")
    return holds and recall >= 0.95 and not wrong  # noqa: PLR2004 - the promise


def million_decontaminated(folder: Path) -> bool:
    """Both ways to decontaminate, against brute force for runs and planted copies for likeness."""
    chance = random.Random(12)  # noqa: S311 - rows, no secrets
    texts = list(made_up(NUM_ROWS, seed=1))
    evaluated = list(made_up(NUM_EVALUATED, seed=2))
    longer = [text for text in evaluated if text.count(" ") >= RUN]
    planted_at = chance.sample(range(NUM_ROWS), 2 * NUM_PLANTED)
    copied = set()
    for at in planted_at[:NUM_PLANTED]:
        texts[at] = f"{texts[at]} {' '.join(chance.choice(longer).split()[-RUN:])}"
    for at in planted_at[NUM_PLANTED:]:
        original = chance.choice(longer)
        texts[at] = _changed(original, chance)
        copied |= {at} if _likeness(texts[at], original) >= NEAR else set()
    write(folder / "train.jsonl", texts)
    write(folder / "test.jsonl", evaluated)
    theirs = {run for text in evaluated for run in runs(text)}
    sharing = {at for at, text in enumerate(texts) if not theirs.isdisjoint(runs(text))}
    holds = True
    for what, wanted in (("ngrams", sharing), ("near", copied)):
        name = f"decontaminate {what}"
        holds &= shown(name, in_process(what, folder), NUM_ROWS + NUM_EVALUATED)
        found = set(np.load(folder / "found.npy").tolist())
        missed, others = len(wanted - found), len(found - wanted)
        print(f"  {len(wanted):,} rows should go: {missed} are missed, {others} others went")
        holds &= not others and missed <= (0 if what == "ngrams" else 0.05 * len(wanted))
        shutil.rmtree(folder / ".store")
    return holds


def _changed(text: str, chance: random.Random) -> str:
    pieces = text.split()
    pieces[chance.choice((0, 1, -2, -1))] = f"changed{chance.randrange(10**9)}"
    return " ".join(pieces)


def _likeness(one: str, other: str) -> float:
    first, second = shingles(one), shingles(other)
    return len(first & second) / len(first | second)


def real(path: Path, field: str) -> list[str]:
    """One field of real rows."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)[field] for line in lines]


def main() -> int:
    """Prints the tables and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=2)
    options = parser.parse_args()
    if options.measure:
        measured(options.measure[0], Path(options.measure[1]))
        return 0
    holds = True
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary, name) for name in ("pairs", "planted", "million")]
        for folder in folders:
            folder.mkdir()
        if all((DATA / name).exists() for name, _ in REAL):
            inputs, descriptions = (real(DATA / name, field) for name, field in REAL)
            half = NUM_REAL // 2
            holds &= against_brute_force(folders[0], inputs[:half] + descriptions[:half])
            print()
            holds &= with_planted(folders[1], inputs)
        else:
            print("the parts over real rows are left out: ../shared/data is missing")
        print()
        holds &= a_million(folders[2])
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
