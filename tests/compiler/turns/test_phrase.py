"""Which prompt a row draws, what its names are, and why a row leaves."""

from itertools import pairwise
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskc.compiler import plan
from taskc.compiler.keys import RowKey, Scope, permutation, rendezvous
from taskc.compiler.turns import phrase as phrase_stage
from taskc.compiler.turns.phrase import phrase
from taskc.compiler.turns.turn import Loss, Turn


@pytest.fixture
def phrased(bench, make):
    """Phrases rows under templates."""

    def run(rows, *templates, **changes):
        return phrase(bench.task(rows, templates, make.prompt_target(), **changes))

    return run


def texts(phrasing):
    """The texts of every example's turns."""
    return [tuple(turn.text for turn in example.turns) for example in phrasing.examples]


TEXT = st.text(max_size=3)
VALUE = st.none() | st.booleans() | st.integers(0, 9) | st.lists(TEXT, max_size=1)
NUMBERS = [{"n": str(number)} for number in range(100)]


# ---- choosing ----------------------------------------------------------------------------------


def test_turns_have_role_text_and_loss(phrased, make):
    """A template yields turns, never one string with a mask guessed back."""
    phrasing = phrased([{"n": "1"}], make.template(make.prompt("p", "Q {n}?", "A {n}")))

    (example,) = phrasing.examples
    assert example.turns == [
        Turn("input", "Q 1?", Loss.NEVER),
        Turn("target", "A 1", Loss.BY_FORMAT),
    ]


def test_prompts_of_all_templates_are_drawn_by_rendezvous(phrased, make):
    """Over "TEMPLATE.LABEL", with the mixture's seed and the repetition."""
    first = make.template(make.prompt("a", "ta", "x"), make.prompt("b", "tb", "x"))
    second = make.template(make.prompt("a", "ua", "x"), name="u")
    phrasing = phrased(NUMBERS, first, second, seed=5, repetition=2)
    rows = make.rows_of(NUMBERS)
    labels = ["t.a", "t.b", "u.a"]
    expected = [
        labels[rendezvous(Scope.mixture(5), "s", RowKey(row_id, 0), 2, labels)].replace(".", "")
        for row_id in rows.ids
    ]

    assert [text[0] for text in texts(phrasing)] == expected
    assert {0, 1} == {example.template for example in phrasing.examples}


def test_a_repetition_draws_again(phrased, make):
    """A row that comes back may come back in other words."""
    both = make.template(make.prompt("a", "a", "x"), make.prompt("b", "b", "x"))

    assert texts(phrased(NUMBERS, both)) != texts(phrased(NUMBERS, both, repetition=1))


def test_the_choice_does_not_depend_on_the_chunk(phrased, make):
    """Rows phrased one by one are phrased as in one task."""
    both = make.template(make.prompt("a", "a{n}", "x"), make.prompt("b", "b{n}", "x"))
    apart = [texts(phrased([row], both))[0] for row in NUMBERS]

    assert texts(phrased(NUMBERS, both)) == apart


