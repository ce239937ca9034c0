"""Dropout on the residual branches of a decoder, its noise found by key and not drawn.

In: a model of transformers and a rate for each layer. Out: the same model, with hooks that zero
entries of what each attention and each MLP adds to the residual stream, and scale the others up
(Ouyang et al. 2022; Zhou et al. 2023). Which entries is a function of seed, step, layer, example
and the place in the example: not of the batch, the rank or the order of work. So a resumed run, one
on another number of ranks and a recomputed activation meet the same noise, and no generator is
saved.

Costs about ten elementwise operations on int32 for each branch.

Shapes: B rows of a batch, T places of a row, H entries of the residual stream.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from taskc.runtime.artifact import ArtifactError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["KeyedDropout", "ResidualDropout", "TokenKeys", "decoder_layers", "ramp", "token_keys"]

# Where attention and MLP end, by the names of their modules: in models that normalise what a branch
# gives, at that norm. Which pair is right is measured, see `check`.
_BRANCHES = (
    ("post_self_attn_layernorm", "post_mlp_layernorm"),
    ("post_attention_layernorm", "post_feedforward_layernorm"),
    ("self_attn", "mlp"),
    ("attn", "mlp"),
    ("attention", "mlp"),
)
_PROBE_RATE = 0.5
_BITS = 24  # of a draw


def ramp(bottom: float, top: float, num_layers: int) -> list[float]:
    """Returns a rate for each layer, rising in equal steps from the bottom layer to the top one."""
    if num_layers == 1:
        return [top]
    return [bottom + (top - bottom) * i / (num_layers - 1) for i in range(num_layers)]


def token_keys(
    seed: int, step: int, examples_BT: npt.NDArray[Any], positions_BT: npt.NDArray[Any]
) -> npt.NDArray[np.int32]:
    """Returns the key of each token's noise, int32 [B, T].

    Args:
        seed: Of the run.
        step: From 0, over all epochs.
        examples_BT: Example ids; any number in padding.
        positions_BT: Places in the examples.
    """
    name = f"taskc dropout {seed} {step}".encode()
    key = np.frombuffer(blake2b(name, digest_size=8).digest(), "<u8")[0]
    example_BT = _mixed(examples_BT.astype(np.int64).view(np.uint64) ^ key)
    token_BT = _mixed(example_BT + positions_BT.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return (token_BT >> np.uint64(32)).astype(np.uint32).view(np.int32)


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """splitmix64's finaliser."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@dataclass(slots=True)
class TokenKeys:
    """Keys of the tokens of the batch that a model is given next, int32 [B, T]; None: no noise."""

    BT: torch.Tensor | None = None


class KeyedDropout(torch.nn.Module):
    """Dropout by key on whatever it is given, [B, T, H]; without keys it changes nothing.

    Args:
        rate: Share of the entries that fall.
        name: Of the place; other places, other noise.
        keys: Set before each pass.
    """

    def __init__(self, rate: float, name: str, keys: TokenKeys) -> None:
        super().__init__()
        self.rate = rate
        self.keys = keys
        self._salt = _salt(name)

    def forward(self, values_BTH: torch.Tensor) -> torch.Tensor:
        """Zeroes entries and scales the others up."""
        if self.keys.BT is None:
            return values_BTH
        return _drop(values_BTH, self.keys.BT, self.rate, self._salt)


class _Seen(NamedTuple):
    """What came out of a branch, and what was passed on."""

    raw_BTH: torch.Tensor
    dropped_BTH: torch.Tensor


