"""What people run today on the same rows, each in a process of its own, as its manual has it.

In: rows (`definition`, `input`, `output`), a tokenizer.json, an empty folder. Out: packed sequences
in that folder, and one JSON object on stdout: tokens, packs, and the CPU seconds of the start
(imports, the tokenizer) apart from those of the work, so that a comparison may leave the start out.

    datasets   datasets.map, batched, then trl.pack_dataset "bfd", then save_to_disk
    fastokens  the same with fastokens in place of tokenizers inside transformers
    mds        batches through the tokenizer, concatenated, through MosaicML's MDSWriter
    tokenizers, fastokens-raw   no pipeline: texts in a list to ids in arrays, what an engine can do

Prompts and targets are tokenized apart and rows without an output left out, as `taskc build` does.
"""

import argparse
import importlib.util
import json
import os
import resource
import shutil
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from itertools import chain
from pathlib import Path
from typing import Any

NEEDS = {
    "datasets": ("datasets", "transformers", "trl"),
    "fastokens": ("datasets", "transformers", "trl", "fastokens"),
    "mds": ("transformers", "streaming"),
    "tokenizers": ("tokenizers",),
    "fastokens-raw": ("fastokens",),
}
_BATCH_ROWS = 1_000  # the default of datasets.map

Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a pipeline is given."""

    rows: Path
    tokenizer: Path
    eos: str
    length: int
    out: Path


@dataclass(frozen=True, slots=True)
class Result:
    """What a pipeline delivered; `packs` is 0 where nothing is packed."""

    tokens: int
    packs: int


def missing(pipeline: str) -> list[str]:
    """Modules that a pipeline needs and that are not installed here."""
    return [name for name in NEEDS[pipeline] if importlib.util.find_spec(name) is None]


def cpu_s() -> float:
    """User and system time of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


# ---- what the pipelines have in common ---------------------------------------------------------


def prompt(definition: str, value: str) -> str:
    """The input of an example; build.py's template says the same."""
    return f"{definition}\n\nInput: {value}\nOutput:"


def tokenizer_of(task: Task) -> Any:
    """The tokenizer as transformers loads it from a folder: fastokens patches no other way in."""
    from transformers import AutoTokenizer

    folder = Path(f"{task.out}.tokenizer")
    folder.mkdir()
    shutil.copyfile(task.tokenizer, folder / "tokenizer.json")
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": task.eos}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return AutoTokenizer.from_pretrained(folder)


