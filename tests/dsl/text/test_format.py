"""The formatter: one way to write a program, which says the same with the same comments."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.dsl.text.format import format_text
from taskc.dsl.text.meaning import comments, labelled, meaning
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

ROOT = Path(__file__).parents[3]


def formatted(text):
    """Formats a program."""
    return format_text(SourceText("a.task", text))


def body(lines, kind="source"):
    """A program with these lines in a block."""
    head = {"source": "source s", "template": "template t for s", "mixture": "mixture m"}[kind]
    return f"language 1\n\n{head} {{\n{lines}\n}}\n"


def test_the_tour_keeps_its_meaning(tour):
    """The tour is formatted, says the same, and stays as it is from then on."""
    once = formatted(tour)
    again = formatted(once.text)

    assert once.diagnostics == ()
    assert again.text == once.text
    assert max(map(len, once.text.splitlines())) > 100  # comments and texts are not broken
    before, after = (parse(SourceText("a.task", text)) for text in (tour, once.text))
    assert meaning(before) == meaning(after)
    assert comments(before) == comments(after)


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_any_program(grammar, seed):
    """A program of the grammar keeps its meaning and its comments, and formatting is idempotent."""
    text = "".join(gap + token for gap, token in grammar.program(random.Random(seed)))
    once = formatted(text)

    assert once.diagnostics == ()
    assert formatted(once.text).text == once.text
    before, after = (parse(SourceText("a.task", each)) for each in (text, once.text))
    assert meaning(before) == meaning(after)
    assert comments(before) == comments(after)


@given(st.integers(0, 2**32))
def test_a_damaged_program(tour, seed):
    """A file with mistakes keeps them, and what can't be read is not touched."""
    rng = random.Random(seed)
    place = rng.randrange(len(tour))
    damaged = tour[:place] + rng.choice(['"', "{", "}", '"""', "@", "\n", ""]) + tour[place + 1 :]
    once = formatted(damaged)

    assert {"T0901"} & {found.code for found in once.diagnostics} == set()
    assert formatted(once.text).text == once.text


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("source", "  limit   30_000   # why", "  limit 30_000  # why"),
        ("source", "limit 3", "  limit 3"),
        ("source", "\tlimit 3\r", "  limit 3"),
        ("source", "  limit 3 where a>1 and-b<2", "  limit 3\n  where a > 1 and -b < 2"),
        ("source", "\n\n  limit 3\n\n\n  where a\n\n", "  limit 3\n\n  where a"),
        ("source", "  let x=f( a,n : 1 )[ 0 ] . b", "  let x = f(a, n: 1)[0].b"),
        ("source", "  let x = (a+b)*-(c)", "  let x = (a + b) * -(c)"),
        ("source", "  let x = not(a) and ( b )", "  let x = not (a) and (b)"),
        ("source", "  let x = {a : 1,b:2 , }[c]", "  let x = {a: 1, b: 2}[c]"),
        ("source", "  where a in 1 .. n", "  where a in 1..n"),
        ("source", "  fields {a:text b:list [ int ] ?}", "  fields { a: text  b: list[int]? }"),
        ("source", "  fields {}", "  fields {}"),
        (
            "source",
            "  # one\n\n  # two\n  limit 3\n  # end",
            "  # one\n\n  # two\n  limit 3\n  # end",
        ),
        ("source", "  let x = [ # a\n b, c # d\n ]", "  let x = [  # a\n    b,\n    c,  # d\n  ]"),
        ("source", "  where a # b\n   and c # d", "  where a  # b\n    and c  # d"),
        ("source", "  let x = a + # b\n  c", "  let x = a\n    # b\n    + c"),
        ("source", "  let x = -  # b\n  c", "  # b\n  let x = -c"),
        ("template", '  prompt "{ a+1 } {b}"', '  prompt "{a + 1} {b}"'),
        ("template", '  prompt "{ {a:1}[b] }"', '  prompt "{ {a: 1}[b]}"'),
        (
            "template",
            '  prompt "a"\n  prompt b: "c"',
            '  prompt prompt_1: "a"\n  prompt b:        "c"',
        ),
        (
            "template",
            '  inverse "a"->"b"\n  dialogue from c\n  prompt inverse_1: "d"',
            (
                '  inverse inverse_1_: "a" -> "b"\n  dialogue dialogue_2 from c\n'
                '  prompt inverse_1: "d"'
            ),
        ),
        (
            "template",
            '  options a as letters { b:"c" "d e": "f" }\n  dialogue x { user "a" tool "b" }',
            '  options a as letters { b: "c"  "d e": "f" }\n  dialogue x { user "a"  tool "b" }',
        ),
        (
            "template",
            '  prompt """   \n{a}\n   b  \n\n""" -> """\n    c\n  """',
            '  prompt """\n    {a}\n       b  \n\n    """ -> """\n      c\n    """',
        ),
        ("mixture", "  from a,b . c", "  from a, b.c"),
        ("mixture", "  require x<=10% and y in 1..2", "  require x <= 10% and y in 1..2"),
    ],
)
def test_statements(kind, written, expected):
    """How a statement is written."""
    text = formatted(body(written, kind)).text

    assert text == body(expected, kind)


