"""The parser: what a program means, and that a mistake costs its statement and nothing else."""

import random
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskc.dsl.model import declarations as ast
from taskc.dsl.model.expressions import (
    Attribute,
    Binary,
    Compare,
    Comprehension,
    Conditional,
    DictDisplay,
    Index,
    Literal,
    Missing,
    Piece,
    Placeholder,
    Range,
    Reference,
    Unary,
)
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

HEAD = "language 1\n"


def read(text):
    """Parses a program that starts after its edition."""
    return parse(SourceText("a.task", HEAD + text))


def codes(text):
    """Codes of the diagnostics of a program that starts after its edition."""
    return [diagnostic.code for diagnostic in read(text).diagnostics]


def value(expression):
    """The node of an expression in a `let`."""
    parsed = read(f"source s {{\n  let x = {expression}\n}}\n")

    assert parsed.diagnostics == ()

    return parsed.declarations[1].statements[0].value


def text_parts(written, block="prompt"):
    """The pieces (as texts) and placeholders (as nodes) of a text."""
    parsed = read(f"template t for s {{\n  {block} {written}\n}}\n")

    assert parsed.diagnostics == ()

    parts = parsed.declarations[1].statements[0].input.parts
    return [part.text if isinstance(part, Piece) else part.expression for part in parts]


# ---- meaning -------------------------------------------------------------------------------------


def test_the_tour(tour):
    """The tour has no diagnostic, its declarations are all there, and the tree is the file."""
    parsed = parse(SourceText("tour.task", tour))

    assert parsed.diagnostics == ()
    assert len(parsed.declarations) == 24
    assert all(block.complete for block in parsed.declarations if isinstance(block, ast.Block))
    assert parsed.tree.text == tour


@pytest.mark.parametrize(
    ("written", "kind", "shown"),
    [
        ("a + b * c", Binary, "(a + (b * c))"),
        ("a - b - c", Binary, "((a - b) - c)"),
        ("-a.b * c", Binary, "((-a.b) * c)"),
        ("not a == b and c or d", Binary, "(((not (a == b)) and c) or d)"),
        ("a in 1..n + 1 and b", Binary, "((a in 1..(n + 1)) and b)"),
        ("a not in b", Compare, "(a not in b)"),
        ("a if b else c if d else e", Conditional, "(a if b else (c if d else e))"),
        ("(a + b)[c].d", Attribute, "(a + b)[c].d"),
        ("[x.y for x in xs if x != none]", Comprehension, "[x.y for x in xs if (x != None)]"),
        ('{a: 1, "b c": [2, 3]}[d]', Index, "{a: 1, b c: [2, 3]}[d]"),
        ('f(a, n: 10%, in: r"\\d")', None, "f(a, n: 0.1, in: '\\\\d')"),
        ('"{not a placeholder}"', Literal, "'{not a placeholder}'"),
    ],
)
def test_expressions(written, kind, shown):
    """Operators bind as in Python, without its surprises."""
    node = value(written)

    assert show(node) == shown
    assert kind is None or isinstance(node, kind)


def show(node):
    """An expression with its structure in parentheses."""
    match node:
        case Literal():
            return repr(node.value)
        case Reference():
            return node.name
        case Attribute():
            return f"{show(node.base)}.{node.name.text}"
        case Index():
            return f"{show(node.base)}[{show(node.index)}]"
        case Unary():
            return f"({node.operator}{' ' * (node.operator == 'not')}{show(node.operand)})"
        case Binary() | Compare():
            return f"({show(node.left)} {node.operator} {show(node.right)})"
        case Range():
            return f"{show(node.low)}..{show(node.high)}"
        case Conditional():
            return f"({show(node.then)} if {show(node.test)} else {show(node.otherwise)})"
        case DictDisplay():
            return "{" + ", ".join(f"{key.text}: {show(item)}" for key, item in node.entries) + "}"
        case Comprehension():
            condition = f" if {show(node.condition)}" if node.condition else ""
            variable = node.variable.text
            return f"[{show(node.item)} for {variable} in {show(node.iterable)}{condition}]"
        case Missing():
            return "?"
    if hasattr(node, "items"):
        return "[" + ", ".join(map(show, node.items)) + "]"
    arguments = [
        f"{argument.name.text}: {show(argument.value)}" if argument.name else show(argument.value)
        for argument in node.arguments
    ]
    return f"{node.function.text}({', '.join(arguments)})"


