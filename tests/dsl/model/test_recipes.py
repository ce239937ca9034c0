"""Recipes and models as the checker knows them, against those that the runtime carries out."""

import pytest
from pydantic_core import PydanticUndefined

from taskc.dsl.model.forms import REQUIRED, Kind
from taskc.dsl.model.recipes import INNER, MODELS, RECIPES
from taskc.runtime.recipes.flan import Flan
from taskc.runtime.recipes.lima import Lima
from taskc.runtime.recipes.parts.lora import Lora
from taskc.runtime.recipes.plain import Plain
from taskc.runtime.recipes.recipe import Recipe
from taskc.runtime.recipes.sft import Sft
from taskc.runtime.schedule import BatchRule
from taskc.runtime.settings import TinyLlama

CARRIED_OUT = [
    *((RECIPES[each.name], each) for each in (Flan, Lima, Sft, Plain)),
    (MODELS["tiny_llama"], TinyLlama),
    (INNER["adapter"]["lora"], Lora),
]


def shown(argument):
    """A default of the table, as the runtime has it."""
    if argument.default is REQUIRED:
        return PydanticUndefined
    if argument.kind is Kind.FORM and isinstance(argument.default, str):
        name, _, rest = argument.default.partition("(")
        numbers = [float(each.replace("_", "")) for each in rest.strip(")").split(",")]
        return tuple(numbers) if name == "ramp" else BatchRule(name, int(numbers[0]))
    return () if argument.name == "targets" else argument.default


@pytest.mark.parametrize(("form", "model"), CARRIED_OUT, ids=lambda each: getattr(each, "name", ""))
def test_arguments_and_defaults_are_the_runtimes(form, model):
    """No name that the runtime refuses, none that it has and the checker does not, same numbers."""
    arguments = {each.name: shown(each) for each in form.arguments}

    assert arguments == {name: field.default for name, field in model.model_fields.items()}


def test_every_recipe_is_known():
    """The table holds what the runtime takes, all of it and no more."""
    assert set(RECIPES) == {each.name for each in Recipe.__subclasses__()}
