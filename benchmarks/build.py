"""What a build costs beside what people run today: CPU seconds, memory, bytes a token.

In: rows (`--rows FILE.jsonl` with definition, input and output; made up unless given, see rows.py)
and a tokenizer. Out: a table a section; `--json FILE` keeps the numbers. Every run is a process of
its own in an empty folder, the pipelines take turns, and medians are shown. CPU seconds are user
plus system time of a process and all that it starts.

    cold      `taskc build` against datasets + TRL, fastokens inside transformers, MDS, bare engines
    size      bytes a token of the artefact, by kind of file
    stages    CPU seconds by stage of one build, the disk's part, what evaluation sets add
    features  CPU seconds by part of one build, and what each clause of the language adds to it
    warm      a rebuild without a change, with one prompt of 200 changed, and twelve settings
    sweep     twelve artefacts, each without another cluster, with and without exemplars
    growth    CPU seconds a row with 1, 4 and 16 times as many rows
    memory    peak memory with the rows, and with ten times as many

The peers are installed beside taskc, in an environment of their own; what is missing is skipped:

    pip install --constraint constraints.txt --editable '.[bench]'
    pip install --constraint constraints.txt --no-deps mosaicml-streaming
    pip install --constraint constraints.txt brotli catalogue pillow python-snappy zstd

(mosaicml-streaming asks for a numpy and a transformers of 2024; its writer works with today's.)
"""

import argparse
import json
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import peers
import rows as row_files
from features import features
from processes import Run, run
from project import LENGTH, Project, without_fastokens

ROOT = Path(__file__).parents[1]
START_ROWS = 100  # a build of so few rows is all start: imports, the check, the tokenizer
NUM_PROMPTS = 200
NUM_HELD_OUT = 12
GROWTH = (1, 4, 16)
SWEEP = [{"temperature": t, "length": n} for t in (1.0, 1.5, 2.0, 4.0) for n in (2048, 4096, 8192)]

# At least so many times our CPU seconds, or, for a bare engine, so large a part of our rate.
TARGETS = {
    ("datasets", "fast"): 15.0,
    ("datasets", "reference"): 1.2,
    ("fastokens", "fast"): 5.0,
    ("mds", "fast"): 12.0,
    ("fastokens-raw", "fast"): 0.4,
    ("tokenizers", "reference"): 0.4,
}
SWEEP_LIMIT = 5.0  # builds' worth of CPU time for the twelve settings
MEMORY_LIMIT = 1.1  # times the memory, and so many bytes a row besides
MEMORY_BYTES_A_ROW = 24