@pytest.mark.parametrize(
    ("written", "number", "is_percent"),
    [("30_000", 30_000, False), ("1e-5", 1e-5, False), ("10%", 0.1, True), ("0.7%", 0.007, True)],
)
def test_numbers(written, number, is_percent):
    """A number has exactly the value that it shows."""
    node = value(written)

    assert (node.value, type(node.value), node.percent) == (number, type(number), is_percent)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('"a{{b}}\\n\\u{1F600}\\""', ['a{b}\n\U0001f600"']),
        ('""', []),
        ('"""\n    a\n\n      b  \n    """', ["a\n\n  b  "]),
        ('"""\n  """', []),
        ('"""\n\n  """', []),
        ('"""\n\n\n  """', ["\n"]),
        ('"""\r\n    a\r\n    b\r\n    """', ["a\nb"]),
        ('"""\n    a\\n  b\\\\n\n \n    """', ["a\n  b\\n\n"]),
        ('"""\n\t\ta\n\t"""', ["\ta"]),
    ],
)
def test_texts(written, expected):
    """Escapes are undone, indentation is taken away, and no other character is changed."""
    assert text_parts(written) == expected


def test_placeholders():
    """Pieces and expressions alternate; quotes in a placeholder need no escape."""
    first, index, last = text_parts('"{{{["a","b"][label]}}}"')

    assert (first, last) == ("{", "}")
    assert show(index) == "['a', 'b'][label]"


def test_placeholders_in_a_block():
    """Indentation is taken from lines, wherever the placeholders stand."""
    parts = text_parts('"""\n    {a}\n      b {c}\n    {d}\n    """')

    assert [part if isinstance(part, str) else show(part) for part in parts] == [
        "a",
        "\n  b ",
        "c",
        "\n",
        "d",
    ]


def test_spans_of_a_text():
    """Pieces and placeholders say where they stand."""
    parsed = read('template t for s {\n  prompt "ab{c}d"\n}\n')
    text = parsed.declarations[1].statements[0].input
    source = parsed.source.text

    assert [source[part.span.start : part.span.end] for part in text.parts] == ["ab", "{c}", "d"]
    assert source[text.span.start : text.span.end] == '"ab{c}d"'


def test_connector_texts():
    """A connector's text arguments are interpolated, by position or name."""
    parsed = read('source s {\n  from hf("a/{b}", config: "c", n: 3)\n}\n')
    statement = parsed.declarations[1].statements[0]

    assert list(statement.texts) == ["0", "config"]
    assert isinstance(statement.texts["0"].parts[1], Placeholder)
    assert [argument.value.value for argument in statement.call.arguments] == ["a/{b}", "c", 3]


def test_no_keyword_is_reserved():
    """Fields and names may be called like statements and declarations."""
    words = ("limit", "label", "from", "take", "source", "prompt", "language", "when", "as", "at")
    fields = "\n".join(f"  {word}: text" for word in words)
    lets = "\n".join(f"  let {word} = {word} + take" for word in words)

    assert codes(f"schema s {{\n{fields}\n}}\nsource from: limit {{\n{lets}\n}}\n") == []


@pytest.mark.parametrize(
    ("statement", "attributes"),
    [
        ("take at most 5 from a.b by balance(c) best d", {"at_most": True}),
        ("take at from from best best", {"at_most": False}),
        ("templates a.b", {}),
        ("templates none", {}),
        ("holdout a, b", {}),
        ("from all clusters except a, b", {"all_clusters": True, "names": ()}),
        ("from all, clusters", {"all_clusters": False, "excluded": ()}),
    ],
)
def test_mixture_statements(statement, attributes):
    """Two words make a form only together."""
    parsed = read(f"mixture m {{\n  {statement}\n}}\n")
    node = parsed.declarations[1].statements[0]

    assert parsed.diagnostics == ()
    assert {name: getattr(node, name) for name in attributes} == attributes


# ---- mistakes ------------------------------------------------------------------------------------

