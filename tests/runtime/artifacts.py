"""Small artefacts, written by the compiler's own last stages from examples given as lists."""

from dataclasses import dataclass, field

import numpy as np

from taskc.compiler import plan as plans
from taskc.compiler.examples import Delivered, EvaluationSet
from taskc.compiler.sequences.pack import pack
from taskc.compiler.sequences.write import BuildFacts, TokenizerFacts, write
from taskc.runtime.artifact import Ledger, LedgerEntry, SpecialToken

SOURCES = (("ants", ("insects",)), ("bees", ("insects", "fliers")))


@dataclass
class Example:
    """Token ids, trained [start, end) pairs, and the index of its source."""

    ids: list[int]
    spans: list[tuple[int, int]] = field(default_factory=list)
    source: int = 0


def delivered_of(examples):
    """The examples as the stage before hands them on."""
    pairs = [pair for example in examples for pair in example.spans]
    return Delivered(
        ids=np.array([id_ for example in examples for id_ in example.ids], np.uint32),
        offsets=np.cumsum([0, *(len(example.ids) for example in examples)]),
        spans=np.array(pairs, np.int32).reshape(-1),
        span_offsets=np.cumsum([0, *(len(example.spans) for example in examples)]),
        source=np.array([example.source for example in examples], np.uint16),
        provenance=provenance_of(examples),
    )


def provenance_of(examples):
    """Where the examples are said to come from: every other one is the row before, drawn again."""
    numbers = range(len(examples))
    return {
        "source": [SOURCES[example.source][0] for example in examples],
        "file": ["a.jsonl" for _ in numbers],
        "row": [i // 2 + 1 for i in numbers],
        "row_id": [(i // 2).to_bytes(16) for i in numbers],
        "ordinal": [0 for _ in numbers],
        "template": ["ask" for _ in numbers],
        "label": ["plain" for _ in numbers],
        "at": ["demo.task:7" for _ in numbers],
        "repetition": [i % 2 for i in numbers],
        "part": [0 for _ in numbers],
        "trimmed_tokens": [0 for _ in numbers],
    }


def evaluation_of(split, num_rows):
    """An evaluation set of so many rows with two options each."""
    numbers = range(num_rows)
    columns = {
        "example": list(numbers),
        "source": ["ants" for _ in numbers],
        "cluster": ["insects" for _ in numbers],
        "template": ["ask" for _ in numbers],
        "label": ["plain" for _ in numbers],
        "at": ["demo.task:7" for _ in numbers],
        "shots": [0 for _ in numbers],
        "input_ids": [[1, 2, i] for i in numbers],
        "target_ids": [[3, 4] for _ in numbers],
        "option_ids": [[[3, 4], [5]] for _ in numbers],
        "correct": [[0] for _ in numbers],
        "references": [["ja", ""] for _ in numbers],
        "metric": ["accuracy" for _ in numbers],
        "file": ["a.dev.jsonl" for _ in numbers],
        "row": [i + 1 for i in numbers],
        "row_id": [i.to_bytes(16) for i in numbers],
        "ordinal": [0 for _ in numbers],
    }
    return EvaluationSet(split, columns)


def plan_of(*, length, window, runs=()):
    """A plan with the parts that the last stages read."""
    sources = [plans.Source.model_construct(name=name, clusters=c) for name, c in SOURCES]
    total = plans.Total(count=10, unit="examples")
    return plans.BuildPlan.model_construct(
        name="tiny",
        package="demo",
        params={"size": 3},
        sources=tuple(sources),
        mixture=plans.Mixture.model_construct(
            name="both", rate=plans.EqualRate(), total=total, seed=5
        ),
        format=plans.PromptTargetFormat.model_construct(
            input=16, target=16, bos="none", overflow="error", seam="split"
        ),
        pack=plans.Pack(length=length, window=window),
        runs=tuple(runs),
    )


def facts_of(delivered, vocab_size):
    """The rest of what the writer is told; the ledger balances."""
    rows = len(set(delivered.provenance["row_id"]))
    entry = LedgerEntry(source="ants", split="train", read=rows, delivered=rows)
    return BuildFacts(
        plan_digest="ab12",
        inputs={"ants": {"train": "cd34"}},
        shares={"ants": 0.75, "bees": 0.25},
        tokenizer=TokenizerFacts(
            files={"tokenizer.json": b"{}"},
            special={"eos": SpecialToken(id=vocab_size - 1, text="<eos>")},
            vocab_size=vocab_size,
            digest="ef56",
        ),
        ledger=Ledger(entries=(entry,)),
    )


def write_examples(
    place, examples, *, length=16, window=8, vocab_size=100, evaluations=(), runs=()
):
    """Packs and writes the examples; returns the artefact's folder."""
    delivered = delivered_of(examples)
    lengths = np.diff(delivered.offsets)
    keys = np.arange(len(examples), dtype=np.uint64)
    packs = pack(lengths, length=length, window=window, keys=keys)
    plan = plan_of(length=length, window=window, runs=runs)
    facts = facts_of(delivered, vocab_size)
    return write(place, plan, delivered, packs, list(evaluations), facts=facts)


def seeded_examples(count, *, seed=0, longest=10, vocab_size=100):
    """So many examples whose second half is trained."""
    rng = np.random.default_rng(seed)
    examples = []
    for _ in range(count):
        length = int(rng.integers(2, longest + 1))
        ids = rng.integers(0, vocab_size, length).tolist()
        examples.append(Example(ids, [(length // 2, length)], int(rng.integers(0, 2))))
    return examples
