"""`templates none` and `templates name`: what is left when the instructions go."""

from taskc.compiler import plan
from taskc.compiler.ablations import named, without_instructions

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


def template(*prompts, sources=("rte",)):
    """A template for some sources."""
    return plan.Template(
        name="conclude", sources=sources, options=None, lets=(), wheres=(), prompts=prompts, at=AT
    )


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
