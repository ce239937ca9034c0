"""docs/language.md: its blocks parse, check and have the values that are shown."""

import json
import math
import random
import re

import numpy as np
import pytest

from taskc.compiler import plan
from taskc.compiler.keys import RowKey, Scope, value_hash
from taskc.compiler.lower_expressions import Scope as Names
from taskc.compiler.quotas.spread import Spread
from taskc.compiler.quotas.strata import Group, Strata
from taskc.compiler.rows.values.evaluate import Env, compile_expression
from taskc.compiler.rows.values.operators import RowError
from taskc.compiler.sequences import bins, order, pack
from taskc.dsl.check.statements import STATEMENTS
from taskc.dsl.checker import check
from taskc.dsl.codes import CODES
from taskc.dsl.packages import Memory
from taskc.dsl.report import render

PAGE = "docs/language.md"
CHECKED_AS_A_WHOLE = "T0120"  # statements that are shown alone lack the mandatory ones beside them

FROM_OUTSIDE = "T0112"  # a parameter that the page shows without a value


def files(text):
    """One file in memory."""
    return Memory({"shown.task": text.encode()})


def test_a_whole_file_is_clean(file_block):
    """What the page shows as a file has not even a lint."""
    checked = check(["shown.task"], files=files(file_block.text))

    assert render(checked.diagnostics, checked.program.texts) == ""


def test_a_fragment_is_clean(fragment_block, pages):
    """Declarations that the page shows mean something beside those that they name."""
    assert pages.findings(pages.checked_fragment(fragment_block.text), FROM_OUTSIDE) == []


def test_statements_are_right_in_their_block(inner_block, pages):
    """Statements that the page shows alone stand in a block of that kind."""
    fragment = f"{pages.HEADS[inner_block.words[1]]}{inner_block.text}}}\n"

    assert pages.findings(pages.checked_fragment(fragment), CHECKED_AS_A_WHOLE) == []


def test_texts_that_are_written_in_two_ways_are_the_same(same_block):
    """A block and the one-line text that stands for it."""
    checked = check(["shown.task"], files=files(f"language 1\n{same_block.text}"))
    first, second = checked.program.packages[0].params.values()

    assert first.value == second.value


def value_of(expression):
    """The value of an expression that names no row."""
    spec = f'language 1\nsource s {{\n  from jsonl("s.jsonl")\n  let v = {expression}\n}}\n'
    checked = check(["shown.task"], files=files(spec))
    package = checked.program.packages[0]

    assert not checked.has_errors, (expression, checked.diagnostics)
    let = package.sources["s"].lets[0]
    evaluate = compile_expression(Names(package, frozenset()).expression(let.value, "v"))
    return evaluate(Env({}, lambda _name: 0))


def test_values_are_those_that_are_shown(values_block):
    """Every expression of the page has the value behind it."""
    for line in values_block.text.splitlines():
        expression, _, shown = line.rpartition("#")
        if shown.strip() == "error":
            with pytest.raises(RowError):
                value_of(expression)
            continue
        value, expected = value_of(expression), json.loads(shown)

        assert (value, type(value)) == (expected, type(expected)), expression


def test_wrong_specs_get_the_report_that_is_shown(wrong_block, pages, repository):
    """The code is the one in the block's head, and the report is what taskc prints."""
    checked = check(["shown.task"], files=files(wrong_block.text))
    found = pages.blocks(repository / PAGE)
    shown = found[found.index(wrong_block) + 1]

    report = render(checked.diagnostics, checked.program.texts)
    pages.update(repository / PAGE, {shown: report})

    assert [each.code for each in checked.diagnostics] == [wrong_block.words[1]]
    assert shown.language == "text"
    assert report == shown.text


# ---- what the page says in other words ----------------------------------------------------------


@pytest.fixture(scope="module")
def written(pages, repository):
    """The functions that the page defines."""
    names = {}
    for block in pages.blocks(repository / PAGE):
        if block.language == "python":
            exec(block.text, names)
    return names