MISTAKES = {
    "misspelt statement": ('template T for s {\n  promt a: "x"\n  where b\n}\n', "T0011"),
    "misspelt declaration": ("sorce T {\n  limit 3\n}\n", "T0010"),
    "no colon": ('template T for s {\n  prompt a "x"\n  where b\n}\n', "T0019"),
    "open text": ('source T {\n  license "MIT\n  limit 3\n}\n', "T0002"),
    "odd quote": ('template T for s {\n  prompt a: "x -> "{y}"\n  where b\n}\n', "T0002"),
    "open block": ('template T for s {\n  prompt a: """\n    x\n  where b\n}\n', "T0003"),
    "open block, block": (
        'template T for s {\n  prompt a: """\n    x\n  prompt b: """\n    y\n    """\n}\n',
        "T0003",
    ),
    "open placeholder": ('template T for s {\n  prompt a: "{x" -> "y"\n}\n', "T0022"),
    "open placeholder, block": (
        'template T for s {\n  prompt a: """\n    {x y\n    """ -> "{z}"\n}\n',
        "T0022",
    ),
    "empty placeholder": ('template T for s {\n  prompt a: "{}" -> "{b}"\n}\n', "T0022"),
    "format": ('template T for s {\n  prompt a: "{b:.2f}" -> "{b}"\n}\n', "T0022"),
    "lone brace": ('template T for s {\n  prompt a: "b } c"\n}\n', "T0005"),
    "no closing brace": ("source T {\n  limit 3\n", "T0014"),
    "no inner brace": (
        'template T for s {\n  options a {\n    b: "c"\n  prompt d: "{e}"\n}\n',
        "T0014",
    ),
    "brace too many": ("source T {\n  fields { a: int } }\n  limit 3\n}\n", "T0015"),
    "column one": ("source T {\nlimit 3\n  where a\n}\n", "T0012"),
    "column one, of a build": ("build T {\nmixture a\n  tokenizer b\n}\n", "T0012"),
    "indented": ("  source T {\n  limit 3\n}\n", "T0013"),
    "chain": ("source T {\n  where 1 < a < 3\n  limit 3\n}\n", "T0020"),
    "no operand": ("source T {\n  where a ==\n  limit 3\n}\n", "T0029"),
    "no operand, last": ("source T {\n  where a ==\n}\n", "T0017"),
    "open list": ("source T {\n  let a = [b, c\n  limit 3\n}\n", "T0014"),
    "open call": ("mixture T {\n  rate proportional(cap: 3\n  seed 3\n}\n", "T0014"),
    "comma": ("cluster T {\n  sources a, b,\n  related c\n}\n", "T0029"),
    "commas": ("schema T {\n  a: text,\n  b: text,\n}\n", "T0027"),
    "no type": ("schema T {\n  a text\n  b: int\n}\n", "T0019"),
    "bad character": ("source T {\n  let a = b @ c\n}\n", "T0001"),
    "single quotes": ("source T {\n  license 'MIT'\n}\n", "T0001"),
    "bad number": ("source T {\n  limit 1__0\n}\n", "T0007"),
    "escape": ('source T {\n  license "a\\d"\n}\n', "T0004"),
    "indentation": ('template T for s {\n  prompt """\n  a\n    """\n}\n', "T0006"),
    "more": ("source T {\n  limit 3 rows\n  where a\n}\n", "T0027"),
    "unit": ("mixture T {\n  total 3 tokns\n  seed 3\n}\n", "T0028"),
    "method": ("source T {\n  let a = b.lower()\n}\n", "T0019"),
    "no name": ("source {\n  limit 3\n}\n", "T0016"),
    "no head's brace": ("source T\n  limit 3\n}\n", "T0019"),
    "unknown block": ("table T {\n  rows 3 {\n  }\n}\n", "T0010"),
    "unknown statement": ("source T {\n  rows { a: [b]\n  }\n  limit 3\n}\n", "T0011"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gives_one_diagnostic(name):
    """A mistake is said once, and its neighbours are read."""
    text, code = MISTAKES[name]
    parsed = read(f"source before {{\n  limit 3\n}}\n{text}source after {{\n  limit 3\n}}\n")

    assert [diagnostic.code for diagnostic in parsed.diagnostics] == [code]
    names = [symbol.name for symbol in parsed.tree.symbols()]
    assert names[0] == "before"
    assert names[-1] == "after"


@settings(max_examples=50)
@given(st.lists(st.sampled_from(sorted(MISTAKES)), max_size=12))
def test_k_mistakes_give_k_diagnostics(names):
    """Mistakes in different declarations neither hide nor multiply each other."""
    texts = [MISTAKES[name][0].replace("T", f"t{number}", 1) for number, name in enumerate(names)]

    assert codes("".join(texts)) == [MISTAKES[name][1] for name in names]


@pytest.mark.parametrize("name", MISTAKES)
def test_messages(name):
    """A first line is short, lower case, without a full stop, and names no token kind."""
    for diagnostic in read(MISTAKES[name][0]).diagnostics:
        message = diagnostic.message

        assert len(message) <= 100
        assert message[0] in "`'\"" or not message[0].isupper()
        assert not message.endswith(".")
        assert not {"middle", "tail", "broken"} & set(message.split())
        assert diagnostic.primary.text


def test_long_names_make_no_long_message():
    """What a user wrote may be long; the message is not."""
    name = "x" * 500
    for text in (
        f"source {name} 3",
        f"schema a {{ {name} 3 }}",
        f"{name} x {{",
        f"source a {{ {name} }}",
    ):
        assert all(len(diagnostic.message) <= 100 for diagnostic in read(text).diagnostics)


def test_safe_fixes_mend():
    """A safe fix, applied, leaves a program without that mistake."""
    mended = 0
    for name, (text, _) in MISTAKES.items():
        for diagnostic in read(text).diagnostics:
            if diagnostic.fix and diagnostic.fix.safety == "safe":
                source = HEAD + text
                for edit in sorted(diagnostic.fix.edits, key=lambda edit: -edit.span.start):
                    source = source[: edit.span.start] + edit.replacement + source[edit.span.end :]

                assert parse(SourceText("a.task", source)).diagnostics == (), name

                mended += 1

    assert mended >= 8


def test_a_broken_statement_keeps_its_block():
    """The statements around a broken one stay, and the block says that it is not whole."""
    block = read('template t for s {\n  let a = 1\n  prompt b "x"\n  where c\n}\n').declarations[1]

    kinds = [type(statement).__name__ for statement in block.statements]
    assert kinds == ["Let", "BrokenStatement", "Where"]
    assert not block.complete


def test_a_bad_placeholder_keeps_its_text():
    """A placeholder that cannot be read is missing; the others are there."""
    parsed = read('template t for s {\n  prompt a: "{b c} {d}"\n}\n')
    parts = parsed.declarations[1].statements[0].input.parts

    assert [type(part.expression) for part in parts[::2]] == [Missing, Reference]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('template t for s {\n  prompt "{["a"]} b\n  where c\n}\n', ["T0002"]),
        ('template t for s {\n  prompt "{["a"]} b\\\n  where c\n}\n', ["T0002"]),
        ('template t for s {\n  prompt """\n    {a\nsource b {\n    """\n}\n', ["T0022"]),
        ("source s {\n  limit 3 @ 1__0 4\n}\n", ["T0001", "T0007"]),
        ('source s {\n  license "\ud800" # \ud800\n}\n', ["T0001"]),
        ('source s {\n  let a = r"\ud800"\n}\n', ["T0001"]),
        ("source s : {\n", ["T0014", "T0016"]),
        ("source s\nsource t {\n}\n", ["T0019"]),
        ('source s {\n  where """\n    a\n    """ == b\n}\n', ["T0017"]),
        ('template t for s {\n  prompt a: "b" -> """c"""\n}\n', ["T0025"]),
        ("schema s {\na: int\n  : text\n  b: text\n}\n", ["T0012", "T0016"]),
    ],
)
def test_rarer_mistakes(text, expected):
    """What stands at the borders of two rules is said by one of them."""
    assert codes(text) == expected


