"""One step: the loss of a global batch, its gradients, and the update.

In: the micro-batches of every rank. Out: updated parameters and the step's figures. Loss and
gradients are those of the whole batch, however it is cut and shared: each trained token is weighed
by the numbers of the whole batch before anything is summed. Parameters, gradients and their sums
are float32 (or float64, as the model is); the passes through the model may be bfloat16.

Shapes: B rows of a micro-batch, T places of a row, H width, N trained tokens, V ids.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from taskc.runtime.isolation.borders import takes_lengths
from taskc.runtime.recipes.parts.dropout import ResidualDropout, TokenKeys, decoder_layers
from taskc.runtime.recipes.parts.losses import cross_entropy
from taskc.runtime.recipes.recipe import Recipe
from taskc.runtime.training.adapters import Adapter
from taskc.runtime.training.loading import Loaded, Loader
from taskc.runtime.training.micro_batches import MicroBatch
from taskc.runtime.training.models import has_plain_head, most_positions
from taskc.runtime.training.ranks import Ranks, shard

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["NotFinite", "Step", "Stepper", "Totals"]


@dataclass(frozen=True, slots=True)
class Step:
    """What one optimizer step did, over all ranks.

    Attributes:
        step: From 1 to `steps`.
        epoch: In which epoch it was, from 1.
        loss: As the recipe defines it, in nats.
        tokens: Tokens in the batch, padding left out.
        trained_tokens: Those that the loss saw.
        lr: Learning rate.
        grad_norm: Norm of the gradient, before it was clipped.
        sources: Mean loss over the trained tokens of each source in the batch.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    tokens: int
    trained_tokens: int
    lr: float
    grad_norm: float
    sources: dict[str, float]


class NotFinite(Exception):  # noqa: N818 (it is told as an ArtifactError, see blame.py)
    """Loss or gradient of a step is no number; the parameters are as they were.

    Attributes:
        figure: "loss" or "gradient norm".
        value: What it is.
        examples: Examples of this rank and the sum of their losses.
    """

    def __init__(self, figure: str, value: float, examples: dict[int, float]) -> None:
        super().__init__(f"{figure} is {value}")
        self.figure = figure
        self.value = value
        self.examples = examples


class Totals(NamedTuple):
    """What a step's figures are made of, summed over the ranks."""

    loss: float
    tokens: int
    trained_tokens: int
    source_losses: list[float]
    source_tokens: list[int]


