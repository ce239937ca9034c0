"""Lowering: parameters become values, paths are resolved, every `choose` has a draw of its own."""

import posixpath

from taskc.compiler import plan
from taskc.compiler.lower import lower
from taskc.dsl.checker import check
from taskc.dsl.errors import has_errors
from taskc.dsl.packages import Memory

HEAD = "language 1\n"
TAIL = """
tokenizer t { from file("{data}/t.json")  eos "<eos>" }
mixture m { from s }
build b {
  mixture m
  tokenizer t
  format prompt_target(input: 8, target: 8, separator: eos, end: eos)
  pack best_fit(length: 32)
}
"""
SPEC = (
    HEAD
    + """
param data: path = "rows"
param greeting: text = "Hello"

source s {
  from   jsonl("{data}/s.{split}.jsonl")
  fields { a: text  b: text }
  let    c = choose(a, b)
  let    d = choose(choose(a, b), c)
}

template ask for s {
  prompt one: "{greeting} {a} {choose(b, c)}" -> "{d}"
}
"""
    + TAIL
)


def lowered(spec: str = SPEC, **params: str) -> plan.BuildPlan:
    """The plan of the one build of a spec in the folder `recipes`."""
    checked = check(["recipes"], params=params, files=Memory({"recipes/s.task": spec.encode()}))
    assert not has_errors(checked.diagnostics)
    return lower(checked.program).builds[0]


def draws(value: object) -> list[str]:
    """Names of the draws in a model, in order."""
    found = []
    if isinstance(value, plan.Call) and value.draw:
        found.append(value.draw)
    if isinstance(value, plan.Model):
        value = [getattr(value, name) for name in type(value).model_fields]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        found += [draw for item in value for draw in draws(item)]
    return found


def test_parameters_are_values():
    """A parameter's name is gone; its value stands where it stood."""
    parts = lowered().templates[0].prompts[0].turns[0].text.parts

    assert parts[0] == plan.Const(value="Hello")
    assert parts[2] == plan.Name(name="a")


def test_a_field_stands_before_a_parameter():
    """What the row calls `greeting` is the row's."""
    spec = SPEC.replace("fields { a: text", "fields { greeting: text  a: text")

    assert lowered(spec).templates[0].prompts[0].turns[0].text.parts[0] == plan.Name(
        name="greeting"
    )


def test_declared_paths_start_at_their_file_and_given_ones_at_the_working_directory():
    """`param data: path` brings its own root, which provenance is relative to."""
    declared, given = lowered().sources[0].connector, lowered(data="big/x").sources[0].connector

    assert declared.patterns == {"train": "recipes/rows/s.train.jsonl"}
    assert declared.roots == {"train": "recipes/rows"}
    assert given.patterns == {"train": "big/x/s.train.jsonl"}
    assert given.roots == {"train": "big/x"}
    assert lowered().tokenizer.path == posixpath.join("recipes", "rows", "t.json")


def test_a_path_that_is_the_working_directory_is_not_joined_twice():
    """`--set data=.` reads from here."""
    assert lowered(data=".").sources[0].connector.patterns == {"train": "s.train.jsonl"}


def test_every_choose_has_a_draw_of_its_own():
    """Two choices in one place, and in two places, are independent."""
    found = draws(lowered())

    assert len(found) == 4
    assert len(set(found)) == 4


def test_places_say_line_and_column():
    """A clause knows where it stands."""
    let = lowered().sources[0].lets[0]

    assert (let.at.path, let.at.line) == ("recipes/s.task", 9)
    assert SPEC[let.at.start : let.at.end] == "let    c = choose(a, b)"


def test_a_record_called_answer_keeps_its_fields():
    """`answer.text` is the surface only where a template has options."""
    spec = SPEC.replace("{ a: text", "{ answer: { text: text }  a: text").replace(
        '"{d}"', '"{answer.text}"'
    )
    parts = lowered(spec).templates[0].prompts[0].turns[1].text.parts

    assert parts == (plan.GetField(base=plan.Name(name="answer"), name="text"),)


def test_statements_of_a_mixture_have_places_of_their_own():
    """What is said about one statement points at it; one that is left out stands at the mixture."""
    mixture = lowered(SPEC.replace("{ from s }", "{\n  from s\n  repeat at most 2\n}")).mixture

    assert mixture.place("repeat").line == mixture.at.line + 2
    assert mixture.place("fewshot") == mixture.at