def tokenize_with(tokenizer: Any) -> Callable[[dict[str, list[str]]], dict[str, list[list[int]]]]:
    """The function that `datasets.map` is given: a batch of rows to ids and masks."""
    eos = tokenizer.eos_token_id
    settings = {
        "add_special_tokens": False,
        "return_attention_mask": False,
        "return_token_type_ids": False,
    }

    def tokenize(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        prompts = list(map(prompt, batch["definition"], batch["input"]))
        inputs = tokenizer(prompts, **settings)["input_ids"]
        targets = tokenizer(batch["output"], **settings)["input_ids"]
        pairs = list(zip(inputs, targets, strict=True))
        return {
            "input_ids": [before + after + [eos] for before, after in pairs],
            "completion_mask": [
                [0] * len(before) + [1] * (len(after) + 1) for before, after in pairs
            ],
        }

    return tokenize


def batches(rows: Path) -> Iterator[dict[str, list[str]]]:
    """Yields columns of at most `_BATCH_ROWS` rows that have an output."""
    columns: dict[str, list[str]] = {"definition": [], "input": [], "output": []}
    with rows.open("rb") as lines:
        for line in lines:
            row = json.loads(line)
            if row["output"]:
                for name, column in columns.items():
                    column.append(row[name])
            if len(columns["output"]) == _BATCH_ROWS:
                yield columns
                columns = {name: [] for name in columns}
    if columns["output"]:
        yield columns


# ---- the pipelines: each does its imports, then returns its work -------------------------------


def with_datasets(task: Task) -> Callable[[], Result]:
    """datasets.map, TRL's best fit decreasing, save_to_disk."""
    import pyarrow.compute as pc
    from datasets import load_dataset
    from trl import pack_dataset

    tokenizer = tokenizer_of(task)

    def work() -> Result:
        dataset = load_dataset("json", data_files=str(task.rows), split="train")
        dataset = dataset.filter(lambda batch: [bool(x) for x in batch["output"]], batched=True)
        dataset = dataset.map(
            tokenize_with(tokenizer), batched=True, remove_columns=dataset.column_names
        )
        dataset = pack_dataset(dataset, task.length, "bfd")
        dataset.save_to_disk(str(task.out))
        ids = dataset.with_format("arrow")[:]["input_ids"]
        return Result(pc.sum(pc.list_value_length(ids)).as_py(), len(dataset))

    return work


def with_fastokens(task: Task) -> Callable[[], Result]:
    """As `with_datasets`, with fastokens inside transformers."""
    import fastokens

    fastokens.patch_transformers()
    return with_datasets(task)


def with_mds(task: Task) -> Callable[[], Result]:
    """Ids and masks of consecutive rows, cut into sequences and written as MDS."""
    import numpy as np

    tokenizer = tokenizer_of(task)
    stand_in_for_torchvision()
    from streaming import MDSWriter

    def work() -> Result:
        tokenize = tokenize_with(tokenizer)
        length, packs = task.length, 0
        ids: list[int] = []
        mask: list[int] = []
        columns = {"tokens": "ndarray:int32", "mask": "ndarray:uint8"}
        with MDSWriter(out=str(task.out), columns=columns) as writer:
            for batch in batches(task.rows):
                tokenized = tokenize(batch)
                for row_ids, row_mask in zip(*tokenized.values(), strict=True):
                    ids += row_ids
                    mask += row_mask
                    while len(ids) >= length:
                        sequence = np.array(ids[:length], np.int32)
                        trained = np.array(mask[:length], np.uint8)
                        writer.write({"tokens": sequence, "mask": trained})
                        ids, mask, packs = ids[length:], mask[length:], packs + 1
        return Result(packs * length, packs)  # the last, shorter sequence is dropped

    return work


def stand_in_for_torchvision() -> None:
    """Lets `streaming` be imported without torchvision, which only its pictures need."""
    if importlib.util.find_spec("torchvision") is not None:
        return
    names = ("torchvision", "torchvision.datasets", "torchvision.transforms")
    for name in (*names, "torchvision.transforms.functional"):
        module = types.ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        module.__path__ = []
        sys.modules[name] = module
    sys.modules["torchvision.datasets"].VisionDataset = object  # type: ignore[attr-defined]
    sys.modules["torchvision.transforms.functional"].to_tensor = None  # type: ignore[attr-defined]


def texts_of(rows: Path) -> list[list[str]]:
    """Every batch as a list of texts: prompts and targets in turn."""
    return [
        [
            text
            for definition, value, output in zip(*batch.values(), strict=True)
            for text in (prompt(definition, value), output)
        ]
        for batch in batches(rows)
    ]


def with_tokenizers(task: Task) -> Callable[[], Result]:
    """The reference engine alone."""
    import numpy as np
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(task.tokenizer))
    texts = texts_of(task.rows)

    def work() -> Result:
        tokens = 0
        for batch in texts:
            found = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            ids = [encoding.ids for encoding in found]
            count = sum(map(len, ids))
            tokens += len(np.fromiter(chain.from_iterable(ids), np.uint32, count=count))
        return Result(tokens, 0)

    return work


def with_fastokens_raw(task: Task) -> Callable[[], Result]:
    """The fast engine alone."""
    import fastokens
    import numpy as np

    tokenizer = fastokens.Tokenizer.from_file(str(task.tokenizer))
    texts = texts_of(task.rows)

    def work() -> Result:
        tokens = 0
        for batch in texts:
            ids, _ = tokenizer.encode_batch_flat(batch, add_special_tokens=False)
            tokens += len(np.frombuffer(ids, np.uint32))
        return Result(tokens, 0)

    return work


PIPELINES = {
    "datasets": with_datasets,
    "fastokens": with_fastokens,
    "mds": with_mds,
    "tokenizers": with_tokenizers,
    "fastokens-raw": with_fastokens_raw,
}


def main() -> None:
    """Runs one pipeline and prints what it did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pipeline", choices=PIPELINES)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="a tokenizer.json")
    parser.add_argument("--eos", required=True, help="text of the token that ends an example")
    parser.add_argument("--length", type=int, required=True, help="tokens of a sequence")
    parser.add_argument("--out", type=Path, required=True)
    options = vars(parser.parse_args())
    # Nothing is asked of a hub, nothing of an earlier run is found again.
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": f"{options['out']}.home",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    pipeline = PIPELINES[options.pop("pipeline")]
    work = pipeline(Task(**options))
    start = cpu_s()
    result = work()
    print(
        json.dumps(
            {
                "tokens": result.tokens,
                "packs": result.packs,
                "start_cpu_s": start,
                "work_cpu_s": cpu_s() - start,
            }
        )
    )


if __name__ == "__main__":
    main()
