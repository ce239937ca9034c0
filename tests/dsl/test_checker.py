"""The checked program: names resolved, defaults filled in, broken parts left out."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.dsl.checker import check
from taskc.dsl.diagnostics import Severity
from taskc.dsl.model.expressions import Literal
from taskc.dsl.model.program import ChoiceOptions, RowOptions
from taskc.dsl.model.types import FLOAT, INT, TEXT, Choice, List, Optional
from taskc.dsl.packages import Memory
from taskc.dsl.report import render

ROOT = Path(__file__).parents[2]
TOUR = {
    path.name: path.read_bytes() for path in sorted((ROOT / "tests/fixtures/tour").glob("*.task"))
}

SOURCE = """
source stack {
  from   jsonl("{data}/stack/{split}.jsonl")
  splits train, dev
  fields { title: text  body: text?  answer: text  score: int }
}
"""
DATA = 'param data: path = "data"\n'


def checked(*texts, params=None, **files):
    """Checks specs given as texts of one package, or by `folder__name`; nothing may be wrong."""
    found = checked_loosely(*texts, params=params, **files)

    assert render(errors_of(found), found.program.texts) == ""
    return found.program.packages[-1]


def checked_loosely(*texts, params=None, **files):
    """Checks specs, mistakes allowed."""
    named = {f"{position}.task": text for position, text in enumerate(texts)}
    named |= {f"{path.replace('__', '/')}.task": text for path, text in files.items()}
    memory = Memory({path: f"language 1\n{text}".encode() for path, text in named.items()})
    return check(["."], params=params or {}, files=memory)


def errors_of(found):
    """Returns the errors among the diagnostics."""
    return [each for each in found.diagnostics if each.severity is Severity.ERROR]


def names(sources):
    """Returns the names of declarations."""
    return [source.name for source in sources]


# ---- whole specs -------------------------------------------------------------------------------


def test_the_tour_checks():
    """Everything that the language can say stands in the tour, and is checked without an error."""
    found = check(["."], files=Memory(TOUR))

    assert errors_of(found) == []
    assert list(found.program.packages[0].builds) == ["flan", "lima"]


def test_the_quickstart_is_clean(monkeypatch):
    """The first spec that a newcomer sees shows no report at all."""
    monkeypatch.chdir(ROOT)
    found = check(["examples/quickstart"])

    assert render(found.diagnostics, found.program.texts) == ""


def test_a_library_is_clean():
    """Without a build nothing is asked of what a package declares and does not use itself."""
    library = (
        DATA + SOURCE + 'schema unused { x: text }\ntemplate ask for unused { prompt a: "{x}" }'
    )

    assert checked_loosely(library).diagnostics == ()


def test_a_mistake_costs_what_needs_it():
    """What has an error is left out with what is built from it; the rest is there."""
    good = TOUR["tour.task"].decode()
    bad = good.replace("len(premise) > 0", "len(premisse) > true")
    found = check(["."], files=Memory(TOUR | {"tour.task": bad.encode()}))
    [package] = found.program.packages

    assert [each.code for each in errors_of(found)] == ["T0207"]
    assert "anli_r1" not in package.sources
    assert "rte" in package.sources
    assert "flan" not in package.builds
    assert "lima" in package.builds


# ---- parameters --------------------------------------------------------------------------------

PARAMS = """
param cap:   int = 3_000
param share: float = 0.5
param mode:  choice(small, large) = small
param loud:  bool = false
param out:   cluster? = none
param word:  text? = none
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cap=7", 7),
        ("cap=30_000", 30_000),
        ("cap=-1", -1),
        ("share=25%", 0.25),
        ("share=2", 2.0),
        ("mode=large", "large"),
        ("loud=true", True),
        ("out=none", None),
        ("word=", None),
        ("word=a=b", "a=b"),
    ],
)
def test_values_from_outside(text, value):
    """A value is read by the declared type."""
    name, _, given_text = text.partition("=")
    small = PARAMS.replace("= small", '= "small"')
    params = checked(small, params={name: given_text}).params

    assert params[name].value == value
    assert type(params[name].value) is type(value)


def test_paths_start_where_they_are_given():
    """A declared path starts at its file's folder, one from outside at the working directory."""
    assert checked(specs__x=DATA).params["data"].base == "specs"
    assert checked(specs__x=DATA, params={"data": "d"}).params["data"].base == "."