@dataclass
class ResidualDropout:
    """Dropout on a model's residual branches; made by `attach`.

    Attributes:
        rates: Of each layer, from the bottom.
        keys_BT: Keys of the tokens of the batch that the model is given next; None: no dropout.
    """

    rates: Sequence[float]
    keys_BT: torch.Tensor | None = None
    _handles: list[Any] = field(default_factory=list)
    _seen: dict[tuple[int, int], _Seen] | None = None

    @classmethod
    def attach(cls, model: "PreTrainedModel", rates: Sequence[float]) -> "ResidualDropout":
        """Hooks dropout in, where a measurement shows that it stands on the residual branch.

        Raises:
            ArtifactError: If the model's layers can't be found, or the sum of the stream and the
                dropped branches is not what a layer gives on.
        """
        layers = decoder_layers(model)
        if len(layers) != len(rates):
            raise ArtifactError("dropout", "rates", f"one for each of {len(layers)} layers",
                                str(len(rates)))  # fmt: skip
        if not all(0.0 <= rate < 1.0 for rate in rates):
            raise ArtifactError("dropout", "rates", "each from 0 to below 1", str(list(rates)))
        for names in _BRANCHES:
            if not all(hasattr(layer, name) for layer in layers for name in names):
                continue
            dropout = cls(list(rates))
            dropout._hook(layers, names)
            if dropout.is_on_the_branch(model):
                return dropout
            dropout.detach()
        raise ArtifactError(
            f"model of family {model.config.model_type}",
            "residual dropout",
            "layers that give on the stream plus what attention and MLP add",
            "layers where dropout behind those modules comes to something else",
        )

    def detach(self) -> None:
        """Takes the hooks out of the model."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def is_on_the_branch(self, model: "PreTrainedModel") -> bool:
        """Measures whether every layer gives on input + dropped attention + dropped MLP.

        The model runs once over a few tokens, with half of every branch dropped.
        """
        base: torch.nn.Module = model.base_model
        ends: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        with self._probing() as seen, _watched(decoder_layers(model), ends), torch.no_grad():
            ids_BT = torch.arange(8, device=model.device)[None] % int(model.config.vocab_size)
            self.keys_BT = ids_BT.to(torch.int32)
            base(input_ids=ids_BT, use_cache=False)
        for index in range(len(self.rates)):
            into, out = ends[index]
            attention, mlp = seen[index, 0], seen[index, 1]
            expected = into + attention.dropped_BTH + mlp.dropped_BTH
            bound = 64 * torch.finfo(out.dtype).eps * float(expected.abs().max())
            if not torch.allclose(out, expected, rtol=0.0, atol=bound):
                return False
            if bool((attention.raw_BTH == attention.dropped_BTH).all()):
                return False
        return True

    # ---- the hooks -------------------------------------------------------------------------------

    def _hook(self, layers: "list[torch.nn.Module]", names: tuple[str, str]) -> None:
        for index, layer in enumerate(layers):
            for branch, name in enumerate(names):
                module = layer.get_submodule(name)
                self._handles.append(module.register_forward_hook(self._hook_of(index, branch)))

    def _hook_of(self, layer: int, branch: int) -> Any:
        salt = _salt(f"layer {layer} branch {branch}")

        def drop(_module: Any, _arguments: Any, output: Any) -> Any:
            if isinstance(output, tuple):
                return (self._dropped(output[0], layer, branch, salt), *output[1:])
            return self._dropped(output, layer, branch, salt)

        return drop

    def _dropped(
        self, values_BTH: torch.Tensor, layer: int, branch: int, salt: int
    ) -> torch.Tensor:
        rate = self.rates[layer] if self._seen is None else _PROBE_RATE
        if self.keys_BT is None or not rate:
            return values_BTH
        dropped_BTH = _drop(values_BTH, self.keys_BT, rate, salt)
        if self._seen is not None:
            self._seen[layer, branch] = _Seen(values_BTH, dropped_BTH)
        return dropped_BTH

    @contextlib.contextmanager
    def _probing(self) -> Iterator[dict[tuple[int, int], _Seen]]:
        self._seen = {}
        try:
            yield self._seen
        finally:
            self._seen, self.keys_BT = None, None


def _salt(name: str) -> int:
    """Returns 32 bits that tell a place from others."""
    return int(np.frombuffer(blake2b(name.encode(), digest_size=4).digest(), "<i4")[0])


def _drop(values_BTH: torch.Tensor, keys_BT: torch.Tensor, rate: float, salt: int) -> torch.Tensor:
    kept_BTH = _draws(keys_BT, values_BTH.shape[-1], salt) >= int(rate * (1 << _BITS))
    return values_BTH * kept_BTH * (1.0 / (1.0 - rate))


def _draws(keys_BT: torch.Tensor, width: int, salt: int) -> torch.Tensor:
    """Returns a whole number from 0 to 2 ** 24 - 1 for each token and entry, int32 [B, T, H]."""
    entries_H = _mixed_32(torch.arange(1, width + 1, dtype=torch.int32, device=keys_BT.device))
    tokens_BT = _mixed_32(keys_BT ^ salt)
    return (_mixed_32(tokens_BT[..., None] ^ entries_H) >> 8) & 0xFFFFFF


def _mixed_32(values: torch.Tensor) -> torch.Tensor:
    """Mixes 32 bits by two multiplications (Wellons, "lowbias32"); int32 wraps around."""
    values = (values ^ ((values >> 16) & 0xFFFF)) * 0x7FEB352D
    values = (values ^ ((values >> 15) & 0x1FFFF)) * (0x846CA68B - (1 << 32))
    return values ^ ((values >> 16) & 0xFFFF)


def decoder_layers(model: "PreTrainedModel") -> "list[torch.nn.Module]":
    """Returns the decoder's layers from the bottom.

    Raises:
        ArtifactError: If no list of modules is as long as the configuration says.
    """
    count = getattr(model.config, "num_hidden_layers", None)
    for module in model.base_model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return list(module)
    family = f"model of family {model.config.model_type}"
    raise ArtifactError(family, "layers", f"a list of {count} modules", "none")


@contextlib.contextmanager
def _watched(
    layers: "list[torch.nn.Module]", ends: dict[int, tuple[torch.Tensor, torch.Tensor]]
) -> Iterator[None]:
    """Keeps what goes into each layer and what comes out."""

    def watch(index: int) -> Any:
        def keep(_module: Any, arguments: Any, named: Any, output: Any) -> None:
            into = arguments[0] if arguments else named["hidden_states"]
            ends[index] = (into, output[0] if isinstance(output, tuple) else output)

        return keep

    handles = [
        layer.register_forward_hook(watch(index), with_kwargs=True)
        for index, layer in enumerate(layers)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