LONG = "a" * 40
PAD = " " * 39


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            f"  where f({LONG}, {LONG}, [{LONG}])",
            f"  where f(\n    {LONG},\n    {LONG},\n    [{LONG}],\n  )",
        ),
        (
            f"  where {LONG} and {LONG} or bcdefgh",
            f"  where {LONG} and {LONG}\n    or bcdefgh",
        ),
        (
            f"  where {LONG} == 1 and {LONG} == 2 and {LONG} or b",
            f"  where {LONG} == 1\n      and {LONG} == 2\n      and {LONG}\n    or b",
        ),
        (
            f"  let x = {LONG} if {LONG} != none else {LONG}",
            f"  let x = {LONG}\n    if {LONG} != none\n    else {LONG}",
        ),
        (
            f"  let x = [{LONG} for {LONG} in {LONG}]",
            f"  let x = [\n    {LONG}\n      for {LONG} in {LONG}\n  ]",
        ),
        (
            f"  splits {LONG}, {LONG}, c, defgh",
            f"  splits {LONG}, {LONG}, c,\n    defgh",
        ),
        (
            f"  fields {{ {LONG}: text  b: text  {LONG}: text }}",
            f"  fields {{\n    {LONG}: text\n    b: {PAD}text\n    {LONG}: text\n  }}",
        ),
        (f'  license "{LONG * 3}"', f'  license "{LONG * 3}"'),
    ],
)
def test_long_statements(written, expected):
    """What does not fit is broken at one kind of place at a time, from the outside in."""
    text = formatted(body(written)).text

    assert text == body(expected)


def test_declarations():
    """One blank line between declarations; comments stay with what they stand before."""
    text = formatted(
        '\ufeff# top\n\n\nlanguage 1 # edition\nimport "a"\nimport "b" as c\n\n\nparam d:int=3\n'
        "# about e\nparam e: text\ncluster f { }\n  # about g\n\n  cluster g { # h\n  }\n# end\n",
    ).text

    assert text == (
        '# top\n\nlanguage 1  # edition\n\nimport "a"\nimport "b" as c\n\nparam d: int = 3\n'
        "# about e\nparam e: text\n\ncluster f {}\n\n# about g\n\ncluster g {  # h\n}\n\n# end\n"
    )


def test_what_does_not_parse_is_left():
    """A declaration with a mistake is written as it was; the others are formatted."""
    result = formatted("language 1\nsource a {\n limit   3\n}\nsource  b {\n limit   3 4  # x\n}\n")

    assert [found.code for found in result.diagnostics] == ["T0027"]
    assert result.text == (
        "language 1\n\nsource a {\n  limit 3\n}\n\nsource  b {\n limit   3 4  # x\n}\n"
    )