class _TokenLoss(torch.nn.Module):
    """From ids to the weighted sum of the losses of trained tokens; the root of what is sharded."""

    def __init__(self, model: "PreTrainedModel") -> None:
        super().__init__()
        self.model = model
        self.is_plain = has_plain_head(model)
        self.most_positions = most_positions(model)
        self.vocab_size = int(model.config.vocab_size)

    def forward(
        self,
        ids_BT: torch.Tensor,
        positions_BT: torch.Tensor,
        places_N: torch.Tensor,
        targets_N: torch.Tensor,
        weights_N: torch.Tensor,
        *,
        ends: torch.Tensor | None = None,
        longest: int = 0,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the weighted sum and, detached, each token's loss."""
        given: dict[str, Any] = {
            "input_ids": ids_BT,
            # Padding may be longer than any example: positions start again, nobody looks at it.
            "position_ids": positions_BT % self.most_positions,
            "use_cache": False,
        }
        if ends is not None:  # found on the device, they would be waited for in every pass
            given |= {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends}
            given |= {"max_length_q": longest, "max_length_k": longest}
        if not self.is_plain:
            logits_NV = self.model(**given).logits.flatten(0, 1)[places_N]
            return cross_entropy(
                logits_NV, _itself, targets_N, weights_N, vocab_size=self.vocab_size
            )
        hidden_NH = self.model.base_model(**given).last_hidden_state.flatten(0, 1)[places_N]
        untyped: Any = self.model
        head = untyped.get_output_embeddings()
        return cross_entropy(hidden_NH, head, targets_N, weights_N, vocab_size=self.vocab_size)


Piece = MicroBatch | Loaded


def _on_host(micro_batches: Sequence[Piece]) -> list[MicroBatch]:
    return [each.piece if isinstance(each, Loaded) else each for each in micro_batches]


def _itself(logits_NV: torch.Tensor) -> torch.Tensor:
    return logits_NV


class Stepper:
    """Takes steps with a model.

    Attributes:
        model: In float32 or finer, on its device, prepared by `models.prepare`.
        optimizer: The recipe's.
        is_sharded: Whether each rank holds a part of the parameters.
        adapter: Of the model, where the recipe has one: all else of the model stays as it is.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        recipe: Recipe,
        sources: Sequence[str],
        *,
        seed: int = 0,
        ranks: Ranks | None = None,
        compute: torch.dtype = torch.float32,
        sharded: bool = False,
        adapter: Adapter | None = None,
    ) -> None:
        assert (recipe.adapter is None) == (adapter is None)
        self.model = model
        self.recipe = recipe
        self.sources = sources
        self.seed = seed
        self.ranks = ranks or Ranks()
        self.compute = compute
        self.is_sharded = sharded
        self.adapter = adapter
        self.keys = TokenKeys() if adapter is None else adapter.keys
        self.dropout = _dropout(model, recipe)
        self.is_noisy = self.dropout is not None or bool(recipe.adapter and recipe.adapter.dropout)
        self.root = _TokenLoss(model)
        self._loader = Loader(
            model.device,
            torch.promote_types(model.dtype, torch.float32),
            rule=recipe.loss,
            seed=seed if self.is_noisy else None,
            with_ends=takes_lengths(model),
        )
        if sharded:
            shard(self.root, decoder_layers(model), compute)
        self.optimizer = recipe.optimizer(model.parameters())

    def load(self, micro_batches: Sequence[MicroBatch], step: int) -> list[Loaded]:
        """Returns micro-batches of a step, counted from 0, where the model is; from any thread."""
        return [self._loader.load(each, step) for each in micro_batches]

    def take(self, micro_batches: Sequence[Piece], step: int, steps: int, epoch: int) -> Step:
        """Takes a step, counted from 0, with micro-batches that are loaded or not yet.

        Raises:
            NotFinite: Before anything is changed.
        """
        lr = self.recipe.lr_at(step, steps)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        totals, losses = self.gradients(micro_batches, step)
        norm = self._clip()
        for figure, value in (("loss", totals.loss), ("gradient norm", norm)):
            if not np.isfinite(value):
                raise NotFinite(figure, value, _by_example(_on_host(micro_batches), losses))
        self.optimizer.step()
        return Step(
            step=step + 1,
            steps=steps,
            epoch=epoch + 1,
            loss=totals.loss,
            tokens=totals.tokens,
            trained_tokens=totals.trained_tokens,
            lr=lr,
            grad_norm=norm,
            sources={
                name: loss / tokens
                for name, loss, tokens in zip(
                    self.sources, totals.source_losses, totals.source_tokens, strict=True
                )
                if tokens
            },
        )

    def gradients(
        self, micro_batches: Sequence[Piece], step: int
    ) -> tuple[Totals, list[torch.Tensor]]:
        """Puts the gradients of the batch's loss on the parameters.

        Args:
            micro_batches: Of this rank.
            step: From 0; finds the noise.

        Returns:
            The totals, and the loss of each trained token by micro-batch.
        """
        self.optimizer.zero_grad()
        pieces = _on_host(micro_batches)
        share = self._share(pieces)
        sums, losses = [], []
        for each in self._filled(micro_batches):
            loaded = each if isinstance(each, Loaded) else self._loader.load(each, step)
            loss, loss_N = self._backward(loaded, share)
            sums.append(loss)
            losses.append(loss_N)
        if not self.is_sharded:
            self.ranks.sum_gradients(self.model.parameters())
        # The host waits for the device here, once a step, and not in any pass.
        total = float(torch.stack(sums).sum()) if sums else 0.0
        return self._totals(total, pieces, losses), losses[: len(micro_batches)]

    def _share(self, pieces: Sequence[MicroBatch]) -> float:
        """Returns what a token's weight is to be divided by: the numbers of the whole batch."""
        tokens = sum(len(each.places_N) for each in pieces)
        examples = sum(each.num_trained_examples for each in pieces)
        count = tokens if self.recipe.loss == "tokens" else examples
        if self.ranks.world_size == 1:
            return float(max(count, 1))
        return float(max(int(self.ranks.sum(torch.tensor(count, device=self.model.device))), 1))

    def _filled(self, micro_batches: Sequence[Piece]) -> list[Piece]:
        """Where parameters are gathered by all ranks together, all pass as often as any."""
        if not self.is_sharded:
            return list(micro_batches)
        most = self.ranks.largest(len(micro_batches), self.model.device)
        missing = most - len(micro_batches)
        return [*micro_batches, *[_NOTHING] * missing]

    def _backward(self, each: Loaded, share: float) -> tuple[torch.Tensor, torch.Tensor]:
        each.wait()
        if each.keys_BT is not None:
            self.keys.BT = each.keys_BT
            if self.dropout is not None:
                self.dropout.keys_BT = each.keys_BT
        with self._autocast():
            loss, loss_N = self.root(
                each.ids_BT, each.positions_BT, each.places_N, each.targets_N, each.weights_N,
                ends=each.ends, longest=each.longest,
            )  # fmt: skip
        loss = loss / share
        # Sharded gradients are averaged over the ranks; the loss is a sum over them.
        scale = self.ranks.world_size if self.is_sharded else 1
        torch.autograd.backward(loss * scale)
        return loss.detach(), loss_N

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.compute is torch.float32 or self.is_sharded:  # sharding casts what it gathers
            return nullcontext()
        return torch.autocast(self.model.device.type, dtype=self.compute)

    def _clip(self) -> float:
        """Clips the gradient where the recipe says so, and returns its norm."""
        norm: Any = torch.nn.utils.clip_grad_norm_(
            self.model.parameters(), self.recipe.clip or float("inf")
        )
        return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)

    def _totals(
        self, loss: float, micro_batches: Sequence[MicroBatch], losses: Sequence[torch.Tensor]
    ) -> Totals:
        num_sources = len(self.sources)
        source_losses, source_tokens = np.zeros(num_sources), np.zeros(num_sources)
        for each, loss_N in zip(micro_batches, losses, strict=False):
            own = loss_N.double().cpu().numpy()
            source_losses += np.bincount(each.source_N, weights=own, minlength=num_sources)
            source_tokens += np.bincount(each.source_N, minlength=num_sources)
        tokens = sum(each.num_tokens for each in micro_batches)
        figures = np.concatenate([[loss, tokens], source_losses, source_tokens])
        summed = self.ranks.sum(torch.from_numpy(figures).to(self.model.device)).cpu().numpy()
        counts = summed[2 + num_sources :].astype(int).tolist()
        return Totals(
            float(summed[0]), int(summed[1]), sum(counts), summed[2 : 2 + num_sources].tolist(),
            counts,
        )  # fmt: skip


def _dropout(model: "PreTrainedModel", recipe: Recipe) -> ResidualDropout | None:
    rates: Callable[[int], list[float]] = recipe.dropout_rates
    if not any(rates(2)):
        return None
    return ResidualDropout.attach(model, rates(len(decoder_layers(model))))


def _by_example(
    micro_batches: Sequence[MicroBatch], losses: Sequence[torch.Tensor]
) -> dict[int, float]:
    """Returns the sum of the losses of each example."""
    sums: dict[int, float] = {}
    for each, loss_N in zip(micro_batches, losses, strict=True):
        for example, loss in zip(each.example_N.tolist(), loss_N.tolist(), strict=True):
            sums[example] = sums.get(example, 0.0) + loss
    return sums


def _nothing() -> MicroBatch:
    """A micro-batch of one place, in which nothing is trained."""
    from taskc.runtime.layout import Batch

    zeros, none = np.zeros((1, 1), np.int64), np.zeros(0, np.int64)
    batch = Batch(zeros, zeros - 100, zeros, np.array([0, 1], np.int32), (0,))
    return MicroBatch(batch, zeros - 1, none, none, none, none)


_NOTHING = _nothing()
