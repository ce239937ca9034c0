"""What the parser says: in the words of the language, about the place where it stopped."""

import pytest

from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

HEADS = {"template": "template t for s", "test": "test t on s"}


def said(text):
    """The only diagnostic of a program."""
    (diagnostic,) = parse(SourceText("a.task", text)).diagnostics
    return diagnostic


@pytest.mark.parametrize(
    ("kind", "statement", "message"),
    [
        ("source", "from", "expected a connector such as `jsonl(...)`, found `}`"),
        ("source", "from jsonl", "expected `(` after the connector `jsonl`, found `}`"),
        ("source", "from f(a + b)", "expected `,` or `)` in the arguments of `f`, found `+`"),
        ("source", "splits", "expected a split after `splits`, found `}`"),
        ("source", "fields a", "expected `{` or `from` after `fields`, found `a`"),
        ("source", "fields { a: list[ }", "expected the type of the list's items, found `}`"),
        ("source", "fields { a: choice() }", "expected a value of this choice, found `)`"),
        ("source", "let a b", "expected `=` after `let a`, found `b`"),
        ("source", "where a +", "expected an expression after `+`, found `}`"),
        ("source", "where f(a b)", "expected `,` or `)` in the arguments of `f`, found `b`"),
        ("source", "where f(a=b)", "expected `:` after the name of an argument of `f`, found `=`"),
        ("source", "where a if b", "expected `else` after the condition of this `if`, found `}`"),
        ("source", "where [a for b]", "expected `in` after `for b`, found `]`"),
        ("source", "where 1 == not a", "`not` binds less tightly than what stands before it"),
        ("source", "where a < b < c", "comparisons cannot be chained"),
        ("source", "where a.b()", "there are no methods, only functions"),
        ("source", "where 3(a)", "only functions can be called"),
        ("source", "where a[1:2]", "there are no slices"),
        ("source", "where {a}", "expected `:` after the key `a`, found `}`"),
        ("source", "dedup", "expected `by` after `dedup`, found `}`"),
        ("source", "license MIT", "expected the licence as a text after `license`, found `MIT`"),
        ("cluster", "sources a.", "expected a name after the dot, found `}`"),
        (
            "template",
            "options a",
            "expected `{` with the options, or `answer`, after `options ...`",
        ),
        ("template", 'options a { b "c" }', "expected `:` after the option `b`, found a text"),
        ("template", 'options a { b: "c", d: "e" }', "options stand without commas between them"),
        ("template", "prompt", "expected a label or a text after `prompt`, found `}`"),
        ("template", 'prompt a -> "b"', "expected `:` after the label of this prompt, found `->`"),
        ("template", 'prompt a: "b" ->', "expected the target after `->`, found `}`"),
        (
            "template",
            'prompt when a: "b"',
            "a prompt with a condition needs a label before `when`",
        ),
        ("template", 'inverse "a"', "expected `->` after the text of this inverse, found `}`"),
        ("template", 'dialogue { human "a" }', "expected a role in this dialogue, found `human`"),
        ("template", 'dialogue { user: "a" }', "no colon stands behind the role `user`"),
        ("template", "dialogue x", "expected `{` with the turns, or `from`, in this dialogue"),
        ("template", 'prompt "{a b}"', "expected `}` after the expression of this placeholder"),
        ("template", 'prompt "{}"', "this placeholder is empty"),
        ("template", 'prompt """\n    {a # b\n    }\n    """', "a placeholder holds no comment"),
        ("test", "row {}", "expected a field of the row, found `}`"),
        ("test", "row { a: 1 b: 2 }", "expected `,` or `}` in this row, found `b`"),
        ("test", 'prompt "a"', "expected `template.label` after `prompt`, found a text"),
        ("mixture", "rate equal", "expected `(` after `equal`, found `}`"),
        ("mixture", "rate 3", "expected a rate such as `equal()` after `rate`, found `3`"),
        ("mixture", "take 3 of a", "expected `from` after the number of this `take`, found `of`"),
        ("mixture", "fewshot 1..", "expected the upper end of this range after `..`, found `}`"),
        ("mixture", "repeat 3", "expected `at` after `repeat`, found `3`"),
        ("mixture", "total 3", "expected a unit after the number of this `total`, found `}`"),
        ("mixture", "dedup", "expected a list of fields after `dedup`, found `}`"),
        ("mixture", "dedup a near", "expected a similarity after `near`, found `}`"),
        ("mixture", "decontaminate [a]", "expected `against` after the fields of this `decont"),
        ("tokenizer", "eos a", "expected the token as a text after `eos`, found `a`"),
        ("tokenizer", "add a", "expected the token as a text after `add a`, found `}`"),
        ("build", "pack 3", "expected a name or a call after `pack`, found `3`"),
        ("evaluate", "splits 3", "expected a split after `splits`, found `3`"),
    ],
)
def test_statements(kind, statement, message):
    """A statement that stops short says what it expected there."""
    diagnostic = said(f"language 1\n{HEADS.get(kind, f'{kind} t')} {{\n  {statement}\n}}\n")

    assert diagnostic.message.startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import a", "expected a path as a text after `import`, found `a`"),
        ("param a int", "expected `:` after `param a`, found `int`"),
        ("param a: int =", "expected a value for the parameter `a`, found the end of the file"),
        ("param a:\nparam b: int", "expected a type for the parameter `a`, found the next decl"),
        ("template a {\n}", "expected `for` after `template a`, found `{`"),
        ("test a {\n}", "expected `on` after `test a`, found `{`"),
        ("source a b {\n}", "expected `{` after the head of this source, found `b`"),
        ("limit 3", "`limit` stands outside every declaration"),
        ("}", "this `}` closes nothing"),
        ('"a"', "expected a declaration, found a text"),
        ("def f(x):", "`def` is not a declaration"),
    ],
)
def test_declarations(text, message):
    """So does a declaration."""
    assert said(f"language 1\n{text}\n").message.startswith(message)


@pytest.mark.parametrize(
    ("statement", "help_"),
    [
        ("where a = b", "compare with `==`"),
        ("where a is none", "compare with `==` or `!=`"),
        ("where a ? b : c", "write `value if condition else other`"),
        ("limit .5", "write a digit before the point: `0.5`"),
        ('where a + """\n    b\n    """', "a text block stands alone after `let name =`"),
    ],
)
def test_habits_of_other_languages(statement, help_):
    """Who writes what another language would read is told how it is written here."""
    assert said(f"language 1\nsource s {{\n  {statement}\n}}\n").helps[0].startswith(help_)


def test_the_end_is_pointed_at_where_it_is_missed():
    """What is missing before the next declaration is missing behind what was read last."""
    diagnostic = said("language 1\nparam a:  # why\n\nparam b: int\n")

    assert diagnostic.primary.span[1:] == (len("language 1\nparam a:"),) * 2