@pytest.mark.parametrize("text", ["", "language 2\n  x", "@\nlanguage  1\n", "\x00"])
def test_files_that_are_left(text):
    """What is no program of a known edition is left alone."""
    assert formatted(text).text == text


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("source", "  limit 3\n  where   a", "  limit 3\n  where a"),
        ("source", "  limit 3\n  metric f1", "  limit  3\n  metric f1"),
        # What stands between two lines parts their columns; what one of them holds does not.
        ("source", "  limit 3\n\n  metric f1", "  limit 3\n\n  metric f1"),
        ("source", "  limit 3\n  # a\n  metric f1", "  limit 3\n  # a\n  metric f1"),
        (
            "source",
            "  limit 3\n  fields {\n a: int b2: int }\n  metric f1",
            "  limit  3\n  fields {\n    a:  int\n    b2: int\n  }\n  metric f1",
        ),
        # The names of neighbouring `let`s.
        ("source", "  let a = 1\n  let bcd = 2", "  let a   = 1\n  let bcd = 2"),
        (
            "source",
            "  let a = 1\n  where b\n  let bcd = 2",
            "  let   a = 1\n  where b\n  let   bcd = 2",
        ),
        (
            "mixture",
            "  from a\n  dedup [b,c]  near 0.8\n  seed 3",
            "  from  a\n  dedup [b, c] near 0.8\n  seed  3",
        ),
        # A long word moves nobody.
        (
            "mixture",
            "  from a\n  total 1 tokens\n  decontaminate [b] against dev by ngrams(3)\n  seed 3",
            "  from  a\n  total 1 tokens\n  decontaminate [b] against dev by ngrams(3)\n  seed  3",
        ),
        # Prompts: their texts, if all of a run stay within 100 columns.
        (
            "template",
            '  where a\n  prompt b: "c"\n  inverse de: "f" -> "g"',
            '  where a\n  prompt b:   "c"\n  inverse de: "f" -> "g"',
        ),
        (
            "template",
            f'  prompt b: "{"c" * 85}"\n  inverse de: "f" -> "g"',
            f'  prompt b: "{"c" * 85}"\n  inverse de: "f" -> "g"',
        ),
        (
            "template",
            '  prompt b: "c"\n  prompt de when f: "g"\n  prompt hi: """\n    j\n    """',
            '  prompt b: "c"\n  prompt de when f: "g"\n  prompt hi: """\n    j\n    """',
        ),
        # Braces stay open where a line ended behind them.
        (
            "template",
            '  options a {\n b: "c" "d e": "f" }\n  dialogue x {\n user "a" assistant "b" }',
            (
                '  options a {\n    b:     "c"\n    "d e": "f"\n  }\n'
                '  dialogue x {\n    user      "a"\n    assistant "b"\n  }'
            ),
        ),
        (
            "source",
            "  let x = {\na: 1, bc: 2}[c] if d else e",
            "  let x = {\n    a:  1,\n    bc: 2,\n  }[c]\n    if d\n    else e",
        ),
        # The comments of neighbours, as far as they end by column 100.
        ("source", "  limit 3 # a\n  limit 30 # b", "  limit 3   # a\n  limit 30  # b"),
        (
            "source",
            f"  limit 3 # {LONG * 2}\n  limit 30_000_000 # b\n  limit 4 # c",
            f"  limit 3  # {LONG * 2}\n  limit 30_000_000  # b\n  limit 4           # c",
        ),
    ],
)
def test_columns(kind, written, expected):
    """What is aligned with what."""
    text = formatted(body(written, kind)).text

    assert text == body(expected, kind)
    assert formatted(text).text == text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("cluster a { sources b,c }", "cluster a { sources b, c }"),
        ("cluster a { sources b related c }", "cluster a { sources b  related c }"),
        ("cluster a {\nsources b }", "cluster a {\n  sources b\n}"),
        ("cluster a { sources b # c\n}", "cluster a {\n  sources b  # c\n}"),
        (
            "cluster a { sources b\n# c\nrelated d }",
            "cluster a {\n  sources b\n  # c\n  related d\n}",
        ),
        (
            f"template a for {LONG}, {LONG}, {LONG} {{}}",
            f"template a\n  for {LONG}, {LONG},\n    {LONG} {{}}",
        ),
        ("schema a { b: int  c: text }  # d", "schema a { b: int  c: text }  # d"),
        (
            f"schema a {{ b: int  {LONG}: text {LONG}2: text}}",
            f"schema a {{\n  b:  {PAD}int\n  {LONG}:  text\n  {LONG}2: text\n}}",
        ),
        ("cluster a { sources b }\ncluster c {}", "cluster a { sources b }\ncluster c {}"),
        ("cluster a {}\n\n\ncluster c {}", "cluster a {}\n\ncluster c {}"),
        ("cluster a {}\nmixture c {}", "cluster a {}\n\nmixture c {}"),
    ],
)
def test_short_declarations(written, expected):
    """A block that was written on one line stays there if it fits, with its like below it."""
    text = formatted(f"language 1\n\n{written}\n").text

    assert text == f"language 1\n\n{expected}\n"
    assert formatted(text).text == text