@pytest.mark.parametrize("weights", [[1], [3, 1], [2, 2, 2], [5, 0, 3, 1], [30, 7, 200, 1, 1]])
def test_the_stream_is_as_written(weights, written):
    """The page's stream is the compiler's, place by place."""
    expected = order.stream(weights)
    found = written["stream"](weights)

    assert [next(found) for _ in range(300)] == [next(expected) for _ in range(300)]


@pytest.mark.parametrize("seed", range(20))
def test_quotas_are_as_written(seed, written):
    """The page's order of a quota is the compiler's, in two levels of groups, whatever falls."""
    draw = random.Random(seed)
    num_rows = draw.choice([1, 7, 60, 300])
    table = [
        (draw.choice("aaab"), draw.choice("xyzz"), draw.randint(0, 3), draw.random() < 0.8)
        for _ in range(num_rows)
    ]
    at = plan.Place(path="s.task", start=0, end=1, line=1, column=1)
    name = plan.Name(name="x")
    take = plan.Take(
        source="s", count=1, at_most=False, by="temperature", by_keys=(name, name), by_tau=3.0,
        best=name, at=at,
    )  # fmt: skip
    paths = sorted({row[:2] for row in table})
    strata = Strata(
        [tuple(Group(value_hash(value), value) for value in path) for path in paths],
        np.array([paths.index(row[:2]) for row in table], np.uint32),
        np.array([row[2] for row in table], np.float64),
    )
    scope = Scope.mixture(seed)
    spread = Spread(take, strata, np.arange(num_rows, dtype=np.uint32), source="s", scope=scope)

    def place(value):
        return scope.draw("s", RowKey(value_hash(value), 0), 0, "stratum"), value_hash(value)

    found = written["taken"](
        range(num_rows),
        [lambda row: place(table[row][0]), lambda row: place(table[row][1])],
        lambda count: round(count ** (1 / 3.0) * 1_000_000),
        lambda row: (-table[row][2], row),
        lambda row: table[row][3],
    )

    fallen = np.array([not row[3] for row in table])
    assert list(found) == spread.taken(fallen, num_rows).rows.tolist()


@pytest.mark.parametrize("seed", range(40))
def test_packing_is_as_written(seed, written, monkeypatch):
    """The page's packs are the compiler's, and stand in its order, also where work is cut short."""
    draw = random.Random(seed)
    length = draw.choice([8, 100, 500, 500])
    shortest, longest = draw.choice([(0, 1), (0.12, 0.25), (0.15, 0.35), (0.2, 0.4)])
    lengths = [
        max(1, draw.randint(int(shortest * length), int(longest * length)))
        for _ in range(draw.choice([7, 60, 150, 150]))
    ]
    keys = [draw.getrandbits(64) for _ in lengths]
    most = draw.choice([2**31, 2**31, 300 * length, 3_000 * length])
    monkeypatch.setitem(written, "MOST_SUMS", most)
    monkeypatch.setattr(bins, "MAX_SUMS", most)
    found = written["as_written"](written["packs_of"](lengths, length), keys)
    packed = pack.pack(
        np.array(lengths),
        length=length,
        window=len(lengths),
        keys=np.array(keys, dtype=np.uint64),
    )
    expected = np.split(packed.order, packed.offsets[1:-1])

    assert found == [each.tolist() for each in expected]


def test_packing_is_cut_short_where_it_is_written(written):
    """The page's bound on the work is the compiler's."""
    assert written["MOST_SUMS"] == bins.MAX_SUMS


def test_every_statement_has_its_place(repository):
    """No statement of the language is missing from the page."""
    text = (repository / PAGE).read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z]+)", text))
    missing = {word for words in STATEMENTS.values() for word in words} - named

    assert missing == set()


def test_codes_are_codes(repository):
    """The codes that the pages name are there."""
    for page in ("docs/language.md", "docs/tutorial.md", "docs/reading-diagnostics.md"):
        text = (repository / page).read_text(encoding="utf-8")

        assert set(re.findall(r"\bT0\d{3}\b", text)) <= set(CODES), page


def test_floats_are_shown_as_python_writes_them():
    """The four floats of the page."""
    assert [repr(each) for each in (0.1, 1.0, 1e-5, 1e16)] == ["0.1", "1.0", "1e-05", "1e+16"]
    assert math.isclose(0.1, 10e-2, rel_tol=0)
