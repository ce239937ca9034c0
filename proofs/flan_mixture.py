"""FLAN's mixtures over real rows: fair prefixes, no leak, exemplars drawn right, evaluation sets.

In: tests/real/flan over the 43 data sets in the real data beside the checkout, built here. Out: for
each seed and each held-out cluster what was found when the stream was worked out again from files,
provenance and ledger; then exemplars, prompts of repeated rows, evaluation sets, worker counts and
the cost of a sweep. Exit status 1 where a promise does not hold.

Artefacts are made by the command line and read with pyarrow alone. What they are compared with is
tests/real/oracle, plain Python that imports nothing of taskc: a mistake of the compiler cannot
agree with itself.
"""

import argparse
import json
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SPECS = ROOT / "tests" / "real" / "flan"
sys.path[:0] = [str(ROOT / "tests" / "real"), str(ROOT / "benchmarks")]

from oracle.data_sets import CLUSTERS, DATA_SETS, Rows, left_out  # noqa: E402 (found just above)
from oracle.draws import Key  # noqa: E402
from oracle.encoding import Coder  # noqa: E402
from oracle.expected import chairman  # noqa: E402
from oracle.stream import furthest_from_share, shares  # noqa: E402
from processes import run  # noqa: E402

SEEDS = (42, 7, 2022)
CAP = 300
TOTAL = 6_000  # examples of `small`
SHOTS = 5
END = "<|endoftext|>"
MOST_BUILDS = 5.0  # what a sweep of twelve may cost, in builds
NUM_PROMPTS = 10  # of each source
FEWEST_PAIRS = 5_000  # of a use of a row and the next, or nothing is shown
MOST_SIGMAS = 4.5  # how far a chi-square may be from its mean; one of 30,000 fair ones is further
PLANTED = 60
TRAILER_BYTES = 32  # of an object in the store

Table = list[dict[str, Any]]


class Report:
    """What was found, a line each; a line that does not hold is marked."""

    def __init__(self) -> None:
        self.broken = 0

    def line(self, words: str, *, holds: bool = True) -> None:
        """Prints a finding."""
        self.broken += not holds
        print(f"{'  ' if holds else '! '}{words}")


# ---- artefacts ---------------------------------------------------------------------------------


def command(build: str, out: Path, store: Path, *more: str, data: Path = DATA) -> list[str]:
    """The command line of a build."""
    return [
        *(sys.executable, "-m", "taskc", "build", str(SPECS), "--only", build, "--json"),
        *("--set", f"data={data}", "--out", str(out), "--store", str(store), *more),
    ]


def training(artifact: Path) -> Table:
    """Where each training example came from, in the stream's order."""
    return pq.read_table(artifact / "train" / "examples.parquet").to_pylist()