def our_specs():
    """The specs of the project that people read, and the one that README.md shows."""
    paths = [*ROOT.glob("examples/**/*.task"), *ROOT.glob("taskc/**/*.task")]
    paths += [*ROOT.glob("tests/real/**/*.task"), *ROOT.glob("tests/docs/*.task")]
    paths += ROOT.glob("specs/**/*.task")
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split("```task\n")[1]
    yield "README.md", shown.split("```")[0]
    for path in sorted(paths):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("path", "text"), list(our_specs()))
def test_our_specs_are_formatted(path, text):
    """What people copy from is laid out as their files will be."""
    result = formatted(text)

    assert result.diagnostics == ()
    assert result.text == text, f"run `taskc fmt {path}`"


def test_the_tour_keeps_its_columns(tour):
    """All that stands in columns in the tour, but comments, a list and one word's extra blanks."""
    result = formatted(tour).text

    for line in (
        "  premise:    text",
        '  license "CC BY-NC 4.0"',
        "  from       parquet(",
        '    entailment:    "Yes"',
        '    user      "{question}"',
        "  let    answer   = strip_html(",
        '  eos  "<|endoftext|>" ',
        "  clusters held_out",
        "  decontaminate [",
    ):
        assert f"\n{line}" in tour
        assert f"\n{line}" in result


def test_deep_nesting_is_left():
    """A declaration is left where its brackets take more than fifty levels; the block is one."""
    deep = body(f"  let   x = {'[' * 50}{']' * 50}")
    most = body(f"  let   x = {'[' * 49}{']' * 49}")

    assert formatted(deep).text == deep
    assert formatted(deep).diagnostics == ()
    assert f"\n{' ' * 98}[\n" in formatted(most).text


def test_a_failed_check_leaves_the_file(monkeypatch):
    """Where the new text would say something else, the file stays and the formatter says so."""
    text = body("  limit   3")
    kept = iter(([], ["# lost"]))
    monkeypatch.setattr("taskc.dsl.text.format.comments", lambda _: next(kept))
    result = formatted(text)

    assert result.text == text
    assert [found.code for found in result.diagnostics] == ["T0901"]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("source", "  limit 3", "  limit 4"),
        ("source", "  limit 3", "  where 3"),
        ("source", "  where a + b", "  where a - b"),
        ("source", "  where a.b", "  where a[b]"),
        ("source", "  let a = [b, c]", "  let a = [b, [c]]"),
        ("source", "  let a = [[b], c]", "  let a = [[b, c]]"),
        ("source", "  let a = {b: c}[d]", "  let a = {e: c}[d]"),
        ("source", "  let a = b if c else d", "  let a = b if d else c"),
        ("source", "  fields { a: int? }", "  fields { a: int }"),
        ("source", '  from f("{a}")', '  from f("{b}")'),
        ("source", '  from f(a: "{b}")', '  from f("{b}")'),
        ("source", "  from f(1)", "  from g(1)"),
        ("source", "  from f([1])", "  from f([2])"),
        ("template", '  prompt a: "b"', '  prompt b: "b"'),
        ("template", '  prompt "b"\n  prompt "c"', '  prompt "c"\n  prompt "b"'),
        ("template", '  options a as letters { b: "c" }', '  options a { b: "c" }'),
        ("template", '  dialogue a { user "b" }', '  dialogue a { tool "b" }'),
    ],
)
def test_meanings_that_differ(kind, one, other):
    """What says something else has another meaning, however small the difference."""
    first, second = (parse(SourceText("a", body(lines, kind))) for lines in (one, other))

    assert first.diagnostics == second.diagnostics == ()
    assert meaning(first) != meaning(second)


def test_labels_are_new():
    """A label that is given is of no other prompt."""
    assert labelled([("prompt", ""), ("prompt", "prompt_1"), ("inverse", "")]) == [
        "prompt_1_",
        "prompt_1",
        "inverse_3",
    ]
    assert labelled([("prompt", "")]) == [""]
