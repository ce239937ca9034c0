"""Whether a model keeps the examples of a pack apart: packed logits must be each example's own.

In: a model and a packed sequence. Out: three measured differences, or a refusal. A model that lets
attention, a recurrent state or positions run across examples trains on something else than what the
artefact says, and its loss curve does not show it; so this is measured before the first step.

transformers finds the borders of examples where position ids restart, and only while it is given no
attention mask and no cache (`find_packed_sequence_indices` in its masking_utils). Models that
ignore position ids (Mamba, BLOOM) or count them from the mask (OPT) can't be told.
"""

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskc.runtime.artifact import ArtifactError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from taskc.runtime.reader import Sequence

__all__ = ["Isolation", "check_isolation", "measure_isolation"]

MOST_OF_NOISE = 3.0
MOST_OF_LEAK = 1 / 20
ROUNDING_STEPS = 8  # noise below so many steps of the number format is taken for as many


@dataclass(frozen=True, slots=True)
class Isolation:
    """Largest absolute differences from the logits of each example run alone.

    Attributes:
        packed: Of the packed sequence, as it is trained on.
        noise: Of the same examples as padded rows of one batch: what another layout alone costs.
        leak: Of the packed sequence with an attention mask of ones, which lets examples see each
            other.
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

    Raises:
        ArtifactError: If isolation does not hold; the message names the model's family and why.
    """
    family = str(model.config.model_type)
    if "position_ids" not in inspect.signature(model.forward).parameters:
        raise ArtifactError(
            f"model of family {family}",
            "forward",
            "position ids, by which a model knows where an example begins",
            "a model that takes none, so packed examples would see one another",
        )
    measured = measure_isolation(model, sequence)
    if not measured.holds:
        raise ArtifactError(
            f"model of family {family}",
            "packed logits",
            "those of each example alone",
            f"a difference of {measured.packed:.1e}, where layout alone makes {measured.noise:.1e} "
            f"and examples that see one another {measured.leak:.1e}: {_reason(model)}",
        )
    return measured


def measure_isolation(model: "PreTrainedModel", sequence: "Sequence") -> Isolation:
    """Runs the model four times over the sequence's tokens, without dropout or gradients.

    Raises:
        ArtifactError: If the sequence holds a single example, which nothing can be measured on.
    """
    import torch

    if len(sequence.examples) < 2:  # noqa: PLR2004 (a pair)
        raise ArtifactError("sequence", "examples", "two or more", str(len(sequence.examples)))
    ids_1T = torch.from_numpy(sequence.input_ids)[None].to(model.device)
    positions_1T = torch.from_numpy(sequence.position_ids)[None].to(model.device)
    lengths = sequence.lengths.tolist()
    was_training = model.training
    model.train(mode=False)
    try:
        with torch.no_grad():
            alone_TV = torch.cat(
                [_logits(model, ids)[0] for ids in torch.split(ids_1T, lengths, dim=1)]
            )
            rows_TV = _padded_rows(model, ids_1T, lengths)
            packed_TV = _logits(model, ids_1T, position_ids=positions_1T)[0]
            mask = torch.ones_like(ids_1T)
            leaked_TV = _logits(model, ids_1T, position_ids=positions_1T, attention_mask=mask)[0]
    finally:
        model.train(was_training)
    return Isolation(
        packed=_difference(packed_TV, alone_TV),
        noise=_difference(rows_TV, alone_TV),
        leak=_difference(leaked_TV, alone_TV),
        rounding=torch.finfo(alone_TV.dtype).eps * float(alone_TV.abs().max()),
    )


def _padded_rows(
    model: "PreTrainedModel", ids_1T: "torch.Tensor", lengths: list[int]
) -> "torch.Tensor":
    """Returns the logits of each example as a row of one batch, [T, V] without the padding.

    Padding stands at the right, where no causal model sees it.
    """
    import torch

    rows = [ids[0] for ids in torch.split(ids_1T, lengths, dim=1)]
    ids_KT = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    logits_KTV = _logits(model, ids_KT)
    return torch.cat([logits_KTV[k, :length] for k, length in enumerate(lengths)])


def _logits(
    model: "PreTrainedModel", ids_BT: "torch.Tensor", **others: "torch.Tensor"
) -> "torch.Tensor":
    logits: torch.Tensor = model(input_ids=ids_BT, use_cache=False, **others).logits
    return logits


def _difference(one: "torch.Tensor", other: "torch.Tensor") -> float:
    return float((one.double() - other.double()).abs().max())


def _reason(model: "PreTrainedModel") -> str:
    """Says what is known of why isolation fails."""
    if getattr(model.config, "alibi", False):
        return "its attention biases (ALiBi) count across examples"
    known = ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")
    implementation = str(getattr(model.config, "_attn_implementation", ""))
    if implementation not in known:
        return f"its attention, {implementation!r}, makes no mask from position ids"
    return "it does not keep examples apart by where position ids restart"
