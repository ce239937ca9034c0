"""A real model sees no other example of its pack: packed logits are each example's own.

In: the build flan_small/stories, and stories260k with its real weights, beside the checkout. Out:
for packs of the build, the largest difference between the logits of the pack and those of each
example run alone, beside what another layout of the same examples costs and what a leak would look
like; exit status 1 where isolation does not hold. In double precision, so that a difference means
something.
"""

import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

import taskc
from taskc.runtime.isolation import measure_isolation

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
NUM_PACKS = 12
MOST_DIFFERENCE = {torch.float64: 1e-10, torch.float32: 1e-3}


def main() -> int:
    """Prints the table and returns the exit status."""
    if not DATA.is_dir():
        print("needs the real data in ../shared/data beside the checkout")
        return 1
    logging.disable_progress_bar()
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
    num_examples = sum(len(pack.examples) for pack in packs)
    num_tokens = sum(len(pack) for pack in packs)
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