def entries(artifact: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The ledger by source and split."""
    told = json.loads((artifact / "ledger.json").read_text(encoding="utf-8"))["entries"]
    return {(entry["source"], entry["split"]): entry for entry in told}


def digest(artifact: Path) -> str:
    """The content digest."""
    return json.loads((artifact / "manifest.json").read_text(encoding="utf-8"))["content_digest"]


def imbalances(artifact: Path) -> int:
    """Entries of the ledger whose rows are not all accounted for."""
    return sum(
        entry["read"]
        != sum(drop["rows"] for drop in entry["dropped"])
        + sum(entry["moved"].values())
        + entry["exemplars"]
        + entry["not_asked"]
        + entry["delivered"]
        for entry in entries(artifact).values()
    )


# ---- the mixture -------------------------------------------------------------------------------


def weights(rows: Rows, held_out: str, artifact: Path) -> dict[str, int]:
    """min(n, cap) of each source that is trained on; n counts rows that give an example.

    Rows are read and judged again, the held-out ones' equals removed. Whether a row that is left
    gives an example depends on its text: those that do not are the ledger's.
    """
    gone = left_out(held_out)
    held = {row_id for name in gone for row_id in rows.ids(name)}
    told = entries(artifact)
    found = {}
    for name in declared():
        left = [key for key in rows.split(name, "train") if key.id not in held]
        if name in gone or not left:
            continue
        drops = told[name, "train"]["dropped"]
        fell = sum(drop["rows"] for drop in drops if drop["stage"] in {"phrase", "encode"})
        found[name] = min(len(left) - fell, CAP)
    return found


def declared() -> list[str]:
    """The sources in the order in which they are declared: by file, then by line."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(SPECS.glob("*.task"))]
    return [name for text in texts for name in re.findall(r"^source (\w+)", text, re.MULTILINE)]


def mixture(rows: Rows, held_out: str, artifact: Path, report: Report) -> None:
    """Recomputes the stream of one build and looks for what was held out."""
    table = training(artifact)
    stream = [row["source"] for row in table]
    weight = weights(rows, held_out, artifact)
    furthest = furthest_from_share(stream, shares(weight))
    same = stream == list(islice(chairman(weight), TOTAL))
    gone = left_out(held_out)
    held = {row_id for name in gone for row_id in rows.ids(name)}
    trained = sum(name in gone for name in stream)
    equal = sum(row["row_id"] in held for row in table)
    wrong = sum(_is_elsewhere(rows, row) for row in table)
    capped = sum(each == CAP for each in weight.values())
    unbalanced = imbalances(artifact)
    report.line(
        f"{held_out or 'nothing':20}{len(weight):8}{capped:8}{float(furthest):10.3f}"
        f"{'equal' if same else 'DIFFERS':>9}{len(gone):9}{trained:9}{equal:7}{wrong:7}"
        f"{unbalanced:9}",
        holds=same
        and furthest < 1
        and len(stream) == TOTAL
        and not trained + equal + wrong + unbalanced,
    )


def _is_elsewhere(rows: Rows, row: dict[str, Any]) -> bool:
    """Whether an example's row is no training row of its source, as the data files have it."""
    raw = rows.by_place.get((row["file"], row["row"]))
    key = Key(row["row_id"], row["ordinal"])
    at_home = key in rows.training(row["source"])
    return raw is None or not at_home or DATA_SETS[row["source"]].id(raw) != row["row_id"]


def mixtures(rows: Rows, work: Path, report: Report) -> None:
    """Every seed and every held-out cluster, and what the sweep of the first seed cost."""
    print("stream: every prefix against exact shares, and the whole order recomputed; trained on:")
    print("examples of held-out sources and of their `related`; equal: of rows equal to theirs")
    for seed in SEEDS:
        setting = ("--set", f"seed={seed}")
        first = run(command("small", work / f"one-{seed}", work / f"store-one-{seed}", *setting))
        out, store = work / f"swept-{seed}", work / f"store-{seed}"
        swept = run(command("small", out, store, *setting, "--sweep", "held_out"))
        print(
            f"\n  seed {seed:<15}{'sources':>8}{'at cap':>8}{'furthest':>10}{'order':>9}"
            f"{'left out':>9}{'trained':>9}{'equal':>7}{'wrong':>7}{'ledger':>9}"
        )
        mixture(rows, "", work / f"one-{seed}" / "flan" / "small", report)
        for cluster in CLUSTERS:
            mixture(rows, cluster, out / "flan" / f"small@held_out={cluster}", report)
        cost(first, swept, store, report)


def cost(first: Any, swept: Any, store: Path, report: Report) -> None:
    """What twelve builds cost beside one, and whether anything was encoded twice."""
    works = [each["work"] for each in swept.answer()["builds"]]
    encoded = sum(work["num_encoded"] for work in works)
    one = first.answer()["builds"][0]["work"]["num_encoded"]
    keys = stored_keys(store)
    twice = sum(times > 1 for times in keys.values())
    ratio = swept.cpu_s / first.cpu_s
    report.line(
        f"one build {first.cpu_s:.1f} s CPU, {one:,} encoded; {len(works)} builds {swept.cpu_s:.1f}"
        f" s CPU, {ratio:.2f} times, {encoded:,} encoded, {twice} of {len(keys):,} twice",
        holds=ratio <= MOST_BUILDS
        and len(works) == len(CLUSTERS)
        and encoded == len(keys)
        and not twice,
    )


def stored_keys(store: Path) -> Counter[tuple[str, bytes]]:
    """How often each example stands in a store, by family and key."""
    found: Counter[tuple[str, bytes]] = Counter()
    for path in (store / "v2" / "examples").glob("*/*/*"):
        content = pa.py_buffer(path.read_bytes()[:-TRAILER_BYTES])
        table = pa.ipc.open_stream(content).read_all().select(["key", "part"])
        for key, part in zip(*(column.to_pylist() for column in table.columns), strict=True):
            if part == 0:
                found[path.parent.name, key] += 1
    return found


def planted(rows: Rows, work: Path, report: Report) -> None:
    """Rows of a data set that stand in another cluster's file as well."""
    data = work / "planted"
    for path in (DATA / "flan").iterdir():
        (data / "flan").mkdir(parents=True, exist_ok=True)
        (data / "flan" / path.name).symlink_to(path)
    (data / "tokenizers").symlink_to(DATA / "tokenizers")
    qasc = data / "flan" / "qasc"
    qasc.unlink()
    qasc.mkdir()
    for path in (DATA / "flan" / "qasc").iterdir():
        (qasc / path.name).write_bytes(path.read_bytes())
    splits = ("train", "dev", "test")
    copied = [
        line.raw for split in splits for line in rows.files["arc_easy", split][: PLANTED // 3]
    ]
    train = qasc / "train.jsonl"
    lines = [json.dumps({**raw, "explanation": ""}) + "\n" for raw in copied]
    with train.open("a", encoding="utf-8") as target:
        target.writelines(lines)
    ids = {DATA_SETS["arc_easy"].id(raw) for raw in copied}
    found = {}
    for held_out in ("none", "closed_book_qa"):
        more = ("--set", f"held_out={held_out}")
        out = work / f"planted-{held_out}"
        run(command("small", out, work / "store-planted", *more, data=data))
        artifact = out / "flan" / "small"
        own = [row for row in training(artifact) if row["source"] == "qasc"]
        drops = entries(artifact)["qasc", "train"]["dropped"]
        told = sum(drop["rows"] for drop in drops if drop["stage"] == "overlap")
        found[held_out] = sum(row["row_id"] in ids for row in own), told
    (free, _), (held, told) = found.values()
    report.line(
        f"{PLANTED} rows of arc_easy planted into qasc: {free} trained on; with closed_book_qa held"
        f" out {held}, and {told} in the ledger",
        holds=free > 0 and held == 0 and told == PLANTED,
    )


# ---- exemplars ---------------------------------------------------------------------------------


def few_shot(rows: Rows, held_out: str, work: Path, report: Report) -> Path:
    """Builds with exemplars and follows each of them to its row."""
    more = ("--set", f"held_out={held_out or 'none'}")
    out = work / f"shots-{held_out or 'none'}"
    run(command("shots", out, work / "store-shots", *more))
    artifact = out / "flan" / "shots"
    table = training(artifact)
    train = {name: {key.id for key in rows.split(name, "train")} for name in DATA_SETS}
    held = {
        name: {key.id for split in ("dev", "test") for key in rows.split(name, split)}
        for name in DATA_SETS
    }
    counts: Counter[str] = Counter()
    numbers: Counter[int] = Counter()
    for row in (*table, *_evaluated(artifact)):
        own = row["exemplars"]
        counts["exemplars"] += len(own)
        counts["equal to the query"] += row["row_id"] in own
        counts["twice before one query"] += len(own) - len(set(own))
        counts["no training row of the source"] += len(set(own) - train[row["source"]])
        counts["equal to a row of dev or test"] += len(set(own) & held[row["source"]])
        if "repetition" in row:
            numbers[len(own)] += 1
    gone = left_out(held_out)
    counts["trained on and held out"] = sum(row["source"] in gone for row in table)
    behind = sum(bool(row["exemplars"]) for row in _evaluated(artifact) if row["source"] in gone)
    total = counts.pop("exemplars")
    report.line(
        f"held out {held_out or 'nothing'}: {len(table):,} training examples, {total:,} exemplars;"
        + "".join(f" {count} {name}," for name, count in counts.items())
        + f" {imbalances(artifact)} entries out of balance",
        holds=not sum(counts.values()) and not imbalances(artifact) and total > len(table),
    )
    if gone:
        report.line(f"{behind:,} examples of held-out sources behind exemplars", holds=behind > 0)
    shown = ", ".join(f"{number}: {numbers[number]:,}" for number in sorted(numbers))
    report.line(
        f"training examples by number of exemplars: {shown}",
        holds=set(numbers) == set(range(SHOTS + 1)),
    )
    return artifact


def _evaluated(artifact: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((artifact / "eval").glob("*.parquet")):
        table = pq.ParquetFile(path)
        for batch in table.iter_batches(columns=["source", "row_id", "shots", "exemplars"]):
            yield from batch.to_pylist()


# ---- prompts of repeated rows ------------------------------------------------------------------


def sigmas(observed: Iterable[int], cells: int) -> float:
    """How far a chi-square against equal cells is from its mean, by Wilson and Hilferty."""
    counts = list(observed)
    mean = sum(counts) / cells
    chi = sum((count - mean) ** 2 for count in counts) / mean + (cells - len(counts)) * mean
    spread = 2 / (9 * (cells - 1))
    return ((chi / (cells - 1)) ** (1 / 3) - (1 - spread)) / spread**0.5


def repeated(work: Path, report: Report) -> None:
    """Rows that are used again draw again."""
    run(command("repeated", work / "repeated", work / "store-repeated"))
    drawn: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    uses: dict[tuple[str, bytes, int], dict[int, tuple[str, str]]] = defaultdict(dict)
    for row in training(work / "repeated" / "flan" / "repeated"):
        prompt = row["template"], row["label"]
        drawn[row["source"]][prompt] += 1
        uses[row["source"], row["row_id"], row["ordinal"]][row["repetition"]] = prompt
    evenly = {name: sigmas(counts.values(), NUM_PROMPTS) for name, counts in drawn.items()}
    furthest = max(evenly, key=lambda name: abs(evenly[name]))
    report.line(
        f"ten prompts of each of {len(drawn)} sources, {sum(map(len, uses.values())):,} draws:"
        f" furthest from even by chi-square {furthest}, {evenly[furthest]:+.1f} sigmas",
        holds=abs(evenly[furthest]) < MOST_SIGMAS
        and all(len(counts) == NUM_PROMPTS for counts in drawn.values()),
    )
    known = {name: sorted(counts) for name, counts in drawn.items()}
    pairs: Counter[tuple[int, int]] = Counter()
    for (source, _, _), own in uses.items():
        for before, after in pairwise(own[use] for use in sorted(own)):
            pairs[known[source].index(before), known[source].index(after)] += 1
    number = sum(pairs.values())
    same = sum(count for (before, after), count in pairs.items() if before == after)
    apart = sigmas(pairs.values(), NUM_PROMPTS**2)
    report.line(
        f"{number:,} pairs of a use and the next of one row: the same prompt in {same / number:.2%}"
        f" (evenly 10 %), chi-square of the 100 pairs {apart:+.1f} sigmas",
        holds=number > FEWEST_PAIRS and abs(apart) < MOST_SIGMAS,
    )


# ---- evaluation sets ---------------------------------------------------------------------------


def evaluation(rows: Rows, artifact: Path, report: Report) -> None:
    """Options, answers and the list shown, of every example of every evaluation set."""
    coder = Coder(DATA / "tokenizers" / "gpt2" / "tokenizer.json")
    for split in ("dev", "test"):
        counts: Counter[str] = Counter()
        plain: list[tuple[bytes, str, list[int]]] = []
        rows_of: dict[str, set[tuple[bytes, int]]] = defaultdict(set)
        prompts: dict[str, set[str]] = defaultdict(set)
        again = 0
        for row in _examples(artifact / "eval" / f"{split}.parquet"):
            name = f"{row['template']}.{row['label']}"
            if row["shots"] == 0:
                if rows.split(row["source"], "train"):  # else there is nothing to show before it
                    plain.append((row["row_id"], name, row["input_ids"]))
                counts["without exemplars"] += 1
                rows_of[row["source"]].add((row["row_id"], row["ordinal"]))
                prompts[row["source"]].add(name)
            else:
                counts["not the query behind its exemplars"] += not _ends(row, name, plain[again])
                again += 1
            for fault in _faults(rows, coder, row):
                counts[fault] += 1
            counts["with options"] += bool(row["option_ids"])
        with_options, num_plain = counts.pop("with options"), counts.pop("without exemplars")
        told = entries(artifact)
        delivered = sum(told[name, split]["delivered"] != len(own) for name, own in rows_of.items())
        fewest = min(map(len, prompts.values()))
        report.line(
            f"{split}: {num_plain:,} examples and {again:,} behind {SHOTS} exemplars, of"
            f" {len(rows_of)} sources by {fewest} to {max(map(len, prompts.values()))} prompts;"
            f" {with_options:,} with options; {sum(counts.values())} differ from the oracle's",
            holds=not sum(counts.values()) and again == len(plain) and not delivered and fewest > 1,
        )
        for fault, count in counts.items():
            if count:
                report.line(f"{fault}: {count}", holds=False)


def _examples(path: Path) -> Iterator[dict[str, Any]]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=4_096):
        yield from batch.to_pylist()


def _ends(row: dict[str, Any], name: str, plain: tuple[bytes, str, list[int]]) -> bool:
    """Whether an example behind exemplars is the one without, at the same place of the set."""
    ids = row["input_ids"]
    return (row["row_id"], name) == plain[:2] and ids[len(ids) - len(plain[2]) :] == plain[2]


def _faults(rows: Rows, coder: Coder, row: dict[str, Any]) -> Iterator[str]:
    """In what an example differs from what its row offers."""
    raw = rows.by_place[row["file"], row["row"]]
    offer = rows.offer(row["source"], raw, row["template"])
    if DATA_SETS[row["source"]].id(raw) != row["row_id"]:
        yield "not the row of its id"
    if offer is None:
        if row["option_ids"] or row["correct"]:
            yield "options where there are none"
        return
    surfaces, right = offer
    if row["option_ids"] != [coder.ids(text, first=True) for text in surfaces]:
        yield "other option ids"
    if row["correct"] != [right]:
        yield "another right option"
    answer = [*coder.ids(surfaces[right], first=True), coder.special[END]]
    if row["target_ids"] != answer:
        yield "another target"
    if row["shots"] == 0:
        shown = "\n".join(["OPTIONS:", *(f"- {text}" for text in surfaces)])
        if shown not in coder.text(row["input_ids"]):
            yield "another list than the one shown"


# ---- workers -----------------------------------------------------------------------------------


def workers(work: Path, report: Report) -> None:
    """One, two and four worker processes, and once more, each with an empty store."""
    found = {}
    for number, jobs in enumerate((1, 2, 4, 2)):
        out = work / f"jobs-{number}"
        run(command("small", out, work / f"store-jobs-{number}", "--jobs", str(jobs)))
        found[number] = digest(out / "flan" / "small")
    report.line(
        f"1, 2, 4 and again 2 workers: content {found[0][:16]}, {len(set(found.values()))} digest",
        holds=len(set(found.values())) == 1,
    )


def main() -> int:
    """Prints what was found and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    if not DATA.is_dir():
        print("needs the real data in ../shared/data beside the checkout")
        return 1
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        rows = Rows(DATA)
        mixtures(rows, work, report)
        print("\nrows equal to held-out ones")
        planted(rows, work, report)
        print(f"\nexemplars, 0 to {SHOTS}")
        artifact = few_shot(rows, "", work, report)
        few_shot(rows, "nli", work, report)
        print("\nevaluation sets")
        evaluation(rows, artifact, report)
        print("\nprompts of rows that are used again")
        repeated(work, report)
        print("\nworkers")
        workers(work, report)
    print(f"\n{report.broken} broken promises")
    return int(report.broken > 0)


if __name__ == "__main__":
    sys.exit(main())