Numbers = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What the sections have in common.

    Attributes:
        rows: Rows to cut from; None where they are made up.
        megabytes: Input of a build, 10^6 bytes each.
        runs: How often each pipeline runs.
        tokenizer: A tokenizer.json.
        eos: Text of its token that ends an example.
        work: An empty folder.
    """

    rows: Path | None
    megabytes: float
    runs: int
    tokenizer: Path
    eos: str
    work: Path

    def write_rows(self, path: Path, *, times: float = 1.0) -> int:
        """Writes the rows of a build, or `times` as many bytes; returns how many they are."""
        path.parent.mkdir(parents=True, exist_ok=True)
        num_bytes = int(times * self.megabytes * 1e6)
        if self.rows is None:
            return row_files.write_rows(path, row_files.made_up_rows(), num_bytes)
        return row_files.cut_rows(self.rows, path, num_bytes)

    def project(self, name: str, **settings: Any) -> Project:
        """A project in a folder of its own."""
        folder = self.work / name
        return Project(folder=folder, tokenizer=self.tokenizer, eos=self.eos, **settings)


# ---- cold --------------------------------------------------------------------------------------


def cold(bench: Bench) -> dict[str, Any]:
    """Compares whole pipelines on the same rows."""
    rows = bench.work / "rows.jsonl"
    few = bench.work / "few.jsonl"
    num_rows = bench.write_rows(rows)
    with rows.open("rb") as lines:
        few.write_bytes(b"".join(islice(lines, START_ROWS)))
    skipped: list[str] = []
    slow = without_fastokens(bench.work / "without_fastokens")
    pipelines: dict[str, Callable[[], Numbers]] = {
        "taskc, reference": partial(_ours, bench, slow, rows, few),
        "taskc, fast": partial(_ours, bench, {}, rows, few),
        "taskc, fast, one process": partial(_ours, bench, {}, rows, few, jobs=1),
    }
    for name in peers.NEEDS:
        if absent := peers.missing(name):
            skipped.append(f"{name}: skipped, not installed: {', '.join(absent)}")
        else:
            pipelines[name] = partial(_peer, bench, name, rows)
    print(f"cold: {num_rows:,} rows, {rows.stat().st_size / 1e6:.1f} MB, {bench.runs} runs")
    medians = _medians(pipelines, bench.runs)
    for name in [name for name in medians if name.startswith("taskc, fast")]:
        if not medians[name]["is_fast"]:
            del medians[name]
            skipped.append(f"{name}: left out, the build took the reference engine by itself")
    _print_cold(medians)
    for line in skipped:
        print(f"  {line}")
    return {
        "rows": num_rows,
        "input_bytes": rows.stat().st_size,
        "pipelines": medians,
        "targets": _compared(medians),
        "skipped": skipped,
    }


def _ours(
    bench: Bench, env: Mapping[str, str], rows: Path, few: Path, *, jobs: int | None = None
) -> Numbers:
    """One cold build, and the start that any build has."""
    with _emptied(bench.work / "ours"):
        start = _built(bench.project("ours"), few, env, jobs)
    with _emptied(bench.work / "ours"):
        project = bench.project("ours")
        done = _built(project, rows, env, jobs)
        made = done.answer()["builds"][0]
        artifact = project.folder / made["path"]
        return {
            **_costs(done),
            "start_cpu_s": start.cpu_s,
            "work_cpu_s": done.cpu_s - start.cpu_s,
            "tokens": made["tokens"],
            "fill": made["fill"],
            "bytes": _size(artifact / "train"),
            "is_fast": _takes_fastokens(project),
        }


def _takes_fastokens(project: Project) -> bool:
    """Whether the project's store knows that the faster engine takes its tokenizer.

    No artefact says by which engine it was made, for it is the same by either.
    """
    known = (project.folder / ".taskc/store").glob("*/engines/**/*")
    return any(b"takes it" in each.read_bytes() for each in known if each.is_file())


def _built(project: Project, rows: Path, env: Mapping[str, str], jobs: int | None) -> Run:
    """Builds a new project with these rows."""
    project.write()
    shutil.copyfile(rows, project.rows())
    return run(project.command(jobs=jobs), cwd=project.folder, env=env)


def _peer(bench: Bench, name: str, rows: Path) -> Numbers:
    """One run of a peer."""
    with _emptied(bench.work / "peer") as folder:
        folder.mkdir()
        out = folder / "out"
        script = str(Path(peers.__file__))
        named = {"rows": rows, "tokenizer": bench.tokenizer, "eos": bench.eos, "out": out}
        words = [word for key, value in named.items() for word in (f"--{key}", str(value))]
        done = run([sys.executable, script, name, *words, "--length", str(LENGTH)])
        told = done.answer()
        packed = told["packs"] * LENGTH
        return {
            **_costs(done),
            "start_cpu_s": told["start_cpu_s"],
            "work_cpu_s": told["work_cpu_s"],
            "tokens": told["tokens"],
            "fill": told["tokens"] / packed if packed else 0.0,
            "bytes": _size(out) if packed else 0,
        }


def _print_cold(medians: Mapping[str, Numbers]) -> None:
    head = ("", "CPU s", "of it start", "wall s", "tokens", "B/token", "fill", "peak MB")
    print(f"  {head[0]:24}" + "".join(f"{name:>13}" for name in head[1:]))
    for name, each in medians.items():
        per_token = f"{each['bytes'] / each['tokens']:.2f}" if each["bytes"] else ""
        fill = f"{each['fill']:.4f}" if each["fill"] else ""
        print(
            f"  {name:24}{each['cpu_s']:13.2f}{each['start_cpu_s']:13.2f}{each['wall_s']:13.2f}"
            f"{each['tokens']:13,.0f}{per_token:>13}{fill:>13}"
            f"{each['resident_bytes'] / 1e6:13,.0f}"
        )


def _compared(medians: Mapping[str, Numbers]) -> list[dict[str, Any]]:
    """Compares in three ways; whole processes, which is what somebody pays for, decide."""
    found = []
    print("  CPU s, theirs over ours: without their start; of whole processes; without any start")
    for (peer, engine), target in TARGETS.items():
        for name in (f"taskc, {engine}", f"taskc, {engine}, one process"):
            theirs, ours = medians.get(peer), medians.get(name)
            if theirs is None or ours is None:
                continue
            ratios = {
                "least": theirs["work_cpu_s"] / ours["cpu_s"],
                "whole": theirs["cpu_s"] / ours["cpu_s"],
                "work": theirs["work_cpu_s"] / ours["work_cpu_s"],
            }
            found.append({"peer": peer, "ours": name, "target": target, **ratios})
            shown = "".join(f"{ratio:8.2f}" for ratio in ratios.values())
            verdict = "met" if ratios["whole"] >= target else "MISSED"
            print(f"  {peer:>14} / {name:26}{shown}   at least {target:g}: {verdict}")
    return found


# ---- size and stages ---------------------------------------------------------------------------


def size(bench: Bench) -> dict[str, Any]:
    """Weighs an artefact and the store beside it."""
    with _emptied(bench.work / "size"):
        project = bench.project("size")
        project.folder.mkdir()
        bench.write_rows(project.rows())
        project.write()
        made = run(project.command(), cwd=project.folder).answer()["builds"][0]
        weights: dict[str, int] = {}
        for path in _files(project.folder / made["path"] / "train"):
            weights[path.suffix] = weights.get(path.suffix, 0) + path.stat().st_size
        if (project.folder / ".taskc").exists():
            weights["store"] = _size(project.folder / ".taskc")
    print(f"size: {made['tokens']:,} tokens")
    for name, num_bytes in weights.items():
        print(f"  {name:10}{num_bytes:14,} bytes {num_bytes / made['tokens']:8.3f} a token")
    return {"tokens": made["tokens"], "bytes": weights}


def stages(bench: Bench) -> dict[str, Any]:
    """Splits the time of one build, without and with evaluation sets of a twentieth of the rows."""
    found = {}
    for name, splits in (("training", ("train",)), ("with evaluation", ("train", "dev"))):
        with _emptied(bench.work / "stages"):
            project = bench.project("stages", splits=splits)
            project.write()
            bench.write_rows(project.rows())
            if "dev" in splits:
                bench.write_rows(project.rows(split="dev"), times=0.05)
            script = str(Path(__file__).with_name("stages.py"))
            done = run([sys.executable, script, ".", "--out", "out"], cwd=project.folder)
            found[name] = done.answer()
    _print_stages(found["training"])
    added = found["with evaluation"]["cpu_s"] - found["training"]["cpu_s"]
    print(f"  evaluation sets of {0.05 * bench.megabytes:.1f} MB add {added:.3f} CPU s")
    return found


def _print_stages(found: Mapping[str, Any]) -> None:
    total = found["cpu_s"]
    print(f"stages: {total:.2f} CPU s in one process; seconds of a module's own, and with callees")
    for name, own in found["self"].items():
        whole = found["with"].get(name, own)
        if whole >= total / 100:
            print(f"  {name:36}{own:8.3f} {100 * own / total:5.1f} %{whole:9.3f}")
    print(f"  {found['fsyncs']} fsyncs waited {found['fsync_wall_s']:.3f} s for the disk")


# ---- warm, sweep, growth, memory ---------------------------------------------------------------


def warm(bench: Bench) -> dict[str, Any]:
    """Builds again what was built, or nearly."""
    results: dict[str, float] = {}
    with _emptied(bench.work / "warm"):
        project = bench.project("warm", num_prompts=NUM_PROMPTS)
        _spread_rows(bench, project, ["rows"])
        results["cold"] = run(project.command(), cwd=project.folder).cpu_s
        results["unchanged"] = run(project.command(), cwd=project.folder).cpu_s
        project.write(changed_prompt=NUM_PROMPTS // 2)
        results["one prompt of 200"] = run(project.command(), cwd=project.folder).cpu_s
    with _emptied(bench.work / "sweep"):
        names = [f"part_{i}" for i in range(8)]
        project = bench.project("sweep", sources=names)
        _spread_rows(bench, project, names)
        swept = [
            run(project.command(f"out_{i}", **params), cwd=project.folder).cpu_s
            for i, params in enumerate(SWEEP)
        ]
        results["first of 12 settings"] = swept[0]
        results["12 settings"] = sum(swept)
    print(f"warm: CPU s, {bench.megabytes:g} MB; 12 settings: temperatures by lengths, 8 sources")
    for name, cpu_s in results.items():
        first = results["first of 12 settings" if "12" in name else "cold"]
        print(f"  {name:24}{cpu_s:9.2f}{cpu_s / first:9.2f} of a cold build")
    print(f"  at most {SWEEP_LIMIT:g} for the 12 settings")
    return results


def sweep(bench: Bench) -> dict[str, Any]:
    """Builds once, and in an empty store twelve times, each without another cluster.

    Every source is a cluster; one prompt of ten a row; evaluation sets of a twentieth of the rows.
    """
    names = [f"part_{i}" for i in range(NUM_HELD_OUT)]
    results: dict[str, Any] = {}
    print(f"sweep: {bench.megabytes:g} MB, {NUM_HELD_OUT} clusters, ten prompts a row; CPU s")
    for exemplars in (0, 5):
        found = {}
        for kind, more in (("one build", []), ("twelve", ["--sweep", "held_out"])):
            with _emptied(bench.work / "swept"):
                project = bench.project(
                    "swept", sources=names, splits=("train", "dev"), num_prompts=10
                )
                _spread_rows(bench, project, names, dev=0.05)
                command = [*project.command(exemplars=exemplars), *more]
                done = run(command, cwd=project.folder)
                builds = done.answer()["builds"]
                found[kind] = {
                    "cpu_s": done.cpu_s,
                    "encoded": sum(each["work"]["num_encoded"] for each in builds),
                    "tokens": sum(each["tokens"] for each in builds),
                }
        ratio = found["twelve"]["cpu_s"] / found["one build"]["cpu_s"]
        results[f"{exemplars} exemplars"] = {**found, "ratio": ratio}
        for kind, each in found.items():
            print(
                f"  0..{exemplars} exemplars, {kind:10}{each['cpu_s']:9.2f} s"
                f"{each['encoded']:12,} encoded{each['tokens']:14,} tokens"
            )
        verdict = "met" if ratio <= SWEEP_LIMIT else "MISSED"
        print(f"  {ratio:.2f} of one build, at most {SWEEP_LIMIT:g}: {verdict}")
    return results


def _spread_rows(
    bench: Bench, project: Project, sources: Sequence[str], *, dev: float = 0.0
) -> None:
    """Writes a project and deals the rows out to its sources, a share of them for evaluation."""
    project.write()
    rows = project.folder / "all.jsonl"
    bench.write_rows(rows)
    lines = rows.read_bytes().splitlines(keepends=True)
    for i, name in enumerate(sources):
        own = lines[i :: len(sources)]
        cut = len(own) - int(dev * len(own))
        project.rows(name).write_bytes(b"".join(own[:cut]))
        if dev:
            project.rows(name, "dev").write_bytes(b"".join(own[cut:]))
    rows.unlink()


def growth(bench: Bench) -> list[Numbers]:
    """Builds a sixteenth, a fourth and all of the rows."""
    print("growth:        rows    CPU s  us a row  peak MB  anonymous MB")
    return [_one_size(bench, times / GROWTH[-1]) for times in GROWTH]


def memory(bench: Bench) -> dict[str, Any]:
    """Compares the peak with that of ten times the rows."""
    print("memory:        rows    CPU s  us a row  peak MB  anonymous MB")
    small, large = _one_size(bench, 1.0), _one_size(bench, 10.0)
    more_rows = large["rows"] - small["rows"]
    verdicts = {}
    for kind in ("resident_bytes", "anonymous_bytes"):
        limit = MEMORY_LIMIT * small[kind] + MEMORY_BYTES_A_ROW * more_rows
        verdicts[kind] = {"limit_bytes": limit, "met": large[kind] <= limit}
        verdict = "met" if large[kind] <= limit else "MISSED"
        print(f"  {kind}: at most {limit / 1e6:,.0f} MB with ten times the rows: {verdict}")
    return {"small": small, "large": large, "limits": verdicts}


def _one_size(bench: Bench, times: float) -> Numbers:
    """Builds `times` the rows once, cold."""
    with _emptied(bench.work / "sizes"):
        project = bench.project("sizes")
        project.write()
        num_rows = bench.write_rows(project.rows(), times=times)
        done = run(project.command(), cwd=project.folder)
    print(
        f"  {num_rows:17,}{done.cpu_s:9.2f}{1e6 * done.cpu_s / num_rows:10.1f}"
        f"{done.resident_bytes / 1e6:9,.0f}{done.anonymous_bytes / 1e6:14,.0f}"
    )
    return {"rows": num_rows, **_costs(done)}


# ---- what sections share -----------------------------------------------------------------------


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """A folder that isn't there before and after."""
    shutil.rmtree(folder, ignore_errors=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _medians(pipelines: Mapping[str, Callable[[], Numbers]], runs: int) -> dict[str, Numbers]:
    """Runs every pipeline in turn, `runs` times; returns medians and the spread of CPU time."""
    found: dict[str, list[Numbers]] = {name: [] for name in pipelines}
    for _ in range(runs):
        for name, once in pipelines.items():
            found[name].append(once())
    medians = {}
    for name, each in found.items():
        medians[name] = {key: statistics.median(one[key] for one in each) for key in each[0]}
        cpu_s = [one["cpu_s"] for one in each]
        medians[name]["cpu_spread_s"] = max(cpu_s) - min(cpu_s)
    return medians


def _costs(done: Run) -> Numbers:
    return {
        "cpu_s": done.cpu_s,
        "wall_s": done.wall_s,
        "resident_bytes": done.resident_bytes,
        "anonymous_bytes": done.anonymous_bytes,
    }


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


SECTIONS: dict[str, Callable[[Bench], Any]] = {
    "cold": cold,
    "size": size,
    "stages": stages,
    "features": features,
    "warm": warm,
    "sweep": sweep,
    "growth": growth,
    "memory": memory,
}


def main() -> None:
    """Runs the sections that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("sections", nargs="*", metavar="SECTION", help="cold unless named")
    add("--rows", type=Path, metavar="FILE", help="JSON lines to cut from (default: made up)")
    add("--megabytes", type=float, default=60, help="input of a build (default: 60)")
    add("--runs", type=int, default=3, help="runs in `cold` and `features` (default: 3)")
    quickstart = ROOT / "examples/quickstart/tokenizer/tokenizer.json"
    add(
        "--tokenizer", type=Path, default=quickstart, help="a tokenizer.json (default: a small one)"
    )
    add("--eos", default="<|endoftext|>", help="text of its token that ends an example")
    add("--work", type=Path, help="where to work (default: a temporary folder)")
    add("--json", type=Path, metavar="FILE", help="write the numbers here as well")
    options = parser.parse_args()
    sections = options.sections or ["cold"]
    if unknown := set(sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are: {', '.join(SECTIONS)}")
    results: dict[str, Any] = {"python": platform.python_version(), "machine": platform.machine()}
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        bench = Bench(
            rows=options.rows and options.rows.resolve(),
            megabytes=options.megabytes,
            runs=options.runs,
            tokenizer=options.tokenizer.resolve(),
            eos=options.eos,
            work=Path(work),
        )
        for name in sections:
            results[name] = SECTIONS[name](bench)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
