"""Small artefacts, written by the compiler's own last stages from examples given as lists."""

from dataclasses import dataclass, field, replace
from tempfile import TemporaryDirectory

import numpy as np

from taskc.compiler import plan as plans
from taskc.compiler.demand.columns import Examples, SegmentName, pointers
from taskc.compiler.demand.supply import Figures
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.ranges import Range, SplitInputs
from taskc.compiler.rows.row_keys import RowKeys
from taskc.compiler.sequences.evaluation import EvaluationSet
from taskc.compiler.sequences.pack import pack
from taskc.compiler.sequences.stream import Origin, PromptName, Stream
from taskc.compiler.store.objects import Store
from taskc.compiler.store.segments import Entries, write_segment
from taskc.compiler.writing.place import place_at
from taskc.compiler.writing.write import BuildFacts, TokenizerFacts, write
from taskc.runtime.artifact import Ledger, LedgerEntry, SpecialToken

SOURCES = (("ants", ("insects",)), ("bees", ("insects", "fliers")))
FAMILY = "0" * 32


@dataclass
class Example:
    """Token ids, trained [start, end) pairs, and the index of its source."""

    ids: list[int]
    spans: list[tuple[int, int]] = field(default_factory=list)
    source: int = 0


@dataclass
class Evaluation:
    """An evaluation split: columns of its table, by name."""

    split: str
    columns: dict[str, list[object]]


# ---- what is expected ----------------------------------------------------------------------------


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
        "exemplars": [[] for _ in numbers],
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
        "exemplars": [[] for _ in numbers],
    }
    return Evaluation(split, columns)


# ---- what it is written from ---------------------------------------------------------------------


def stored(store, examples, vocab_size, **answers):
    """The name of a segment of the store that holds the examples in their order."""
    pairs = [pair for example in examples for pair in example.spans]
    number = len(examples)
    entries = Entries(
        keys=np.arange(16 * number, dtype=np.uint8).reshape(-1, 16),
        fates=np.zeros(number, np.uint8),
        parts=np.zeros(number, np.uint16),
        trimmed=np.zeros(number, np.uint32),
        seam_joined=np.zeros(number, np.bool_),
        trained=np.zeros(number, np.uint32),
        ids=np.array([id_ for example in examples for id_ in example.ids], np.uint32),
        offsets=np.cumsum([0, *(len(example.ids) for example in examples)]),
        spans=np.array(pairs, np.int32).reshape(-1),
        span_offsets=np.cumsum([0, *(len(example.spans) for example in examples)]),
        **answers,
    )
    return SegmentName(FAMILY, write_segment(store, FAMILY, entries, vocab_size=vocab_size))


def origin_of(index, split, file, num_rows):
    """A source whose row i, from 0, has the id i and stands in line i + 1 of one file."""
    name, clusters = SOURCES[index]
    inputs = SplitInputs((InputFile(file, file),), (Range(0, 0, 0, 1, "0" * 32),), "0" * 64)
    numbers = np.arange(num_rows, dtype=np.uint32)
    ids = [i.to_bytes(16) for i in range(num_rows)]
    rows = RowKeys(
        source=name,
        split=split,
        inputs=inputs,
        ids=np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 16),
        ranges=np.zeros(num_rows, np.uint32),
        lines=numbers,
    )
    prompts = [PromptName("ask", "plain", "demo.task:7")]
    return Origin(name, clusters[0], "accuracy", rows, prompts)


