"""Classification by likelihood: the option that the model finds likeliest is its answer.

In: a causal language model and rows with options (FLAN's rank classification). Out: log-likelihoods
of every option of every row. An option's likelihood is that of its tokens behind the prompt, of all
of them, the end of the target among them where training had one; nothing else enters. Two rows that
tie go to the first option, as FLAN's own argmax does.

Options of one row are passes over the same prompt; several are padded into one batch at the right,
which no earlier place can see.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Ranked", "rank"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row whose options were ranked.

    Attributes:
        source, cluster, template, label: Where it is from, and which prompt asked.
        row_id: Equal for all prompts of one row.
        scores: Log-likelihood of each option, in nats.
        correct: Indices of the right options.
    """

    source: str
    cluster: str
    template: str
    label: str
    row_id: bytes
    scores: tuple[float, ...]
    correct: tuple[int, ...]

    @property
    def answer(self) -> int:
        """The first of the likeliest options."""
        return max(range(len(self.scores)), key=self.scores.__getitem__)

    @property
    def is_right(self) -> bool:
        """Whether that is a right one."""
        return self.answer in self.correct


@dataclass(frozen=True, slots=True)
class _Choice:
    """One option of one row."""

    row: int
    prompt: list[int]
    option: list[int]


def rank(
    model: "PreTrainedModel",
    rows: Iterable[dict[str, Any]],
    *,
    score: Literal["sum", "mean"] = "sum",
    max_tokens: int = 8_192,
) -> list[Ranked]:
    """Ranks the options of rows; rows without options are left out.

    Args:
        model: On its device, in evaluation mode.
        rows: Of an `EvaluationSplit`.
        score: Log-likelihood of an option: its sum, or its mean a token.
        max_tokens: Of a batch, padding included; one option is always a batch.
    """
    asked = [row for row in rows if row["option_ids"]]
    choices = [
        _Choice(number, list(row["input_ids"]), list(option))
        for number, row in enumerate(asked)
        for option in row["option_ids"]
    ]
    scores: list[list[float]] = [[] for _ in asked]
    with torch.no_grad():
        for batch in _batches(choices, max_tokens):
            for choice, total in zip(batch, _log_likelihoods(model, batch), strict=True):
                scores[choice.row].append(total / (len(choice.option) if score == "mean" else 1))
    return [
        Ranked(
            source=str(row["source"]),
            cluster=str(row["cluster"]),
            template=str(row["template"]),
            label=str(row["label"]),
            row_id=bytes(row["row_id"]),
            scores=tuple(found),
            correct=tuple(row["correct"]),
        )
        for row, found in zip(asked, scores, strict=True)
    ]


def _batches(choices: Sequence[_Choice], max_tokens: int) -> Iterator[list[_Choice]]:
    """Yields as many at a time as fit, in order."""
    batch: list[_Choice] = []
    longest = 0
    for choice in choices:
        longest = max(longest, len(choice.prompt) + len(choice.option))
        if batch and (len(batch) + 1) * longest > max_tokens:
            yield batch
            batch, longest = [], len(choice.prompt) + len(choice.option)
        batch.append(choice)
    if batch:
        yield batch


def _log_likelihoods(model: "PreTrainedModel", batch: Sequence[_Choice]) -> list[float]:
    """Returns the sum of the log-likelihoods of each option's tokens."""
    whole = [choice.prompt + choice.option for choice in batch]
    ids_BT = torch.zeros((len(batch), max(map(len, whole))), dtype=torch.long)
    for ids_T, ids in zip(ids_BT, whole, strict=True):
        ids_T[: len(ids)] = torch.tensor(ids)
    untyped: Any = model
    logits_BTV = untyped(input_ids=ids_BT.to(model.device), use_cache=False).logits
    found = []
    for choice, logits_TV in zip(batch, logits_BTV, strict=True):
        begin = len(choice.prompt) - 1  # a token is predicted at the place before it
        logits_NV = logits_TV[begin : begin + len(choice.option)]
        targets_N = torch.tensor(choice.option, device=logits_NV.device)
        losses_N = torch.nn.functional.cross_entropy(
            logits_NV.to(torch.promote_types(logits_NV.dtype, torch.float32)),
            targets_N,
            reduction="none",
        )
        found.append(-float(losses_N.sum()))
    return found
