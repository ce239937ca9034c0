"""No model that is trained on packs sees another example: packed logits are each example's own.

In: a toy model of each family that docs/isolation.md speaks of; the build flan_small/stories and
stories260k with its real weights, beside the checkout. Out: a table of the families: the attention
that each gets without a GPU, what a pack differs from each example alone, in float32 and past its
windows, beside what another layout of the same examples costs and what a leak would look like; and
whether a kernel of variable length would be taken, with torch's played by its reference. Then the
same differences for packs of the build. Exit status 1 where isolation does not hold, or where a
family that is promised is refused, or one that can't be kept apart is not.
"""

import sys
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

import taskc
from taskc.runtime.isolation import measure_isolation, varlen
from taskc.runtime.isolation.choice import Apart, keep_apart
from taskc.runtime.isolation.documents import examples_of
from taskc.runtime.isolation.families import FAMILIES, VOCAB_SIZE, toy

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
NUM_PACKS = 12
MOST_DIFFERENCE = {torch.float64: 1e-10, torch.float32: 1e-3}
MOST_OF_FAMILY = 2e-6
REFUSED = {"bloom", "falcon", "jamba", "mamba"}
WORDS = {"positions": "position ids", "masks": "its own masks", "lengths": "ends of examples"}


def main() -> int:
    """Prints both tables and returns the exit status."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.filterwarnings("ignore")
    print("| Family | Attention | Told by | Packed | Another layout | Leak | Variable length |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    status = max(line(family) for family in FAMILIES)
    print()
    return max(status, stories())


# ---- toy models of families ---------------------------------------------------------------------


def line(family: str) -> int:
    """Prints a family's line; returns 1 where it is not as promised."""
    try:
        apart = keep_apart(toy(family), pack())
    except taskc.ArtifactError as refused:
        reason = refused.found.rpartition(": ")[2]
        if refused.field == "forward":
            reason = "it takes no position ids"
        print(f"| {family} | refused: {reason} | | | | | |")
        return int(family not in REFUSED)
    found, way = apart.measured, apart.way
    print(
        f"| {family} | {way.attention} | {WORDS[way.borders]} | {found.packed:.1e} | "
        f"{found.noise:.1e} | {found.leak:.1e} | {with_kernel(family)} |"
    )
    return int(family in REFUSED or found.packed > MOST_OF_FAMILY)


def pack() -> Any:
    """Returns a pack of four examples, one longer than any window."""
    lengths = np.array([7, 5, 4, 9])
    ids = np.random.default_rng(0).integers(2, VOCAB_SIZE, int(lengths.sum()))
    return SimpleNamespace(examples=list(range(len(lengths))), lengths=lengths, input_ids=ids)


def with_kernel(family: str) -> str:
    """Says whether torch's kernel is taken where there is one, and why not."""
    before = varlen.why_not, varlen._call  # noqa: SLF001 (nothing else can stand in for a kernel)
    varlen.why_not = _only_own
    varlen._call = _reference  # noqa: SLF001
    try:
        apart: Apart = keep_apart(toy(family), pack(), compute=torch.bfloat16)
    finally:
        varlen.why_not, varlen._call = before  # noqa: SLF001
    reasons = [text for way, text in apart.passed_over.items() if way.borders == "lengths"]
    return f"no: {reasons[0].rpartition('varlen) ')[2]}" if reasons else "yes"


def _only_own(kernel: str, *_: Any) -> str:
    return "" if kernel == "varlen" else "not here"


def _reference(
    _: str, qkv: Any, ends: Any, __: int, *, window: Any, scale: Any, softcap: Any = None
) -> Any:
    del softcap  # refused before
    exact = [each.float() for each in qkv]
    return varlen.reference(*exact, ends, window=window, scale=scale).to(qkv[0].dtype)


# ---- a real model -------------------------------------------------------------------------------


def stories() -> int:
    """Measures packs of a real build; returns 1 where isolation fails."""
    if not DATA.is_dir():
        print("needs the real data in ../shared/data beside the checkout")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        artifact = taskc.build(
            ROOT / "tests" / "real" / "flan_small",
            build="stories",
            params={"data": str(DATA)},
            out=folder,
        )
        train = artifact["train"]
        step = max(1, len(train) // NUM_PACKS)
        packs = [train[index] for index in range(0, len(train), step)][:NUM_PACKS]
    return max(table(packs, dtype) for dtype in MOST_DIFFERENCE)


def table(packs: list[taskc.Sequence], dtype: torch.dtype) -> int:
    """Measures all packs in one precision; prints a line; returns 1 where isolation fails."""
    model = AutoModelForCausalLM.from_pretrained(DATA / "models" / "stories260k", dtype=dtype)
    model.eval()
    measured = [measure_isolation(model, pack) for pack in packs]
    documents = [document for pack in packs for document in examples_of(pack)]
    num_examples, num_tokens = len(documents), sum(len(each) for each in documents)
    worst = max(each.packed for each in measured)
    holds = all(each.holds for each in measured) and worst <= MOST_DIFFERENCE[dtype]
    print(
        f"{str(dtype).removeprefix('torch.')}: {len(packs)} packs, {num_examples:,} examples, "
        f"{num_tokens:,} tokens\n"
        f"  largest difference, pack against each example alone      {worst:.2e}"
        f"  (limit {MOST_DIFFERENCE[dtype]:.0e})\n"
        f"  largest difference, padded rows against each alone       "
        f"{max(each.noise for each in measured):.2e}\n"
        f"  smallest difference where examples may see one another   "
        f"{min(each.leak for each in measured):.2e}\n"
        f"  {'holds' if holds else 'DOES NOT HOLD'}"
    )
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
