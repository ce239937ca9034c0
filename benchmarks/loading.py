"""How long steps wait for their data: made ahead in a thread, or when they are asked for.

In: an artefact. Out: for a small random Llama, with batches of packs and of examples, tokens per
second, the share of the time that steps waited, and processor time, with micro-batches made ahead
and not, in turns; the best of nine rounds.
`--device cuda` measures copies from pinned memory as well; where the artefact lies does not matter
after the first epoch.

    python benchmarks/loading.py ARTIFACT [--device cuda] [--steps 20] [--layers 4] [--width 256]
        [--sequences 8] [--examples 32]
"""

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import LlamaConfig, LlamaForCausalLM

import taskc
from taskc.runtime.batches import Batches
from taskc.runtime.recipes.sft import Sft
from taskc.runtime.schedule import BatchRule, examples, sequences
from taskc.runtime.training.loading import Ahead, Loaded
from taskc.runtime.training.micro_batches import cut
from taskc.runtime.training.packs import pack
from taskc.runtime.training.step import Stepper

ROUNDS = 9
MAX_TOKENS = 8_192


class Taken(NamedTuple):
    """What some steps took."""

    wall_s: float
    cpu_s: float
    wait_s: float
    tokens: int


def main() -> None:
    """Prints a line for each way to batch and to load."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--sequences", type=int, default=8, help="of a batch of packs")
    parser.add_argument("--examples", type=int, default=32, help="of a batch of examples")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    options = parser.parse_args()
    artifact = taskc.open(options.artifact)
    sources = [source.name for source in artifact.manifest.mixture.sources]
    for rule in (sequences(options.sequences), examples(options.examples)):
        stepper = stepper_of(options, rule, artifact.manifest.vocab_size, sources)
        batches = artifact["train"].batches(rule, epochs=1_000)
        taken: dict[int, list[Taken]] = {0: [], 1: []}
        steps_of(stepper, batches, 2, 0)
        for _ in range(ROUNDS):
            for steps_ahead, found in taken.items():
                found.append(steps_of(stepper, batches, options.steps, steps_ahead))
        for steps_ahead, found in taken.items():
            best = min(found, key=lambda each: each.wall_s)
            least = min(found, key=lambda each: each.cpu_s)
            print(
                f"{rule!s:<14} {steps_ahead} ahead: {best.tokens / best.wall_s:>9,.0f} tokens/s, "
                f"waited {100 * best.wait_s / best.wall_s:.2f} %, "
                f"{1e6 * least.cpu_s / least.tokens:.2f} CPU us a token"
            )


def stepper_of(
    options: argparse.Namespace, rule: BatchRule, vocab_size: int, sources: list[str]
) -> Stepper:
    """A Llama of random weights that takes steps with noise, so that there are keys to be made."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=options.width,
        intermediate_size=4 * options.width,
        num_hidden_layers=options.layers,
        num_attention_heads=4,
    )
    model = LlamaForCausalLM(config)
    torch.nn.Module.to(model, torch.device(options.device))
    recipe = Sft(lr=1e-4, steps=1_000, batch=rule, dropout=0.1)
    compute = torch.bfloat16 if options.device == "cuda" else torch.float32
    return Stepper(model, recipe, sources, compute=compute)


def steps_of(stepper: Stepper, batches: Batches, num_steps: int, steps_ahead: int) -> Taken:
    """Takes steps of the second epoch on, and says how long they waited."""
    first = batches.schedule.steps_per_epoch

    def make(step: int) -> list[Loaded]:
        if batches.schedule.rule.unit == "examples":
            found = batches.all_examples_at(first + step)
            rows = pack(found, room=batches.length, rank=0, world_size=1)
        else:
            rows = batches.rows_at(first + step)
        length = 0 if batches.schedule.rule.unit == "examples" else batches.length
        pieces = cut(rows, length=length, max_tokens=MAX_TOKENS, pad_id=batches.pad_id)
        return stepper.load(pieces, step)

    wait_s, tokens, begun, cpu_begun = 0.0, 0, time.perf_counter(), time.process_time()
    with Ahead(make, num_steps, steps=steps_ahead) as ahead:
        for step in range(num_steps):
            asked = time.perf_counter()
            loaded = ahead.at(step)
            wait_s += time.perf_counter() - asked
            tokens += stepper.take(loaded, step, num_steps, 0).tokens
    cpu_s = time.process_time() - cpu_begun
    return Taken(time.perf_counter() - begun, cpu_s, wait_s, tokens)


if __name__ == "__main__":
    main()
