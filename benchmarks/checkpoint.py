"""What saving a state, taking it up and exporting weights cost: memory of each rank, and time.

In: nothing; a Llama of random weights with AdamW's or Adafactor's state, sharded over ranks of gloo
or held whole by each. Out: for each, what a rank holds before, by how much its resident memory
rises above that at the most, and seconds. Mapped files count while they are read.

    python benchmarks/checkpoint.py [--ranks 2] [--layers 6] [--width 640] [--whole]
        [--recipe sft|flan]
"""

import argparse
import ctypes
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import distributed
from transformers import LlamaConfig, LlamaForCausalLM

from taskc.runtime.recipes.flan import Flan
from taskc.runtime.recipes.sft import Sft
from taskc.runtime.schedule import sequences
from taskc.runtime.training import checkpoint
from taskc.runtime.training.ranks import Ranks
from taskc.runtime.training.step import Stepper

VOCAB_SIZE = 8_192
MIB = 1 << 20
FORK = multiprocessing.get_context("fork")  # torch is loaded once


def main() -> None:
    """Prints a line for each rank and what it did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--whole", action="store_true", help="every rank holds all parameters")
    parser.add_argument("--recipe", choices=("sft", "flan"), default="sft")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        ranks = range(options.ranks)
        children = [FORK.Process(target=measured, args=(options, Path(place), r)) for r in ranks]
        for each in children:
            each.start()
        for each in children:
            each.join()


def measured(options: argparse.Namespace, place: Path, rank: int) -> None:
    """Saves, takes up and exports as one of the ranks."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{place / 'meeting'}", rank=rank, world_size=options.ranks
    )
    stepper = stepper_of(options, rank)
    # What a step would leave behind.
    for each in stepper.model.parameters():
        each.grad = torch.zeros_like(each)
    stepper.optimizer.step()
    stepper.optimizer.zero_grad()
    if not rank:
        num_parameters = sum(each.numel() for each in stepper.model.parameters())
        print(f"{num_parameters / 1e6:.1f} million parameters, {options.recipe}")
    stepper.ranks.wait()

    def save() -> None:
        checkpoint.save(stepper, place, 1, {}, {})

    def restore() -> None:
        found = checkpoint.find(place)
        assert found is not None
        checkpoint.restore(stepper, found)

    def export() -> None:
        checkpoint.weights_of(stepper)

    for work in (save, restore, export):
        report(work, stepper.ranks)
    distributed.destroy_process_group()


def stepper_of(options: argparse.Namespace, rank: int) -> Stepper:
    """A Llama of random weights."""
    config = LlamaConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=options.width,
        intermediate_size=4 * options.width,
        num_hidden_layers=options.layers,
        num_attention_heads=options.width // 64,
    )
    recipe = (
        Sft(lr=1e-4, steps=1_000, batch=sequences(8))
        if options.recipe == "sft"
        else Flan(steps=1_000, batch=sequences(8))
    )
    return Stepper(
        LlamaForCausalLM(config),
        recipe,
        [],
        ranks=Ranks(rank, options.ranks),
        sharded=not options.whole,
    )


def report(work: Callable[[], None], ranks: Ranks) -> None:
    """Prints what the work took, one rank after another."""
    ranks.wait()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what was freed before is not to be used again unseen
    # From here on the most that was resident is counted anew.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, begun = resident_bytes("VmRSS"), time.perf_counter()
    work()
    taken_s = time.perf_counter() - begun
    rise = resident_bytes("VmHWM") - before
    for rank, line in enumerate(
        ranks.gathered(
            f"{work.__name__:<8} held {before / MIB:>6,.0f} MiB, at most {rise / MIB:>6,.0f} MiB "
            f"more, {taken_s:.2f} s"
        )
    ):
        if ranks.is_first:
            print(f"rank {rank}: {line}")


def resident_bytes(name: str) -> int:
    """Returns a figure of this process's memory."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise LookupError(name)


if __name__ == "__main__":
    main()