@given(
    st.lists(
        st.fixed_dictionaries({"n": TEXT, "k": TEXT}) | st.fixed_dictionaries({"n": TEXT | VALUE}),
        max_size=9,
    ),
    st.lists(st.sampled_from(["{n}", "", "{k}{n}", "{{{n}", "a {n}b{n}"]), min_size=2, max_size=4),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_column_gives_what_its_rows_give_one_by_one(phrased, make, rows, written):
    """Also what no placeholder takes, and what a row doesn't have."""
    prompts = [
        make.prompt(f"p{index}", text, target)
        for index, (text, target) in enumerate(pairwise(written))
    ]
    together = phrased(rows, make.template(*prompts))
    with mock.patch.object(phrase_stage._Phraser, "columns", return_value=None):
        apart = phrased(rows, make.template(*prompts))

    assert list(together.examples) == list(apart.examples)
    assert together.pairs == apart.pairs
    assert together.mistakes == apart.mistakes


def test_columns_are_examples_in_order(phrased, make):
    """As a list of them is."""
    two = make.template(make.prompt("a", "a{n}", "x"), make.prompt("b", "b{n}", "x"))
    examples = phrased(NUMBERS, two).examples

    assert isinstance(examples, phrase_stage.PhrasedColumns)
    assert [examples[index] for index in range(len(examples))] == list(examples)
    assert examples[90:] == list(examples)[90:]
    assert [example.row for example in examples] == list(range(100))
    assert {example.prompt for example in examples} == {0, 1}


def test_only_prompts_that_apply_are_drawn(phrased, make):
    """`when` and `where` take prompts away before the draw."""
    gated = make.template(
        make.prompt("one", "one", "x", when=make.equals("n", "1")),
        make.prompt("two", "two", "x", when=make.equals("n", "2")),
        wheres=(make.where("k", 0, make.place(7)),),
        at=make.place(5),
    )
    rows = [{"n": "1", "k": 0}, {"n": "2", "k": 0}, {"n": "3", "k": 0}, {"n": "1", "k": 1}]
    phrasing = phrased(rows, gated)

    assert texts(phrasing) == [("one", "x"), ("two", "x")]
    assert [(row, drop.reason, drop.at.line) for row, drop in phrasing.drops.items()] == [
        (2, "no prompt applies", 5),
        (3, "where", 7),
    ]


def test_a_prompt_without_target_is_not_trained_on(phrased, make):
    """It is for generation; a row that has no other leaves."""
    phrasing = phrased([{"n": "1"}], make.template(make.prompt("g", "{n}")))

    assert phrasing.examples == []
    assert phrasing.drops[0].reason == "no prompt applies"


def test_a_row_without_templates_is_in_the_ledger(phrased):
    """The source is the place."""
    phrasing = phrased([{"n": "1"}])

    assert (phrasing.drops[0].reason, phrasing.drops[0].at.line) == ("no prompt applies", 90)


# ---- names -------------------------------------------------------------------------------------


def test_lets_see_fields_and_earlier_lets(phrased, make):
    """And the row itself keeps its fields."""
    chain = make.template(
        make.prompt("p", "{b}", "{n}"), lets=(make.let("a", "n"), make.let("b", "a"))
    )
    row = {"n": "1"}

    assert texts(phrased([row], chain)) == [("1", "1")]
    assert row == {"n": "1"}


def test_options_and_answer_are_names_of_the_texts(phrased, make):
    """FLAN's form, and the surface of the row's own value."""
    options = make.choice_options("label", {"e": "Yes", "c": "No"})
    entail = make.template(make.prompt("p", "{options}", "{answer}"), options=options)

    assert texts(phrased([{"label": "c"}], entail)) == [("OPTIONS:\n- Yes\n- No", "No")]


def test_letters_answer_with_the_letter(phrased, make):
    """`{answer}` is the letter and `{answer.text}` the surface."""
    options = make.row_options("o", "a", style="letters")
    pick = make.template(make.prompt("p", "{options}", "{answer}: {answer.text}"), options=options)
    rows = [{"o": ["x", "y"], "a": 1}, {"o": ["x", "y"], "a": "x"}]

    assert texts(phrased(rows, pick)) == [
        ("OPTIONS:\n(A) x\n(B) y", "B: y"),
        ("OPTIONS:\n(A) x\n(B) y", "A: x"),
    ]


def test_surfaces_may_hold_fields(phrased, make):
    """`options winner { one: "{first}" two: "{second}" }`."""
    options = make.choice_options("w", {"1": "{first}", "2": "{second}"})
    pick = make.template(make.prompt("p", "{options}", "{answer}"), options=options)
    rows = [{"w": "2", "first": "Ann", "second": "Bo"}, {"w": "1", "first": "A", "second": "A"}]
    phrasing = phrased(rows, pick)

    assert texts(phrasing) == [("OPTIONS:\n- Ann\n- Bo", "Bo")]
    assert phrasing.drops[1].reason == "two equal options"


@pytest.mark.parametrize("kind", ["choice", "row"])
def test_shuffled_options_follow_the_keyed_permutation(phrased, make, kind):
    """Drawn under "options/TEMPLATE", again for each repetition."""
    if kind == "choice":
        options = make.choice_options("a", {"x": "x", "y": "y", "z": "z"}, shuffled=True)
        rows = [{"n": number, "a": "y"} for number in range(20)]
    else:
        options = make.row_options("o", "a", shuffled=True)
        rows = [{"n": number, "o": ["x", "y", "z"], "a": "y"} for number in range(20)]
    shuffled = make.template(make.prompt("p", "{options}", "{answer}"), options=options)
    phrasing = phrased(rows, shuffled, seed=3, repetition=1)
    expected = []
    for row_id in make.rows_of(rows).ids:
        order = permutation(Scope.mixture(3), "s", RowKey(row_id, 0), 1, "options/t", 3)
        expected.append(("OPTIONS:" + "".join(f"\n- {'xyz'[index]}" for index in order), "y"))

    assert texts(phrasing) == expected
    assert len(set(expected)) > 1


# ---- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "code", "value"),
    [
        ({"o": ["x", "y"], "a": 2}, "T0831", "2"),
        ({"o": ["x", "y"], "a": -1}, "T0831", "-1"),
        ({"o": ["x", "y"], "a": "z"}, "T0831", '"z"'),
        ({"o": ["x", "y"], "a": True}, "T0831", "true"),
        ({"o": [], "a": 0}, "T0831", "0"),
        ({"o": ["x", 3], "a": 0}, "T0832", '["x", 3]'),
        ({"o": None, "a": 0}, "T0832", "none"),
        ({"a": 0}, "T0830", ""),
    ],
)
def test_options_that_a_row_has_not_are_mistakes(phrased, make, row, code, value):
    """Never Python's rule: -1 is no position."""
    pick = make.template(
        make.prompt("p", "{options}", "{answer}"),
        options=make.row_options("o", "a", at=make.place(4)),
    )
    phrasing = phrased([row], pick)

    ((number, mistake),) = phrasing.mistakes
    assert (number, mistake.code, mistake.value, mistake.at.line) == (0, code, value, 4)
    assert phrasing.drops == {}


