"""`templates none` and `templates name`: what is left when the instructions go."""

import pytest

from taskc.compiler import plan
from taskc.compiler.ablations import named, without_instructions
from taskc.compiler.rows.values.evaluate import Env
from taskc.compiler.turns.templates.prompts import compiled

AT = plan.Place(path="a.task", start=0, end=1, line=1, column=1)
PREMISE, HYPOTHESIS = plan.Name(name="premise"), plan.Name(name="hypothesis")
ANSWER, OPTIONS = plan.Name(name="answer"), plan.Name(name="options")


def text(*parts):
    """A template text."""
    return plan.TemplateText(parts=parts)


def prompt(label, *given, when=None, kind="prompt"):
    """A prompt that asks for the answer."""
    turns = (
        plan.Turn(role="input", text=text(*given), trained=False),
        plan.Turn(role="target", text=text(ANSWER), trained=True),
    )
    return plan.Prompt(label=label, kind=kind, when=when, turns=turns, messages=None, at=AT)


def template(*prompts, sources=("rte",), options=None):
    """A template for some sources."""
    return plan.Template(
        name="conclude",
        sources=sources,
        options=options,
        lets=(),
        wheres=(),
        prompts=prompts,
        at=AT,
    )


def choice(style):
    """Options over a choice field."""
    surfaces = tuple((value, text(surface)) for value, surface in (("y", "Sure"), ("n", "Never")))
    return plan.ChoiceOptions(field="label", surfaces=surfaces, style=style, shuffled=False, at=AT)


def answers(of):
    """What `{answer}` stands for in a row of each choice."""
    (made,) = compiled([of])
    found = [made.options.of(Env({"label": label}, None), None) for label in ("y", "n")]
    return [options.answers[options.own] for options in found]


def test_none_keeps_values_and_target():
    """Words and options go, a value that stands twice stands once, the target stays."""
    wordy = prompt("p", "Given ", PREMISE, " is ", HYPOTHESIS, " so? ", PREMISE, "\n", OPTIONS)
    (bare,) = without_instructions((template(wordy, prompt("q", "Or ", PREMISE)),))[0].prompts

    assert bare.label == "none"
    assert bare.turns[0].text == text(PREMISE, "\n", HYPOTHESIS)
    assert bare.turns[1] == wordy.turns[1]


def test_each_condition_keeps_a_prompt():
    """Rows that only some prompts apply to still have one; inverse prompts go."""
    empty = plan.Binary(operator="==", left=HYPOTHESIS, right=plan.Const(value=""))
    prompts = (
        prompt("both", PREMISE, " and ", HYPOTHESIS),
        prompt("alone", "Only ", PREMISE, when=empty),
        prompt("turned", "Make one of ", ANSWER, kind="inverse"),
    )
    kept = without_instructions((template(*prompts),))[0].prompts

    assert [(each.label, each.when) for each in kept] == [("none", None), ("none_2", empty)]


@pytest.mark.parametrize("style", ["letters", "numbers", "dashes", "none"])
def test_an_answer_is_the_words_of_its_option(style):
    """Without the list there is nothing that a letter or number stands for."""
    listed = template(prompt("p", PREMISE, "\n", OPTIONS), options=choice(style))
    (bare,) = without_instructions((listed,))
    (after_name,) = named((listed,), {"rte": "[RTE] "})

    assert answers(bare) == answers(after_name) == ["Sure", "Never"]
    assert bare.prompts[0].turns[1].text == text(ANSWER)


def test_a_list_that_is_left_keeps_its_letters():
    """What the model says stays as it is, and may be the list that the answer points into."""
    turns = (
        plan.Turn(role="user", text=text("Ask me about ", PREMISE, "."), trained=False),
        plan.Turn(role="assistant", text=text("Which one?\n", OPTIONS), trained=True),
        plan.Turn(role="user", text=text("Tell me."), trained=False),
        plan.Turn(role="assistant", text=text(ANSWER), trained=True),
    )
    asked = plan.Prompt(label="p", kind="dialogue", when=None, turns=turns, messages=None, at=AT)
    (bare,) = without_instructions((template(asked, options=choice("letters")),))

    assert answers(bare) == ["A", "B"]


def test_name_says_what_is_asked_of_each_source():
    """One template a source, the name before its first line."""
    both = template(prompt("p", "Given ", PREMISE), sources=("rte", "cb"))
    made = named((both,), {"rte": "[NLI: RTE] ", "cb": "[NLI: CB] "})

    assert [(each.name, each.sources) for each in made] == [
        ("conclude.rte", ("rte",)),
        ("conclude.cb", ("cb",)),
    ]
    assert made[1].prompts[0].turns[0].text == text("[NLI: CB] ", PREMISE)
    assert made[1].prompts[0].label == "name"


def test_a_mixture_asks_for_it(project):
    """Lowering takes the words out of every template that the mixture's build has."""
    spec = project().spec.replace("  seed 3", "  templates name\n  seed 3")
    spec = spec.replace("source small: sum {", 'source small: sum "Small sums" {')
    templates = project(spec=spec).plan().templates

    assert {
        template.sources[0]: template.prompts[0].turns[0].text.parts[0] for template in templates
    } == {"small": "[arithmetic: Small sums] ", "large": "[arithmetic: large] "}
