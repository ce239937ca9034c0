"""What the two engines of tokenizers cost, and what it costs to prove one by the other.

In: a tokenizer's folder and JSON lines with `definition`, `input` and `output` (rows.py makes
them). Out: one JSON object on stdout: for both engines the megabytes of text and the tokens that
one core encodes in a second of CPU time, texts already in a list; the same for the faster engine
with its proofs, as `make` uses it; and how many texts have other ids.

    python benchmarks/engines.py --tokenizer FOLDER --rows rows.jsonl
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import numpy as np

from taskc.compiler import plan
from taskc.compiler.turns import fast, tokenizer

_CHUNK_TEXTS = 4_000  # an input and a target of as many rows as `make` has in hand at once


def texts_of(rows: Path) -> list[str]:
    """The input and the target of every row."""
    texts = []
    with rows.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            texts += [f"{row['definition']}\n\nInput: {row['input']}\nOutput:", row["output"]]
    return texts


def measured(
    encode: Callable[[list[str]], tokenizer.Ids], texts: list[str], num_bytes: int
) -> tuple[dict[str, float], list[tokenizer.Ids]]:
    """Rates of an engine in one pass over texts, and what it gave."""
    start = time.process_time()
    ids = [
        encode(texts[first : first + _CHUNK_TEXTS]) for first in range(0, len(texts), _CHUNK_TEXTS)
    ]
    cpu_s = time.process_time() - start
    num_tokens = sum(len(chunk.ids) for chunk in ids)
    rates = {
        "cpu_s": cpu_s,
        "mb_per_s": num_bytes / 1e6 / cpu_s,
        "tokens_per_s": num_tokens / cpu_s,
    }
    return {name: round(rate, 3) for name, rate in rates.items()}, ids


def num_different(left: list[tokenizer.Ids], right: list[tokenizer.Ids]) -> int:
    """How many texts have other ids."""
    return sum(
        not np.array_equal(
            a.ids[a.offsets[i] : a.offsets[i + 1]], b.ids[b.offsets[i] : b.offsets[i + 1]]
        )
        for a, b in zip(left, right, strict=True)
        for i in range(len(a.offsets) - 1)
    )


def loaded_from(folder: Path) -> tokenizer.Loaded:
    """The tokenizer of a folder, as a build that names none of its special tokens has it."""
    at = plan.Place(path="", start=0, end=0, line=1, column=1)
    loaded, errors = tokenizer.load(
        plan.Tokenizer(
            name=folder.name,
            kind="folder",
            path=str(folder),
            eos="",
            bos="",
            pad="",
            added={},
            places={},
            at=at,
        )
    )
    if loaded is None:
        raise SystemExit(errors[0].message)
    return loaded


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    arguments = parser.parse_args()
    texts = texts_of(arguments.rows)
    num_bytes = sum(len(text.encode()) for text in texts)
    loaded = loaded_from(arguments.tokenizer)
    start = time.process_time()
    faster = fast.faster(loaded)
    load_s = time.process_time() - start
    figures: dict[str, object] = {
        "tokenizer": arguments.tokenizer.name,
        "texts": len(texts),
        "foreign_texts": sum(not text.isascii() for text in texts),
        "megabytes": round(num_bytes / 1e6, 1),
        "versions": {name: version(name) for name in ("tokenizers", "fastokens")},
    }
    figures["tokenizers"], wanted = measured(loaded.reference, texts, num_bytes)
    if faster is None or not isinstance(faster.engine, fast.ProvedEngine):
        figures["fastokens"] = "can't be had for this tokenizer"
    else:
        figures["fastokens_load_s"] = round(load_s, 2)
        figures["fastokens"], ids = measured(faster.engine.unproved, texts, num_bytes)
        figures["different_texts"] = num_different(wanted, ids)
        figures["fastokens_proved"], _ = measured(faster.encode, texts, num_bytes)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
