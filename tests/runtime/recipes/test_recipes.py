"""Recipes: the papers' numbers, each with its source, and the optimizers that they make."""

import pytest

from taskc.runtime.recipes.flan import Flan
from taskc.runtime.recipes.lima import Lima
from taskc.runtime.recipes.sft import Sft
from taskc.runtime.schedule import examples, tokens

RECIPES = [Flan(), Lima(), Sft(lr=1e-5, epochs=1)]


def test_flan_is_wei_et_al():
    """Section 2.4: Adafactor, 3e-5, 8,192 tokens, 30,000 steps; the model after the last."""
    flan = Flan()

    assert (flan.lr, flan.batch, flan.num_steps(7)) == (3e-5, tokens(8_192), 30_000)
    assert {flan.lr_at(step, 30_000) for step in (0, 1, 15_000, 29_999)} == {3e-5}
    assert (flan.eps, flan.eps_scale, flan.update_clip, flan.decay) == (1e-30, 1e-3, 1.0, 0.8)
    assert (flan.clip, flan.keeps_epochs, flan.loss) == (0.0, False, "tokens")


def test_lima_is_zhou_et_al():
    """Section 3: fifteen epochs of batches of 32, 1e-5 to 1e-6, dropout up to 0.3."""
    lima = Lima()
    steps = lima.num_steps(32)

    assert (lima.batch, steps) == (examples(32), 480)
    assert (lima.lr_at(0, steps), lima.lr_at(steps - 1, steps)) == (1e-5, pytest.approx(1e-6))
    assert lima.dropout_rates(4) == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert (lima.keeps_epochs, lima.starts_new_tokens_from_mean) == (True, True)


def test_sft_falls_after_its_warm_up():
    """Three steps of a hundred up, then a cosine to a tenth."""
    sft = Sft(lr=1.0, epochs=2)
    rates = [sft.lr_at(step, sft.num_steps(50)) for step in range(100)]

    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates[-1] == pytest.approx(0.1)
    assert Sft(lr=1.0, steps=9, last=0.5, schedule="linear", warmup=0.0).lr_at(8, 9) == 0.5


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_number_has_a_source(recipe):
    """The specification where it gave one, else a paper or this program, in words."""
    numbers = recipe.numbers()

    assert [number.name for number in numbers] == list(type(recipe).model_fields)
    assert all(number.source for number in numbers)


def test_a_number_of_the_specification_says_so():
    """And what no paper says is not put down to one."""
    sources = {number.name: number.source for number in Flan(lr=1e-4).numbers()}

    assert sources["lr"] == "the specification"
    assert sources["steps"] == "Wei et al. 2022, section 2.4"
    assert sources["scale_parameter"].startswith("not in Wei et al.")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_decay_is_on_matrices_only(recipe):
    """FLAN has none; norms and biases never have any."""
    torch = pytest.importorskip("torch")
    matrix = torch.nn.Parameter(torch.ones(3, 2))
    vector = torch.nn.Parameter(torch.ones(3))
    frozen = torch.nn.Parameter(torch.ones(3), requires_grad=False)
    optimizer = recipe.optimizer([matrix, vector, frozen])
    decay = {
        id(parameter): group.get("weight_decay", 0.0)
        for group in optimizer.param_groups
        for parameter in group["params"]
    }

    assert decay == {id(matrix): {"lima": 0.1}.get(recipe.name, 0.0), id(vector): 0.0}
    if recipe.name == "lima":
        assert optimizer.param_groups[0]["betas"] == (0.9, 0.95)