def test_parameters_in_expressions_are_replaced():
    """What comes after the checker knows no parameters."""
    package = checked(
        DATA + SOURCE.replace("}\n}", "}\n  where score >= low\n}") + "param low: int = 5"
    )
    [where] = package.sources["stack"].wheres

    assert isinstance(where.condition.right, Literal)
    assert where.condition.right.value == 5


# ---- sources -----------------------------------------------------------------------------------


def source_of(body, schema=""):
    """Returns the source `s` with these statements."""
    head = "source s: qa" if schema else "source s"
    text = f'{schema}\n{head} {{\n  from jsonl("s/{{split}}.jsonl")\n  {body}\n}}'
    return checked(text).sources["s"]


def test_defaults_of_a_source():
    """Without statements: one split, all columns, an open row."""
    source = source_of("")

    assert names(source.splits) == ["train"]
    assert source.columns is None
    assert source.reads is None
    assert source.is_open


def test_a_declared_source_reads_its_columns():
    """All declared columns are part of a row's identity; the row has the lets as well."""
    source = source_of("fields { b: text  a: int }\n let c = len(b)\n where a > 1")

    assert source.reads == ("a", "b")
    assert source.row == {"b": TEXT, "a": INT, "c": INT}
    assert not source.is_open


def test_a_let_sees_the_old_value_and_leaves_the_new_one():
    """Its right side is typed before it; what follows sees its own type."""
    source = source_of("fields { a: int }\n let a = a / 2\n let b = a")

    assert source.row == {"a": FLOAT, "b": FLOAT}


def test_a_source_with_a_schema_has_its_row():
    """Fields in the schema's order; raw columns named by lets are read, replaced ones are not."""
    schema = "schema qa { question: text  label: choice(yes, no)  note: text? }"
    source = source_of(
        'let label = {y: "yes", n: "no"}[verdict]\n where len(question) > 0 and note != none',
        schema,
    )

    assert source.reads == ("note", "question", "verdict")
    assert source.row == {"question": TEXT, "label": Choice(("yes", "no")), "note": TEXT}
    assert not source.is_open


def test_a_where_narrows_for_all_that_follows():
    """After it a column is a value, in later statements and in the row."""
    source = source_of("fields { a: text? }\n where a != none\n references [a]")

    assert source.row == {"a": TEXT}


def test_splits():
    """A split has a file name of its own, or is carved out of another."""
    source = source_of('splits train, dev = carve(train, 200), test = "validation"')
    train, dev, test = source.splits

    assert (train.file_name, train.carve) == ("train", None)
    assert (dev.carve.origin, dev.carve.count) == ("train", 200)
    assert test.file_name == "validation"


def test_columns_from_a_json_schema():
    """Types are those of JSON; what is not required may be none."""
    schema = """{"type": "object", "required": ["a"], "properties": {
        "a": {"type": "string"}, "b": {"type": "array", "items": {"type": "integer"}},
        "c": {"enum": ["x", "y", null]}, "d": {"type": ["number", "null"]}}}"""
    spec = 'language 1\nsource s {\n  from jsonl("s.jsonl")\n  fields from "row.json"\n}\n'
    found = check(["."], files=Memory({"s.task": spec.encode(), "row.json": schema.encode()}))

    assert found.program.packages[0].sources["s"].columns == {
        "a": TEXT,
        "b": Optional(List(INT)),
        "c": Optional(Choice(("x", "y"))),
        "d": Optional(FLOAT),
    }


# ---- templates ---------------------------------------------------------------------------------


def test_a_lone_prompt_has_the_label_one():
    """A label may be left out where there is one prompt."""
    package = checked(DATA + SOURCE + 'template ask for stack { prompt "{title}" -> "{answer}" }')

    assert [prompt.label for prompt in package.templates["ask"].prompts] == ["1"]


def test_a_template_of_a_schema_serves_sources_of_other_packages():
    """The schema is one, wherever its sources are."""
    library = 'schema qa { q: text  a: text }\ntemplate ask for qa { prompt x: "{q}" -> "{a}" }'
    found = checked_loosely(
        common__qa=library,
        one__s='import "../common"\nsource one: common.qa { from jsonl("x") }',
        two__s='import "../common"\nsource two: common.qa { from jsonl("y") }',
    )
    common = next(each for each in found.program.packages if each.name == "common")

    assert found.diagnostics == ()
    assert names(common.templates["ask"].serves) == ["one", "two"]


