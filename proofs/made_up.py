"""A project of made-up rows, large enough to be killed in the middle of a build.

In: a folder. Out: a package with four sources of one schema, several prompts, two splits, and the
quickstart's tokenizer. Not a proof by itself: the proofs that kill things share it.
"""

import json
import random
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORDS = (ROOT / "README.md").read_text(encoding="utf-8").split()
SOURCES = ("north", "south", "east", "west")

SPEC = """language 1

schema question {
  text:   text
  answer: choice(yes, no)
}
%s
cluster places { sources north, south, east, west }

template ask for question {
  options answer {
    yes: "Yes"
    no:  "No"
  }
  prompt plain: "{text}\\n\\n{options}" -> "{answer}"
  prompt after: "Say yes or no.\\n\\n{text}" -> "{answer}"
  prompt short when len(text) < 900: "{text}\\nYes?" -> "{answer}"
}

mixture all {
  from  all clusters
  rate  temperature(2.0)
  total 2 epochs
  seed  5
}

tokenizer own {
  from file("tokenizer.json")
  eos  "<|endoftext|>"
}

build whole {
  mixture   all
  tokenizer own
  format    prompt_target(input: 480, target: 8, separator: "\\n", end: eos, overflow: trim_prompt)
  pack      best_fit(length: 512)
  splits    train, dev
}
"""
SOURCE = """
source {name}: question {{
  from   jsonl("{name}.{{split}}.jsonl")
  splits train, dev
  where  len(text) > 60
}}"""


def write_project(folder: Path, *, num_rows: int) -> Path:
    """Writes the package into `folder`, with so many rows of each source; returns `folder`."""
    folder.mkdir(parents=True)
    draw = random.Random(3)  # noqa: S311 - rows, no secrets
    for index, name in enumerate(SOURCES):
        for split, count in (("train", num_rows // (index + 1)), ("dev", 50)):
            rows = (
                {"text": " ".join(draw.choices(WORDS, k=draw.randint(8, 250))), "answer": answer}
                for answer in draw.choices(("yes", "no"), k=count)
            )
            lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
            (folder / f"{name}.{split}.jsonl").write_text(lines, encoding="utf-8")
    sources = "".join(SOURCE.format(name=name) for name in SOURCES)
    (folder / "whole.task").write_text(SPEC % sources, encoding="utf-8")
    tokenizer = ROOT / "examples/quickstart/tokenizer/tokenizer.json"
    shutil.copy(tokenizer, folder / "tokenizer.json")
    return folder
