"""A small project on disk, built from spec text: what tests of the driver start from."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from taskc.compiler import plan
from taskc.compiler.build import Built, build
from taskc.compiler.engines.local import LocalEngine
from taskc.compiler.lower import lower
from taskc.compiler.store.objects import Store
from taskc.dsl.checker import check
from taskc.dsl.errors import has_errors
from taskc.dsl.report import render

SPEC = """language 1

schema sum {
  question: text
  answer:   int
}

source small: sum {
  from   jsonl("small.{split}.jsonl")
  splits train, dev
}

source large: sum {
  from   jsonl("large.jsonl")
  splits train, dev = carve(train, 10)
}

cluster arithmetic { sources small, large }

template calculate for sum {
  prompt ask: "What is {question}?" -> "{answer}"
  prompt equals: "{question} =" -> "{answer}"
  inverse invent: "Ask for a sum that is {answer}." -> "{question}"
}

mixture sums {
  from all clusters
  rate proportional(cap: 30)
  seed 3
}

tokenizer letters {
  from file("tokenizer.json")
  eos  "<eos>"
}

build sums {
  mixture   sums
  tokenizer letters
  format    prompt_target(input: 40, target: 20, separator: eos, end: eos, overflow: drop)
  pack      best_fit(length: 64, window: 50)
  splits    train, dev
}
"""


def tokenizer_json() -> str:
    """A tokenizer that gives each printable ASCII character an id of its own."""
    vocab = {"<eos>": 0, "<unk>": 1} | {chr(code): code - 30 for code in range(32, 127)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.add_special_tokens(["<eos>"])
    return tokenizer.to_str()


def sums(first: int, count: int) -> list[dict[str, object]]:
    """Rows of additions, all different."""
    return [
        {"question": f"{n} + {n + 1}", "answer": 2 * n + 1} for n in range(first, first + count)
    ]


@dataclass
class Project:
    """A folder with a spec and its data."""

    folder: Path
    spec: str = SPEC
    files: dict[str, list[dict[str, object]]] = field(
        default_factory=lambda: {
            "small.train.jsonl": sums(0, 20),
            "small.dev.jsonl": sums(100, 5),
            "large.jsonl": sums(1_000, 100),
        }
    )

    def write(self) -> Path:
        """Writes everything; returns the package's folder."""
        package = self.folder / "arithmetic"
        package.mkdir(parents=True, exist_ok=True)
        (package / "sums.task").write_text(self.spec, encoding="utf-8")
        (package / "tokenizer.json").write_text(tokenizer_json(), encoding="utf-8")
        for name, rows in self.files.items():
            lines = "".join(f"{json.dumps(row)}\n" for row in rows)
            (package / name).write_text(lines, encoding="utf-8")
        return package

    def plan(self, sample: int | None = None) -> plan.BuildPlan:
        """The plan of the one build; the spec must be without errors."""
        checked = check([str(self.write())], params={})
        report = render(checked.diagnostics, checked.program.texts)
        assert not has_errors(checked.diagnostics), report
        return lower(checked.program, sample=sample).builds[0]

    def build(
        self, jobs: int = 1, out: str = "out", sample: int | None = None, **means: Any
    ) -> Built:
        """Builds it, with another `engine`, `store` or `progress` where they are given."""
        store = means.pop("store", None) or Store.open(self.folder / "store")
        with means.pop("engine", None) or LocalEngine(jobs) as engine:
            return build(
                self.plan(sample), out=self.folder / out, engine=engine, store=store, **means
            )


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Project]:
    """Makes projects below the test's own folder."""
    return lambda **changes: Project(**{"folder": tmp_path, **changes})
