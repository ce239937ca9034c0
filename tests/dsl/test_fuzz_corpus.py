"""The inputs that a fuzzer found worth keeping, and long ones made to take time.

fuzz/promises.py says what holds for each: no exception, no report that points outside of its file,
a tree that gives the text back, a formatter that holds its own check, and at most a second for
100 KB. fuzz/keep_corpus.py chose the corpus.
"""

import importlib.util
import time
from pathlib import Path

import pytest

from taskc.dsl.checker import check
from taskc.dsl.packages import Memory
from taskc.dsl.report import render
from taskc.dsl.text.format import format_text
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "tests" / "fixtures" / "fuzz_corpus"
MAX_CORPUS_BYTES = 500_000
LONG_BYTES = 100_000

OPTIONAL = "language 1\nsource a {\n  fields { a: text? }\n"

# A text that is said again and again until it is long, and what stands before it.
LONG = {
    "open brackets": ("language 1\nparam a: int = ", "("),
    "open braces": ("language 1\n", "{"),
    "quotes": ("language 1\nsource a {\n  license ", '"'),
    "text blocks": ("language 1\nsource a {\n  license ", '"""\n'),
    "placeholders": ('language 1\ntemplate a for b {\n  prompt "', "{x}n"),
    "nots": ("language 1\nsource a {\n  where ", "not "),
    "ands": (OPTIONAL, f"  where a{' and a' * 199}\n"),
    "tests for none": (OPTIONAL, f"  where a != none{' and a != none' * 198}\n"),
    "tests of tests for none": (OPTIONAL, f"  let b = {'(' * 190}a{' == none)' * 190}\n"),
    "ands and ors": (OPTIONAL, f"  where {'(' * 90}a{' and b) or a' * 90}\n"),
    "sums": ("language 1\nsource a {\n  let b = 1", " + 1"),
    "fields": ("language 1\nsource a {\n  let b = a", ".a"),
    "prompts": ("language 1\ntemplate a for b {\n", '  prompt a: "{x}" -> "{x}"\n'),
    "declarations": ("language 1\n", "cluster a { sources b }\n"),
    "broken declarations on a line": ("language 1\n", " source a { limit 3 4 }"),
    "words": ("language 1\n", "sourrce "),
    "blank lines": ("language 1\n", "\n \t"),
}

SOURCE = "language 1\nsource a {\n"
TEMPLATE = "language 1\ntemplate a for b {\n"


def nested(opening, closing, depth, within="a", head="let b = "):
    """A statement with brackets in one another."""
    return f"  {head}{opening * depth}{within}{closing * depth}\n"


# The same for the formatter, with what stands behind it. Most of it has no mistake, and so is laid
# out. Fifty brackets in one another are the most that are.
LONG_LAID_OUT = {
    "lists in lists": (SOURCE, nested("[", "]", 49), "}"),
    "too many lists in lists": (SOURCE, nested("[", "]", 199), "}"),
    "calls in calls": (SOURCE, nested("f(", ")", 49), "}"),
    "dicts in lists": (SOURCE, nested("[{a: ", "}[c]]", 24), "}"),
    "open dicts in dicts": (SOURCE, nested("{\na: ", "}", 48), "}"),
    "records in records": (SOURCE, nested("{a: ", "}", 49, "int", "fields "), "}"),
    "sums in brackets": (SOURCE, nested("1 + (", ")", 48), "}"),
    "comments in brackets": (SOURCE, nested("[ # c\n", "]", 48), "}"),
    "comments in sums": (SOURCE, nested("1 # c\n + ", "", 150), "}"),
    "short sums": (SOURCE, nested("1+", "", 199), "}"),
    "conditions": (SOURCE, nested("a if b else ", "", 199), "}"),
    "a list": (SOURCE + "  let b = [", "1,", "]\n}"),
    "a list with comments": (SOURCE + "  let b = [", "1 # c\n, # d\n", "]\n}"),
    "a list of lists": (SOURCE + "  let b = [", "[[1]],", "]\n}"),
    "a list of texts": (SOURCE + "  let b = [", '"#",', "]\n}"),
    "an open dict": (SOURCE + "  let b = {\n", "a:1,\n", "}[c]\n}"),
    "names": ("language 1\nmixture a { from ", "b,", "c\n}"),
    "names of sources": ("language 1\ntemplate a for ", "b,", "c {}"),
    "columns": (SOURCE, "  limit 3 # c\n  metric f1 # d\n", "}"),
    "comments": (SOURCE, "# c\n", "}"),
    "prompts without labels": (TEMPLATE, '  prompt "{x}" -> "{x}"\n', "}"),
    "prompts with conditions": (TEMPLATE, f'  prompt a when b{" and b" * 60}: "c"\n', "}"),
    "text blocks": (TEMPLATE, '  prompt a: """\n {x}\n """ -> """\n """\n', "}"),
    "lines of a text block": (TEMPLATE + '  prompt """\n', "{x}\n", '"""\n}'),
    "pipes": (SOURCE, "  let b = a | c\n", "}"),
    "semicolons": (SOURCE, ";", "}"),
    "broken declarations": ("language 1\n", "source a {\n  limit 3 4\n}\n", ""),
    "a broken declaration behind": (SOURCE, nested("1+", "", 199), "}\nsource c { limit }"),
}


@pytest.fixture(scope="module")
def promises():
    """The module fuzz/promises.py, which no package holds."""
    spec = importlib.util.spec_from_file_location("promises", ROOT / "fuzz" / "promises.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_corpus_is_small():
    """It is read in every run of the tests, and by everyone who clones."""
    sizes = [path.stat().st_size for path in CORPUS.iterdir()]

    assert 0 < sum(sizes) < MAX_CORPUS_BYTES


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_every_kept_input_keeps_the_promises(promises, path):
    """What broke once, or reached a corner once, is taken."""
    promises.check_promises(path.read_bytes())


@pytest.mark.parametrize("name", LONG)
def test_long_inputs_are_checked_in_a_second(name):
    """100 KB of one thing take no more than a second, whatever the thing, and give it back."""
    head, part = LONG[name]
    text = head + part * (LONG_BYTES // len(part))
    started = time.process_time()
    checked = check(["."], files=Memory({"spec.task": text.encode()}))
    report = render(checked.diagnostics, checked.program.texts)
    taken_s = time.process_time() - started

    assert parse(SourceText("spec.task", text)).tree.text == text
    assert report.count("\n") < 500
    assert taken_s < 1.0


@pytest.mark.parametrize("name", [*LONG, *LONG_LAID_OUT])
def test_long_inputs_are_formatted_in_a_second(name):
    """So are they formatted, whatever is in them; what has no mistake is laid out.

    They are given two seconds: on a busy machine one of them takes more than one, and what grows
    faster than the input takes many.
    """
    head, part, *tail = (LONG | LONG_LAID_OUT)[name]
    text = head + part * (LONG_BYTES // len(part)) + "".join(tail)
    started = time.process_time()
    formatted = format_text(SourceText("spec.task", text))
    taken_s = time.process_time() - started

    assert not [each for each in formatted.diagnostics if each.code.startswith("T09")]
    assert taken_s < 2.0
