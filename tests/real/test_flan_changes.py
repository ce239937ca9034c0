"""What a change of a mixture changes, counted over real rows: no more than docs/language.md says.

A package of a few lines imports the recipe's templates and takes rows of real data sets. It is
built, changed, and built again; what differs is counted from provenance, manifest and store.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import taskc
from taskc.api import build_each
from taskc.compiler.lower import lower
from taskc.compiler.work import Work
from taskc.dsl.checker import check
from taskc.runtime.artifact import SourceShare
from taskc.workers import Workers

FLAN = Path(__file__).parents[2] / "specs" / "flan"
HEAD = """language 1

import "FLAN" as flan

param data: path

source creak: flan.multiple_choice {
  from   jsonl("{data}/flan/creak/{split}.jsonl*")
  fields { question: text  choices: list[text]  answer: text }
  let    label = index(choices, answer)
}
source gsm8k: flan.math_problem {
  from   jsonl("{data}/flan/gsm8k/{split}.jsonl*")
  fields { question: text  answer: text }
  let    problem = question
  let    result  = answer
}
source snli: flan.entailment { from jsonl("{data}/flan/snli/{split}.jsonl*") }
"""
TAIL = """
tokenizer gpt2 { from file("{data}/tokenizers/gpt2/tokenizer.json")  eos "<|endoftext|>" }
build changed {
  mixture   changed
  tokenizer gpt2
  format    prompt_target(input: 400, target: 100, separator: eos, end: eos, overflow: drop)
  pack      best_fit(length: 1024)
}
"""
TAKES = "take 80 from creak  take 60 from gsm8k"
RATE = "from creak, gsm8k  rate proportional(cap: 200)  total 300 examples"
MORE = """
template another for creak {
  options choices answer label
  prompt tale: "Is this a tale?\\n{question}\\n{options}" -> "{answer}"
}
"""

# The work, provenance of the training examples, and what the manifest says of each source.
Outcome = tuple[Work, list[dict[str, Any]], dict[str, SourceShare]]
Make = Callable[..., Outcome]
# What says which example it is, beside its source.
SAME = ("row_id", "ordinal", "repetition", "template", "label")


@pytest.fixture(scope="module")
def make(shared_data, tmp_path_factory) -> Make:
    """Builds a package with a mixture; all builds share a store."""
    folder = tmp_path_factory.mktemp("changes")

    def built(mixture: str, more: str = "") -> Outcome:
        package = folder / "changed"
        package.mkdir(exist_ok=True)
        text = HEAD.replace("FLAN", str(FLAN)) + more + f"mixture changed {{ {mixture}  seed 5 }}"
        (package / "changed.task").write_text(text + TAIL, encoding="utf-8")
        checked = check([str(package)], params={"data": str(shared_data)})
        assert not checked.has_errors
        (done,) = build_each(
            lower(checked.program).builds,
            [package],
            out=folder / "artifacts",
            store=folder / "store",
            workers=Workers(jobs=1),
        )
        assert done.path is not None
        artifact = taskc.open(done.path)
        assert artifact.ledger.imbalances() == []
        shares = {each.name: each for each in artifact.manifest.mixture.sources}
        # Now, since the next build takes its place.
        return done.work, artifact.examples.to_pylist(), shares

    return built


def of(rows, source):
    """The examples of a source, in order."""
    return [tuple(row[name] for name in SAME) for row in rows if row["source"] == source]


def test_a_larger_take_keeps_what_a_smaller_one_took(make):
    """The source's examples begin with those of before, the other's are the same, 40 are made."""
    _, before, _ = make(TAKES)
    work, after, told = make(TAKES.replace("take 80", "take 120"))

    assert of(after, "creak")[:80] == of(before, "creak")
    assert of(after, "gsm8k") == of(before, "gsm8k")
    assert (told["creak"].rows, told["gsm8k"].rows) == (120, 60)
    assert work.num_encoded == 40


def test_another_source_changes_no_choice_of_the_others(make):
    """They are shorter by its share, and begin with the same rows by the same prompts."""
    _, before, shares = make(RATE)
    work, after, told = make(RATE.replace("gsm8k", "gsm8k, snli"))

    assert {name: share.examples for name, share in shares.items()} == {"creak": 150, "gsm8k": 150}
    assert {name: share.examples for name, share in told.items()} == {
        "creak": 100,
        "gsm8k": 100,
        "snli": 100,
    }
    for name in ("creak", "gsm8k"):
        assert of(after, name) == of(before, name)[:100]
    assert work.num_encoded == 200  # of the new source, up to its cap


def test_another_prompt_moves_the_rows_that_choose_it(make):
    """About one in eleven of its source's, and none of another; each is encoded and no other."""
    _, before, _ = make(RATE)
    work, after, _ = make(RATE, MORE)
    was = {example[:3]: example[3:] for example in of(before, "creak")}
    now = {example[:3]: example[3:] for example in of(after, "creak")}
    moved = {row for row in was if was[row] != now[row]}

    assert list(was) == list(now)
    assert {now[row] for row in moved} == {("another", "tale")}
    assert 5 <= len(moved) <= 24  # 150 / 11 is 13.6, give or take three standard deviations
    assert of(after, "gsm8k") == of(before, "gsm8k")
    assert len(moved) <= work.num_encoded <= 35  # of 200 rows that are counted


def test_a_new_order_of_sources_and_templates_changes_no_choice(make):
    """Rows and prompts are drawn by names."""
    _, before, _ = make(RATE, MORE)
    work, after, _ = make(RATE.replace("creak, gsm8k", "gsm8k, creak"), MORE)

    assert {name: of(after, name) for name in ("creak", "gsm8k")} == {
        name: of(before, name) for name in ("creak", "gsm8k")
    }
    assert work.num_encoded == 0