def test_options_of_the_row():
    """The answer is a position or one of the texts, by its type."""
    text = """
source s {{
  from jsonl("s.jsonl")
  fields {{ q: text  a: text  b: text  right: {type} }}
}}
template pick for s {{
  options [a, b] answer right as letters shuffled
  prompt ask: "{{q}} {{options}} {{answer.text}}" -> "{{answer}}"
}}
"""
    by_index = checked(text.format(type="int")).templates["pick"].options
    by_text = checked(text.format(type="text")).templates["pick"].options

    assert isinstance(by_index, RowOptions)
    assert by_index.answer_is_index
    assert not by_text.answer_is_index
    assert (by_index.style, by_index.shuffled) == ("letters", True)


def test_turns_say_what_is_trained():
    """Targets and the assistant's turns may be trained, nothing else."""
    templates = check(["."], files=Memory(TOUR)).program.packages[0].templates
    first = templates["conclude"].prompts[0]
    advice = templates["advice"].prompts[0]

    assert [(turn.role, turn.trained) for turn in first.turns] == [
        ("input", False),
        ("target", True),
    ]
    assert [(turn.role, turn.trained) for turn in advice.turns] == [
        ("user", False),
        ("assistant", True),
    ]
    assert isinstance(templates["conclude"].options, ChoiceOptions)


# ---- mixtures ----------------------------------------------------------------------------------

FOUR = "\n".join(
    f'source s{number} {{ from jsonl("{number}/{{split}}.jsonl")  splits train, dev }}'
    for number in range(4)
)
CLUSTERS = """
cluster c0 { sources s0  related c1 }
cluster c1 { sources s1  related c2 }
cluster c2 { sources s2 }
cluster c3 { sources s3 }
"""


def mixture_of(body, extra="", params=None):
    """Returns the mixture `m` over four sources in four clusters."""
    text = f"{FOUR}\n{CLUSTERS}\n{extra}\nmixture m {{\n  {body}\n}}"
    return checked(text, params=params).mixtures["m"]


def test_defaults_of_a_mixture():
    """One template a row, every row once, seed 0, sources by their rows."""
    mixture = mixture_of("from all clusters")

    assert names(mixture.sources) == ["s0", "s1", "s2", "s3"]
    assert (mixture.total.count, mixture.total.unit) == (1, "epochs")
    assert (mixture.templates, mixture.seed, mixture.fewshot) == ("one", 0, (0, 0))
    assert (mixture.rate.kind, mixture.rate.cap) == ("proportional", None)


@pytest.mark.parametrize(
    ("held_out", "left"),
    [
        ("none", ["s0", "s1", "s2", "s3"]),
        ("c0", ["s2", "s3"]),
        ("c1", ["s3"]),
        ("c2", ["s0", "s3"]),
        ("c3", ["s0", "s1", "s2"]),
    ],
)
def test_related_clusters_go_together(held_out, left):
    """Related both ways, one step: c0 and c1, c1 and c2, but not c0 and c2."""
    body = "from all clusters\n holdout out"
    mixture = mixture_of(body, "param out: cluster? = none", params={"out": held_out})

    assert names(mixture.sources) == left
    assert names(mixture.held_out_sources) == ([] if held_out == "none" else ["s" + held_out[1:]])


def test_sources_of_the_same_rows_are_held_out_as_well():
    """Another name for a held-out file does not smuggle it in."""
    again = 'source again { from jsonl("3/train.jsonl") }\ncluster other { sources again, s2 }'
    mixture = mixture_of("from all clusters\n holdout c3", again)

    assert names(mixture.sources) == ["s0", "s1", "s2"]


def test_a_take_decides_for_its_source():
    """A source that is taken from is not mixed by its rows as well."""
    mixture = mixture_of("from all clusters\n take 20 from s1")

    assert names(mixture.sources) == ["s0", "s2", "s3"]
    assert [(take.count, take.source.name) for take in mixture.takes] == [(20, "s1")]


def test_nested_mixtures():
    """A mixture in `from` brings its sources; shares are by the names in `from`."""
    mixture = mixture_of(
        "from inner, c3\n rate shares({inner: 3, c3: 1})", "mixture inner { from c0, s1 }"
    )

    assert names(mixture.sources) == ["s0", "s1", "s3"]
    assert mixture.members == {"inner": ("s0", "s1"), "c3": ("s3",)}
    assert list(mixture.nested) == ["inner"]
    assert mixture.rate.shares == {"inner": 3.0, "c3": 1.0}


