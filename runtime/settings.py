"""The lowered `train` block as typed settings.

In: the settings of a `RunBlock`, where a call is `{"call": NAME, "arguments": {...}}` and an
argument without a name is called "0". Out: frozen models; a name or number that does not fit is an
`ArtifactError` that says what would. No model and no data are touched, and torch is not loaded.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from taskc.runtime.artifact import ArtifactError, RunBlock
from taskc.runtime.recipes.flan import Flan
from taskc.runtime.recipes.lima import Lima
from taskc.runtime.recipes.parts.lora import Lora
from taskc.runtime.recipes.plain import Plain
from taskc.runtime.recipes.recipe import Recipe
from taskc.runtime.recipes.sft import Sft
from taskc.runtime.schedule import BatchRule, examples, sequences, tokens

__all__ = ["ModelFolder", "TinyLlama", "TrainSettings", "train_settings"]

_BATCH_RULES = {"examples": examples, "sequences": sequences, "tokens": tokens}
_RECIPES: dict[str, type[Recipe]] = {recipe.name: recipe for recipe in (Plain, Flan, Lima, Sft)}


class TinyLlama(BaseModel):
    """`tiny_llama(layers:, width:, heads:)`: random weights over the artefact's vocabulary."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: Annotated[int, Field(ge=1)] = 2
    width: Annotated[int, Field(ge=2)] = 64
    heads: Annotated[int, Field(ge=1)] = 4


class ModelFolder(BaseModel):
    """A local folder that transformers can load a causal language model from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path


class TrainSettings(BaseModel):
    """What a `train` block asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    model: TinyLlama | ModelFolder
    recipe: Recipe
    seed: int


def train_settings(block: RunBlock) -> TrainSettings:
    """Reads a `train` block.

    Raises:
        ArtifactError: If it is none, misses a setting, or asks for what can't be carried out.
    """
    where = f"{block.kind} {block.name}"
    if block.kind != "train":
        raise ArtifactError("run.json", where, "a train block", f"an {block.kind} block")
    known = {"data", "model", "recipe", "seed"}
    for name in sorted({"model", "recipe"} - block.settings.keys()):
        raise ArtifactError("run.json", f"{where}: {name}", "a setting", "none")
    for name in sorted(block.settings.keys() - known):
        raise ArtifactError("run.json", f"{where}: {name}", f"one of {sorted(known)}", "another")
    seed = block.settings.get("seed", 0)
    if not isinstance(seed, int):
        raise ArtifactError("run.json", f"{where}: seed", "a whole number", repr(seed))
    return TrainSettings(
        model=_model(block.settings["model"], f"{where}: model"),
        recipe=_recipe(block.settings["recipe"], f"{where}: recipe"),
        seed=seed,
    )


def _model(value: JsonValue, where: str) -> TinyLlama | ModelFolder:
    """Reads a folder, as text or `{"path": ...}`, or a call of `tiny_llama`."""
    if isinstance(value, str):
        return ModelFolder(path=Path(value))
    if isinstance(value, dict) and "path" in value:
        return _checked(ModelFolder, value, where)
    name, arguments = _call(value, where)
    if name != "tiny_llama":
        raise ArtifactError("run.json", where, "a folder or tiny_llama(...)", f"{name}(...)")
    return _checked(TinyLlama, arguments, where)


def _recipe(value: JsonValue, where: str) -> Recipe:
    name, arguments = _call(value, where)
    if name not in _RECIPES:
        expected = f"one of {', '.join(_RECIPES)}"
        raise ArtifactError("run.json", where, expected, f"{name}(...)")
    read: dict[str, object] = dict(arguments)
    if "batch" in arguments:
        read["batch"] = _batch(arguments["batch"], f"{where}: batch")
    if isinstance(arguments.get("dropout"), dict):
        read["dropout"] = _ramp(arguments["dropout"], f"{where}: dropout")
    if "adapter" in arguments:
        read["adapter"] = _adapter(arguments["adapter"], f"{where}: adapter")
    return _checked(_RECIPES[name], read, where)


def _adapter(value: JsonValue, where: str) -> Lora:
    """Reads `lora(...)`."""
    name, arguments = _call({"call": value} if isinstance(value, str) else value, where)
    if name != "lora":
        expected = "lora(...), such as lora(rank: 16, alpha: 32)"
        raise ArtifactError("run.json", where, expected, f"{name}(...)")
    return _checked(Lora, arguments, where)


def _ramp(value: JsonValue, where: str) -> tuple[JsonValue, JsonValue]:
    """Reads `ramp(BOTTOM, TOP)`."""
    name, arguments = _call(value, where)
    if name != "ramp" or set(arguments) != {"0", "1"}:
        expected = "ramp(BOTTOM, TOP), such as ramp(0.0, 0.3)"
        raise ArtifactError("run.json", where, expected, f"{name}({arguments})")
    return arguments["0"], arguments["1"]


def _batch(value: JsonValue, where: str) -> BatchRule:
    name, arguments = _call(value, where)
    count = arguments.get("0")
    if name not in _BATCH_RULES or len(arguments) != 1 or not isinstance(count, int) or count < 1:
        expected = "sequences(N), tokens(N) or examples(N) with N from 1"
        raise ArtifactError("run.json", where, expected, f"{name}({arguments})")
    return _BATCH_RULES[name](count)


def _call(value: JsonValue, where: str) -> tuple[str, dict[str, JsonValue]]:
    """Takes a lowered call apart; a bare name is a call without arguments."""
    match value:
        case {"call": str(name), "arguments": dict(arguments)}:
            return name, arguments
        case {"call": str(name)}:
            return name, {}
        case _:
            raise ArtifactError("run.json", where, "a call such as plain(steps: 40)", repr(value))


Settings = TypeVar("Settings", bound=BaseModel)


def _checked(model: type[Settings], arguments: Mapping[str, object], where: str) -> Settings:
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join((where, *(str(part) for part in first["loc"])))
        known = f"{first['msg']}; there are {', '.join(model.model_fields)}"
        raise ArtifactError("run.json", field, known, repr(first["input"])) from error
