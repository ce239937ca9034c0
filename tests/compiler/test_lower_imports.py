"""Lowering: a build and the packages that it imports, and nothing of what stands beside them."""

from taskc.compiler.lower import lower
from taskc.dsl.checker import check
from taskc.dsl.packages import Memory

COMMON = """language 1
param folder: path = "data"
source trivia {
  from    jsonl("{folder}/trivia.jsonl")
  splits  train
  fields  { question: text  answer: text }
  license "Apache-2.0"
}
cluster knowledge { sources trivia }
template ask for trivia { prompt only: "{question}" -> "{answer}" }
"""
RECIPE = """language 1
import "../common"
mixture all { from common.knowledge }
tokenizer letters { from file("tokenizer.json")  eos "<|end|>" }
build all {
  mixture   all
  tokenizer letters
  format    prompt_target(input: 64, target: 16, separator: "\\n", end: eos)
  pack      best_fit(length: 128)
}
"""
OTHER = """language 1
import "../common"
cluster other { sources common.trivia }
"""
FILES = {
    "common/common.task": COMMON.encode(),
    "other/other.task": OTHER.encode(),
    "recipe/recipe.task": RECIPE.encode(),
}


def lowered(*paths):
    """The plans of the builds at or below `paths`."""
    checked = check(list(paths), files=Memory(FILES))

    assert not checked.has_errors, checked.diagnostics
    return lower(checked.program).builds


def test_a_build_takes_what_it_imports_from_where_that_is_declared():
    """Sources, templates and parameters of an imported package come with their own places."""
    (build,) = lowered("recipe")
    (source,) = build.sources
    (template,) = build.templates

    assert source.connector.patterns == {"train": "common/data/trivia.jsonl"}
    assert source.clusters == ("knowledge",)
    assert source.at.path == template.at.path == "common/common.task"


def test_a_quota_has_its_source_as_the_spec_writes_it():
    """A report says `common.trivia`, which stands in the spec; the plan calls it `trivia`."""
    recipe = RECIPE.replace("from common.knowledge", "take 3 from common.trivia")
    checked = check(["recipe"], files=Memory(FILES | {"recipe/recipe.task": recipe.encode()}))
    (take,) = lower(checked.program).builds[0].mixture.takes

    assert ("common.trivia", "trivia") == (take.text, take.source)


def test_packages_given_beside_a_build_change_nothing():
    """A plan is the same whether its package is named alone or with all that stand around it."""
    assert lowered("recipe") == lowered(".")


def test_the_order_does_not_depend_on_the_working_directory(tmp_path, monkeypatch):
    """Sources and templates stand in the same order wherever a build is started from."""
    own = COMMON.replace("trivia", "own").replace("knowledge", "ours").replace("ask", "tell")
    recipe = RECIPE.replace("common.knowledge", "common.knowledge, ours")
    for name, text in {
        "common": COMMON,
        "recipe": own + recipe.removeprefix("language 1\n"),
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.task").write_text(text)
    orders = []
    for here, path in ((".", "recipe"), ("recipe", "."), ("common", "../recipe")):
        monkeypatch.chdir(tmp_path / here)
        (build,) = lower(check([path]).program).builds
        orders.append([each.name for each in (*build.sources, *build.templates)])

    assert orders == [["own", "trivia", "tell", "ask"]] * 3
