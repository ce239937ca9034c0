"""A small random Llama learns from real builds: to end its answers, and to tell good from bad.

In: the real data beside the checkout; tests/real/lima and tests/real/flan, each with a build of a
part that two cores can learn: the short answers of two of LIMA's sources, and one cluster of FLAN.
Out: how many generations the end of turn ends, with it in the loss and with it left out; the
accuracy on dev rows of the cluster that was trained on, by the likelihood of the options, and how
likely a guesser is to be as good; proofs/learning.svg, the curves of the losses. Exit status 1
where under 95 % end or over 5 % without, or where the accuracy is not above chance at p < 0.01.
About six minutes on two cores.
"""

import math
import multiprocessing
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

import taskc
from taskc.runtime.artifact import RunBlock
from taskc.runtime.evaluation.options import rank
from taskc.runtime.reader import EvaluationSplit
from taskc.runtime.train import train
from taskc.runtime.training import run
from taskc.runtime.training.micro_batches import MicroBatch

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
FIGURE = ROOT / "proofs" / "learning.svg"
LEAST_ENDED, MOST_ENDED_WITHOUT, MOST_P = 0.95, 0.05, 0.01
SPARE_TOKENS = 20  # of a generation, beyond the longest answer

LIMA = """language 1

mixture learned "Short answers of LIMA's sources" {
  take 12 from natural_instructions by balance(task)
  take 12 from authors
  seed 7
}

build learned {
  mixture   learned
  tokenizer gpt2
  format    chat(end_of_turn: turn_end, loss: assistant, bos: none, max: 512, overflow: trim)
  pack      best_fit(length: 512)
}
"""
FLAN = """language 1

mixture learned "One cluster of FLAN, whole" {
  from  sentiment
  rate  proportional(cap: 30_000)
  total 1 epochs
  seed  seed
}

build learned {
  mixture   learned
  tokenizer gpt2
  format    prompt_target(
    input: 384,
    target: 127,
    separator: eos,
    end: eos,
    bos: none,
    overflow: trim,
  )
  pack      best_fit(length: 512)
  splits    train, dev
}
"""


def main() -> int:
    """Trains three models, two at a time; returns the exit status."""
    if not DATA.is_dir():
        print("needs the real data in ../shared/data beside the checkout")
        return 1
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for package, text in (("lima", LIMA), ("flan", FLAN)):
            built(package, text, place)
        context = multiprocessing.get_context("fork")  # torch is loaded once
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            flan = pool.submit(sentiment, place)
            arms = [pool.submit(ends, place, trained=trained) for trained in (True, False)]
            (with_end, ended), (without, ended_without) = (arm.result() for arm in arms)
            curve, good = flan.result()
    draw({"LIMA": with_end, "LIMA, end of turn not trained": without, "FLAN, sentiment": curve})
    print(f"end of turn trained:     {ended:.1%} of generations end")
    print(f"end of turn not trained: {ended_without:.1%} end")
    return int(ended < LEAST_ENDED or ended_without > MOST_ENDED_WITHOUT or not good)


def built(package: str, text: str, place: Path) -> None:
    """Builds a part of a real package in a copy of it, where its imports lead where they did."""
    shutil.copytree(ROOT / "specs", place / "specs", dirs_exist_ok=True)
    copy = place / "tests" / "real" / package
    shutil.copytree(ROOT / "tests" / "real" / package, copy)
    (copy / "learned.task").write_text(text, encoding="utf-8")
    artifact = taskc.build(copy, build="learned", params={"data": str(DATA)}, out=place / "out")
    print(artifact, flush=True)


def call(name: str, **arguments: object) -> dict[str, object]:
    """A lowered call; `_0`, `_1` ... are arguments by position."""
    return {"call": name, "arguments": {key.removeprefix("_"): v for key, v in arguments.items()}}


def trained_on(place: Path, package: str, out: Path, layers: int, recipe: object) -> list[float]:
    """Trains on the build of a package; returns the loss of every step."""
    torch.set_num_threads(1)
    model = call("tiny_llama", layers=layers, width=64, heads=4)
    block = RunBlock.model_validate(
        {
            "kind": "train",
            "name": "learned",
            "settings": {"model": model, "recipe": recipe, "seed": 1},
        }
    )
    return [
        step.loss for step in train(taskc.open(place / "out" / package / "learned"), block, out)
    ]


# ---- LIMA: answers end ---------------------------------------------------------------------------


def ends(place: Path, *, trained: bool) -> tuple[list[float], float]:
    """Overfits the answers; returns losses, and the share of greedy generations that end.

    Args:
        place: With the build.
        trained: Whether the end of turn is in the loss.
    """
    artifact = taskc.open(place / "out" / "lima" / "learned")
    end = artifact.manifest.special["turn_end"].id
    before = run.cut
    if not trained:
        run.cut = leaving_out(end, before)
    recipe = call("sft", epochs=90, lr=0.003, batch=call("examples", _0=8))
    out = place / f"lima-{trained}"
    losses = trained_on(place, "lima", out, 4, recipe)
    run.cut = before
    model: Any = AutoModelForCausalLM.from_pretrained(out / "model").eval()
    prompts, longest = [], 0
    for sequence in artifact["train"]:
        for begin, until in zip(sequence.cu_seq_lens, sequence.cu_seq_lens[1:], strict=False):
            first = int((sequence.labels[begin:until] >= 0).argmax())
            prompts.append(sequence.input_ids[begin : begin + first])
            longest = max(longest, int(until - begin) - first)
    ended = 0
    for prompt in prompts:
        ids = torch.from_numpy(prompt)[None]
        most = longest + SPARE_TOKENS
        whole = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=most, do_sample=False
        )
        ended += int(whole[0, -1]) == end
    size = sum(each.numel() for each in model.parameters())
    print(
        f"LIMA, end of turn {'' if trained else 'not '}trained: {size / 1e6:.1f}M parameters, "
        f"{len(prompts)} answers, {len(losses)} steps, loss {losses[0]:.2f} to {losses[-1]:.3f}",
        flush=True,
    )
    return losses, ended / len(prompts)


