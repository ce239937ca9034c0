"""The rows of each source, read and shaped by hand.

In: a data folder. Out: for each source and split, every line of its files with its place, and
either the shaped row or the clause that drops it. Draws (`carve`, `limit`, `choose`) are made
elsewhere.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
# (name of the draw, how many) -> index of what a `choose` takes.
Choose = Callable[[str, int], int]


@dataclass(frozen=True)
class Line:
    """One line of a data file, its path below the data folder, and what it says."""

    file: str
    number: int
    raw: Row


@dataclass(frozen=True)
class Source:
    """What a `source` block says, in Python.

    Attributes:
        files: Split -> path below the data folder.
        columns: The raw columns that the source reads, which make the row id.
        shape: Raw row -> shaped row.
        wheres: The conditions on a shaped row, in order.
        same: What `dedup by` compares, or None.
        carved: Split -> (origin, count).
    """

    name: str
    files: dict[str, str]
    columns: tuple[str, ...]
    shape: Callable[[Row, Choose], Row]
    wheres: tuple[Callable[[Row], bool], ...]
    same: Callable[[Row], Any] | None = None
    carved: tuple[tuple[str, str, int], ...] = ()
    limit: int | None = None
    references: Callable[[Row], list[str]] | None = None
    metric: str = ""


def lines(data: Path, path: str) -> Iterator[Line]:
    """Yields the lines of one JSON Lines file, numbered from 1."""
    whole = data / path
    content = whole.read_bytes()
    text = (gzip.decompress(content) if path.endswith(".gz") else content).decode()
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        yield Line(path, number, json.loads(line))


def _snli(raw: Row, _choose: Choose) -> Row:
    return {
        "premise": raw["premise"].replace(" .", "."),
        "hypothesis": raw["hypothesis"].replace(" .", "."),
        "label": raw["label"],
    }


def _boolq(raw: Row, _choose: Choose) -> Row:
    return {"passage": raw["passage"], "question": raw["question"], "verdict": raw["answer"]}


def _cosmosqa(raw: Row, _choose: Choose) -> Row:
    return {
        "context": raw["context"].strip(),
        "question": raw["question"],
        "choices": [choice.strip() for choice in raw["choices"]],
        "label": raw["label"],
    }


def _dynasent(raw: Row, _choose: Choose) -> Row:
    return {"sentence": raw["sentence"].strip(), "label": raw["label"]}


def _gsm8k(raw: Row, _choose: Choose) -> Row:
    # Calculator notes stand as <<48/2=24>> before the result that they give.
    steps = re.sub(r"<<[^<>]*>>", "", raw["rationale"])
    return {"question": raw["question"], "steps": steps, "answer": raw["answer"]}


def _stack_ai(raw: Row, choose: Choose) -> Row:
    asks = (raw["title"], f"{raw['title']}\n\n{raw['question']}")
    return {
        "title": raw["title"],
        "question": raw["question"],
        "answer": raw["answer"],
        "answer_score": raw["answer_score"],
        "ask": asks[choose("ask/1", 2)],
        "topic": raw["tags"][0],
    }


def _coffee(raw: Row, _choose: Choose) -> Row:
    return {"scenario": raw["scenario"], "turns": raw["turns"], "messages": raw["messages"]}


def _about_oneself(row: Row) -> bool:
    return re.search(r"(?a:\b)(my|mine|myself)(?a:\b)", row["answer"]) is not None


SOURCES = {
    source.name: source
    for source in (
        Source(
            "snli",
            {
                "train": "flan/snli/train.jsonl.gz",
                "dev": "flan/snli/dev.jsonl",
                "test": "flan/snli/test.jsonl",
            },
            ("hypothesis", "label", "premise"),
            _snli,
            (lambda row: 4 <= len(row["premise"].split()) <= 60,),
            metric="accuracy",
        ),
        Source(
            "boolq",
            {
                "train": "flan/boolq/train.jsonl.gz",
                "dev": "flan/boolq/dev.jsonl",
                "test": "flan/boolq/test.jsonl",
            },
            ("answer", "passage", "question"),
            _boolq,
            (lambda row: len(row["question"]) >= 20,),
            limit=1_800,
            metric="accuracy",
        ),
        Source(
            "cosmosqa",
            {
                "train": "flan/cosmosqa/train.jsonl.gz",
                "dev": "flan/cosmosqa/dev.jsonl",
                "test": "flan/cosmosqa/test.jsonl",
            },
            ("choices", "context", "label", "question"),
            _cosmosqa,
            (
                lambda row: len(row["context"]) > 0 and row["label"] < len(row["choices"]),
                lambda row: re.match(r"How(?a:\b)", row["question"]) is None,
            ),
            metric="accuracy",
        ),
        Source(
            "dynasent",
            {
                "train": "flan/dynasent/train.jsonl",
                "dev": "flan/dynasent/dev.jsonl",
                "test": "flan/dynasent/test.jsonl",
            },
            ("label", "sentence"),
            _dynasent,
            (lambda row: 20 <= len(row["sentence"]) <= 300,),
            same=lambda row: row["sentence"].lower(),
            limit=2_900,
            metric="accuracy",
        ),
        Source(
            "gsm8k",
            {"train": "flan/gsm8k/train.jsonl.gz", "test": "flan/gsm8k/test.jsonl"},
            ("answer", "question", "rationale"),
            _gsm8k,
            (lambda row: len(row["steps"]) <= 700,),
            carved=(("dev", "train", 250),),
            references=lambda row: [row["answer"]],
            metric="exact_match",
        ),
        Source(
            "stack_ai",
            {"train": "lima/stackexchange_ai.jsonl.gz"},
            ("answer", "answer_score", "question", "tags", "title"),
            _stack_ai,
            (
                lambda row: row["topic"] != "",
                lambda row: row["answer_score"] >= 1,
                lambda row: 150 <= len(row["answer"]) <= 4_000,
                lambda row: not _about_oneself(row),
            ),
            same=lambda row: row["question"],
            carved=(("dev", "train", 30),),
        ),
        Source(
            "coffee",
            {"train": "lima/dialogues/taskmaster4.jsonl"},
            ("messages", "scenario", "turns"),
            _coffee,
            (lambda row: 2 <= row["turns"] <= 8,),
            carved=(("dev", "train", 20),),
        ),
    )
}
