"""Rows for tokens that a model has not seen: the mean of the rows that it has.

In: a model of transformers and the ids that are new. Out: the model, with those rows of its
embedding and of its head set. Old rows stay as they are to the bit, so every old logit does; a new
token starts as the average one, neither unlikely nor certain. The paper of LIMA adds such a token
and does not say how its row starts.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["start_from_mean"]


@torch.no_grad()
def start_from_mean(model: "PreTrainedModel", new_ids: Iterable[int], vocab_size: int) -> None:
    """Gives new ids the mean row of all other ids, in embedding and head.

    Args:
        model: Of fewer or as many rows as needed; rows are added where they lack.
        new_ids: Ids whose rows are to be set; ids that the model has no row for are set as well.
        vocab_size: Ids are below it.
    """
    num_known = cast("torch.nn.Embedding", model.get_input_embeddings()).num_embeddings
    new = sorted({*new_ids, *range(num_known, vocab_size)})
    if not new:
        return
    if num_known < vocab_size:
        model.resize_token_embeddings(vocab_size, mean_resizing=False)
    seen = torch.ones(min(num_known, vocab_size), dtype=torch.bool)
    seen[[id_ for id_ in new if id_ < len(seen)]] = False
    known = seen.nonzero()[:, 0]
    for weight in _weights(model):
        weight[new] = weight[known].double().mean(dim=0, keepdim=True).to(weight.dtype)


def _weights(model: "PreTrainedModel") -> list[torch.Tensor]:
    """Returns embedding and head with its bias, those that there are; a tied head is the former."""
    untyped: Any = model
    embedding, head = untyped.get_input_embeddings(), untyped.get_output_embeddings()
    found = [getattr(head, "weight", None), getattr(head, "bias", None)]
    return [
        embedding.weight,
        *(weight for weight in found if weight is not None and weight is not embedding.weight),
    ]
