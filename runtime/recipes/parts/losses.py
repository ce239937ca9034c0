"""The loss: how much each trained token weighs, and its cross-entropy in pieces.

In: hidden states at places that predict a trained token. Out: one weighted sum. The head runs on
trained places alone, some at a time, and its logits are made again when gradients are asked for: of
a batch of 8,192 tokens and 128,000 ids a few hundred MiB are held instead of 4 GiB.

Two definitions of the loss of a batch (a global one, over all ranks and micro-batches):

    tokens      the mean over all trained tokens: long answers count more
    examples    the mean over examples of each one's mean over its trained tokens

Shapes: N trained tokens, H width of the model, V ids of the vocabulary.
"""

from collections.abc import Callable
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.checkpoint import checkpoint

__all__ = ["LossRule", "cross_entropy", "token_weights"]

LossRule = Literal["tokens", "examples"]
Head = Callable[[torch.Tensor], torch.Tensor]

_LOGITS_AT_ONCE = 1 << 26  # 256 MiB of float32


def token_weights(
    rule: LossRule, example_of_N: npt.NDArray[np.int64], *, num_tokens: int, num_examples: int
) -> npt.NDArray[np.float64]:
    """Returns the weight of each trained token, float64 [N]; over a whole batch they sum to 1.

    Args:
        rule: Which loss.
        example_of_N: For each trained token a number of its example, whole in this array.
        num_tokens: Trained tokens of the whole batch.
        num_examples: Examples of the whole batch that have a trained token.
    """
    match rule:
        case "tokens":
            return np.full(len(example_of_N), 1.0 / max(num_tokens, 1))
        case "examples":
            _, own_N, counts = np.unique(example_of_N, return_inverse=True, return_counts=True)
            weights: npt.NDArray[np.float64] = 1.0 / (counts[own_N] * max(num_examples, 1))
            return weights
        case _:
            assert_never(rule)


def cross_entropy(
    hidden_NH: torch.Tensor,
    head: Head,
    targets_N: torch.Tensor,
    weights_N: torch.Tensor,
    *,
    vocab_size: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the weighted sum of -log p and, detached, -log p of each target, [N].

    Sums are taken in float32, in float64 where the logits are.

    Args:
        hidden_NH: What the head takes.
        head: From hidden states to logits.
        targets_N: Ids.
        weights_N: Of `token_weights`.
        vocab_size: Logits a token, which says how many tokens are worked on at once.
    """
    at_once = max(16, _LOGITS_AT_ONCE // vocab_size)
    sums, losses = [], []
    for hidden, targets, weights in zip(
        *(torch.split(each, at_once) for each in (hidden_NH, targets_N, weights_N)), strict=True
    ):
        # The logits of a piece live only while the piece is worked on.
        loss_N = checkpoint(
            _losses, head, hidden, targets, use_reentrant=False, preserve_rng_state=False
        )
        sums.append((loss_N * weights).sum())
        losses.append(loss_N.detach())
    return torch.stack(sums).sum(), torch.cat(losses)


def _losses(head: Head, hidden_NH: torch.Tensor, targets_N: torch.Tensor) -> torch.Tensor:
    logits_NV = head(hidden_NH)
    logits_NV = logits_NV.to(torch.promote_types(logits_NV.dtype, torch.float32))
    return torch.nn.functional.cross_entropy(logits_NV, targets_N, reduction="none")
