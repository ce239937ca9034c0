"""The project that the benchmark builds, and `taskc build` of it as a command.

In: files of rows, a tokenizer.json. Out: a folder with a spec that says what the peers do (leave
rows without an output out, one prompt, ids and mask, best fit), and the command to build it.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TASKC = str(Path(sys.executable).with_name("taskc"))
LENGTH = 2_048  # tokens of a sequence
_MAX_TARGET = 512  # longer targets and inputs are cut, as peers cut what is longer than a sequence

_SOURCE = """
source {name}: instruction "Rows of {name}" {{
  from   jsonl("{name}.{{split}}.jsonl")
  splits {splits}
  where  len(output) > 0
}}
cluster of_{name} {{ sources {name} }}
"""
_SPEC = """language 1

param length:      int   = {length}
param temperature: float = 1.0
param exemplars:   int   = 0
param held_out:    cluster? = none

schema instruction {{
  definition: text
  input:      text
  output:     text
}}
{sources}
template ask for instruction {{
{prompts}
}}

mixture all_rows {{
  from    all clusters
  holdout held_out
  rate    temperature(temperature)
  fewshot 0..exemplars
  total   1 epochs
  seed    1
}}

tokenizer given {{
  from file("tokenizer.json")
  eos  "{eos}"
}}

build rows {{
  mixture   all_rows
  tokenizer given
  format    prompt_target(
    input: {max_input},
    target: {max_target},
    separator: none,
    end: eos,
    overflow: trim,
  )
  pack      best_fit(length: length)
  splits    {splits}
}}
"""
_PLAIN = r'  prompt plain: "{definition}\n\nInput: {input}\nOutput:" -> "{output}"'
_HIDING = """import importlib.metadata, sys
found = importlib.metadata.version
def version(name):
    if name == "fastokens":
        raise importlib.metadata.PackageNotFoundError(name)
    return found(name)
importlib.metadata.version = version
sys.modules["fastokens"] = None
"""
_NUMBERED = (
    r'  prompt number_{number}: "{wording} {number}: {{definition}}\n\nInput: {{input}}\nOutput:"'
    r' -> "{{output}}"'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder that `taskc build` takes.

    Attributes:
        folder: Where it is; its store and its artefacts lie in it as well.
        tokenizer: A tokenizer.json, which is copied.
        eos: Text of the token that ends an example.
        sources: Names; the rows of each lie at NAME.SPLIT.jsonl in the folder.
        splits: What is built: `train` is packed, others are evaluation sets.
        num_prompts: Prompts that a row chooses from; 1: the one that the peers use.
        length: Tokens of a sequence.
    """

    folder: Path
    tokenizer: Path
    eos: str
    sources: Sequence[str] = ("rows",)
    splits: Sequence[str] = ("train",)
    num_prompts: int = 1
    length: int = LENGTH

    def write(self, *, changed_prompt: int | None = None) -> None:
        """Writes the spec and marks the folder as a project, so that its store is its own.

        Args:
            changed_prompt: Index of a prompt that is worded otherwise than the others.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "taskc.toml").touch()
        if not (self.folder / "tokenizer.json").exists():
            shutil.copyfile(self.tokenizer, self.folder / "tokenizer.json")
        prompts = [
            _NUMBERED.format(number=i, wording="Problem" if i == changed_prompt else "Task")
            for i in range(self.num_prompts)
        ]
        spec = _SPEC.format(
            sources="".join(
                _SOURCE.format(name=name, splits=", ".join(self.splits)) for name in self.sources
            ),
            prompts="\n".join(prompts) if self.num_prompts > 1 else _PLAIN,
            eos=self.eos,
            length=self.length,
            max_input=self.length - _MAX_TARGET,
            max_target=_MAX_TARGET,
            splits=", ".join(self.splits),
        )
        (self.folder / "rows.task").write_text(spec, encoding="utf-8")

    def rows(self, source: str = "rows", split: str = "train") -> Path:
        """Where rows of a source and split belong."""
        return self.folder / f"{source}.{split}.jsonl"

    def command(
        self, out: str = "artifacts", *, jobs: int | None = None, **params: object
    ) -> list[str]:
        """`taskc build` of the project, to be run in its folder."""
        sets = [word for name, value in params.items() for word in ("--set", f"{name}={value}")]
        own = [] if jobs is None else ["--jobs", str(jobs)]
        return [TASKC, "build", ".", "--out", out, "--json", *own, *sets]


def without_fastokens(folder: Path) -> dict[str, str]:
    """The environment of a machine on which the extra `fast` is not installed.

    Args:
        folder: Where a module is written that Python loads at its start, in workers as well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_HIDING, encoding="utf-8")
    known = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), known] if known else [str(folder)])}
