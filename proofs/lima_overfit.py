"""A small random Llama learns a tenth of a real LIMA build by heart, and ends its answers.

In: the real data beside the checkout; tests/real/lima with a tenth of every quota of its `lima`: a
hundred examples of all sources, whole as in the build, under its templates and chat format. Two
models of 13 million parameters are trained by the trainer, from the same start on the same batches,
until they know the answers: one as the build says, one with the end of turn left out of the loss.
Both then answer every prompt whose answer has an end, greedily, with the room that a pack has.
Out: how many end; proofs/lima_overfit.svg, the curves of the losses. Exit status 1 where under 95 %
end, or over 5 % without.

A tenth, because a greedy decoder ends what it knows by heart, and falls into loops before: all
thousand would take two cores some three hours. The build, its masks and the trainer are those of
any run.

Most of the work is 50,258 logits a token. The loss here is the trainer's, made in one pass: it is
first compared with the trainer's own. Twenty minutes on two cores with bfloat16 matrix units.
"""

import multiprocessing
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from learning import framed, leaving_out
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

import taskc
from taskc.runtime.artifact import RunBlock
from taskc.runtime.reader import Artifact
from taskc.runtime.recipes.parts import losses
from taskc.runtime.schedule import examples
from taskc.runtime.train import train
from taskc.runtime.training import run, step
from taskc.runtime.training.machine import Machine

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
FIGURE = ROOT / "proofs" / "lima_overfit.svg"
WIDTH, LAYERS, HEADS = 128, 2, 2
EPOCHS, BATCH, LR, SEED = 40, 2, 2e-3, 1
ROWS_AT_ONCE = 25
LEAST_ENDED, MOST_ENDED_WITHOUT = 0.95, 0.05
LOGITS_AT_ONCE = 1_024  # tokens: 100 MB of bfloat16

TENTH = """language 1

mixture tenth "A tenth of every quota of `lima`" {
  take 10 from stem by temperature(site, 3) best question_score
  take 20 from other by temperature(site, 3) best score
  take 30 from howto by balance([shelf, topic])
  take 11 from stories
  take 7 from tales
  take 5 from natural_instructions by balance(task)
  take 17 from authors
  seed 7
}

build tenth {
  mixture   tenth
  tokenizer gpt2
  format    chat(end_of_turn: turn_end, loss: assistant, bos: none, max: 2048, overflow: trim)
  pack      best_fit(length: 2048)
}
"""


def main() -> int:
    """Trains both arms at a time; returns the exit status."""
    if not DATA.is_dir():
        print("needs the real data in ../shared/data beside the checkout")
        return 1
    logging.disable_progress_bar()
    compare_losses()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        artifact = built(place)
        prompts = with_an_end(artifact)
        random_model(artifact, place / "random")
        context = multiprocessing.get_context("fork")  # torch is loaded once
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            futures = [pool.submit(arm, place, prompts, trained=each) for each in (True, False)]
            arms = [future.result() for future in futures]
    draw({name: curve for name, (curve, _) in zip(("trained", "left out"), arms, strict=True)})
    ended, without = (share for _, share in arms)
    return int(ended < LEAST_ENDED or without > MOST_ENDED_WITHOUT)


# ---- the build and the model ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before an example's last answer."""

    source: str
    ids: list[int]


def built(place: Path) -> Artifact:
    """Builds a tenth in a copy of the package, where its imports lead where they did."""
    shutil.copytree(ROOT / "specs", place / "specs")
    copy = place / "tests" / "real" / "lima"
    shutil.copytree(ROOT / "tests" / "real" / "lima", copy)
    (copy / "tenth.task").write_text(TENTH, encoding="utf-8")
    artifact = taskc.build(copy, build="tenth", params={"data": str(DATA)}, out=place / "out")
    print(artifact, flush=True)
    return taskc.open(place / "out" / "lima" / "tenth")


def with_an_end(artifact: Artifact) -> list[Prompt]:
    """Returns the prompts of examples that have an end, and says how many have none."""
    end = artifact.manifest.special["turn_end"].id
    names = [source.name for source in artifact.manifest.mixture.sources]
    batches = artifact["train"].batches(examples(100))
    found, num_trained, num_examples = [], 0, 0
    for position in range(len(batches)):
        for row in batches.all_examples_at(position):
            num_trained += int(np.diff(row.spans.reshape(-1, 2)).sum())
            num_examples += 1
            if row.ids[-1] == end:
                begin = int(row.spans[-2])  # of the last answer
                found.append(Prompt(names[int(row.sources[0])], row.ids[:begin].tolist()))
    counts = Counter(each.source for each in found)
    print(
        f"{num_trained:,} trained tokens; {num_examples - len(found)} of {num_examples} examples "
        f"are cut at {artifact.manifest.packing.length:,} tokens and have no end\n"
        f"{len(found)} prompts: "
        + ", ".join(f"{n} of {name}" for name, n in sorted(counts.items())),
        flush=True,
    )
    return found


