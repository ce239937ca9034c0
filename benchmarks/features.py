"""What each feature costs: parts of one build, and what a clause of the language adds to it.

In: a `Bench`. Out: two tables in Markdown. Parts that every build has can't be left out, so they
are told from samples of one process (parts.py), medians of several. What a spec can ask for is
built with and without it: whole cold builds of the same rows, all of them in turns; a difference
is of two builds of one turn, and the median and the range of the differences are shown. A
twentieth of the rows is set aside, for the builds that have an evaluation set.
"""

import json
import os
import shutil
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from processes import run

if TYPE_CHECKING:
    from project import Project

    from build import Bench

EVALUATED = 20  # of so many rows one is set aside
_CHAT_TEMPLATE = Path(__file__).parents[1] / "examples/chat/tokenizer/chat_template.jinja"
# A token each.
_WORDS = (
    "Input",
    "Text",
    "Question",
    "Problem",
    "Task",
    "Case",
    "Item",
    "Example",
    "Data",
    "Query",
)
_WHERE = "  where  len(output) > 0\n"
_PROMPT = '  prompt plain: "{definition}\\n\\nInput: {input}\\nOutput:" -> "{output}"\n'
_DRAW = "  from    all clusters\n  holdout held_out\n  rate    temperature(temperature)\n"
_FORMAT = """  format    prompt_target(
    input: 1536,
    target: 512,
    separator: none,
    end: eos,
    overflow: trim,
  )
"""
_CHAT = "  format    chat(end_of_turn: {end}, max: 2048, overflow: trim{more})\n"
_TEMPLATED = ', template: tokenizer, date: "2026-01-01"'
_WITH_TEMPLATE = """  from folder("with_template")
  add  im_start "<|im_start|>"
  add  im_end "<|im_end|>"
"""
_NO_CHANGE: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What a spec may ask for.

    Attributes:
        name: As the table calls it.
        changes: Lines of the spec, and what stands in their place.
        evaluated: Whether the rows that were set aside are built as well.
        over: The feature without which it is compared; "": nothing but what every build has.
        is_dear: Whether it costs so much that one turn tells.
    """

    name: str
    changes: Sequence[tuple[str, str]] = _NO_CHANGE
    evaluated: bool = False
    over: str = ""
    is_dear: bool = False


def _after(line: str, more: str) -> tuple[str, str]:
    """The change that adds a line."""
    return line, f"{line}{more}\n"


_EVALUATION = "an evaluation set of a twentieth of the rows"
PLAIN = Feature(name="")
FEATURES = (
    PLAIN,
    Feature(
        name="ten prompts instead of one",
        changes=[
            (
                _PROMPT,
                "".join(
                    _PROMPT.replace("plain", f"number_{i}").replace("Input", word)
                    for i, word in enumerate(_WORDS)
                ),
            )
        ],
    ),
    Feature(name="another `where`", changes=[_after(_WHERE, "  where  len(definition) > 0")]),
    Feature(name="a `let`", changes=[_after(_WHERE, "  let    input = strip(input)")]),
    Feature(
        name="`dedup by [input, output]`",
        changes=[_after(_WHERE, "  dedup  by [input, output]")],
    ),
    Feature(
        name="`dedup by [input, output] near 0.8`",
        changes=[_after(_WHERE, "  dedup  by [input, output] near 0.8")],
    ),
    Feature(
        name="`take ... by balance(definition)`",
        changes=[(_DRAW, "  take at most 1_000_000_000 from rows by balance(definition)\n")],
    ),
    Feature(name="`fewshot 0..2`", changes=[("  fewshot 0..exemplars\n", "  fewshot 0..2\n")]),
    Feature(name=_EVALUATION, evaluated=True),
    Feature(
        name="`decontaminate input against dev by ngrams(40)`",
        changes=[_after(_DRAW, "  decontaminate input against dev by ngrams(40)")],
        evaluated=True,
        over=_EVALUATION,
    ),
    Feature(
        name="`decontaminate input against dev by near(0.8)`",
        changes=[_after(_DRAW, "  decontaminate input against dev by near(0.8)")],
        evaluated=True,
        over=_EVALUATION,
    ),
    Feature(name="`format chat(...)`", changes=[(_FORMAT, _CHAT.format(end="eos", more=""))]),
    Feature(
        name="`format chat(template: tokenizer, ...)`",
        changes=[
            (_FORMAT, _CHAT.format(end="im_end", more=_TEMPLATED)),
            ('  from file("tokenizer.json")\n', _WITH_TEMPLATE),
        ],
        is_dear=True,
    ),
)


def features(bench: "Bench") -> dict[str, Any]:
    """Measures parts and features over the same rows, and prints a table of each."""
    rows = bench.work / "features_rows"
    num_rows = _write_rows(bench, rows)
    parts = [_parts(bench, rows) for _ in range(bench.runs)]
    turns = [
        {each.name: _built(bench, each, rows) for each in FEATURES if not (each.is_dear and turn)}
        for turn in range(bench.runs)
    ]
    shutil.rmtree(rows)
    found = {
        "rows": num_rows,
        "parts": _medians([{"cpu_s": each["cpu_s"], **each["parts"]} for each in parts]),
        "fsyncs": parts[0]["fsyncs"],
        "fsync_wall_s": statistics.median(each["fsync_wall_s"] for each in parts),
        "plain": _medians([turn[PLAIN.name] for turn in turns]),
        "features": {each.name: _added(each, turns) for each in FEATURES if each is not PLAIN},
    }
    _print_parts(found)
    _print_features(found)
    return found


# ---- builds ------------------------------------------------------------------------------------


def _write_rows(bench: "Bench", folder: Path) -> int:
    """Writes train.jsonl and dev.jsonl; returns the number of rows of the first."""
    folder.mkdir()
    bench.write_rows(folder / "all.jsonl")
    num_rows = 0
    with (
        (folder / "all.jsonl").open("rb") as lines,
        (folder / "train.jsonl").open("wb") as train,
        (folder / "dev.jsonl").open("wb") as dev,
    ):
        for line in lines:
            # By their inputs: a row that shares all of it with an evaluated one would be dropped.
            is_trained = crc32(json.loads(line)["input"].encode()) % EVALUATED > 0
            (train if is_trained else dev).write(line)
            num_rows += is_trained
    return num_rows


@contextmanager
def _project(bench: "Bench", feature: Feature, rows: Path) -> Iterator["Project"]:
    """A project that asks for a feature; its folder is gone afterwards."""
    splits = ("train", "dev") if feature.evaluated else ("train",)
    project = bench.project("features", splits=splits)
    project.write()
    spec = project.folder / "rows.task"
    text = spec.read_text(encoding="utf-8")
    for line, instead in feature.changes:
        if line not in text:
            raise ValueError(f"{feature.name}: the spec has no {line!r}")
        text = text.replace(line, instead)
    spec.write_text(text, encoding="utf-8")
    for split in splits:
        os.link(rows / f"{split}.jsonl", project.rows(split=split))
    if "with_template" in text:
        (project.folder / "with_template").mkdir()
        for file in (project.folder / "tokenizer.json", _CHAT_TEMPLATE):
            shutil.copy(file, project.folder / "with_template")
    yield project
    shutil.rmtree(project.folder)


def _parts(bench: "Bench", rows: Path) -> dict[str, Any]:
    """CPU seconds of the parts of one build."""
    with _project(bench, PLAIN, rows) as project:
        script = str(Path(__file__).with_name("parts.py"))
        answer: dict[str, Any] = run(
            [sys.executable, script, ".", "--out", "out"], cwd=project.folder
        ).answer()
        return answer


def _built(bench: "Bench", feature: Feature, rows: Path) -> dict[str, float]:
    """One cold build."""
    with _project(bench, feature, rows) as project:
        done = run(project.command(), cwd=project.folder)
        made = done.answer()["builds"][0]
    return {"cpu_s": done.cpu_s, "wall_s": done.wall_s, "tokens": made["tokens"]}


# ---- figures -----------------------------------------------------------------------------------


def _added(feature: Feature, turns: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """What a feature adds, turn by turn."""
    pairs = [(turn[feature.name], turn[feature.over]) for turn in turns if feature.name in turn]
    more_s = [with_it["cpu_s"] - without["cpu_s"] for with_it, without in pairs]
    return {
        "cpu_s": statistics.median(more_s),
        "least_s": min(more_s),
        "most_s": max(more_s),
        "share": statistics.median(
            more / without["cpu_s"] for more, (_, without) in zip(more_s, pairs, strict=True)
        ),
        "tokens": statistics.median(
            with_it["tokens"] / without["tokens"] for with_it, without in pairs
        ),
    }


def _medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in runs) for name in runs[0]}


def _print_parts(found: Mapping[str, Any]) -> None:
    whole_s = found["parts"]["cpu_s"]
    print(f"features: {found['rows']:,} rows; one build in one process, {whole_s:.2f} CPU s\n")
    print("| Part | CPU s | us a row | % |\n| --- | --- | --- | --- |")
    for part, cpu_s in found["parts"].items():
        if part != "cpu_s":
            print(
                f"| {part} | {cpu_s:.3f} | {_per_row(cpu_s, found)} | {100 * cpu_s / whole_s:.1f} |"
            )
    print(f"\n{found['fsyncs']} fsyncs waited {found['fsync_wall_s']:.3f} s for the disk\n")


def _print_features(found: Mapping[str, Any]) -> None:
    plain = found["plain"]
    print(f"features: whole builds, {plain['cpu_s']:.2f} CPU s without any of these\n")
    print("| Feature | CPU s more | from, to | us a row | % | tokens, times |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, each in found["features"].items():
        print(
            f"| {name} | {each['cpu_s']:.2f} | {each['least_s']:.2f}, {each['most_s']:.2f} "
            f"| {_per_row(each['cpu_s'], found)} | {round(100 * each['share'])} "
            f"| {each['tokens']:.3f} |"
        )


def _per_row(cpu_s: float, found: Mapping[str, Any]) -> str:
    return f"{1e6 * cpu_s / found['rows']:.1f}"
