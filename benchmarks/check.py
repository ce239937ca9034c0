"""How `taskc check` and `taskc fmt` grow: CPU seconds of whole processes over generated projects.

In: the installed `taskc`. Out: a table for projects of 1,000, 10,000 and 100,000 lines (200 lines a
file, all in one package, every source, template, mixture and build different), medians of ten runs,
with the CPU microseconds a line; `--json FILE` keeps the numbers. `fmt` finds its files formatted:
the run before the ten, which warms the page cache, has done it.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from startup import measure

LINES_A_FILE = 200
SIZES = (1_000, 10_000, 100_000)

UNIT = '''
schema pair_{n} {{
  premise:    text
  hypothesis: text
  label:      choice(entailment, neutral, contradiction)
}}

source rows_{n}: pair_{n} "Pairs, part {n}" {{
  from    jsonl("data/{n}.{{split}}.jsonl")
  splits  train, dev
  let     premise = strip(context)
  where   len(premise) in 1..4_000 and not matches(premise, r"^\\s*$")
  limit   30_000
  metric  accuracy
  license "CC0-1.0"
}}

cluster inference_{n} {{ sources rows_{n} }}

template conclude_{n} for pair_{n} {{
  options label {{
    entailment:    "Yes"
    neutral:       "It is not possible to tell"
    contradiction: "No"
  }}
  prompt paragraph: """
    {{premise}}

    Part {n}: can we conclude that "{{hypothesis}}"?

    {{options}}
    """ -> "{{answer}}"
  prompt infer: "Part {n}: {{premise}}\\nSo {{hypothesis}}?\\n{{options}}" -> "{{answer}}"
  inverse invent: "Write two sentences for part {n}." -> "{{premise}}\\n{{hypothesis}}"
}}
'''

END = """
mixture all { from all clusters  rate proportional(cap: 3_000)  seed 1 }
tokenizer letters { from file("tokenizer.json")  eos "<eos>" }
build all {
  mixture   all
  tokenizer letters
  format    prompt_target(input: 1024, target: 256, separator: eos, end: eos, overflow: trim)
  pack      best_fit(length: 2048)
}
"""


def write_project(folder: Path, num_lines: int) -> tuple[int, int]:
    """Writes about `num_lines` lines of spec; returns the lines and files that came of it."""
    lines = files = number = 0
    while lines < num_lines:
        text = "language 1\n"
        while text.count("\n") < LINES_A_FILE - UNIT.count("\n"):
            text += UNIT.format(n=number)
            number += 1
        (folder / f"part_{files:04}.task").write_text(text, encoding="utf-8")
        lines += text.count("\n")
        files += 1
    (folder / "build.task").write_text(f"language 1\n{END}", encoding="utf-8")
    return lines + END.count("\n") + 1, files + 1


def main() -> None:
    """Measures `taskc check` and `taskc fmt` on each size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    taskc = str(Path(sys.executable).with_name("taskc"))
    results = []
    print(f"{'lines':>8} {'files':>6} {'':6}{'CPU s':>7} {'us a line':>10} {'elapsed s':>10}")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            lines, files = write_project(Path(folder), size)
            verbs = {
                verb: measure([sys.executable, taskc, verb, folder]) for verb in ("check", "fmt")
            }
        results.append({"lines": lines, "files": files, **verbs})
        for verb, measured in verbs.items():
            cpu_s, wall_s = measured["cpu_s"], measured["wall_s"]
            per_line = 1e6 * cpu_s / lines
            print(f"{lines:8,} {files:6} {verb:6}{cpu_s:7.3f} {per_line:10.1f} {wall_s:10.3f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
