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
from taskc.dsl.text.parser import parse
from taskc.dsl.text.source_text import SourceText

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "tests" / "fixtures" / "fuzz_corpus"
MAX_CORPUS_BYTES = 500_000
LONG_BYTES = 100_000

# A text that is said again and again until it is long, and what stands before it.
LONG = {
    "open brackets": (b"language 1\nparam a: int = ", b"("),
    "open braces": (b"language 1\n", b"{"),
    "quotes": (b"language 1\nsource a {\n  license ", b'"'),
    "text blocks": (b"language 1\nsource a {\n  license ", b'"""\n'),
    "placeholders": (b'language 1\ntemplate a for b {\n  prompt "', b"{x}n"),
    "nots": (b"language 1\nsource a {\n  where ", b"not "),
    "sums": (b"language 1\nsource a {\n  let b = 1", b" + 1"),
    "fields": (b"language 1\nsource a {\n  let b = a", b".a"),
    "prompts": (b"language 1\ntemplate a for b {\n", b'  prompt a: "{x}" -> "{x}"\n'),
    "declarations": (b"language 1\n", b"cluster a { sources b }\n"),
    "words": (b"language 1\n", b"sourrce "),
    "blank lines": (b"language 1\n", b"\n \t"),
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
    data = head + part * (LONG_BYTES // len(part))
    started = time.process_time()
    checked = check(["."], files=Memory({"spec.task": data}))
    report = render(checked.diagnostics, checked.program.texts)
    taken_s = time.process_time() - started

    assert parse(SourceText("spec.task", data.decode())).tree.text == data.decode()
    assert report.count("\n") < 500
    assert taken_s < 1.0
