"""Whether a model keeps the examples of a pack apart: packed logits must be each example's own.

In: a model and a packed sequence. Out: three measured differences, or a refusal. A model that lets
attention, a recurrent state or positions run across examples trains on something else than what the
artefact says, and its loss curve does not show it; so this is measured before the first step, on
examples of the artefact and, where the model has windows, on documents that are longer.

Shapes: K examples, T places, V ids.
"""

import inspect
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from taskc.runtime.artifact import ArtifactError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from taskc.runtime.reader import Sequence

__all__ = ["Isolation", "check_isolation", "measure_documents", "measure_isolation"]

MOST_OF_NOISE = 3.0
MOST_OF_LEAK = 1 / 20
ROUNDING_STEPS = 8  # noise below so many steps of the number format is taken for as many
_MOST_PLACES = 64  # of an example, evenly spread: logits are large


@dataclass(frozen=True, slots=True)
class Isolation:
    """Largest absolute differences from the logits of each example run alone.

    Attributes:
        packed: Of the packed sequence, as it is trained on.
        noise: Of the same examples as padded rows of one batch: what another layout alone costs.
        leak: Of the packed sequence as one example, in which all may see what stands before.
        rounding: The number format's step at the size of the logits.
    """

    packed: float
    noise: float
    leak: float
    rounding: float

    @property
    def holds(self) -> bool:
        """Whether packing costs no more than layout does, and a leak would have been seen."""
        noise = max(self.noise, ROUNDING_STEPS * self.rounding)
        return self.packed <= MOST_OF_NOISE * noise and self.packed <= MOST_OF_LEAK * self.leak


def check_isolation(model: "PreTrainedModel", sequence: "Sequence") -> Isolation:
    """Measures, and refuses a model under which packed examples see one another.

    Args:
        model: A causal language model of transformers.
        sequence: A packed sequence of at least two examples.

    Returns:
        What was measured; of two measurements, with and without documents longer than the model's
        window, the one with the larger difference.

    Raises:
        ArtifactError: If isolation does not hold; the message names the model's family and why.
    """
    from taskc.runtime.isolation.documents import longer_than_window

    _check_takes_positions(model)
    measured = [measure_isolation(model, sequence)]
    documents = longer_than_window(model.config, sequence)
    if documents:
        measured.append(measure_documents(model, documents))
    for each, of in zip(measured, ("", " of documents longer than its window"), strict=False):
        if not each.holds:
            raise ArtifactError(
                f"model of family {model.config.model_type}",
                f"packed logits{of}",
                "those of each example alone",
                f"a difference of {each.packed:.1e}, where layout alone makes {each.noise:.1e} "
                f"and examples that see one another {each.leak:.1e}: {_reason(model)}",
            )
    return max(measured, key=lambda each: each.packed)


def _check_takes_positions(model: "PreTrainedModel") -> None:
    if "position_ids" not in inspect.signature(model.forward).parameters:
        raise ArtifactError(
            f"model of family {model.config.model_type}",
            "forward",
            "position ids, by which a model knows where an example begins",
            "a model that takes none, so packed examples would see one another",
        )


def measure_isolation(model: "PreTrainedModel", sequence: "Sequence") -> Isolation:
    """Measures on a sequence's first examples.

    Raises:
        ArtifactError: If the sequence holds a single example, which nothing can be measured on.
    """
    from taskc.runtime.isolation.documents import examples_of

    if len(sequence.examples) < 2:  # noqa: PLR2004 (a pair)
        raise ArtifactError("sequence", "examples", "two or more", str(len(sequence.examples)))
    return measure_documents(model, examples_of(sequence))


def measure_documents(
    model: "PreTrainedModel", documents: ListOf[npt.NDArray[np.int64]]
) -> Isolation:
    """Runs the model over documents alone, padded, packed, and leaking; no dropout, no gradients.

    Of each document's logits at most 64 places are compared, from its first to its last token.
    """
    import torch

    from taskc.runtime.isolation.borders import leaking_arguments

    ids = [torch.from_numpy(np.asarray(each, np.int64)).to(model.device) for each in documents]
    ids_1T = torch.cat(ids)[None]
    positions_1T = torch.cat([torch.arange(len(each)) for each in ids])[None].to(model.device)
    places = [_spread(len(each)).to(model.device) for each in ids]
    begins = np.cumsum([0, *(len(each) for each in ids)])[:-1].tolist()
    of_pack = torch.cat([begin + each for begin, each in zip(begins, places, strict=True)])
    was_training = model.training
    model.train(mode=False)
    try:
        with torch.no_grad():
            alone_PV = torch.cat(
                [_logits(model, each[None], at)[0] for each, at in zip(ids, places, strict=True)]
            )
            rows_PV = _padded_rows(model, ids, places)
            packed_PV = _logits(model, ids_1T, of_pack, position_ids=positions_1T)[0]
            leaking = leaking_arguments(model, ids_1T)
            leaked_PV = _logits(model, ids_1T, of_pack, position_ids=positions_1T, **leaking)[0]
    finally:
        model.train(was_training)
    return Isolation(
        packed=_difference(packed_PV, alone_PV),
        noise=_difference(rows_PV, alone_PV),
        leak=_difference(leaked_PV, alone_PV),
        rounding=torch.finfo(alone_PV.dtype).eps * float(alone_PV.abs().max()),
    )


def _spread(length: int) -> "torch.Tensor":
    """Returns places of a document, all of a short one."""
    import torch

    return torch.linspace(0, length - 1, min(length, _MOST_PLACES)).round().long()


def _padded_rows(
    model: "PreTrainedModel", ids: "list[torch.Tensor]", places: "list[torch.Tensor]"
) -> "torch.Tensor":
    """Returns the logits of each document as a row of one batch.

    Padding stands at the right, where no causal model sees it.
    """
    import torch

    ids_KT = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    every: Any = torch.cat(places)  # torch leaves `unique` untyped
    wanted: torch.Tensor = every.unique()
    logits_KWV = _logits(model, ids_KT, wanted)
    return torch.cat(
        [logits_KWV[k, torch.searchsorted(wanted, own)] for k, own in enumerate(places)]
    )


def _logits(
    model: "PreTrainedModel", ids_BT: "torch.Tensor", places: "torch.Tensor", **others: Any
) -> "torch.Tensor":
    """Returns the logits at some places of every row; most families compute no others."""
    if "logits_to_keep" in inspect.signature(model.forward).parameters:
        kept: torch.Tensor = model(
            input_ids=ids_BT, use_cache=False, logits_to_keep=places, **others
        ).logits
        return kept
    logits: torch.Tensor = model(input_ids=ids_BT, use_cache=False, **others).logits
    return logits[:, places]


def _difference(one: "torch.Tensor", other: "torch.Tensor") -> float:
    return float((one.double() - other.double()).abs().max())


def _reason(model: "PreTrainedModel") -> str:
    """Says what is known of why isolation fails."""
    import torch

    if getattr(model.config, "alibi", False):
        return "its attention biases (ALiBi) count across examples"
    if any(isinstance(module, torch.nn.Conv1d) for module in model.modules()):
        return "its convolutions and recurrent states run on from one example into the next"
    known = ("eager", "sdpa", "flash_attention", "flex_attention", "taskc_")
    implementation = str(getattr(model.config, "_attn_implementation", ""))
    if not implementation.startswith(known):
        return f"its attention, {implementation!r}, makes no mask from position ids"
    return "it does not keep examples apart by where position ids restart"