def random_model(artifact: Artifact, folder: Path) -> None:
    """Writes a Llama of random weights."""
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=artifact.manifest.vocab_size,
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=artifact.manifest.packing.length,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    size = sum(each.numel() for each in model.parameters())
    print(f"{size / 1e6:.1f}M parameters, {LAYERS} layers of {WIDTH}", flush=True)


def arm(place: Path, prompts: Sequence[Prompt], *, trained: bool) -> tuple[list[float], float]:
    """Trains one model and has it answer; returns its losses, and the share that ends."""
    torch.set_num_threads(1)
    name = "trained" if trained else "left out"
    artifact = taskc.open(place / "out" / "lima" / "tenth")
    end = artifact.manifest.special["turn_end"].id
    step.cross_entropy = one_pass  # this process is the arm's own
    if not trained:
        run.cut = leaving_out(end, run.cut)
    batch = {"call": "examples", "arguments": {"0": BATCH}}
    recipe = {"call": "sft", "arguments": {"epochs": EPOCHS, "lr": LR, "batch": batch}}
    settings = {"model": str(place / "random"), "recipe": recipe, "seed": SEED}
    block = RunBlock.model_validate({"kind": "train", "name": "overfit", "settings": settings})
    machine = Machine(precision="bfloat16", max_tokens=artifact.manifest.packing.length)
    began, curve, of_epoch = time.monotonic(), [], []
    for each in train(artifact, block, place / name, machine=machine):
        curve.append(each.loss)
        of_epoch.append(each.loss)
        if each.step * EPOCHS % (10 * each.steps) == 0:
            mean = sum(of_epoch) / len(of_epoch)
            print(
                f"{name}: step {each.step:,}, {time.monotonic() - began:.0f} s, "
                f"mean loss of ten epochs {mean:.3f}",
                flush=True,
            )
            of_epoch = []
    model: Any = AutoModelForCausalLM.from_pretrained(place / name / "model").eval()
    ended = [num_ended(model, some, end) for some in groups(prompts)]
    print(
        f"end of turn {name}: {sum(ended)} of {len(prompts)} end, greedily; "
        f"{time.monotonic() - began:.0f} s",
        flush=True,
    )
    return curve, sum(ended) / len(prompts)


# ---- answers -------------------------------------------------------------------------------------


def groups(prompts: Sequence[Prompt]) -> list[list[Prompt]]:
    """Prompts that are answered together: about equally long, so that little is padded."""
    ordered = sorted(prompts, key=lambda each: len(each.ids))
    return [ordered[at : at + ROWS_AT_ONCE] for at in range(0, len(ordered), ROWS_AT_ONCE)]


@torch.inference_mode()
def num_ended(model: Any, prompts: Sequence[Prompt], end: int) -> int:
    """How many answers end, the prompts padded on the left."""
    wide = max(len(each.ids) for each in prompts)
    ids_RT = torch.tensor([[end] * (wide - len(each.ids)) + each.ids for each in prompts])
    lengths = torch.tensor([len(each.ids) for each in prompts])
    whole_RT = model.generate(
        ids_RT,
        attention_mask=(torch.arange(wide) >= wide - lengths[:, None]).long(),
        max_new_tokens=int(model.config.max_position_embeddings) - wide,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=end,
    )
    return int((whole_RT[:, wide:] == end).any(-1).sum())


# ---- the loss in one pass ------------------------------------------------------------------------


@cache
def _room(*shape: int) -> torch.Tensor:
    return torch.empty(shape, dtype=torch.bfloat16)