def test_clusters_of_a_source():
    """Every source knows its clusters, for reports by cluster."""
    assert mixture_of("from s0, c3").clusters == {"s0": ("c0",), "s3": ("c3",)}


# ---- builds ------------------------------------------------------------------------------------

REST = """
template ask for s0, s1, s2, s3 { prompt x: "{q}" -> "{a}" }
tokenizer t { from file("t.json")  eos "</s>"  add turn "<turn>" }
build b {
  mixture   m
  tokenizer t
  format    prompt_target(input: 8, target: 8, separator: "\\n", end: eos)
  pack      best_fit(length: 32)
  splits    train, dev
}
"""


def build_of(body):
    """Returns the build `b` of the mixture with these statements."""
    return checked(f"{FOUR}\n{CLUSTERS}\nmixture m {{\n  {body}\n}}{REST}").builds["b"]


def test_a_build_has_every_default():
    """What is not written is filled in."""
    build = build_of("from all clusters")

    assert build.pack.window == 20_000
    assert build.format.bos == "none"
    assert build.format.overflow == "error"
    assert build.format.seam == "split"
    assert (build.format.separator.literal, build.format.separator.name) == ("\n", None)
    assert (build.format.end.literal, build.format.end.name) == (None, "eos")


def test_a_build_evaluates_the_held_out():
    """Held-out sources are not trained on and are evaluated; what goes with them is not."""
    build = build_of("from all clusters\n holdout c1")

    assert names(build.mixture.sources) == ["s3"]
    assert names(build.evaluated) == ["s1", "s3"]
    assert names(build.templates[0].serves) == ["s1", "s3"]


def test_runs():
    """Settings are flat, with calls as (name, arguments)."""
    runs = check(["."], files=Memory(TOUR)).program.packages[0].runs
    train, evaluate = runs.values()

    assert (train.kind, train.build) == ("train", "lima")
    assert train.settings["recipe"] == (
        "lima",
        {
            "epochs": 15,
            "batch": ("examples", {"0": 32}),
            "dropout": ("ramp", {"0": 0.0, "1": 0.3}),
        },
    )
    assert evaluate.settings["method"] == ("rank", {"score": "sum"})
    assert evaluate.settings["splits"] == ["test"]


# ---- promises about every spec -----------------------------------------------------------------

TOKEN = re.compile(r'"""|"(?:\\.|[^"\\\n])*"|\w+|\s+|.', re.DOTALL)
TOKENS = TOKEN.findall(TOUR["tour.task"].decode())


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, len(TOKENS) - 1), st.integers(0, len(TOKENS) - 1), st.booleans()),
        min_size=1,
        max_size=5,
    )
)
def test_no_spec_is_too_wrong(changes):
    """Whatever stands in a file, the answer is a report, and twice it is the same."""
    tokens = list(TOKENS)
    for place, other, is_replaced in changes:
        if is_replaced:
            tokens[place] = TOKENS[other]
        else:
            tokens.insert(place, TOKENS[other])
    files = Memory(TOUR | {"tour.task": "".join(tokens).encode()})
    reports = []
    for _ in range(2):
        found = check(["."], files=files)
        reports.append(render(found.diagnostics, found.program.texts))

    assert reports[0] == reports[1]


def test_ten_thousand_lines_are_checked_at_once():
    """The budget is 1.2 s of CPU for parsing and checking; a loaded machine may take twice that."""
    block = (ROOT / "tests/fixtures/tour/rest.task").read_text(encoding="utf-8")
    declared = re.findall(r"^(?:source|schema|cluster|template) (\w+)", block, re.MULTILINE)
    names_declared = re.compile(rf"\b({'|'.join(declared)})\b(?=[ ,:{{}}]|$)", re.MULTILINE)
    parts = [DATA, 'source trivia_qa { from jsonl("t") }\n']
    for number in range(10_000 // block.count("\n") + 2):
        lines = block.partition("\n")[2].splitlines()
        heads = ("source ", "schema ", "cluster ", "template ")
        parts += [
            names_declared.sub(rf"\g<1>_{number}", line) if line.startswith(heads) else line
            for line in lines
        ]
    text = "language 1\n" + "\n".join(parts)
    start = time.process_time()
    check(["."], files=Memory({"big.task": text.encode()}))
    taken_s = time.process_time() - start

    assert text.count("\n") > 10_000
    assert taken_s < 2.4