# ---- the edition ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["T0008"]),
        ("# nothing\n", ["T0008"]),
        ("source a {\n}\n", ["T0008"]),
        ("\ufefflanguage 1\n", []),
        ("# a comment first\nlanguage 1\n", []),
        ("langauge 1\n", ["T0010"]),
        ("language 2\nsource { @ ]\n", ["T0009"]),
        ("language one\n", ["T0009"]),
        ("source a {\n}\nlanguage 1\n", ["T0023"]),
        ("language 1\nlanguage 1\n", ["T0023"]),
        (" language 1\n", ["T0013"]),
        ("language 1 1\n", ["T0010"]),
    ],
)
def test_edition(text, expected):
    """The edition stands first; an unknown one is the only thing that is said."""
    parsed = parse(SourceText("a.task", text))

    assert [diagnostic.code for diagnostic in parsed.diagnostics] == expected


# ---- whatever the text holds ---------------------------------------------------------------------

FRAGMENTS = st.lists(
    st.sampled_from(
        [*'"{}\\\n\r\t #a1%=()[]:,.\'@-é\ud800\x00\ufeff', '"""', " -> ", "\nsource x {", "\n}\n",
         "\n  ", " prompt ", " let ", " if ", " not ", " for ", '"{', '}"', "language 1\n"],
    ),
    max_size=80,
).map("".join)  # fmt: skip