def leaving_out(end: int, cut: Callable[..., list[MicroBatch]]) -> Callable[..., list[MicroBatch]]:
    """Returns a `cut` whose micro-batches train on everything but one id."""

    def without(*rows: Any, **settings: Any) -> list[MicroBatch]:
        return [
            replace(
                each,
                **{
                    name: getattr(each, name)[each.targets_N != end]
                    for name in ("places_N", "targets_N", "example_N", "source_N")
                },
            )
            for each in cut(*rows, **settings)
        ]

    return without


# ---- FLAN: options are ranked --------------------------------------------------------------------


def sentiment(place: Path) -> tuple[list[float], bool]:
    """Trains on a cluster; returns losses, and whether its dev accuracy is above chance."""
    recipe = call(
        "sft", epochs=5, lr=0.003, batch=call("sequences", _0=8), loss="examples",
        weight_decay=0.1, dropout=0.1,
    )  # fmt: skip
    losses = trained_on(place, "flan", place / "flan", 2, recipe)
    model: Any = AutoModelForCausalLM.from_pretrained(place / "flan" / "model").eval()
    dev = taskc.open(place / "out" / "flan" / "learned")["dev"]
    assert isinstance(dev, EvaluationSplit)
    rows: dict[Any, dict[str, Any]] = {}
    for row in dev:  # one prompt a row: rows are independent, prompts of a row are not
        rows.setdefault(row["row_id"], row)
    found = rank(model, rows.values(), max_tokens=4_096)
    right = sum(each.is_right for each in found)
    answers = Counter(str(rows[each.row_id]["references"]) for each in found)
    usual = max(answers.values()) / len(found)  # who always gives the commonest answer
    chance, over = tail(right, len(found), 0.5), tail(right, len(found), usual)
    size = sum(each.numel() for each in model.parameters())
    print(
        f"FLAN, sentiment: {size / 1e6:.1f}M parameters, {len(losses)} steps, loss "
        f"{losses[0]:.2f} to {losses[-1]:.3f}\n"
        f"dev accuracy {right / len(found):.1%} of {len(found)} rows; p = {chance:.1e} for a "
        f"guesser, {over:.1e} for who always gives the commonest answer ({usual:.1%})",
        flush=True,
    )
    for source in sorted({each.source for each in found}):
        own = [each.is_right for each in found if each.source == source]
        print(f"  {source:20} {sum(own) / len(own):6.1%} of {len(own)}", flush=True)
    return losses, max(chance, over) < MOST_P


def tail(right: int, count: int, chance: float) -> float:
    """Returns the probability of so many right answers or more, each by chance."""
    logs = math.log(chance), math.log1p(-chance)
    return math.fsum(
        math.exp(
            math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
            + k * logs[0] + (count - k) * logs[1]
        )
        for k in range(right, count + 1)
    )  # fmt: skip


# ---- the figure ----------------------------------------------------------------------------------


def draw(curves: dict[str, Sequence[float]]) -> None:
    """Draws losses over the share of each run that is done, each a mean of fifty stretches."""
    width, height, left, top = 640, 300, 50, 20
    highest = max(max(curve) for curve in curves.values())
    colors = ("#1f6f8b", "#c0562b", "#5b7f2b")
    parts = []
    for (name, curve), color, row in zip(curves.items(), colors, range(len(curves)), strict=True):
        pieces = [curve[i * len(curve) // 50 : (i + 1) * len(curve) // 50] for i in range(50)]
        means = [sum(piece) / len(piece) for piece in pieces if piece]
        points = " ".join(
            f"{left + i * width / (len(means) - 1):.0f},{top + height * (1 - mean / highest):.0f}"
            for i, mean in enumerate(means)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(
            f'<text x="{left + 330}" y="{top + 20 + 18 * row}" fill="{color}">{name}</text>'
        )
    below = "loss in nats over the steps of each run, from its first to its last"
    FIGURE.write_text(framed(parts, highest, below), encoding="utf-8")


def framed(parts: Sequence[str], highest: float, below: str) -> str:
    """Returns a figure of curves with its axes: 640 by 300, the origin of losses at 50, 320."""
    width, height, left, top = 640, 300, 50, 20
    labels = [
        f'<text x="{left - 8}" y="{top + height * (1 - loss / highest) + 4:.0f}" '
        f'text-anchor="end">{loss}</text>'
        for loss in range(0, int(highest) + 1, 2)
    ]
    view, middle = f"0 0 {width + 80} {height + 60}", left + width // 2
    font = 'font-family="sans-serif" font-size="13"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}" {font}>',
        f'<rect width="{width + 80}" height="{height + 60}" fill="white"/>',
        f'<path d="M{left},{top} V{top + height} H{left + width}" fill="none" stroke="#555"/>',
        *labels,
        f'<text x="{middle}" y="{top + height + 30}" text-anchor="middle">{below}</text>',
        *parts,
        "</svg>",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
