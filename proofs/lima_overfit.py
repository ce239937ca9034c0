"""A small random Llama that learns the whole of a real LIMA build ends its answers, if trained to.

In: the real data beside the checkout; `build lima` of tests/real/lima: 1,000 examples, gpt2's
vocabulary and the end of turn. Two models of 7 million parameters are trained by the trainer in
bfloat16, from the same start on the same batches: one as the build says, one with the end of turn
left out of the loss. Both then answer the same prompts of examples that have an end, drawn by key
over all sources, until they end their turn or prompt and answer fill a pack. They decode as LIMA's
paper does (section 3: nucleus 0.9, temperature 0.7, repetition penalty 1.2 on what the answer has),
as the model is (every id by its probability), and greedily.
Out: how many end, each way; proofs/lima_overfit.svg, the curves of the losses. Exit status 1 where
under 95 % end as the paper decodes, or over 5 % without.

The paper's way is the measure because it is how such a model is asked. A model that knows its
answers by heart ends greedily as well; one that does not falls into loops, and they never end.

Most of the work is 50,258 logits a token. The loss here is the trainer's, made in one pass: it is
first compared with the trainer's own. An epoch takes 170 s of one core with bfloat16 matrix units
for either model.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.cache_utils import Cache, DynamicLayer
from transformers.utils import logging

import taskc
from taskc.runtime.artifact import RunBlock
from taskc.runtime.reader import Artifact
from taskc.runtime.recipes.parts import losses
from taskc.runtime.schedule import examples
from taskc.runtime.train import train
from taskc.runtime.training import run, step
from taskc.runtime.training.machine import Machine
from taskc.runtime.training.micro_batches import MicroBatch

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
FIGURE = ROOT / "proofs" / "lima_overfit.svg"
WIDTH, LAYERS, HEADS = 128, 2, 2
BATCH, LR, LAST_LR, SEED = 4, 3e-3, 3e-4, 1
ROWS_AT_ONCE = 80  # answers made at a time
LEAST_ENDED, MOST_ENDED_WITHOUT = 0.95, 0.05
LOGITS_AT_ONCE = 1_024  # tokens: 100 MB of bfloat16


def main() -> int:
    """Trains both arms at a time; returns the exit status."""
    if not DATA.is_dir():
        print("needs the real data in ../shared/data beside the checkout")
        return 1
    asked = arguments()
    logging.disable_progress_bar()
    # A proof that was stopped goes on.
    place = Path(tempfile.gettempdir()) / f"taskc-lima-overfit-{asked.epochs}"
    package, out = ROOT / "tests" / "real" / "lima", place / "out"
    print(taskc.build(package, build="lima", params={"data": str(DATA)}, out=out), flush=True)
    artifact = taskc.open(out / "lima" / "lima")
    prompts = drawn(artifact, asked.prompts)
    random_model(artifact, place / "random")
    compare_losses()
    context = multiprocessing.get_context("fork")  # torch is loaded once
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        futures = [
            pool.submit(arm, place, prompts, trained=each, epochs=asked.epochs, epoch=asked.epoch)
            for each in (True, False)
        ]
        arms = [future.result() for future in futures]
    draw({name: losses for name, (losses, _) in zip(("trained", "left out"), arms, strict=True)})
    ended, without = (shares[MEASURED] for _, shares in arms)
    return int(ended < LEAST_ENDED or without > MOST_ENDED_WITHOUT)


def arguments() -> argparse.Namespace:
    """Reads how much is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=8, help="over which the rate falls")
    parser.add_argument("--epoch", type=int, default=0, help="whose model answers; 0: the last")
    parser.add_argument("--prompts", type=int, default=100, help="how many are answered")
    asked = parser.parse_args()
    asked.epoch = asked.epoch or asked.epochs
    return asked


# ---- the build and the model ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before an example's last answer; its key draws it, and its answer's tokens."""

    key: int
    source: str
    ids: list[int]


def drawn(artifact: Artifact, count: int) -> list[Prompt]:
    """Returns prompts of examples that have an end, by key, and says how many have none."""
    end = artifact.manifest.special["turn_end"].id
    names = [source.name for source in artifact.manifest.mixture.sources]
    batches = artifact["train"].batches(examples(100))
    found, num_trained, num_cut = [], 0, 0
    for position in range(len(batches)):
        for row in batches.all_examples_at(position):
            begin = int(row.spans[-2])  # of the last answer
            num_trained += int(np.diff(row.spans.reshape(-1, 2)).sum())
            if row.ids[-1] != end:
                num_cut += 1
                continue
            text = f"{SEED} {int(row.examples[0])}"
            key = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
            found.append(Prompt(key, names[int(row.sources[0])], row.ids[:begin].tolist()))
    chosen = sorted(found, key=lambda each: each.key)[:count]
    counts = Counter(each.source for each in chosen)
    num_examples = len(found) + num_cut
    print(
        f"{num_trained:,} trained tokens; {num_cut} of {num_examples:,} examples "
        f"({num_cut / num_examples:.1%}) are cut at {artifact.manifest.packing.length:,} tokens "
        "and have no end\n"
        f"{len(chosen)} prompts of the other {len(found)}: "
        + ", ".join(f"{own} of {name}" for name, own in sorted(counts.items())),
        flush=True,
    )
    return chosen