def stream_of(store, examples, vocab_size):
    """The examples as the stage before hands them on, see `provenance_of`; in a store, if any."""
    numbers = np.arange(len(examples), dtype=np.uint32)
    origins = [origin_of(i, "train", "a.jsonl", len(examples)) for i in range(len(SOURCES))]
    return Stream(
        origins,
        [stored(store, examples, vocab_size)] if store is not None else [],
        np.array([example.source for example in examples], np.uint16),
        columns_of(examples, row=numbers // 2, repetition=numbers % 2),
    )


def evaluation_set_of(store, evaluation, vocab_size):
    """The rows of `evaluation_of` as the stage before hands them on."""
    columns = evaluation.columns
    examples = [
        Example([*given, *target], [(len(given), len(given) + len(target))] if target else [])
        for given, target in zip(columns["input_ids"], columns["target_ids"], strict=True)
    ]
    answers = {name: columns[name] for name in ("option_ids", "correct", "references")}
    numbers = np.arange(len(examples), dtype=np.uint32)
    stream = Stream(
        [origin_of(0, evaluation.split, "a.dev.jsonl", len(examples))],
        [stored(store, examples, vocab_size, **answers)],
        np.zeros(len(examples), np.uint16),
        columns_of(examples, row=numbers, repetition=0 * numbers),
    )
    return EvaluationSet(evaluation.split, stream)


def columns_of(examples, row, repetition):
    """Examples that stand in one segment in their order."""
    number = len(examples)
    return Examples(
        row=row,
        repetition=repetition,
        prompt=np.zeros(number, np.uint16),
        part=np.zeros(number, np.uint16),
        pointer=pointers(np.zeros(number, np.uint32), np.arange(number, dtype=np.uint32)),
        tokens=np.array([len(example.ids) for example in examples], np.uint32),
        trained=np.zeros(0, np.uint32),
        trimmed=np.zeros(number, np.uint32),
    )


def figures_of(examples, index):
    """What a source is said to deliver."""
    own = [(i, example) for i, example in enumerate(examples) if example.source == index]
    return Figures(
        rows=len({i // 2 for i, _ in own}),
        examples=len(own),
        tokens=sum(len(example.ids) for _, example in own),
        trained_tokens=sum(end - start for _, example in own for start, end in example.spans),
        repeats=max((i % 2 + 1 for i, _ in own), default=0),
    )


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


def chat_of(examples, *, files=None, vocab_size=100, length=16, window=8):
    """Settings of `write_examples` for a chat whose end of turn is an added token.

    Args:
        examples: Those that are written.
        files: Of a tokenizer whose last id but one is `<|turn|>`.
    """
    plan = plan_of(length=length, window=window)
    format_ = plans.ChatFormat.model_construct(
        end_of_turn=plans.TokenUse.model_construct(name="turn_end", literal=""),
        loss="assistant",
        bos="none",
        max=length,
        overflow="error",
        template="none",
    )
    tokenizer = TokenizerFacts(
        files=files or {"tokenizer.json": b"{}"},
        special={
            "eos": SpecialToken(id=vocab_size - 1, text="<eos>"),
            "turn_end": SpecialToken(id=vocab_size - 2, text="<|turn|>"),
        },
        vocab_size=vocab_size,
        digest="ef56",
    )
    facts = replace(facts_of(examples, vocab_size), tokenizer=tokenizer)
    return {"plan": plan.model_copy(update={"format": format_}), "facts": facts}


def facts_of(examples, vocab_size):
    """The rest of what the writer is told; the ledger balances."""
    rows = -(-len(examples) // 2)
    entry = LedgerEntry(source="ants", split="train", read=rows, delivered=rows)
    return BuildFacts(
        plan_digest="ab12",
        components={"template ask": "ab12"},
        inputs={"ants": {"train": "cd34"}},
        shares={"ants": 0.75, "bees": 0.25},
        delivered={name: figures_of(examples, i) for i, (name, _) in enumerate(SOURCES)},
        tokenizer=TokenizerFacts(
            files={"tokenizer.json": b"{}"},
            special={"eos": SpecialToken(id=vocab_size - 1, text="<eos>")},
            vocab_size=vocab_size,
            digest="ef56",
        ),
        ledger=Ledger(entries=(entry,)),
    )


def write_examples(
    place, examples, *, length=16, window=8, vocab_size=100, evaluations=(), runs=(), **settings
):
    """Packs and writes the examples; returns the artefact's folder, or its URL.

    Args:
        settings: Of `write`, and another `plan` or other `facts` than those of the examples.
    """
    lengths = np.array([len(example.ids) for example in examples], np.int64)
    keys = np.arange(len(examples), dtype=np.uint64)
    packs = pack(lengths, length=length, window=window, keys=keys)
    plan = settings.pop("plan", plan_of(length=length, window=window, runs=runs))
    with TemporaryDirectory() as folder:
        store = Store.open(folder)
        stream = stream_of(store, examples, vocab_size)
        sets = [evaluation_set_of(store, each, vocab_size) for each in evaluations]
        facts = {"facts": facts_of(examples, vocab_size), **settings}
        write(place_at(place), plan, stream, packs, sets, store=store, **facts)
    return place


def seeded_examples(count, *, seed=0, longest=10, vocab_size=100):
    """So many examples whose second half is trained."""
    rng = np.random.default_rng(seed)
    examples = []
    for _ in range(count):
        length = int(rng.integers(2, longest + 1))
        ids = rng.integers(0, vocab_size, length).tolist()
        examples.append(Example(ids, [(length // 2, length)], int(rng.integers(0, 2))))
    return examples
