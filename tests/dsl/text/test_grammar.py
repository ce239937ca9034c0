"""The published grammar and the parser: neither reads what the other refuses."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.dsl.text.lexer import tokenize
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

# The rules of layout that the grammar does not say.
LAYOUT = {"T0001", "T0006", "T0012", "T0021", "T0022"}
MAX_CHARACTERS = 1_500


def codes(text):
    """Codes of the syntax diagnostics of a program."""
    return [diagnostic.code for diagnostic in parse(SourceText("a.task", text)).diagnostics]


def written(tokens):
    """The text of tokens with what stands before each."""
    return "".join(gap + token for gap, token in tokens)


def disagreement(grammar, text):
    """How the parser and the recogniser differ on a program, or ""."""
    found = codes(text)
    if grammar.accepts(text):
        return f"refused with {found}" if set(found) - LAYOUT else ""
    return "" if found else "accepted"


def mutate(rng, tokens):
    """Deletes, doubles, swaps or damages one token."""
    tokens = list(tokens)
    place = rng.randrange(2, len(tokens))
    gap, token = tokens[place]
    match rng.randrange(5):
        case 0:
            del tokens[place]
        case 1:
            tokens.insert(place, (" ", rng.choice(tokens)[1]))
        case 2:
            other = rng.randrange(len(tokens))
            tokens[place], tokens[other] = (gap, tokens[other][1]), (tokens[other][0], token)
        case 3:
            cut = rng.randrange(len(token) + 1)
            tokens[place] = gap, token[:cut] + rng.choice("\"{}\\#\n.,:-_%e1a'é@ r") + token[cut:]
        case _:
            cut = rng.randrange(len(token))
            tokens[place] = gap, token[:cut] + token[cut + 1 :]
    return tokens


def test_the_tour_is_of_the_language(grammar, tour):
    """The recogniser and the parser both read the tour."""
    assert grammar.accepts(tour)
    assert codes(tour) == []


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_derived_programs_parse(grammar, seed):
    """A program derived from the grammar has no diagnostic."""
    text = written(grammar.program(random.Random(seed)))

    assert codes(text) == []


def mutated(grammar, seed):
    """A damaged program, or "" where it came out too long for the recogniser."""
    rng = random.Random(seed)
    tokens = grammar.program(rng, num_declarations=2)
    text = written(mutate(rng, tokens)) if len(tokens) > 2 else ""
    return text if len(text) <= MAX_CHARACTERS else ""


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_mutated_programs(grammar, seed):
    """The parser has a diagnostic for a damaged program exactly where the recogniser refuses it."""
    text = mutated(grammar, seed)

    assert not text or disagreement(grammar, text) == ""


@pytest.mark.slow
def test_many_mutated_programs(grammar):
    """As `test_mutated_programs`, for longer."""
    differing = [
        seed
        for seed in range(2_000)
        if (text := mutated(grammar, seed)) and disagreement(grammar, text)
    ]

    assert differing == []


def test_tokens_of_the_tour_one_by_one(grammar, tour):
    """Without any one token of a declaration of the tour, both agree on whether it is a program."""
    start = tour.index("template pick_one")
    text = "language 1\n" + tour[start : tour.index("\ntemplate alpaca")]
    tokens = [
        token for token in tokenize(text) if token.kind not in ("space", "newline", "comment")
    ]
    differing = [
        text[token.start : token.end]
        for token in tokens[2:]
        if disagreement(grammar, text[: token.start] + text[token.end :])
    ]

    assert differing == []


@pytest.mark.parametrize(
    "statement",
    [
        "let x = a < b < c",
        "let x = a == b in c",
        "let x = 1..2",
        "let x = (1..2)",
        "let x = not a in 1..2 and b",
        "let x = a + not b",
        "let x = -a.b[c] * -1",
        "let x = a if b else c if d else e",
        "let x = [a if b else c for d in e if f]",
        "let x = [a for d in e if f else g]",
        "let x = {}",
        "let x = {a: 1, 'b': 2}",
        'let x = {in: 1, "k": [2,],}',
        "let x = f(in: 1, a: 2, 3,)",
        "let x = f(a=1)",
        "let x = a.f()",
        "let x = a[1:2]",
        "let in = 3",
        "let x == 3",
        'let x = """\n    a\n    """',
        'let x = """\n    a\n    """ + b',
        'from jsonl("{a}/{b}", "c" + "d")',
        'from jsonl("{a}/{f("b")}", n: -1, c: ["d", {e: r"\\d"}])',
        "from jsonl((a))",
        "from jsonl(f(a))",
        'splits a, b = carve(a, 2), c = "d"',
        "splits a,",
        "limit 10%",
        "limit .5",
        "dedup by a near 0.8",
        "dedup a",
        'fields { limit: int from: list[text?]? c: choice(a, in, "x y",) d: {e: text} }',
        "fields { a: int, b: int }",
        'fields from "{a}.json"',
        'license r"MIT"',
    ],
)
def test_statements_of_a_source(grammar, statement):
    """Both agree on statements that stand at the border of the language."""
    text = f"language 1\nsource s {{\n  {statement}\n}}\n"

    assert disagreement(grammar, text) == ""


@pytest.mark.parametrize(
    "statement",
    [
        'prompt "a"',
        'prompt a: "a" -> "b"',
        'prompt a when b: "c"',
        'prompt when: "c"',
        'prompt when x: "c"',
        'prompt a "c"',
        'prompt "{{{a}}}" -> "{["a","b"][label]}"',
        'prompt "{{a: 1}[b]}"',
        'prompt "{ {a: 1}[b]}"',
        'prompt "{a}}"',
        'prompt "{}"',
        'prompt "}"',
        'prompt "\\u{1F600}\\u{d800}"',
        'prompt "\\u{10FFFF}"',
        'prompt "\\q"',
        'prompt """\n    {a} " "" \\"""\n    """ -> "b"',
        'prompt """a"""',
        'prompt """\n    a"""',
        'inverse "a"',
        'inverse a: "a" -> "b"',
        'options a { b: "c" "d e": "{f}" }',
        'options a as letters shuffled { b: "c" }',
        'options a { b: "c" } as letters',
        "options [a, b] answer c as none shuffled",
        "options a",
        "dialogue from a",
        'dialogue { user "a" assistant "b" }',
        'dialogue x when y { user "a" }',
        'dialogue from { user "a" }',
        "dialogue x when y from z",
        'dialogue { human "a" }',
    ],
)
def test_statements_of_a_template(grammar, statement):
    """Both agree on texts, options and dialogues at the border of the language."""
    text = f"language 1\ntemplate t for s {{\n  {statement}\n}}\n"

    assert disagreement(grammar, text) == ""