@given(st.one_of(FRAGMENTS, st.text(max_size=100)))
def test_any_text_is_read(text):
    """Nothing is raised, the tree is the text, and diagnostics point into it."""
    parsed = parse(SourceText("a.task", text))

    assert parsed.tree.text == text
    for diagnostic in parsed.diagnostics:
        span = diagnostic.primary.span
        assert 0 <= span.start <= span.end <= len(text)
        assert len(diagnostic.message) <= 100


@given(st.integers(0, 2**32))
def test_a_damaged_tour_is_read(tour, seed):
    """Damaged anywhere, the tour gives a tree, few diagnostics and most of its names."""
    rng = random.Random(seed)
    place = rng.randrange(len(tour))
    damaged = tour[:place] + rng.choice(['"', "{", "}", '"""', "@", "(", ""]) + tour[place + 1 :]
    parsed = parse(SourceText("tour.task", damaged))

    assert parsed.tree.text == damaged
    assert len(parsed.diagnostics) <= 4
    assert len(parsed.tree.symbols()) >= 22


@pytest.mark.parametrize(
    "nested",
    ["let x = " + "[" * 201, "let x = " + "(" * 5_000, "let x = " + "f(" * 300 + "a" + ")" * 300,
     "let x = " + "a + " * 300 + "a", "let x = a" + ".b" * 300, "let x = " + "not " * 300 + "a",
     "let x = " + "-" * 300 + "a", "let x = " + "a if b else " * 300 + "c",
     "fields { a: " + "list[" * 300 + "text" + "]" * 300 + " }",
     "let x = " + "a or a and a == a + a * (" * 300,
     "from jsonl(" + "[" * 300 + ")"],
)  # fmt: skip
def test_depth(nested):
    """What is nested too deep is a diagnostic."""
    assert codes(f"source s {{\n  {nested}\n  limit 3\n}}\n") == ["T0021"]


@pytest.mark.parametrize(
    "nested",
    ["[" * 200 + "]" * 200, "(" * 200 + "a" + ")" * 200, "a" + " + a" * 200, "not " * 200 + "a"],
)
def test_depth_that_is_allowed(nested):
    """Two hundred levels are read."""
    assert codes(f"source s {{\n  let x = {nested}\n}}\n") == []


@pytest.mark.parametrize(
    "pattern",
    ['"', '"""', "{", '"{', '"{a ', "[", "a + ", "not ", 'prompt "{a" ', 'prompt """ {',
     '\\"""\nsource x {\n', "x y z\n", "'a' ", "@ ", "\r", "1..", "promt "],
)  # fmt: skip
def test_hostile_files_take_no_time(pattern):
    """A hundred kilobytes of anything are read in less than a second."""
    text = f"language 1\ntemplate t for s {{\n  prompt {pattern * (100_000 // len(pattern))}"
    before = time.process_time()
    parsed = parse(SourceText("a.task", text))
    seconds = time.process_time() - before

    assert parsed.diagnostics
    assert seconds < 1 or sys.gettrace() is not None  # whoever measures coverage measures no time