def random_model(artifact: Artifact, folder: Path) -> None:
    """Writes a Llama of random weights, whose embedding is its head."""
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=artifact.manifest.vocab_size,
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=artifact.manifest.packing.length,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    size = sum(each.numel() for each in model.parameters())
    head = model.lm_head.weight.numel()
    print(f"{size / 1e6:.1f}M parameters, {head / 1e6:.1f}M of them in the embedding", flush=True)


def arm(
    place: Path, prompts: Sequence[Prompt], *, trained: bool, epochs: int, epoch: int
) -> tuple[list[float], dict[str, float]]:
    """Trains one model and has it answer; returns its losses, and shares that end by decoding."""
    torch.set_num_threads(1)
    name = "trained" if trained else "left out"
    artifact = taskc.open(place / "out" / "lima" / "lima")
    end = artifact.manifest.special["turn_end"].id
    step.cross_entropy = one_pass  # this process is the arm's own
    if not trained:
        run.cut = leaving_out(end, run.cut)
    recipe = {
        "call": "lima",
        "arguments": {
            "epochs": epochs,
            "lr": LR,
            "last_lr": LAST_LR,
            "batch": {"call": "examples", "arguments": {"0": BATCH}},
            "dropout": [0.0, 0.0],
        },
    }
    settings = {"model": str(place / "random"), "recipe": recipe, "seed": SEED}
    block = RunBlock.model_validate({"kind": "train", "name": "overfit", "settings": settings})
    began, out = time.monotonic(), place / name
    if not (out / "epochs" / f"{epoch:02d}").is_dir():
        machine = Machine(precision="bfloat16", max_tokens=artifact.manifest.packing.length)
        for each in train(artifact, block, out, machine=machine, resume="same"):
            if each.step * epochs % each.steps == 0:
                print(f"{name}: epoch {each.epoch} at {time.monotonic() - began:.0f} s", flush=True)
                if each.epoch == epoch:
                    break
    by_epoch = losses_of(out / "log.jsonl")[:epoch]
    means = ", ".join(f"{sum(own) / len(own):.2f}" for own in by_epoch)
    print(f"{name}: loss of each epoch {means}", flush=True)
    folder = out / "epochs" / f"{epoch:02d}"
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    shares = {}
    for decoding, choose in DECODINGS.items():
        lengths = list(answered(model, prompts, end, choose))
        ended = [length for length in lengths if length is not None]
        shares[decoding] = len(ended) / len(lengths)
        middle = f", half of them within {int(np.median(ended))} tokens" if ended else ""
        print(
            f"{name}, {decoding}: {len(ended)} of {len(lengths)} end "
            f"({shares[decoding]:.1%}){middle}; {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return [loss for own in by_epoch for loss in own], shares


def losses_of(log: Path) -> list[list[float]]:
    """Returns the loss of each step, by epoch."""
    by_epoch: dict[int, list[float]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        each = json.loads(line)
        if "loss" in each:  # the others say where a run was gone on with
            by_epoch.setdefault(each["epoch"], []).append(each["loss"])
    return list(by_epoch.values())


def leaving_out(end: int, cut: Callable[..., list[MicroBatch]]) -> Callable[..., list[MicroBatch]]:
    """Returns a `cut` whose micro-batches train on everything but one id."""
    names = ("places_N", "targets_N", "example_N", "source_N")

    def without(*rows: Any, **settings: Any) -> list[MicroBatch]:
        return [
            replace(each, **{name: getattr(each, name)[each.targets_N != end] for name in names})
            for each in cut(*rows, **settings)
        ]

    return without


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


# ---- answers -------------------------------------------------------------------------------------


class _Room(DynamicLayer):
    """A layer's keys and values in room that is taken at once: growing would copy them each time.

    Attributes:
        rows, most: What is taken, at the first update.
    """

    def __init__(self, rows: int, most: int) -> None:
        super().__init__()
        self.rows, self.most, self.length = rows, most, 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes behind what is there and returns all of it."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            _, heads, _, width = key_states.shape
            self.room = torch.empty(2, self.rows, heads, self.most, width, dtype=key_states.dtype)
        until = self.length + key_states.shape[2]
        for room, new in zip(self.room, (key_states, value_states), strict=True):
            room[:, :, self.length : until] = new
        self.length = until
        self.keys, self.values = self.room[:, :, :, :until]
        return self.keys, self.values

    def keep(self, rows: torch.Tensor) -> None:
        """Leaves out all other rows."""
        self.room = self.room[:, rows]
        self.keys, self.values = self.room[:, :, :, : self.length]


Choice = Callable[[torch.Tensor, torch.Tensor, Sequence[np.random.Generator]], torch.Tensor]


def answered(
    model: Any, prompts: Sequence[Prompt], end: int, choose: Choice
) -> Iterator[int | None]:
    """Yields how many tokens each answer has; None: it fills the pack and has no end."""
    by_length = sorted(prompts, key=lambda each: len(each.ids))  # so that little is padded
    for first in range(0, len(by_length), ROWS_AT_ONCE):
        yield from together(model, by_length[first : first + ROWS_AT_ONCE], end, choose)


@torch.inference_mode()
def together(model: Any, prompts: Sequence[Prompt], end: int, choose: Choice) -> list[int | None]:
    """Answers prompts at a time, padded on the left; rows that are done are left out by and by."""
    most = int(model.config.max_position_embeddings)
    wide = max(len(each.ids) for each in prompts)
    lengths = torch.tensor([len(each.ids) for each in prompts])
    ids_RT = torch.tensor([[end] * (wide - len(each.ids)) + each.ids for each in prompts])
    room = wide + most - int(lengths.min())
    mask_RT = torch.arange(room) >= wide - lengths[:, None]
    draws = [np.random.default_rng(each.key) for each in prompts]
    layers = [_Room(len(prompts), room) for _ in range(model.config.num_hidden_layers)]
    cache = Cache(layers=layers)
    seen_RV = torch.zeros(len(prompts), model.config.vocab_size, dtype=torch.bool)
    found: list[int | None] = [None] * len(prompts)
    rows = torch.arange(len(prompts))
    is_open = torch.ones(len(prompts), dtype=torch.bool)
    for count in range(1, most):
        until = wide + count - 1
        positions_RT = (torch.arange(until) - (wide - lengths[:, None])).clamp(min=0)
        logits_RV = model(
            input_ids=ids_RT,
            attention_mask=mask_RT[:, :until].long(),
            position_ids=positions_RT[:, -ids_RT.shape[1] :],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        chosen_R = choose(logits_RV.float(), seen_RV, draws)
        seen_RV[torch.arange(len(rows)), chosen_R] = True
        for row in rows[is_open & (chosen_R == end)].tolist():
            found[row] = count
        is_open &= (chosen_R != end) & (lengths + count < most)
        if not is_open.any():
            break
        ids_RT = chosen_R[:, None]
        if is_open.sum() <= 0.8 * len(rows):
            kept = is_open.nonzero()[:, 0]
            for layer in layers:
                layer.keep(kept)
            rows, lengths, ids_RT, mask_RT, seen_RV, is_open = (
                each[kept] for each in (rows, lengths, ids_RT, mask_RT, seen_RV, is_open)
            )
            draws = [draws[each] for each in kept.tolist()]
    return found


def greedy(
    logits_RV: torch.Tensor, _: torch.Tensor, __: Sequence[np.random.Generator]
) -> torch.Tensor:
    """The likeliest id."""
    return logits_RV.argmax(-1)


def sampled(
    logits_RV: torch.Tensor,
    seen_RV: torch.Tensor,
    draws: Sequence[np.random.Generator],
    *,
    nucleus: float = 1.0,
    temperature: float = 1.0,
    penalty: float = 1.0,
) -> torch.Tensor:
    """A draw for each row by its own generator; `penalty` weakens ids that the answer has."""
    seen, logits_RV = logits_RV[seen_RV], logits_RV.clone()
    logits_RV[seen_RV] = torch.where(seen > 0, seen / penalty, seen * penalty)
    shares_RV = (logits_RV / temperature).softmax(-1)
    until_RV = shares_RV.cumsum(-1)
    chosen_R = torch.zeros(len(draws), dtype=torch.long)
    rows = range(len(draws))
    while rows:  # an id is in the nucleus if likelier ones have less than its mass: else once more
        own = torch.tensor(rows)
        at = torch.tensor([draws[row].random() for row in rows]) * until_RV[own, -1]
        place = torch.searchsorted(until_RV[own], at[:, None].float(), right=True)
        chosen_R[own] = place[:, 0].clamp(max=shares_RV.shape[1] - 1)
        drawn_R1 = shares_RV[own, chosen_R[own]][:, None]
        likelier = torch.where(shares_RV[own] > drawn_R1, shares_RV[own], 0.0).sum(-1)
        rows = own[likelier >= nucleus].tolist() if nucleus < 1 else []
    return chosen_R


MEASURED = "as LIMA's paper decodes"
DECODINGS: dict[str, Choice] = {
    MEASURED: partial(sampled, nucleus=0.9, temperature=0.7, penalty=1.2),
    "sampled as it is": sampled,
    "greedily": greedy,
}


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
    labels = [
        f'<text x="{left - 8}" y="{top + height * (1 - loss / highest) + 4:.0f}" '
        f'text-anchor="end">{loss}</text>'
        for loss in range(0, int(highest) + 1, 2)
    ]
    view, middle = f"0 0 {width + 80} {height + 60}", left + width // 2
    font = 'font-family="sans-serif" font-size="13"'
    below = "loss in nats over the steps, from the first to the last"
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
    FIGURE.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