def test_a_value_without_a_surface_is_a_mistake(phrased, make):
    """The schema lets no such row in; a row that came another way is named."""
    options = make.choice_options("label", {"e": "Yes", "c": "No"})
    entail = make.template(make.prompt("p", "{options}", "{answer}"), options=options)
    phrasing = phrased([{"label": "n"}], entail)

    assert [mistake.field for _, mistake in phrasing.mistakes] == ["label"]


def test_an_expression_that_fails_names_its_clause(phrased, make):
    """A `let`, a `where`, a `when` and a text each stand at their own place."""
    broken = plan.GetItem(base=plan.Name(name="l"), index=plan.Const(value=3))
    row = {"l": ["a"], "n": "1"}
    at = make.place(3)
    text = plan.TemplateText(parts=(broken,))
    turns = (
        plan.Turn(role="input", text=text, trained=False),
        plan.Turn(role="target", text=text, trained=True),
    )
    prompt = plan.Prompt(label="p", kind="prompt", when=None, turns=turns, messages=None, at=at)
    sound = make.prompt("p", "{n}", "{n}")
    is_broken = plan.Binary(operator="==", left=broken, right=plan.Const(value="a"))
    templates = [
        make.template(prompt),
        make.template(sound, lets=(plan.Let(name="x", value=broken, at=at),)),
        make.template(sound, wheres=(plan.Where(condition=is_broken, text="", at=at),)),
        make.template(prompt.model_copy(update={"when": is_broken, "turns": sound.turns})),
    ]
    mistakes = [phrased([row], template).mistakes for template in templates]

    assert [(found[0][1].code, found[0][1].at.line) for found in mistakes] == [("T0830", 3)] * 4
    assert {found[0][1].notes for found in mistakes} == {("index 3 is outside a list of 1",)}
