"""Types of expressions: what each form gives, and that poison is silent."""

import pytest

from taskc.dsl.check.expressions.scopes import Scope
from taskc.dsl.check.expressions.typer import Typer
from taskc.dsl.diagnostics import Reporter
from taskc.dsl.model import declarations as ast
from taskc.dsl.model.types import (
    BOOL,
    FLOAT,
    INT,
    TEXT,
    UNKNOWN,
    Choice,
    List,
    Optional,
    Record,
)
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

FIELDS = {
    "text": TEXT,
    "body": Optional(TEXT),
    "n": INT,
    "x": FLOAT,
    "ok": BOOL,
    "tags": List(TEXT),
    "label": Choice(("yes", "no")),
    "meta": Record((("url", TEXT), ("views", Optional(INT)))),
    "rows": List(Record((("score", INT), ("note", Optional(TEXT))))),
    "raw": UNKNOWN,
}


def typed(text):
    """Returns the type of an expression and the codes that were reported."""
    parsed = parse(SourceText("x.task", f"language 1\nsource x {{\n  let x = {text}\n}}\n"))
    [block] = [each for each in parsed.declarations if isinstance(each, ast.Block)]
    report = Reporter()
    found = Typer(Scope("the test", FIELDS), report).infer(block.statements[0].value)
    return found, [each.code for each in report.diagnostics]


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("1 + 2", INT),
        ("1 + 2.0", FLOAT),
        ("n / n", FLOAT),
        ("-x", FLOAT),
        ("10%", FLOAT),
        ("text + label", TEXT),
        ('tags + ["a"]', List(TEXT)),
        ("[] + tags", List(UNKNOWN)),
        ("n == 1.0", BOOL),
        ('label == "yes"', BOOL),
        ('"a" in text', BOOL),
        ("text in tags", BOOL),
        ("n not in 1..5", BOOL),
        ("body == none", BOOL),
        ("body if body != none else text", TEXT),
        ("text if body == none else body", TEXT),
        ("text if ok else none", Optional(TEXT)),
        ("n if ok else x", FLOAT),
        ('label if ok else "maybe"', TEXT),
        ("{yes: 1, no: 2.5}[label]", FLOAT),
        ('["a", "b"][n]', TEXT),
        ("tags[0]", TEXT),
        ("meta.url", TEXT),
        ("meta.views", Optional(INT)),
        ("meta.views + 1 if meta.views != none else 0", INT),
        ("[row.score for row in rows]", List(INT)),
        ("[row.note for row in rows if row.note != none]", List(TEXT)),
        ("[len(tag) for tag in tags if tag != text]", List(INT)),
        ("first(tags)", TEXT),
        ("unique([1, 2])", List(INT)),
        ("max(1, 2.5)", FLOAT),
        ("min([1, 2])", INT),
        ("round(x)", INT),
        ("round(x, 2)", FLOAT),
        ("choose(text, label)", TEXT),
        ('extract(text, r"a(b)")', Optional(TEXT)),
        ("strip_html(text, keep: tags)", TEXT),
        ("index(tags, label)", INT),
        ("{a: 1, b: text}", Record((("a", INT), ("b", TEXT)))),
        ("raw.anything[0]", UNKNOWN),
        ("lower(raw)", TEXT),
    ],
)
def test_type(text, type_):
    """Each form has this type, and nothing is reported."""
    assert typed(text) == (type_, [])


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("text + n", ["T0203"]),
        ("ok + 1", ["T0203"]),
        ("len(body)", ["T0205"]),
        ("body + text", ["T0205"]),
        ("not n", ["T0206"]),
        ("text == n", ["T0207"]),
        ('label == "maybe"', ["T0208"]),
        ("meta.title", ["T0209"]),
        ("tags.url", ["T0210"]),
        ("text[0]", ["T0211"]),
        ("tags[-1]", ["T0212"]),
        ("{yes: 1}[label]", ["T0213"]),
        ("{yes: 1, no: 2, maybe: 3}[label]", ["T0214"]),
        ("{yes: 1, yes: 2, no: 3}[label]", ["T0215"]),
        ("matches(text, text)", ["T0216"]),
        ("[text, n]", ["T0218"]),
        ("text != none", ["T0224"]),
        ("none + 1", ["T0205"]),
        ("[c for c in text]", ["T0231"]),
        ("n in 5..1", ["T0232"]),
        ("n / 0", ["T0233"]),
        ("len", ["T0235"]),
        ("nobody", ["T0201"]),
        ("nothing(text)", ["T0202"]),
        ("sort([ok])", ["T0204"]),
        ("choose(text)", ["T0116"]),
        ("len(text, text)", ["T0118"]),
        ("lower(value: text)", ["T0115"]),
    ],
)
def test_mistake(text, codes):
    """Each mistake is one report."""
    assert typed(text)[1] == codes


@pytest.mark.parametrize(
    "text",
    [
        "nobody + 1 - nobody",
        "[upper(w) for w in nobody if w > 3]",
        "{yes: nobody, no: 1}[label]",
        "nobody.x[0] == 1 and nobody2 if ok else true",
        'matches(nobody, r"(") + text',
    ],
)
def test_poison_is_silent(text):
    """Around a mistake nothing else is said: only the mistakes themselves are reported."""
    assert set(typed(text)[1]) <= {"T0201", "T0217"}


def test_variables_hide_fields():
    """What is known about a field is not known of a variable that hides it."""
    assert typed("[body for body in rows]")[0] == FIELDS["rows"]
    assert typed("body != none and [len(body) for body in [body]] != []")[1] == []
    assert typed("body != none and [len(body.note) for body in rows] != []")[1] == ["T0205"]