class _OnePass(torch.autograd.Function):
    """The weighted sum of -log p, its gradients made with it: logits are made once, in bfloat16."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_NH: torch.Tensor,
        weight_VH: torch.Tensor,
        targets_N: torch.Tensor,
        weights_N: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        head_VH, hidden_NH = weight_VH.bfloat16(), hidden_NH.detach().bfloat16()
        ones_V1 = torch.ones(len(head_VH), 32, dtype=torch.bfloat16)  # a full tile of the unit
        head_grad_VH = torch.zeros_like(weight_VH)
        # Memory that is taken anew each time would be zeroed each time.
        room_NV = _room(LOGITS_AT_ONCE, len(head_VH))
        grads, found = [], []
        for hidden, targets, weights in zip(
            *(each.split(LOGITS_AT_ONCE) for each in (hidden_NH, targets_N, weights_N)), strict=True
        ):
            logits = torch.mm(hidden, head_VH.T, out=room_NV[: len(hidden)])
            own = torch.arange(len(targets)), targets
            right = logits[own].float().exp()
            # Without the target: where p nears 1, 1 - p is `others`, to 3 digits and not to 0.
            logits[own] = -torch.inf
            others = (logits.exp_() @ ones_V1)[:, 0].float()
            found.append(torch.log1p(others / right))
            logits[own] = -others.bfloat16()  # and what is in it is their gradient, but for scale
            scale = (weights.float() / (right + others))[:, None]
            grads.append((logits @ head_VH).float() * scale)
            head_grad_VH += (logits.T @ (hidden * scale).bfloat16()).float()
        losses_N = torch.cat(found)
        ctx.save_for_backward(torch.cat(grads), head_grad_VH)
        ctx.mark_non_differentiable(losses_N)
        return (losses_N * weights_N).sum(), losses_N

    @staticmethod
    def backward(ctx: Any, *above: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        grad_NH, head_grad_VH = ctx.saved_tensors
        return grad_NH * above[0], head_grad_VH.mul_(above[0]), None, None


def one_pass(
    hidden_NH: torch.Tensor,
    head: Any,
    targets_N: torch.Tensor,
    weights_N: torch.Tensor,
    *,
    vocab_size: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The trainer's `cross_entropy` for a head that is a matrix of `vocab_size` rows."""
    assert len(head.weight) == vocab_size
    found: tuple[torch.Tensor, torch.Tensor] = _OnePass.apply(
        hidden_NH, head.weight, targets_N, weights_N
    )
    return found


def compare_losses() -> None:
    """Prints how far the loss and its gradients are from float32, beside the trainer's own.

    Raises:
        RuntimeError: If they are further than twice as far.
    """
    torch.manual_seed(SEED)
    head = torch.nn.Linear(WIDTH, 5_000, bias=False)
    # Targets from hopeless to known by heart.
    targets_N = torch.randint(5_000, (3_000,))
    known_N1 = torch.linspace(0, 40, 3_000)[:, None]
    start_NH = torch.randn(3_000, WIDTH) + known_N1 * head.weight.detach()[targets_N]
    weights_N = torch.full((3_000,), 1 / 3_000)

    def computed(function: Callable[..., Any], *, coarse: bool) -> list[torch.Tensor]:
        hidden_NH = start_NH.clone().requires_grad_()
        head.weight.grad = None
        with torch.autocast("cpu", torch.bfloat16, enabled=coarse):
            loss, each = function(hidden_NH, head, targets_N, weights_N, vocab_size=5_000)
        loss.backward()
        assert hidden_NH.grad is not None
        assert head.weight.grad is not None
        return [each, hidden_NH.grad, head.weight.grad]

    exact = computed(losses.cross_entropy, coarse=False)
    for name, *found in zip(
        ("losses", "gradients of hidden states", "gradients of the head"),
        exact,
        computed(losses.cross_entropy, coarse=True),
        computed(one_pass, coarse=True),
        strict=True,
    ):
        trainers, own = (float((each - found[0]).norm() / found[0].norm()) for each in found[1:])
        print(f"{name}: {own:.1e} from float32 in one pass, {trainers:.1e} as the trainer does")
        if own > 2 * trainers:
            raise RuntimeError(name)


# ---- the figure ----------------------------------------------------------------------------------


def draw(curves: dict[str, Sequence[float]]) -> None:
    """Draws losses over the steps, each point the mean of a fortieth of them."""
    width, height, left, top = 640, 300, 50, 20
    means = {
        name: [float(piece.mean()) for piece in np.array_split(np.array(curve), 40)]
        for name, curve in curves.items()
    }
    highest = max(max(each) for each in means.values())
    parts = []
    styles = ("#1f6f8b", ""), ("#c0562b", ' stroke-dasharray="7 5"')  # they lie on each other
    for (name, each), (color, dashes), y in zip(means.items(), styles, (40, 58), strict=True):
        points = " ".join(
            f"{left + i * width / (len(each) - 1):.0f},{top + height * (1 - mean / highest):.0f}"
            for i, mean in enumerate(each)
        )
        style = f'fill="none" stroke="{color}" stroke-width="2"{dashes}'
        parts.append(f'<polyline points="{points}" {style}/>')
        parts.append(f'<text x="{left + 400}" y="{y}" fill="{color}">end of turn {name}</text>')
    below = "loss in nats over the steps, from the first to the last"
    FIGURE.write_text(framed(parts, highest, below), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
